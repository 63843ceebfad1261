//! The first minutes: commands that run as printed, options without effect, what a row and a summary say.

use std::fs;

use crate::setup::{Dir, QUICK, TRAIN, photo, run, weights};

/// A command that the program printed, run in a shell as it stands.
fn typed(dir: &Dir, line: &str) -> crate::setup::Said {
    let program = env!("CARGO_BIN_EXE_resnet-binary");
    let rest = line.trim().strip_prefix("resnet-binary ").unwrap();
    run(dir.command_of("sh").args(["-c", &format!("exec '{program}' {rest}")]))
}

#[test]
fn the_next_command_runs_as_printed_and_names_a_photo_that_was_not_trained_on() {
    let dir = Dir::with_photos(5);
    weights(&dir, "else where/w.safetensors");
    let train = ["train", "--data", "imgs", "--weights", "else where/w.safetensors", "--image-size", "32"];
    let said = run(dir.command().args(train).args(["--output", "a model", "--save-split", "split.csv"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let next = said.out.lines().find_map(|line| line.strip_prefix("next ")).unwrap();
    let answer = typed(&dir, next);
    assert_eq!((answer.code, answer.out.lines().count()), (Some(0), 1), "{next}: {}", answer.err);
    let split = fs::read_to_string(dir.path("split.csv")).unwrap();
    let row = split.lines().find(|row| next.contains(row.split(',').next().unwrap())).unwrap();
    assert!(row.ends_with(",val"), "{row}");
}

#[test]
fn a_bundle_answers_without_any_weights_file() {
    let dir = Dir::with_photos(5);
    weights(&dir, "w.safetensors");
    let train = ["train", "--data", "imgs", "--weights", "w.safetensors", "--image-size", "32", "--cache", "off"];
    for (name, bundle) in [("plain", None), ("bundle", Some("--bundle"))] {
        let said = run(dir.command().args(train).args(["--output", name]).args(bundle));
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    let predict = |model: &str| run(dir.command().args(["predict", "imgs", "--cache", "off", "--model", model]));
    let before = predict("plain");
    fs::remove_file(dir.path("w.safetensors")).unwrap();
    let (without, bundled) = (predict("plain"), predict("bundle"));
    assert_eq!((before.code, without.code, bundled.code), (Some(0), Some(1), Some(0)), "{}", bundled.err);
    assert_eq!(before.out, bundled.out);
    let mut damaged = fs::read(dir.path("bundle")).unwrap();
    let place = damaged.len() / 2;
    damaged[place] ^= 1;
    dir.file("damaged", &damaged);
    let said = predict("damaged");
    assert!(said.code == Some(1) && said.err.contains("the weights in it are not those"), "{}", said.err);
    let said = run(dir.command().args(TRAIN).arg("--bundle"));
    assert!(said.code == Some(2) && said.err.contains("`--bundle` has no effect here"), "{}", said.err);
}

#[test]
fn options_without_effect_are_a_usage_error() {
    let dir = Dir::with_photos(5);
    for given in [&["--epochs", "3"][..], &["--lr", "0.1"], &["--batch-size", "8"], &["--solver", "sgd", "--l2", "1"]] {
        let said = run(dir.command().args(TRAIN).args(given));
        assert_eq!(said.code, Some(2), "{given:?}");
        assert!(said.err.contains("has no effect here") && said.err.contains("--solver "), "{}", said.err);
    }
    dir.model();
    for given in [&["--null"][..], &["--explain", "--format", "csv"]] {
        let said = run(dir.command().args(["predict", "imgs"]).args(given));
        assert!(said.code == Some(2) && said.err.contains("has no effect here"), "{given:?}: {}", said.err);
    }
    let split = run(dir.command().args(TRAIN).args(["--save-split", "split.csv"]));
    assert_eq!(split.code, Some(0));
    let said = run(dir.command().args(["train", "--data", "split.csv", "--val-fraction", "0.3"]).args(QUICK));
    assert!(said.err.contains("`--val-fraction 0.3` has no effect here"), "{}", said.err);
}

#[test]
fn the_positive_class_by_default_is_said_and_doubted_where_it_is_the_normal_case() {
    let dir = Dir::with_photos(5);
    let said = run(dir.command().args(TRAIN));
    assert!(said.err.contains("(the other way round: `--positive dark`)"), "{}", said.err);
    assert!(!run(dir.command().args(TRAIN).args(["--positive", "light"])).err.contains("the other way round"));
    let said = run(dir.command().args(TRAIN).args(["--threshold", "recall>=0.5"]));
    assert!(said.err.contains("second by name: add `--positive dark`"), "{}", said.err);
    for number in 0..5 {
        dir.file(&format!("parts/defect/{number}.ppm"), &photo(20 + number));
        dir.file(&format!("parts/good/{number}.ppm"), &photo(200 + number));
    }
    let train =
        |positive: &[&str]| run(dir.command().args(["train", "--data", "parts"]).args(QUICK).args(positive)).err;
    assert!(train(&[]).contains("reads as the normal case") && train(&[]).contains("`--positive defect`"));
    assert!(!train(&["--positive", "good"]).contains("reads as the normal case"));
}

#[test]
fn the_summary_begins_with_what_matters_and_says_each_warning_once() {
    let dir = Dir::with_photos(30);
    let said = run(dir.command().args(TRAIN).args(["--label-errors", "doubts.csv"]));
    let lines: Vec<&str> = said.out.lines().collect();
    // Twelve photos of its own say less than sixty in folds.
    assert!(lines[0].contains("% correct in 5-fold cross-validation of 60 photos"), "{}", said.out);
    assert!(lines[1].contains("% correct on 12 validation photos not used for training ("), "{}", said.out);
    let place = |word: &str| lines.iter().position(|line| line.starts_with(word)).unwrap();
    assert!(place("model ") < place("next ") && place("next ") < place("data "), "{}", said.out);
    assert!(said.out.contains("\nlabels      doubts.csv: "), "{}", said.out);
    let json = run(dir.command().args(TRAIN).arg("--json"));
    let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    for warning in report["warnings"].as_array().unwrap() {
        let warning = warning.as_str().unwrap();
        assert_eq!(said.out.matches(warning).count() + said.err.matches(warning).count(), 1, "{warning}");
        assert!(json.err.contains(warning), "{warning}");
    }
}

#[test]
fn rows_show_the_threshold_where_it_is_unusual_and_the_last_line_counts_the_answers() {
    let dir = Dir::with_photos(5);
    dir.model();
    dir.file("imgs/dark/broken.ppm", b"P6 9 9 255\n");
    let said = run(dir.command().args(["predict", "imgs"]));
    assert_eq!(said.code, Some(3));
    let last = said.err.lines().last().unwrap();
    assert!(
        last.starts_with("11 photos: ") && last.contains("5 of light") && last.contains("1 unreadable"),
        "{}",
        said.err
    );
    let unusual = run(dir.command().args(["predict", "imgs", "--threshold", "0.9375"]));
    assert!(unusual.err.contains("the answer is `light` if the probability is at least 0.9375"), "{}", unusual.err);
    assert!(unusual.out.lines().any(|row| row.contains("(< 0.9375)") || row.contains("(≥ 0.9375)")), "{}", unusual.out);
    assert!(!run(dir.command().args(["predict", "imgs/dark/0.ppm"])).err.contains("photos:"));
}

#[cfg(unix)]
#[test]
fn photos_are_sorted_by_links_and_stay_where_they_are() {
    let dir = Dir::with_photos(5);
    dir.model();
    dir.file("new/0.ppm", &photo(20));
    dir.file("new/more/0.ppm", &photo(21));
    dir.file("new/broken.ppm", b"P6 9 9 255\n");
    let sort = ["predict", "new", "--sort", "sorted"];
    let said = run(dir.command().args(sort));
    assert_eq!(said.code, Some(3));
    assert!(said.err.contains("sorted: `sorted` has a folder of links for each answer"), "{}", said.err);
    assert_eq!(dir.names("sorted"), ["dark", "unreadable"]);
    assert_eq!(dir.names("sorted/dark"), ["0-2.ppm", "0.ppm"]);
    assert!(fs::symlink_metadata(dir.path("sorted/dark/0.ppm")).unwrap().is_symlink());
    assert_eq!(fs::read(dir.path("sorted/dark/0.ppm")).unwrap(), photo(20));
    assert!(dir.path("new/0.ppm").is_file() && dir.path("new/more/0.ppm").is_file());
    let again = run(dir.command().args(sort));
    assert!(again.code == Some(1) && again.err.contains("it already exists"), "{}", again.err);
    let inside = run(dir.command().args(["predict", "new", "--sort", "new/sorted"]));
    assert!(inside.code == Some(1) && inside.err.contains("links would be taken for photos"), "{}", inside.err);
}

#[test]
fn short_help_shows_what_matters_and_long_help_everything() {
    let dir = Dir::new();
    for (command, hidden) in [("train", "--batch-size"), ("predict", "--max-megapixels"), ("evaluate", "--threads")] {
        let [short, long] = ["-h", "--help"].map(|help| run(dir.command().args([command, help])).out);
        let options = |text: &str| text.lines().filter(|line| line.trim_start().starts_with('-')).count();
        assert!(options(&short) <= 16 && options(&long) > options(&short), "{command}: {short}");
        assert!(!short.contains(hidden) && long.contains(hidden), "{command}");
    }
}

#[test]
fn what_is_missing_is_named_with_the_next_thing_to_type() {
    let dir = Dir::with_photos(5);
    let hint = |arguments: &[&str]| {
        let said = run(dir.command().args(arguments));
        assert_eq!(said.code, Some(1), "{}", said.err);
        said.err
    };
    assert!(hint(&["predict", "x.jpg"]).contains("no model yet? `resnet-binary train --data DIR` makes one"));
    let missing = hint(&["train", "--data", "imgs", "--output", "models/new/x"]);
    assert!(missing.contains("the folder `models/new`") && missing.contains("mkdir -p models/new"), "{missing}");
    let offline = hint(&["train", "--data", "imgs"]);
    assert!(offline.contains("\n1. ") && offline.contains("\n2. ") && offline.contains("\n3. "), "{offline}");
    dir.model();
    let maps = run(dir.command().args(["predict", "imgs", "--cam", "maps"]));
    assert_eq!((maps.code, dir.names("maps").len()), (Some(0), 10), "{}", maps.err);
    let review = hint(&["predict", "imgs", "--threshold", "0.123456789", "--review", "0.3,0.7"]);
    assert!(review.contains("threshold 0.123 ") && review.contains("`0.123,0.7`"), "{review}");
}
