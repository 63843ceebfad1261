//! What the head promises whatever the photos are: the same answers whichever class is called positive, numbers on photos
//! that had no say, and words where there is nothing to learn or too little to choose by.

use std::collections::BTreeMap;

use safetensors::SafeTensors;
use serde_json::Value;

use crate::setup::{Dir, Said, TRAIN, run};

fn train(dir: &Dir, more: &[&str]) -> Said {
    run(dir.command().args(TRAIN).args(more))
}

fn report(dir: &Dir, more: &[&str]) -> (Value, String) {
    let said = train(dir, &[more, &["--json"]].concat());
    assert_eq!(said.code, Some(0), "{}", said.err);
    (serde_json::from_str(&said.out).unwrap(), said.err)
}

/// The bytes of the head's weight.
fn weight(dir: &Dir) -> Vec<u8> {
    let bytes = std::fs::read(dir.path("model.safetensors")).unwrap();
    SafeTensors::deserialize(&bytes).unwrap().tensor("head.weight").unwrap().data().to_vec()
}

/// What the model says of itself.
fn facts(dir: &Dir) -> Value {
    let bytes = std::fs::read(dir.path("model.safetensors")).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    serde_json::from_str(&metadata.metadata().as_ref().unwrap()["resnet_binary"]).unwrap()
}

/// A photo of 8×8 squares of about this shade; every `seed` has other squares, so that none is a copy of another.
fn squares(seed: u32, shade: u8) -> Vec<u8> {
    let pixel = |index: u32| {
        let square = (index / 3 % 40) / 5 + 8 * (index / 120 / 5);
        let mixed = (64 * seed + square + 1).wrapping_mul(0x9E37_79B9);
        shade.saturating_add(((mixed ^ (mixed >> 15)).wrapping_mul(0x85EB_CA6B) >> 26) as u8)
    };
    b"P6 40 40 255\n".iter().copied().chain((0..40 * 40 * 3).map(pixel)).collect()
}

/// So many photos in a folder, shades rising from the first by a step.
fn fill(dir: &Dir, folder: &str, count: u8, first: u8, step: u8) {
    for number in 0..count {
        let seed = folder.bytes().map(u32::from).sum::<u32>() * 50 + u32::from(number);
        dir.file(&format!("{folder}/{number}.ppm"), &squares(seed, first + step * number));
    }
}

/// Two classes of different size whose shades overlap.
fn overlapping() -> Dir {
    let dir = Dir::new();
    fill(&dir, "imgs/a", 24, 20, 5);
    fill(&dir, "imgs/b", 9, 77, 13);
    dir
}

#[test]
fn whichever_class_is_called_positive_every_photo_gets_the_same_answer() {
    // The optimum is symmetric; the steps of SGD round to 32 bits.
    for (solver, rounding) in [(&["exact"][..], 1e-9), (&["sgd", "--epochs", "9"], 1e-3)] {
        let dir = overlapping();
        let answers = |positive: &str| -> BTreeMap<String, (String, f64)> {
            train(&dir, &[&["--positive", positive, "--solver"], solver].concat());
            let said = run(dir.command().args(["predict", "imgs", "--json"]));
            let rows = said.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            rows.map(|row| {
                let text = |name: &str| row[name].as_str().unwrap().to_owned();
                assert_eq!(text("positive"), positive);
                (text("path"), (text("label"), row["probability"].as_f64().unwrap()))
            })
            .collect()
        };
        let (b, a) = (answers("b"), answers("a"));
        assert_eq!(b.len(), 33);
        for (path, (label, probability)) in &b {
            let (other_label, other) = &a[path];
            // `not a` is `b` where there are two classes.
            assert_eq!(label, other_label, "{solver:?} {path}: {probability} {other}");
            assert!((probability + other - 1.0).abs() < rounding, "{solver:?} {path}: {probability} {other}");
        }
    }
}

#[test]
fn sgd_stops_by_training_photos_and_never_by_those_it_is_measured_on() {
    let weight_with = |validation: [u8; 2]| {
        let dir = Dir::new();
        fill(&dir, "imgs/train/a", 20, 20, 5);
        fill(&dir, "imgs/train/b", 20, 77, 5);
        fill(&dir, "imgs/val/a", 4, validation[0], 1);
        fill(&dir, "imgs/val/b", 4, validation[1], 1);
        let (report, _) = report(&dir, &["--solver", "sgd", "--epochs", "40", "--lr", "0.05"]);
        assert!(report["head"].as_str().unwrap().contains("training images set aside"), "{report}");
        weight(&dir)
    };
    assert!(weight_with([10, 180]) == weight_with([180, 10]), "the validation photos chose the epoch");
}

#[test]
fn too_few_photos_of_a_class_to_hold_any_out_leave_no_weight_in_the_probabilities_and_it_is_said() {
    for solver in [&["--solver", "exact"][..], &["--solver", "sgd", "--epochs", "3"]] {
        let dir = Dir::new();
        fill(&dir, "imgs/common", 30, 20, 4);
        fill(&dir, "imgs/rare", 2, 170, 10);
        let (report, err) = report(&dir, &[solver, &["--threshold", "f1"]].concat());
        let calibration = facts(&dir)["calibration"].clone();
        assert_eq!(calibration["kind"], "prior", "{calibration}");
        assert!((calibration["intercept"].as_f64().unwrap() + 24_f64.ln()).abs() < 1e-9, "{calibration}");
        for said in ["too few training images", "no calibration", "no threshold chosen by `f1`", "undone"] {
            assert!(err.contains(said), "{said}: {err}");
        }
        // Heads that could have chosen, for they have one photo more, are others than this one.
        assert_eq!((&report["calibration"], &report["cross_validation"]), (&Value::Null, &Value::Null));
    }
}

#[test]
fn where_a_class_has_three_photos_there_are_three_folds() {
    let dir = Dir::new();
    fill(&dir, "imgs/common", 20, 20, 4);
    fill(&dir, "imgs/rare", 4, 150, 9);
    let (report, _) = report(&dir, &[]);
    assert!(report["head"].as_str().unwrap().contains("3-fold cross-validation"), "{}", report["head"]);
    assert_eq!(report["cross_validation"]["folds"], 4);
    assert!(report["calibration"].is_object());
}

#[test]
fn photos_that_leave_nothing_to_learn_are_named_and_no_model_is_written() {
    let black = |dir: &Dir, name: String, width: usize| {
        let header = format!("P6 {width} 40 255\n");
        dir.file(&name, &[header.as_bytes(), &vec![0; width * 40 * 3]].concat());
    };
    let all_black = Dir::new();
    let in_both = Dir::new();
    for number in 0..8_u8 {
        black(&all_black, format!("imgs/a/{number}.ppm"), 40 + usize::from(number));
        black(&all_black, format!("imgs/b/{number}.ppm"), 60 + usize::from(number));
        for class in ["a", "b"] {
            in_both.file(&format!("imgs/{class}/{number}.ppm"), &squares(u32::from(number), 100));
        }
    }
    for more in [&[][..], &["--l2", "1"], &["--solver", "sgd"]] {
        for (dir, words) in [(&all_black, "have the same features"), (&in_both, "every training image is in both")] {
            let said = train(dir, more);
            assert_eq!(said.code, Some(1), "{}", said.out);
            assert!(said.err.contains(words) && !said.err.contains("Newton"), "{more:?}: {}", said.err);
            assert!(!dir.path("model.safetensors").exists());
        }
    }
}
