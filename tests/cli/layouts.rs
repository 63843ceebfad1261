//! Folders and commands as people have them: nothing is trained on that was not meant, and what is meant is found.

use crate::setup::{Dir, Said, run};

const QUICK: [&str; 6] = ["--weights", "random:0", "--image-size", "32", "--cv", "0"];

/// `each` photos in each of some folders, the darker ones in those whose last name comes first.
fn fill(dir: &Dir, folders: &[&str], each: u8) {
    for (place, folder) in folders.iter().enumerate() {
        let shade = if place % 2 == 0 { 20 } else { 200 };
        for number in 0..each {
            dir.photo(&format!("{folder}/{place}-{number}.ppm"), shade + number + place as u8);
        }
    }
}

/// A folder `d` with these folders in it.
fn dir_with(folders: &[&str], each: u8) -> Dir {
    let dir = Dir::new();
    fill(
        &dir,
        &folders
            .iter()
            .map(|folder| format!("d/{folder}"))
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
        each,
    );
    dir
}

fn train(dir: &Dir, more: &[&str]) -> Said {
    run(dir.command().arg("train").args(more).args(QUICK))
}

fn trained(folders: &[&str], each: u8) -> Said {
    let said = train(&dir_with(folders, each), &["--data", "d"]);
    assert_eq!(said.code, Some(0), "{folders:?}: {}", said.err);
    said
}

fn refused(dir: &Dir, more: &[&str], code: i32, words: &[&str]) {
    let said = train(dir, more);
    assert_eq!(said.code, Some(code), "{more:?}: {}{}", said.out, said.err);
    for words in words {
        assert!(said.err.contains(words), "{more:?}: {words}: {}", said.err);
    }
    assert!(!dir.path("model.safetensors").exists(), "{more:?}");
}

#[test]
fn folders_called_like_splits_never_become_classes() {
    for [first, second] in [
        ["training_set", "test_set"],
        ["Training", "Testing"],
        ["training", "validation"],
        ["train_data", "val_data"],
        ["train", "dev"],
        ["train", "eval"],
        ["Train Set", "hold-out"],
    ] {
        let folders = [first, second].map(|split| [format!("{split}/cats"), format!("{split}/dogs")]).concat();
        let said = trained(&folders.iter().map(String::as_str).collect::<Vec<_>>(), 6);
        assert!(said.err.contains("positive is `dogs`, negative is `cats`"), "{first}: {}", said.err);
        assert!(!said.err.contains("taken as"), "{first}: {}", said.err);
    }
}

#[test]
fn a_split_within_each_class_is_the_users_split() {
    let said = trained(&["cats/train", "dogs/train", "cats/val", "dogs/val"], 6);
    assert!(said.out.contains("your train/val folders"), "{}", said.out);
}

#[test]
fn a_folder_too_high_is_gone_down_through_and_said() {
    let folders = ["flowers/train/ants", "flowers/train/bees", "flowers/val/ants", "flowers/val/bees"];
    let said = trained(&folders, 6);
    assert!(said.err.contains("`d` holds one folder alone: read `d/flowers` in its place"), "{}", said.err);
    assert!(said.err.contains("positive is `bees`, negative is `ants`"), "{}", said.err);
}

