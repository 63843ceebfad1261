//! Numbers that hold: thresholds by a rule, third answers, relatives on one side, corrections, the page.

use serde_json::Value;

use crate::setup::{Dir, Said, TRAIN, run};

pub(crate) fn train(dir: &Dir, more: &[&str]) -> Said {
    run(dir.command().args(TRAIN).args(more))
}

pub(crate) fn json(dir: &Dir, more: &[&str]) -> Value {
    let said = train(dir, &[more, &["--json"]].concat());
    assert_eq!(said.code, Some(0), "{}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

fn rows(said: &Said) -> Vec<Value> {
    said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A photo of its own: unlike [`Dir::photo`]'s, no two of them are copies.
pub(crate) fn scene(dir: &Dir, name: &str, shade: u8, seed: u32) {
    let level = |index: u32| {
        let block = (index / 3 % 40 / 8) + 5 * (index / 120 / 8);
        let mut mixed = block.wrapping_mul(0x9E37_79B9) ^ seed.wrapping_mul(0x85EB_CA6B);
        for _ in 0..3 {
            mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x2C1B_3C6D);
        }
        shade.saturating_add((mixed >> 16) as u8 % 90)
    };
    let pixels: Vec<u8> = (0..40 * 40 * 3).map(level).collect();
    dir.file(name, &[b"P6 40 40 255\n", pixels.as_slice()].concat());
}

/// `imgs/dark` and `imgs/light` with so many photos each that are no copies of each other.
pub(crate) fn scenes(each: u32) -> Dir {
    let dir = Dir::new();
    for number in 0..each {
        scene(&dir, &format!("imgs/dark/{number:02}.ppm"), 10, number);
        scene(&dir, &format!("imgs/light/{number:02}.ppm"), 120, 1000 + number);
    }
    dir
}

#[test]
fn a_threshold_by_a_rule_is_chosen_stored_and_used() {
    let dir = scenes(15);
    let report = json(&dir, &["--threshold", "youden"]);
    assert_eq!(report["threshold_rule"], "youden");
    assert_eq!(report["threshold_choice"]["sensitivity"], 1.0);
    let threshold = report["threshold"].as_f64().unwrap();
    assert!(threshold > 0.0 && threshold < 1.0);
    for row in rows(&run(dir.command().args(["predict", "imgs", "--json"]))) {
        let is_positive = row["probability"].as_f64().unwrap() >= threshold;
        assert_eq!(row["label"], if is_positive { "light" } else { "dark" });
    }
    // Fifteen photos cannot show a recall of 98 %, which is said.
    let said = train(&dir, &["--threshold", "recall>=0.98"]);
    assert!(said.out.contains("warning: ") && said.out.contains("149"), "{}", said.out);
    let said = train(&dir, &["--threshold", "recal>=0.98"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("recall"), "{}", said.err);
}

#[test]
fn probabilities_between_low_and_high_are_for_review() {
    let dir = scenes(8);
    json(&dir, &[]);
    let predict = |more: &[&str]| run(dir.command().args(["predict", "imgs", "--json"]).args(more));
    assert!(rows(&predict(&["--review", "0,1"])).iter().all(|row| row["label"] == "review"));
    assert!(rows(&predict(&["--review", "0.5,0.5"])).iter().all(|row| row["label"] != "review"));
    let said = predict(&["--review", "0.6,0.9"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("0.5,0.9"), "{}", said.err);
    assert_eq!(predict(&["--review", "0.9,0.6"]).code, Some(2));
}

#[test]
fn the_nearest_training_photos_are_named_by_every_model() {
    let dir = scenes(8);
    for head in [["--head", "gap", "--refit"], ["--head", "flatten", "--refit"]] {
        json(&dir, &head);
        for row in rows(&run(dir.command().args(["predict", "imgs/dark", "--explain", "--json"]))) {
            let nearest = row["nearest"].as_array().unwrap();
            assert_eq!(nearest.len(), 3);
            assert_eq!((&nearest[0]["path"], &nearest[0]["class"]), (&row["path"], &Value::from("dark")));
            assert_eq!(nearest[0]["similarity"], 1.0);
        }
    }
}

#[test]
fn a_model_remembers_as_many_training_photos_as_it_says_and_no_more() {
    let dir = scenes(140);
    let report = json(&dir, &["--val-fraction", "0.05"]);
    let training: u64 =
        report["classes"].as_array().unwrap().iter().map(|class| class["train"].as_u64().unwrap()).sum();
    assert!(training > 256, "{training}");
    let model = std::fs::read(dir.path("model.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&model).unwrap();
    assert_eq!(tensors.tensor("index.rows").unwrap().shape(), [256, 2048]);
    assert!(model.len() < 600_000, "{}", model.len());
}

#[test]
fn photos_unlike_the_training_photos_are_marked() {
    let dir = scenes(30);
    json(&dir, &[]);
    let noise: Vec<u8> = (0..64 * 64 * 3_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    dir.file("noise.ppm", &[b"P6 64 64 255\n", noise.as_slice()].concat());
    let said = run(dir.command().args(["predict", "noise.ppm", "imgs", "--json"]));
    let rows = rows(&said);
    assert_eq!(rows[0]["unfamiliar"], true);
    let false_alarms = rows[1..].iter().filter(|row| row["unfamiliar"] == true).count();
    assert!(false_alarms <= 10, "{false_alarms} of 60");
}

#[test]
fn copies_stay_on_one_side_and_leaks_of_a_given_split_are_measured() {
    let dir = scenes(12);
    let copy = |from: &str, to: &str| {
        let bytes = std::fs::read(dir.path(from)).unwrap();
        dir.file(to, &bytes);
    };
    for number in 0..4 {
        copy(&format!("imgs/dark/{number:02}.ppm"), &format!("imgs/dark/copy{number}.ppm"));
    }
    let report = json(&dir, &[]);
    let pairs = report["photo_groups"]["near_duplicates"].as_array().unwrap();
    assert_eq!(pairs.len(), 4, "{pairs:#?}");
    assert!(pairs.iter().all(|pair| pair["across_splits"] == false && pair["kind"] == "identical"));
    assert!(report["leaks"].as_array().unwrap().is_empty());

    for number in 0..12 {
        let split = if number < 8 { "train" } else { "val" };
        for class in ["dark", "light"] {
            copy(&format!("imgs/{class}/{number:02}.ppm"), &format!("given/{split}/{class}/{number}.ppm"));
        }
    }
    copy("imgs/light/00.ppm", "given/val/light/leak.ppm");
    let arguments = ["train", "--data", "given", "--weights", "random:0", "--image-size", "32"];
    let said = run(dir.command().args(arguments).arg("--json"));
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&report["leaks"][0]["images"], &report["leaks"][0]["split"]), (&1.into(), &"validation".into()));
    let said = run(dir.command().args(arguments));
    assert!(
        said.out.contains(
            "1 photo of the validation split has a near-duplicate, or a photo of the same group, in training"
        ),
        "{}",
        said.out
    );
}

#[test]
fn photos_of_one_group_stay_together() {
    let dir = Dir::new();
    for patient in 0..10 {
        for shot in 0..3 {
            scene(&dir, &format!("imgs/ill/p{patient}_{shot}.ppm"), 10, 10 * patient + shot);
            scene(&dir, &format!("imgs/well/q{patient}_{shot}.ppm"), 120, 1000 + 10 * patient + shot);
        }
    }
    let report = json(&dir, &["--group-by", "([pq][0-9]+)_", "--save-split", "split.csv"]);
    assert_eq!((&report["photo_groups"]["groups"], &report["photo_groups"]["unmatched"]), (&20.into(), &0.into()));
    let table = std::fs::read_to_string(dir.path("split.csv")).unwrap();
    for patient in 0..10 {
        let of_patient = table.lines().filter(|line| line.contains(&format!("/p{patient}_")));
        let mut sides: Vec<_> = of_patient.map(|line| line.rsplit(',').next().unwrap()).collect();
        sides.dedup();
        assert_eq!(sides.len(), 1, "{table}");
    }
    assert_eq!(train(&dir, &["--group-by", "("]).code, Some(2));
    assert_eq!(train(&dir, &["--cv", "1"]).code, Some(2));
}

#[test]
fn doubtful_labels_are_written_corrected_and_gone() {
    let dir = scenes(30);
    let moved = std::fs::read(dir.path("imgs/light/07.ppm")).unwrap();
    dir.file("imgs/dark/wrong.ppm", &moved);
    std::fs::remove_file(dir.path("imgs/light/07.ppm")).unwrap();
    let report = json(&dir, &["--label-errors", "doubts.csv"]);
    assert_eq!(report["label_errors"][0]["path"], "imgs/dark/wrong.ppm");
    let table = std::fs::read_to_string(dir.path("doubts.csv")).unwrap();
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("path,label,suggested,probability,decision"));
    let first = lines.next().unwrap();
    assert!(first.starts_with("imgs/dark/wrong.ppm,dark,light,") && first.ends_with(','), "{table}");
    // Nothing is changed by a table that nobody has gone through.
    let said = train(&dir, &["--fixes", "doubts.csv"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.contains("its column `decision` is empty") && said.err.contains("write the class"),
        "{}",
        said.err
    );
    dir.file("decided.csv", table.replacen(first, &format!("{first}light"), 1).as_bytes());
    let report = json(&dir, &["--fixes", "decided.csv"]);
    assert_eq!((&report["fixes"]["relabelled"], &report["fixes"]["dropped"]), (&1.into(), &0.into()));
    dir.file("fixes.csv", b"path,label\nimgs/dark/wrong.ppm,light\nimgs/dark/03.ppm,drop\n");
    let report = json(&dir, &["--fixes", "fixes.csv"]);
    assert_eq!((&report["fixes"]["relabelled"], &report["fixes"]["dropped"]), (&1.into(), &1.into()));
    assert_eq!(report["label_errors"].as_array().unwrap().len(), 0);
    assert!(dir.path("imgs/dark/wrong.ppm").exists() && dir.path("imgs/dark/03.ppm").exists());
    // A label that a person has kept is not doubted again.
    dir.file("kept.csv", b"path,label\nimgs/dark/wrong.ppm,dark\n");
    let doubted = json(&dir, &["--fixes", "kept.csv"])["label_errors"].clone();
    assert!(doubted.as_array().unwrap().iter().all(|error| error["path"] != "imgs/dark/wrong.ppm"), "{doubted}");
    // A second round keeps what the first decided, and what a person wrote is not written over.
    dir.file("second.csv", b"path,label\nimgs/dark/03.ppm,drop\n");
    let rounds = ["--fixes", "decided.csv", "--fixes", "second.csv"];
    assert_eq!(json(&dir, &rounds)["fixes"], json(&dir, &["--fixes", "fixes.csv"])["fixes"]);
    let said = train(&dir, &["--label-errors", "decided.csv"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("it holds decisions; `--fixes decided.csv` applies them to the labels"), "{}", said.err);
    let said = train(&dir, &["--fixes", "second.csv", "--label-errors", "more.csv"]);
    let next = "train again with `--fixes more.csv` in addition to the `--fixes` of this run, instead of `--label-errors more.csv`";
    assert!(said.out.contains(next), "{}", said.out);
    dir.file("fixes.csv", b"path,label\nimgs/dark/absent.ppm,light\n");
    let said = train(&dir, &["--fixes", "fixes.csv"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("absent.ppm") && said.err.contains("line 2"), "{}", said.err);
}

#[test]
fn classes_that_differ_in_their_files_alone_are_warned_of() {
    let dir = Dir::new();
    for number in 0..20 {
        // The same scenes, but the photos of one class are twice as large.
        scene(&dir, &format!("imgs/a/{number}.ppm"), 60, number);
        scene(&dir, &format!("plain/{number}.ppm"), 60, 500 + number);
        let small = std::fs::read(dir.path(&format!("plain/{number}.ppm"))).unwrap();
        let pixels = small[13..].as_chunks::<3>().0;
        let double = |index: usize| pixels[index / 80 / 2 * 40 + index % 80 / 2];
        let large: Vec<u8> = (0..80 * 80).flat_map(double).collect();
        dir.file(&format!("imgs/b/{number}.ppm"), &[b"P6 80 80 255\n", large.as_slice()].concat());
    }
    let said = train(&dir, &[]);
    assert!(said.out.contains("file properties alone tell the classes apart as well as the model"), "{}", said.out);
    assert!(said.out.contains("shortcut    file properties alone"), "{}", said.out);
}

#[test]
fn the_pages_of_train_and_evaluate_hold_everything_in_one_file() {
    let dir = scenes(30);
    scene(&dir, "imgs/dark/wrong.ppm", 120, 2000);
    for (name, shade, seed) in [("dark/new", 10, 3000), ("dark/odd", 120, 3001), ("light/new", 120, 3003)] {
        scene(&dir, &format!("new/{name}.ppm"), shade, seed);
    }
    let report = json(&dir, &["--report", "train.html"]);
    assert_eq!(report["page"], "train.html");
    let said = run(dir.command().args(["evaluate", "--data", "new", "--report", "evaluate.html"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    for (name, command) in [("train.html", "resnet-binary train --data imgs"), ("evaluate.html", "--data new --report")]
    {
        let page = std::fs::read_to_string(dir.path(name)).unwrap().replace("<span>", "").replace("</span>", "");
        assert!(page.starts_with("<!DOCTYPE html>") && page.contains(command), "{name}");
        assert!(page.contains("data:image/jpeg;base64,") && !page.contains("src=\"http"), "{name}");
        assert!(page.contains("ROC") && page.contains("calibration"), "{name}");
    }
    let page = |name: &str| std::fs::read_to_string(dir.path(name)).unwrap();
    assert!(page("train.html").contains("Do I need more photos?"));
    assert!(page("train.html").contains("resnet-binary report of 2023-11-14"));
    let with_sheets = page("train.html");
    let (_, sheets) = with_sheets.split_once("class=\"sheets\"").unwrap();
    let sheets = sheets.split("</section>").next().unwrap();
    assert_eq!(sheets.matches("<img ").count(), 18, "nine photos of each class, as the network sees them");
    json(&dir, &["--report", "rule.html", "--threshold", "recall>=0.98"]);
    let rule = page("rule.html");
    let (_, steps) = rule.split_once("What to do next").unwrap();
    assert!(steps.contains("Add at least ") && steps.contains(" photos of <code><bdi>light"), "{steps:.400}");
    assert_eq!(
        rule.matches("recall&gt;=0.98 cannot be guaranteed").count(),
        2,
        "in the summary and beside the threshold"
    );
    // Photos are named within their folder, and none that was answered rightly is shown as a mistake.
    assert!(page("train.html").contains(">dark/wrong.ppm<") && !page("train.html").contains("imgs/dark/wrong.ppm<"));
    // As they stand on the page, `--fixes` takes them.
    dir.file("tables/fixes.csv", b"path,label\ndark/wrong.ppm,light\n");
    assert_eq!(json(&dir, &["--fixes", "tables/fixes.csv"])["fixes"]["relabelled"], 1);
    let mistakes = page("evaluate.html");
    assert!(
        mistakes.contains(">dark/odd.ppm<")
            && !mistakes.contains(">dark/new.ppm<")
            && !mistakes.contains(">light/new.ppm<")
    );
    let first = std::fs::read(dir.path("train.html")).unwrap();
    json(&dir, &["--report", "train.html"]);
    assert!(first == std::fs::read(dir.path("train.html")).unwrap(), "the same run makes the same page");
    let said = train(&dir, &["--report", "absent/page.html"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("the folder `absent`"), "{}", said.err);
}
