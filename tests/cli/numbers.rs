//! What numbers on few photos, on copies and on photos that belong together are worth.

use serde_json::Value;

use crate::setup::{Dir, Said, TRAIN, run};
use crate::trust::{json, scene, scenes, train};

fn copy(dir: &Dir, from: &str, to: &str) {
    let bytes = std::fs::read(dir.path(from)).unwrap();
    dir.file(to, &bytes);
}

fn evaluate(dir: &Dir, more: &[&str]) -> Said {
    run(dir.command().args(["evaluate", "--data", "imgs"]).args(more))
}

#[test]
fn one_photo_of_a_class_gives_numbers_without_intervals_in_every_view() {
    let dir = scenes(2);
    let report = json(&dir, &["--report", "page.html"]);
    let validation = &report["validation"];
    assert_eq!(validation["count"], 2);
    for measure in ["roc_auc", "f1", "log_loss", "sensitivity"] {
        let found = &validation[measure];
        assert!(found["value"].is_number() && found["low"].is_null() && found["high"].is_null(), "{measure}: {found}");
        let reason = validation["without_interval"][measure].as_str().unwrap();
        assert_eq!(reason, "too few photos for an interval: 1 positive and 1 negative ones");
    }
    assert_eq!((&report["few_photos"]["class"], &report["few_photos"]["photos"]), (&"dark".into(), &2.into()));
    let page = std::fs::read_to_string(dir.path("page.html")).unwrap();
    assert!(page.contains("too few photos for an interval") && page.contains("these numbers are unreliable"));
    let model = std::fs::read(dir.path("model.safetensors")).unwrap();
    assert!(String::from_utf8_lossy(&model).contains("too few photos for an interval"));
    let said = train(&dir, &[]);
    assert!(
        said.out
            .contains("  (too few photos for an interval, which needs 2 of each class, near-duplicates counted once)"),
        "{}",
        said.out
    );
    let words = "\n2 photos of `dark`: these numbers are unreliable; aim for at least 30 of each class\n";
    assert!(said.out.contains(words), "{}", said.out);
    let said = evaluate(&dir, &[]);
    assert!(said.out.ends_with("aim for at least 30 of each class\n"), "{}", said.out);
    // What a head of so few photos is certain of is worth nothing either.
    let said = run(dir.command().args(["predict", "imgs"]));
    let warning = "warning: this model was trained on 1 photo of `dark`: its probabilities are unreliable";
    assert!(said.err.contains(warning), "{}", said.err);
}

#[test]
fn enough_photos_need_no_such_words() {
    let dir = scenes(25);
    let said = train(&dir, &[]);
    assert!(!said.out.contains("unreliable"), "{}", said.out);
    assert_eq!(json(&dir, &[])["few_photos"], Value::Null);
    let said = run(dir.command().args(["predict", "imgs"]));
    assert!(!said.err.contains("unreliable"), "{}", said.err);
}

#[test]
fn photos_that_are_linked_ten_times_promise_and_show_no_more_than_once() {
    let (once, often) = (scenes(20), scenes(20));
    for class in ["dark", "light"] {
        for (number, name) in
            (0..20).flat_map(|number| (1..10).map(move |link| (number, format!("{number:02}_{link}"))))
        {
            copy(&often, &format!("imgs/{class}/{number:02}.ppm"), &format!("imgs/{class}/{name}.ppm"));
        }
    }
    let threshold = ["--threshold", "recall>=0.9", "--val-fraction", "0.5"];
    let (once, report) = (json(&once, &threshold), json(&often, &threshold));
    assert_eq!((&report["validation"]["count"], &report["validation"]["groups"]), (&200.into(), &[10, 10].into()));
    for measure in ["accuracy", "roc_auc"] {
        assert_eq!(once["validation"][measure]["value"], 1.0);
        assert_eq!(once["validation"][measure], report["validation"][measure], "{measure}");
    }
    let said = train(&often, &threshold);
    assert!(
        said.out.contains("cannot be guaranteed with 100 positives in 10 groups, it needs at least 29 groups"),
        "{}",
        said.out
    );
    assert!(said.out.contains("count once in the intervals: 10 groups of light, 10 of dark"), "{}", said.out);
    assert!(
        said.out.contains(
            "\n200 photos of `dark` in 20 groups that belong together: these numbers are \
                                unreliable; aim for at least 30 of each class\n"
        ),
        "{}",
        said.out
    );
    // `evaluate` tells copies too, near ones among them.
    scene(&often, "imgs/dark/new.ppm", 10, 9000);
    scene(&often, "imgs/dark/brighter.ppm", 14, 9000);
    let said = evaluate(&often, &["--json"]);
    let evaluated: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&evaluated["metrics"]["count"], &evaluated["metrics"]["groups"]), (&202.into(), &[11, 10].into()));
}