#[test]
fn two_readings_are_two_commands_and_each_trains_what_it_says() {
    let dir = dir_with(&["site_a/no", "site_a/yes", "site_b/no", "site_b/yes"], 6);
    let commands = ["top", "leaf"].map(|from| format!("{} --classes-from {from} ", command(&["--data", "d"])));
    refused(&dir, &["--data", "d"], 1, &["two ways", &commands[0], &commands[1], "`site_a`, `site_b`", "`no`, `yes`"]);
    for (from, positive) in [("top", "site_b"), ("leaf", "yes")] {
        let said = train(&dir, &["--data", "d", "--classes-from", from]);
        assert!(said.err.contains(&format!("positive is `{positive}`")), "{}", said.err);
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    // The model's classes tell on which level they are.
    let said = run(dir.command().args(["evaluate", "d"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let said = train(&dir, &["--data", "d", "--classes-from", "0"]);
    assert!(said.code == Some(2) && said.err.contains("`leaf`"), "{}", said.err);
}

/// The command of [`train`], as one would type it again.
fn command(more: &[&str]) -> String {
    ["resnet-binary", "train"].iter().chain(more).chain(&QUICK).copied().collect::<Vec<_>>().join(" ")
}

#[test]
fn spellings_of_one_class_are_one_class_from_training_to_evaluation() {
    let dir = dir_with(&["Ants", "bees", "ants", "bees "], 6);
    let said = train(&dir, &["d", "--positive", "ANTS"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(
        said.err.contains("`Ants` (6 images) and `ants` (6 images) are taken as one class, `Ants`"),
        "{}",
        said.err
    );
    assert!(said.err.contains("24 images; positive is `Ants`, negative is `bees`"), "{}", said.err);
    fill(&dir, &["new/BEES", "new/ants"], 3);
    let said = run(dir.command().args(["evaluate", "--data", "new"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("`BEES` is taken as the class `bees`"), "{}", said.err);

    let both = dir_with(&["Ants", "ants"], 6);
    refused(&both, &["d"], 1, &["`Ants` and `ants` differ in nothing but case", "hint:"]);
}

#[test]
fn labels_of_a_table_are_told_apart_as_folders_are() {
    let dir = dir_with(&["a", "b"], 6);
    let rows = |labels: [&str; 2], others: [&str; 2]| {
        let row = |number: u8| {
            let [dark, light] = if number.is_multiple_of(2) { labels } else { others };
            format!("d/a/0-{number}.ppm,{dark}\nd/b/1-{number}.ppm,{light}\n")
        };
        dir.file("l.csv", format!("path,label\n{}", (0..6).map(row).collect::<String>()).as_bytes());
    };
    for (labels, others, positive) in [(["0", "1"], ["0.0", "1.0"], "1"), (["ant", "Bees"], ["ANT", "bees"], "bees")] {
        rows(labels, others);
        let said = train(&dir, &["l.csv", "--positive", positive]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(said.err.contains("are taken as one class") && said.err.contains("12 images"), "{}", said.err);
    }
    rows(["ants", "Bees"], ["ants", "Bees"]);
    let said = train(&dir, &["l.csv", "--positive", "bees"]);
    assert!(said.err.contains("positive is `Bees`"), "{}", said.err);
}

#[test]
fn a_class_misspelt_in_validation_has_the_right_remedy() {
    let dir = dir_with(&["train/ants", "train/bees", "val/ants", "val/beees"], 6);
    refused(&dir, &["d"], 1, &["no images of class `beees`", "`bees` looks like the same class"]);
}

#[test]
fn a_class_called_like_a_row_without_an_answer_is_refused() {
    for name in ["review", "unreadable", "error"] {
        refused(&dir_with(&["ants", name], 4), &["d"], 1, &[&format!("`{name}`"), "rename the class"]);
    }
}

#[test]
fn a_pattern_that_groups_nothing_or_everything_is_refused_before_the_photos_are_read() {
    let dir = dir_with(&["ants", "bees"], 6);
    refused(
        &dir,
        &["d", "--group-by", "(patient[0-9]+)"],
        1,
        &["matches none of the 12 paths, such as `ants/0-0.ppm`"],
    );
    refused(
        &dir,
        &["d", "--group-by", "([a-z]+)/"],
        1,
        &["puts all 6 images of `ants` into one group", "`ants/0-0.ppm`"],
    );
    let said = train(&dir, &["d", "--group-by", "([0-9]+-[0-9]+)"]);
    assert!(said.code == Some(0) && said.err.contains("keeps nothing together"), "{}", said.err);
}

#[test]
fn no_command_takes_leftovers_for_photos_or_goes_above_its_folder() {
    let dir = dir_with(&["a", "b"], 6);
    let leftovers = ["@eaDir/x", "__MACOSX", "$RECYCLE.BIN", "#recycle", ".thumbnails", "My Previews.lrdata/1"];
    fill(&dir, &leftovers.map(|name| format!("d/a/{name}")).iter().map(String::as_str).collect::<Vec<_>>(), 1);
    dir.photo("other.ppm", 7);
    std::os::unix::fs::symlink(dir.path("."), dir.path("d/a/up")).unwrap();
    let said = train(&dir, &["d"]);
    assert!(said.code == Some(0) && said.err.contains("12 images;"), "{}", said.err);
    let said = run(dir.command().args(["predict", "d"]));
    assert_eq!((said.code, said.out.lines().count()), (Some(0), 12), "{}", said.out);
    // Asked for by name, it is what was asked for.
    let said = run(dir.command().args(["predict", "d/a/@eaDir"]));
    assert_eq!((said.code, said.out.lines().count()), (Some(0), 1), "{}", said.out);
}

#[test]
fn the_data_may_stand_without_its_option() {
    let dir = dir_with(&["a", "b"], 6);
    let said = train(&dir, &["./d"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(run(dir.command().args(["evaluate", "d"])).code, Some(0));
    assert_eq!(run(dir.command().args(["extract", "d"]).args(&QUICK[..4])).code, Some(0));
    for (arguments, words) in [(&["d", "--data", "d"][..], "cannot be used with"), (&[], "--data <DIR|CSV|TAR>")] {
        let said = train(&dir, arguments);
        assert!(said.code == Some(2) && said.err.contains(words), "{}", said.err);
    }
}

#[test]
fn an_archive_a_pattern_an_address_and_a_device_by_another_name_are_told_what_they_are() {
    let dir = dir_with(&["a", "b"], 4);
    dir.file("photos.zip", b"PK\x03\x04rest");
    refused(
        &dir,
        &["photos.zip"],
        1,
        &["`photos.zip` is a ZIP archive", "`unzip photos.zip -d photos`", "`--data photos`"],
    );
    refused(&dir, &["--data", "https://a.b/c.zip"], 1, &["it is a web address", "download it first"]);
    refused(&dir, &["--data", "d/*"], 1, &["no shell has filled in", "leave out the quotes"]);
    refused(&dir, &["d", "--device", "gpu"], 2, &["did you mean `cuda`?"]);
    refused(&dir, &["d", "--device", "gpu:1"], 2, &["did you mean `cuda:1`?"]);
    assert_eq!(train(&dir, &["d"]).code, Some(0));
    let said = run(dir.command().args(["predict", "d/a/*.ppm", "https://a.b/c.jpg"]));
    assert_eq!(said.code, Some(3));
    let rows: Vec<_> = said.out.lines().collect();
    assert!(
        rows[0].contains("d/a/*.ppm: no such file or folder: it is a pattern that no shell has filled in"),
        "{rows:?}"
    );
    assert!(rows[1].contains("https://a.b/c.jpg: no such file or folder: it is a web address"), "{rows:?}");
}
