//! Which folders are the classes, and which the splits: the layouts that people have.

use super::{Tree, complaint, count};
use crate::dataset::{self, ClassMap, ClassesFrom, Dataset, DatasetError, ReadOptions, Split};
use crate::progress::Silent;

fn read(tree: &Tree, from: Option<&str>, positive: Option<&str>) -> Result<Dataset, DatasetError> {
    let options = ReadOptions { classes_from: from.map(|text| text.parse().unwrap()), ..ReadOptions::default() };
    dataset::open(tree.0.path(), &options, positive, &super::is_image, &Silent)
}

/// Two images in each of these folders.
fn tree(folders: &[&str]) -> Tree {
    let images: Vec<String> = folders.iter().flat_map(|folder| [1, 2].map(|n| format!("{folder}/{n}"))).collect();
    Tree::new(&images.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Folders below each of these.
fn below(tops: &[&str], inner: &[&str]) -> Vec<String> {
    tops.iter().flat_map(|top| inner.iter().map(move |inner| format!("{top}/{inner}"))).collect()
}

/// Classes, and how many images each split has, with those that have none first.
fn summary(dataset: &Dataset) -> (Vec<&str>, [usize; 4]) {
    let count = |split| dataset.samples.iter().filter(|sample| sample.split == split).count();
    let splits = [None, Some(Split::Train), Some(Split::Validation), Some(Split::Test)].map(count);
    (dataset.classes.names().iter().map(String::as_str).collect(), splits)
}

fn check(folders: &[String], from: Option<&str>, classes: [&str; 2], splits: [usize; 4]) -> Dataset {
    let tree = tree(&folders.iter().map(String::as_str).collect::<Vec<_>>());
    let dataset = read(&tree, from, None).unwrap_or_else(|error| panic!("{folders:?}: {error}"));
    assert_eq!(summary(&dataset), (classes.to_vec(), splits), "{folders:?}");
    dataset
}

#[test]
fn the_words_for_splits_are_known_in_every_dress() {
    for name in
        ["train", "Training", "TRAIN_SET", "training set", "train_data", "trainset", "train-images", "tr", "data_train"]
    {
        assert_eq!(Split::parse(name), Some(Split::Train), "{name}");
    }
    for name in ["val", "Valid", "validation", "dev", "val_set", "val_data", "valset", "devset", "validation-images"] {
        assert_eq!(Split::parse(name), Some(Split::Validation), "{name}");
    }
    for name in ["test", "Testing", "test_set", "testset", "test data", "eval", "evaluation", "holdout", "hold-out"] {
        assert_eq!(Split::parse(name), Some(Split::Test), "{name}");
    }
    for name in
        ["", "set", "data", "images", "trains", "trainval", "contest", "tray", "device", "value", "street", "bees"]
    {
        assert_eq!(Split::parse(name), None, "{name}");
    }
}

#[test]
fn folders_called_like_splits_are_splits_whatever_their_words() {
    for (tops, splits) in [
        (&["training_set", "test_set"][..], [4, 0, 0, 4]),
        (&["Training", "Testing"], [4, 0, 0, 4]),
        (&["train", "eval"], [4, 0, 0, 4]),
        (&["train_data", "val_data"], [0, 4, 4, 0]),
        (&["train", "dev"], [0, 4, 4, 0]),
        (&["training", "validation", "holdout"], [0, 4, 4, 4]),
        (&["train set"], [4, 0, 0, 0]),
    ] {
        let dataset = check(&below(tops, &["cats", "dogs"]), None, ["cats", "dogs"], splits);
        assert!(dataset.warnings.is_empty() && dataset.notes.is_empty(), "{:?}", dataset.warnings);
    }
}

#[test]
fn a_split_within_each_class_is_honoured() {
    let folders = below(&["cats", "dogs"], &["train", "val", "test/deeper"]);
    check(&folders, None, ["cats", "dogs"], [0, 4, 4, 4]);
    check(&folders, Some("top"), ["cats", "dogs"], [0, 4, 4, 4]);
    // One that a class lacks is missing as it is in any other layout.
    let tree = tree(&["cats/train", "cats/val", "dogs/train"]);
    let (message, _) = complaint(tree.open());
    assert!(message.starts_with("the validation split has no images of class `dogs`"), "{message}");
    // What is in no split is not used, and that is said.
    let tree = Tree::new(&["a/train/1", "a/val/1", "b/train/1", "b/val/1", "a/2"]);
    let dataset = tree.open().unwrap();
    assert_eq!((dataset.samples.len(), dataset.ignored.loose), (4, 1));
    assert!(dataset.warnings[0].contains("will not be used"), "{:?}", dataset.warnings);
}

#[test]
fn folders_within_a_folder_of_their_own_are_found_and_that_is_said() {
    let splits = below(&["z/flowers/train", "z/flowers/val"], &["ants", "bees"]);
    let dataset = check(&splits, None, ["ants", "bees"], [0, 4, 4, 0]);
    assert!(dataset.notes[0].contains("holds one folder alone: read `"), "{:?}", dataset.notes);
    assert!(dataset.notes[0].ends_with("z/flowers` in its place"), "{:?}", dataset.notes);
    let dataset = check(&below(&["flowers"], &["ants", "bees"]), None, ["ants", "bees"], [4, 0, 0, 0]);
    assert!(dataset.warnings[0].ends_with("flowers` in its place"), "{:?}", dataset.warnings);
    check(&below(&["train/train", "train/test"], &["a", "b"]), None, ["a", "b"], [4, 0, 0, 4]);
    check(&below(&["train/photos", "val/photos"], &["a", "b"]), None, ["a", "b"], [0, 4, 4, 0]);
    let repeated = below(&["training_set/training_set", "test_set/test_set"], &["cats", "dogs"]);
    check(&repeated, None, ["cats", "dogs"], [4, 0, 0, 4]);

    // A class beside which the other is still empty, or lies loose, is no such folder.
    for other in ["bees/", "1.jpg"] {
        let tree = tree(&["ants/2023", "ants/2024"]);
        match other.strip_suffix('/') {
            Some(folder) => tree.folder(folder),
            None => drop(tree.file(other, b"IMG")),
        }
        let (message, _) = complaint(tree.open());
        assert!(message.starts_with("found one class with images: ants (4 images)"), "{message}");
    }
    // Nor is one that the user or the model calls a class.
    let tree = tree(&["ants/2023", "ants/2024"]);
    assert!(matches!(read(&tree, None, Some("Ants")), Err(DatasetError::TooFewClasses { .. })));
    let classes = ClassMap::new(&["ants".to_owned(), "bees".to_owned()], "bees").unwrap();
    let found = dataset::open_for(tree.0.path(), &ReadOptions::default(), &classes, &super::is_image, &Silent).unwrap();
    assert!(found.samples.iter().all(|sample| sample.class == 0) && found.samples.len() == 4);
}

#[test]
fn what_can_be_read_in_two_ways_is_shown_in_both_and_never_guessed() {
    // Folders; the choice for the inner ones; their classes; images with it.
    for (folders, inner, classes, images) in [
        (below(&["site_a", "site_b"], &["no", "yes"]), "leaf", ["no", "yes"], 8),
        (below(&["2022", "2023", "2024"], &["no", "yes"]), "leaf", ["no", "yes"], 12),
        (below(&["cats", "dogs"], &["2023", "2024"]), "leaf", ["2023", "2024"], 8),
        (below(&["train", "extra"], &["no", "yes"]), "leaf", ["no", "yes"], 8),
        (below(&["val", "site_b"], &["no", "yes"]), "leaf", ["no", "yes"], 8),
        (below(&["2023/jan", "2024/feb"], &["no", "yes"]), "leaf", ["no", "yes"], 8),
        (below(&["site_a/no", "site_b/no", "site_a/yes", "site_b/yes"], &["raw"]), "2", ["no", "yes"], 8),
        // One lacks a class.
        ([below(&["site_a"], &["no", "yes"]), vec!["site_b/no".to_owned()]].concat(), "leaf", ["no", "yes"], 6),
        // Other spellings of the same.
        ([below(&["site_a"], &["No", "yes"]), below(&["site_b"], &["no", "Yes"])].concat(), "leaf", ["No", "Yes"], 8),
        // Photos that are not sorted lie beside a split.
        ([below(&["train"], &["no", "yes"]), vec!["test1".to_owned()]].concat(), "2", ["no", "yes"], 4),
        ([below(&["train"], &["c1", "c2"]), below(&["bus"], &["c3"])].concat(), "leaf", ["c1", "c2"], 0),
        // A photo or two on the way do not tell.
        (
            [below(&["site_a", "site_b", "site_c"], &["no", "yes"]), vec!["site_a".to_owned()]].concat(),
            "2",
            ["no", "yes"],
            12,
        ),
    ] {
        let tree = tree(&folders.iter().map(String::as_str).collect::<Vec<_>>());
        let (message, hint) = complaint(tree.open());
        assert!(message.contains("can be read in two ways"), "{folders:?}: {message}");
        assert!(hint.contains("--classes-from top ") && hint.contains(&format!("--classes-from {inner} ")), "{hint}");
        assert!(message.contains(&format!("`{}`, `{}`", classes[0], classes[1])), "{folders:?}: {message}");
        if images > 0 {
            let dataset = read(&tree, Some(inner), None).unwrap();
            assert_eq!(summary(&dataset), (classes.to_vec(), [images, 0, 0, 0]), "{folders:?}");
        }
    }
}

#[test]
fn within_a_split_the_same_doubt_is_the_same_error() {
    let folders = below(&["train/site_a", "train/site_b", "val/site_a", "val/site_b"], &["no", "yes"]);
    let tree = tree(&folders.iter().map(String::as_str).collect::<Vec<_>>());
    let (_, hint) = complaint(tree.open());
    assert!(hint.contains("--classes-from 2 ") && hint.contains("--classes-from leaf "), "{hint}");
    check(&folders, Some("2"), ["site_a", "site_b"], [0, 8, 8, 0]);
    check(&folders, Some("leaf"), ["no", "yes"], [0, 8, 8, 0]);
}

#[test]
fn the_positive_class_tells_which_of_two_readings_is_meant() {
    let folders = below(&["site_a", "site_b"], &["no", "yes"]);
    let tree = tree(&folders.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(read(&tree, None, Some("Yes")).unwrap().classes.names(), ["no", "yes"]);
    assert_eq!(read(&tree, None, Some("site_a")).unwrap().classes.names(), ["site_a", "site_b"]);
    assert!(matches!(read(&tree, None, Some("maybe")), Err(DatasetError::Ambiguous(_))));
}

#[test]
fn the_classes_of_a_model_tell_on_which_level_they_are() {
    let classes = ClassMap::new(&["no".to_owned(), "yes".to_owned()], "yes").unwrap();
    let open = |tree: &Tree| {
        let options = ReadOptions::default();
        dataset::open_for(tree.0.path(), &options, &classes, &super::is_image, &Silent)
    };
    for (folders, count) in [
        (below(&["site_a", "site_b"], &["no", "yes"]), 8),
        (below(&["new/photos/site_a"], &["no", "Yes"]), 4),
        (below(&["no", "yes"], &["2023", "2024"]), 8),
    ] {
        let tree = tree(&folders.iter().map(String::as_str).collect::<Vec<_>>());
        let dataset = open(&tree).unwrap();
        assert_eq!(summary(&dataset), (vec!["no", "yes"], [count, 0, 0, 0]), "{folders:?}");
    }
}

#[test]
fn what_one_reading_makes_sense_of_is_read() {
    // Patients of each class, some in both; a flat class; subfolders that only one class has.
    check(&["ill/p1", "ill/p2", "well/p2", "well/p3"].map(str::to_owned), None, ["ill", "well"], [8, 0, 0, 0]);
    check(&["cats/2023", "cats/2024", "dogs"].map(str::to_owned), None, ["cats", "dogs"], [6, 0, 0, 0]);
    check(&["cats/a", "cats/b", "dogs/c", "dogs/d"].map(str::to_owned), None, ["cats", "dogs"], [8, 0, 0, 0]);
    // Most photos lie in the class folders themselves.
    let images = ["cats/1", "cats/2", "cats/old/1", "cats/cut/1", "dogs/1", "dogs/2", "dogs/old/1", "dogs/cut/1"];
    assert_eq!(Tree::new(&images).open().unwrap().classes.names(), ["cats", "dogs"]);
    // `train` and `tr` may be classes; then that is said.
    for top in ["train", "tr"] {
        let dataset = check(
            &[top.to_owned(), "bus/low".to_owned()],
            None,
            if top < "bus" { [top, "bus"] } else { ["bus", top] },
            [4, 0, 0, 0],
        );
        assert!(dataset.warnings[0].contains("is taken as a class"), "{:?}", dataset.warnings);
    }
}

#[test]
fn a_choice_is_understood_by_name_and_number() {
    for (text, expected) in [("top", ClassesFrom::Level(1)), ("Leaf", ClassesFrom::Leaf), ("3", ClassesFrom::Level(3))]
    {
        assert_eq!(text.parse(), Ok(expected));
    }
    for text in ["", "0", "-1", "bottom"] {
        assert!(text.parse::<ClassesFrom>().unwrap_err().contains("`leaf`"), "{text}");
    }
    assert_eq!(
        [ClassesFrom::Level(1), ClassesFrom::Level(2), ClassesFrom::Leaf].map(|from| from.to_string()),
        ["top", "2", "leaf"]
    );
}

#[test]
fn names_that_differ_in_spelling_alone_are_one_class_and_that_is_said() {
    for [first, second] in
        [["ants", "ANTS"], ["ants", "ants "], ["K\u{e4}fer", "Ka\u{308}fer"], ["wild  bees", "wild bees"], ["1", "1.0"]]
    {
        let tree =
            Tree::new(&[&format!("{first}/1"), &format!("{first}/2"), &format!("{second}/3"), "wasps/1", "wasps/2"]);
        let dataset = tree.open().unwrap();
        assert_eq!(dataset.classes.names().len(), 2, "{first}");
        assert_eq!(count(&dataset, dataset.classes.names().iter().position(|name| name != "wasps").unwrap(), None), 3);
        assert!(dataset.warnings[0].contains("are taken as one class"), "{:?}", dataset.warnings);
        let (one, other) = (format!("`{first}` (2 images)"), format!("`{second}` (1 image)"));
        assert!(dataset.warnings[0].contains(&one) && dataset.warnings[0].contains(&other), "{:?}", dataset.warnings);
        // Either spelling names it.
        for positive in [first, second] {
            assert_ne!(super::open(tree.0.path(), Some(positive)).unwrap().classes.positive_name(), "wasps");
        }
    }
    let tree = Tree::new(&["train/Ants/1", "train/bees/1", "val/ants/1", "val/bees/1"]);
    assert_eq!(tree.open().unwrap().classes.names(), ["Ants", "bees"]);
}

#[test]
fn where_the_spelling_may_be_all_that_tells_classes_apart_both_are_named() {
    for folders in [&["Ants", "ants"][..], &["A", "a", "B", "b"], &["1", "1.0"]] {
        let (message, hint) = complaint(tree(folders).open());
        assert!(message.contains(&format!("`{}` and `{}` differ in nothing but", folders[0], folders[1])), "{message}");
        assert!(hint.contains("rename one"), "{hint}");
    }
}

#[test]
fn a_class_misspelt_in_one_split_is_no_third_class() {
    let (message, hint) = complaint(tree(&["train/ants", "train/bees", "val/ants", "val/beees"]).open());
    assert!(message.starts_with("the training split has no images of class `beees`"), "{message}");
    assert_eq!(hint, "`bees` looks like the same class: give both the same name");
    let (_, hint) = complaint(tree(&["ants", "bees", "beees"]).open());
    assert!(hint.starts_with("if `beees` and `bees` are one class, give both the same name; else add"), "{hint}");
    let (_, hint) = complaint(tree(&["grade1", "grade2", "grade3"]).open());
    assert!(hint.starts_with("add `--positive grade1`"), "{hint}");
}

#[test]
fn no_class_is_called_like_a_row_without_an_answer() {
    for name in ["review", "Unreadable", "error"] {
        let (message, hint) = complaint(tree(&["ants", name]).open());
        assert!(message.starts_with(&format!("no class can be called `{name}`")), "{message}");
        assert!(hint.contains("rename the class"), "{hint}");
    }
}

#[test]
fn an_archive_is_named_with_the_command_that_unpacks_it() {
    let tree = Tree::new(&[]);
    let tar: Vec<u8> = [vec![0; 257], b"ustar\x0000".to_vec()].concat();
    for (name, content, kind, command) in [
        ("my photos.zip", b"PK\x03\x04rest".to_vec(), "a ZIP archive", "unzip '"),
        ("photos.7z", b"7z\xBC\xAF\x27\x1Crest".to_vec(), "a 7z archive", "7z x "),
        ("photos.tar.gz", b"\x1F\x8Brest".to_vec(), "a tar archive", "tar -xf "),
        ("photos.TGZ", b"\x1F\x8Brest".to_vec(), "a tar archive", "tar -xf "),
        ("photos", tar, "a tar archive", "photos-unpacked"),
        ("photos.rar", b"Rar!rest".to_vec(), "a RAR archive", "unrar x "),
    ] {
        let path = tree.file(name, &content);
        let (message, hint) = complaint(super::open(&path, None));
        assert!(message.contains(&format!("` is {kind}")), "{name}: {message}");
        assert!(hint.contains(command) && hint.contains("then give `--data "), "{name}: {hint}");
    }
    // A compressed table and a spreadsheet are none.
    for (name, content) in [("labels.csv.gz", &b"\x1F\x8Brest"[..]), ("labels.xlsx", b"PK\x03\x04")] {
        let path = tree.file(name, content);
        assert!(!matches!(super::open(&path, None), Ok(_) | Err(DatasetError::Archive { .. })), "{name}");
    }
}