#[test]
fn groups_of_the_users_word_count_once_in_the_intervals() {
    let dir = Dir::new();
    for patient in 0..12 {
        for shot in 0..4 {
            scene(&dir, &format!("imgs/ill/p{patient:02}_{shot}.ppm"), 10, 10 * patient + shot);
            scene(&dir, &format!("imgs/well/q{patient:02}_{shot}.ppm"), 120, 1000 + 10 * patient + shot);
        }
    }
    let options = ["--val-fraction", "0.5"];
    let [alone, grouped] =
        [&[][..], &["--group-by", "([pq][0-9]+)_"]].map(|more| json(&dir, &[&options, more].concat()));
    let low = |report: &Value| report["validation"]["accuracy"]["low"].as_f64().unwrap();
    assert_eq!((&grouped["validation"]["count"], &grouped["validation"]["groups"]), (&48.into(), &[6, 6].into()));
    assert!(low(&grouped) < low(&alone), "{} {}", low(&grouped), low(&alone));
}

#[test]
fn one_large_burst_takes_no_protection_from_other_copies() {
    let dir = scenes(24);
    for number in 0..24 {
        scene(&dir, &format!("imgs/dark/{number:02}_again.ppm"), 15, number);
    }
    for shot in 0..30 {
        scene(&dir, &format!("imgs/light/burst{shot:02}.ppm"), 100 + shot, 5000);
    }
    let report = json(&dir, &[]);
    assert_eq!(report["photo_groups"]["set_aside"], 30);
    let pairs = report["photo_groups"]["near_duplicates"].as_array().unwrap();
    assert!(pairs.len() >= 24, "{pairs:#?}");
    assert!(pairs.iter().all(|pair| pair["across_splits"] == false), "{pairs:#?}");
    let said = train(&dir, &[]);
    assert!(said.out.contains("not detectable among 30 photos that all look alike"), "{}", said.out);
}

#[test]
fn a_fixed_camera_makes_no_training_impossible_and_contradicts_nothing() {
    let dir = scenes(40);
    for shot in 0..12 {
        scene(&dir, &format!("empty/{shot:02}.ppm"), 60 + 3 * shot, 7000);
    }
    for name in ["dark", "light"] {
        for number in 0..40 {
            copy(&dir, &format!("imgs/{name}/{number:02}.ppm"), &format!("one/animal/{name}{number}.ppm"));
        }
    }
    for shot in 0..12 {
        copy(&dir, &format!("empty/{shot:02}.ppm"), &format!("one/empty/{shot:02}.ppm"));
        copy(&dir, &format!("empty/{shot:02}.ppm"), &format!("both/{}/{shot:02}.ppm", ["empty", "animal"][shot % 2]));
    }
    let said = run(dir.command().args(["train", "--data", "one"]).args(&TRAIN[3..]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("warning: the photos of `empty` look so much alike that copies"), "{}", said.err);
    let said = run(dir.command().args(["train", "--data", "both"]).args(&TRAIN[3..]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(!said.err.contains("carry different labels"), "{}", said.err);
    copy(&dir, "both/empty/00.ppm", "both/animal/same.ppm");
    let said = run(dir.command().args(["train", "--data", "both"]).args(&TRAIN[3..]));
    assert!(said.err.contains("1 pair of near-duplicates carries different labels"), "{}", said.err);
}

#[test]
fn a_rare_class_that_is_missed_is_warned_of() {
    let dir = Dir::new();
    for number in 0..60 {
        scene(&dir, &format!("imgs/many/{number:02}.ppm"), 60, number);
    }
    for number in 0..5 {
        scene(&dir, &format!("imgs/rare/{number}.ppm"), 60, 900 + number);
    }
    let said = train(&dir, &["--positive", "rare"]);
    assert!(said.out.contains("at a threshold of 0.5 100 % of it is missed"), "{}", said.out);
    assert!(
        said.out.contains("\n5 photos of `rare`: these numbers are unreliable; aim for at least 30 of each class\n")
    );
}

#[test]
fn folds_of_few_photos_say_so() {
    let dir = scenes(8);
    assert_eq!(json(&dir, &[])["cross_validation"]["fewest_of_a_class"], 1);
    let said = train(&dir, &[]);
    assert!(said.out.contains("a fold has as few as 1 photo of a class"), "{}", said.out);
}
