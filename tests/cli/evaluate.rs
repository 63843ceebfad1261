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
    assert_eq!((&all["split"], &all["trained_on"]), (&Value::Null, &Value::from(16)));
    assert_eq!(all["metrics"], trained["validation"]);
}

#[test]
fn photos_that_were_trained_on_are_told_by_their_content_and_left_out_of_the_numbers() {
    let dir = Dir::with_photos(10);
    dir.model();
    let said = |data: &str, more: &[&str]| {
        let json = evaluate(&dir, &[&["--data", data, "--report", "page.html"], more].concat());
        let said = run(dir.command().args(["evaluate", "--data", data]).args(more));
        let page = std::fs::read_to_string(dir.path("page.html")).unwrap();
        (json, said, page)
    };
    let facts = |json: &Value| {
        (
            json["trained_on"].as_u64().unwrap(),
            json["metrics"]["count"].as_u64().unwrap(),
            json["only_trained_on"].clone(),
        )
    };
    let (json, text, page) = said("imgs", &[]);
    assert_eq!(facts(&json), (16, 4, false.into()));
    assert!(
        text.out.contains("imgs: all images except 16 that the model was trained on: 4 images, 2 of light"),
        "{}",
        text.out
    );
    assert!(page.contains("On 4\u{a0}photos ") && page.contains("except 16 that the model was trained on"));
    assert!(page.contains("All photos</bdi>: 4\u{a0}photos, 2 of them positive."), "{page}");
    let of_class = "<small>negative</small></th><td class=\"number\">10</td>";
    assert!(page.contains(of_class), "photos without a split are counted: {page}");

    // Other names, one new photo.
    for (number, class) in ["dark", "light"].into_iter().enumerate() {
        for (place, entry) in dir.names(&format!("imgs/{class}")).iter().enumerate() {
            let bytes = std::fs::read(dir.path(&format!("imgs/{class}/{entry}"))).unwrap();
            dir.file(&format!("copies/{class}/other{place}.ppm"), &bytes);
        }
        dir.photo(&format!("copies/{class}/new.ppm"), 60 + 100 * number as u8);
    }
    assert_eq!(facts(&said("copies", &[]).0), (16, 6, false.into()));

    // Nothing but training photos: measured, and named as that everywhere.
    let refit = run(dir.command().args(TRAIN).args(["--refit", "--save-split", "split.csv"]));
    assert_eq!(refit.code, Some(0), "{}", refit.err);
    for (data, more, count) in [("imgs", &[][..], 20), ("split.csv", &["--split", "train"], 16), ("split.csv", &[], 4)]
    {
        let (json, text, page) = said(data, more);
        assert_eq!(facts(&json), (count, count, true.into()), "{data}");
        assert!(text.err.contains("all of these photos were trained on"), "{}", text.err);
        assert!(
            text.out.contains("measured on photos that the model was trained on, which says nothing about new photos"),
            "{}",
            text.out
        );
        assert!(
            page.contains("it was trained on, which says nothing about new photos")
                && !page.contains("not used for training")
        );
    }
}

#[test]
fn with_refit_every_number_is_of_one_head_at_the_threshold_that_is_stored() {
    let dir = Dir::with_photos(15);
    let train = |more: &[&str]| {
        let said = run(dir.command().args(TRAIN).args(["--threshold", "f1"]).args(more));
        assert_eq!(said.code, Some(0), "{}", said.err);
        said
    };
    let json = |more: &[&str]| serde_json::from_str::<Value>(&train(&[more, &["--json"]].concat()).out).unwrap();
    let (plain, refitted) = (json(&[]), json(&["--refit", "--report", "page.html"]));
    for key in ["threshold", "threshold_choice", "calibration", "head", "pos_weight", "validation", "cross_validation"]
    {
        assert_eq!(plain[key], refitted[key], "{key}");
    }
    assert_eq!(refitted["validation"]["threshold"], refitted["threshold"]);
    assert_eq!((&plain["fitted_images"], &refitted["fitted_images"]), (&24.into(), &30.into()));
    let page = std::fs::read_to_string(dir.path("page.html")).unwrap();
    let text = train(&["--refit"]).out;
    let words = "every number is that of the head of the 24 training images";
    assert!(page.contains(words) && text.contains(words), "{text}");
    // The model has the threshold that was measured, and says so of new photos.
    dir.photo("new/light/a.ppm", 231);
    let threshold = evaluate(&dir, &["--data", "new"])["metrics"]["threshold"].clone();
    assert_eq!(threshold, refitted["threshold"]);
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
    assert!(said.out.contains("ROC-AUC            undefined"), "{}", said.out);
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
    // Ten images of a class cannot be in eleven folds, but in ten.
    assert_eq!(train(&["--cv", "11"]).0["cross_validation"]["folds"], 10);
}
