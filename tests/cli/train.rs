//! From photos to a model.

use serde_json::Value;

use crate::setup::{Dir, TRAIN, photo, run};

fn json(dir: &Dir, more: &[&str]) -> Value {
    let said = run(dir.command().args(TRAIN).args(more).arg("--json"));
    assert_eq!(said.code, Some(0), "{}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

#[test]
fn a_folder_of_photos_becomes_a_model_that_tells_them_apart() {
    let dir = Dir::with_photos(10);
    let report = json(&dir, &[]);
    assert_eq!(report["positive"], "light");
    assert_eq!(report["classes"][0]["train"], 8);
    assert_eq!(report["classes"][0]["validation"], 2);
    assert_eq!(report["validation"]["accuracy"]["value"], 1.0);
    // The head, and 2 KB of each of 16 training photos.
    assert!(dir.path("model.safetensors").metadata().unwrap().len() < 64_000);
}

#[test]
fn the_same_seed_gives_the_same_model_byte_for_byte_and_users_files_stay_as_they_are() {
    let dir = Dir::with_photos(6);
    for solver in [&["--solver", "exact"][..], &["--solver", "sgd", "--epochs", "3"]] {
        let model = |name: &str| {
            json(&dir, &[solver, &["--output", name]].concat());
            std::fs::read(dir.path(name)).unwrap()
        };
        assert_eq!(model("a.safetensors"), model("b.safetensors"), "{solver:?}");
    }
    assert_eq!(std::fs::read(dir.path("imgs/dark/3.ppm")).unwrap(), photo(23));
    assert_eq!(dir.names("imgs/dark").len(), 6);
}

#[test]
fn a_split_that_comes_with_the_data_is_kept_and_test_images_are_only_measured() {
    let dir = Dir::new();
    for (split, count) in [("train", 5), ("valid", 3), ("test", 2)] {
        for number in 0..count {
            dir.photo(&format!("imgs/{split}/a/{number}.ppm"), 10 + number);
            dir.photo(&format!("imgs/{split}/b/{number}.ppm"), 150 + number);
        }
    }
    let report = json(&dir, &[]);
    assert_eq!(report["split_given"], true);
    assert_eq!(report["classes"][1]["validation"], 3);
    assert_eq!(report["test"]["count"], 4);
}

#[test]
fn the_split_that_was_used_can_be_written_and_given_back() {
    let dir = Dir::with_photos(8);
    let first = json(&dir, &["--save-split", "split.csv", "--seed", "5"]);
    let said = run(dir.command().args([
        "train",
        "--data",
        "split.csv",
        "--weights",
        "random:0",
        "--image-size",
        "32",
        "--json",
        "--seed",
        "5",
    ]));
    let second: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(first["validation"], second["validation"]);
    assert_eq!(second["split_given"], true);
}

#[test]
fn the_positive_class_can_be_named_also_against_all_others() {
    let dir = Dir::with_photos(5);
    assert_eq!(json(&dir, &["--positive", "dark"])["positive"], "dark");
    for number in 0..5 {
        dir.photo(&format!("imgs/mid/{number}.ppm"), 100 + number);
    }
    let report = json(&dir, &["--positive", "mid"]);
    assert_eq!(report["negative"], "not mid");
    assert_eq!(report["classes"].as_array().unwrap().len(), 3);
}

#[test]
fn unreadable_photos_are_reported_and_left_out_or_end_the_run() {
    let dir = Dir::with_photos(5);
    dir.file("imgs/dark/torn.png", b"\x89PNG\r\n\x1a\n");
    dir.file("imgs/dark/empty.jpg", b"");
    let said = run(dir.command().args(TRAIN));
    assert_eq!(said.code, Some(3), "{}", said.err);
    assert!(said.err.contains("torn.png") && said.err.contains("empty.jpg"), "{}", said.err);
    assert!(said.out.contains("2 unreadable"), "{}", said.out);
    let said = run(dir.command().args(TRAIN).args(["--on-error", "fail", "--output", "other.safetensors"]));
    assert_eq!(said.code, Some(1));
    assert!(!dir.path("other.safetensors").exists());
}

#[test]
fn extract_writes_features_and_labels_in_the_order_of_the_paths() {
    let dir = Dir::with_photos(3);
    let args =
        ["extract", "--data", "imgs", "--weights", "random:0", "--image-size", "32", "--output", "f.safetensors"];
    assert_eq!(run(dir.command().args(args)).code, Some(0));
    let bytes = std::fs::read(dir.path("f.safetensors")).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let facts: Value = serde_json::from_str(&metadata.metadata().as_ref().unwrap()["resnet_binary"]).unwrap();
    assert_eq!(facts["setup"]["list"]["classes"][1], "light");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("features").unwrap().shape(), [6, 2048]);
    let labels: Vec<u8> = tensors.tensor("labels").unwrap().data().iter().step_by(8).copied().collect();
    assert_eq!(labels, [0, 0, 0, 1, 1, 1]);
    let end = tensors.tensor("path_offsets").unwrap().data()[8];
    assert_eq!(&tensors.tensor("paths").unwrap().data()[..usize::from(end)], b"imgs/dark/0.ppm");
}
