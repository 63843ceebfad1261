//! A model's numbers on photos that it was not trained on.

use serde_json::Value;

use crate::setup::{Dir, TRAIN, run};

fn evaluate(dir: &Dir, more: &[&str]) -> Value {
    let said = run(dir.command().args(["evaluate", "--json"]).args(more));
    assert_eq!(said.code, Some(0), "{}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

#[test]
fn the_numbers_on_the_validation_images_are_those_that_train_gave() {
    let dir = Dir::with_photos(10);
    let said = run(dir.command().args(TRAIN).args(["--save-split", "split.csv", "--json"]));
    let trained: Value = serde_json::from_str(&said.out).unwrap();
    let report = evaluate(&dir, &["--data", "split.csv"]);
    assert_eq!(report["split"], "validation");
    assert_eq!(report["metrics"], trained["validation"]);
    assert_eq!(report["features_from_cache"], 20);
    let all = evaluate(&dir, &["--data", "imgs"]);
    assert_eq!((&all["split"], &all["metrics"]["count"]), (&Value::Null, &Value::from(20)));
}

#[test]
fn test_images_come_first_and_the_user_can_ask_for_others() {
    let dir = Dir::with_photos(6);
    dir.model();
    for split in ["train", "val", "test"] {
        for (class, shade) in [("dark", 20), ("light", 200)] {
            dir.photo(&format!("new/{split}/{class}/a.ppm"), shade);
        }
    }
    assert_eq!(evaluate(&dir, &["--data", "new"])["split"], "test");
    assert_eq!(evaluate(&dir, &["--data", "new", "--split", "val"])["split"], "validation");
    let said = run(dir.command().args(["evaluate", "--data", "imgs", "--split", "test"]));
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("no images in the test split"), "{}", said.err);
}

#[test]
fn one_class_alone_is_measured_as_far_as_that_goes() {
    let dir = Dir::with_photos(6);
    dir.model();
    dir.photo("only/light/1.ppm", 222);
    let report = evaluate(&dir, &["--data", "only"]);
    assert_eq!(report["metrics"]["accuracy"]["value"], 1.0);
    assert_eq!(report["metrics"]["undefined"]["roc_auc"], "there are no negative images");
    let said = run(dir.command().args(["evaluate", "--data", "only"]));
    assert!(said.out.contains("ROC-AUC            not defined"), "{}", said.out);
}

#[test]
fn a_class_that_the_model_does_not_know_is_named() {
    let dir = Dir::with_photos(6);
    dir.model();
    dir.photo("other/medium/1.ppm", 120);
    let said = run(dir.command().args(["evaluate", "--data", "other"]));
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("medium") && said.err.contains("dark"), "{}", said.err);
}

#[test]
fn cross_validation_stands_in_the_report_and_refitting_changes_the_head_only() {
    let dir = Dir::with_photos(10);
    let train = |more: &[&str]| {
        let said = run(dir.command().args(TRAIN).args(more).arg("--json"));
        assert_eq!(said.code, Some(0), "{}", said.err);
        (serde_json::from_str::<Value>(&said.out).unwrap(), std::fs::read(dir.path("model.safetensors")).unwrap())
    };
    let (plain, model) = train(&[]);
    assert_eq!(plain["cross_validation"]["folds"], 5);
    assert_eq!(plain["cross_validation"]["images"], 20);
    assert_eq!(plain["cross_validation"]["accuracy"]["mean"], 1.0);
    let (refitted, other) = train(&["--refit"]);
    assert_eq!(plain["validation"], refitted["validation"]);
    assert_eq!(plain["cross_validation"], refitted["cross_validation"]);
    assert_ne!(model, other);
    assert_eq!(train(&["--cv", "0"]).0["cross_validation"], Value::Null);
    // Ten images of a class cannot be in eleven folds.
    assert_eq!(train(&["--cv", "11"]).0["cross_validation"], Value::Null);
}
