use super::super::{ClassMap, open_for};
use super::{Tree, complaint, count, open};
use crate::dataset::{DatasetError, ReadOptions, Split};
use crate::progress::{Interrupted, Progress, Silent, Unit};

#[test]
fn class_folders_may_be_deep_and_come_in_the_order_of_their_bytes() {
    let tree = Tree::new(&["bees/b.jpg", "ants/z/y/x.jpg", "ants/B.jpg", "ants/a.jpg", "ants/a-b.jpg", "ants/a/c.jpg"]);
    let dataset = tree.open().unwrap();
    assert_eq!(
        tree.listed(&dataset),
        [
            "ants/B.jpg ants",
            "ants/a-b.jpg ants",
            "ants/a.jpg ants",
            "ants/a/c.jpg ants",
            "ants/z/y/x.jpg ants",
            "bees/b.jpg bees"
        ]
    );
    assert_eq!(dataset.classes.positive_name(), "bees");
    assert!(dataset.ignored.is_empty() && dataset.warnings.is_empty());
    assert_eq!(dataset.ignored.to_string(), "");
}

#[test]
fn every_name_of_the_validation_split_is_understood() {
    for name in ["val", "valid", "validation", "Val"] {
        let images = ["train/a/1", "train/b/1", "test/a/1", "test/b/1"].map(str::to_owned);
        let images = [&images[..], &[format!("{name}/a/1"), format!("{name}/b/x/1")]].concat();
        let tree = Tree::new(&images.iter().map(String::as_str).collect::<Vec<_>>());
        let dataset = tree.open().unwrap();
        assert_eq!(count(&dataset, 0, Some(Split::Validation)), 1, "{name}");
        assert_eq!(count(&dataset, 1, Some(Split::Test)), 1, "{name}");
        assert_eq!(dataset.samples.len(), 6, "{name}");
    }
}

#[test]
fn two_validation_folders_are_one_too_many() {
    let tree = Tree::new(&["train/a/1", "train/b/1", "val/a/1", "val/b/1", "valid/a/1", "valid/b/1"]);
    let (message, _) = complaint(tree.open());
    assert!(message.contains("/val` and `") && message.contains("/valid` are both the validation split"), "{message}");
}

#[test]
fn a_class_missing_from_a_split_is_named_with_the_split() {
    let tree = Tree::new(&["train/ants/1", "train/bees/1", "val/ants/1"]);
    tree.folder("val/bees");
    let (message, hint) = complaint(tree.open());
    let expected =
        "the validation split has no images of class `bees`, which the training split has: found ants (1 image)";
    assert_eq!(message, expected);
    assert!(hint.contains("add images of `bees`"), "{hint}");
}

#[test]
fn without_a_validation_folder_the_training_images_are_still_to_be_split() {
    let tree = Tree::new(&["train/a/1", "train/b/1"]);
    assert_eq!(tree.listed(&tree.open().unwrap()), ["train/a/1 a", "train/b/1 b"]);
    let tree = Tree::new(&["train/a/1", "train/b/1", "test/a/1", "test/b/1"]);
    tree.folder("val/a");
    let dataset = tree.open().unwrap();
    assert_eq!(tree.listed(&dataset), ["test/a/1 a test", "test/b/1 b test", "train/a/1 a", "train/b/1 b"]);
    assert!(dataset.warnings[0].ends_with("val` has no images and is ignored"), "{:?}", dataset.warnings);
}

#[test]
fn splits_without_training_images_are_refused() {
    let tree = Tree::new(&["val/a/1", "val/b/1", "test/a/1", "test/b/1"]);
    let (message, _) = complaint(tree.open());
    assert!(message.ends_with("has a validation and a test split but no images to train on"), "{message}");
}

#[test]
fn a_folder_train_beside_other_classes_is_a_class() {
    let tree = Tree::new(&["train/1", "bus/1"]);
    let dataset = tree.open().unwrap();
    assert_eq!(tree.listed(&dataset), ["bus/1 bus", "train/1 train"]);
    assert!(dataset.warnings[0].contains("taken as a class"), "{:?}", dataset.warnings);
}

#[test]
fn a_folder_beside_the_splits_is_counted_and_named() {
    let tree = Tree::new(&["train/a/1", "train/b/1", "val/a/1", "val/b/1", "extra/a/1", "train/loose", "loose"]);
    let dataset = tree.open().unwrap();
    assert_eq!(dataset.samples.len(), 4);
    assert_eq!(dataset.ignored.loose, 3);
    assert!(dataset.warnings[0].starts_with("3 images lie outside the class folders"), "{:?}", dataset.warnings);
    assert!(dataset.warnings[0].ends_with("`extra` is not the name of a split"), "{:?}", dataset.warnings);
}

#[test]
fn what_is_no_image_is_passed_over_and_counted() {
    let tree =
        Tree::new(&["a/1.jpg", "a/2", "b/1.txt", ".git/objects/1", "a/.hidden.jpg", "__MACOSX/a/1.jpg", "top.jpg"]);
    tree.file("a/Thumbs.db", b"IMG");
    tree.file("b/not.jpg", b"text");
    tree.file("notes/readme.txt", b"text");
    tree.folder("empty/below");
    tree.folder("b/x.jpg");
    let dataset = tree.open().unwrap();
    assert_eq!(tree.listed(&dataset), ["a/1.jpg a", "a/2 a", "b/1.txt b"]);
    let expected = "4 hidden, 2 empty folders, 2 files that are not images, 1 image outside the class folders";
    assert_eq!(dataset.ignored.to_string(), expected);
}

#[test]
fn a_flat_folder_is_told_how_to_become_a_data_set() {
    let tree = Tree::new(&["1.jpg", "2.jpg"]);
    let (message, hint) = complaint(tree.open());
    assert!(message.contains("has 2 images but no class folders"), "{message}");
    assert!(hint.contains("├── cats/"), "{hint}");
    let tree = Tree::new(&["train/1.jpg", "val/2.jpg"]);
    assert!(matches!(tree.open(), Err(DatasetError::NoClassFolders { images: 2, .. })));
}

#[test]
fn too_few_and_too_many_classes_are_shown_with_their_counts() {
    let tree = Tree::new(&["ants/1", "ants/2"]);
    tree.folder("bees");
    let (message, _) = complaint(tree.open());
    assert_eq!(message, "found one class with images: ants (2 images), bees (0 images): expected two");

    let tree = Tree::new(&["ants/1", "bees/1", "wild bees/1"]);
    let (message, hint) = complaint(tree.open());
    assert!(message.starts_with("found 3 classes: ants (1 image), bees (1 image), wild bees (1 image)"), "{message}");
    assert!(hint.contains("`--positive ants`"), "{hint}");
    let (message, hint) = complaint(open(tree.0.path(), Some("Wild Bee")));
    assert!(message.starts_with("there is no class `Wild Bee`"), "{message}");
    assert_eq!(hint, "did you mean `--positive 'wild bees'`?");
    let dataset = open(tree.0.path(), Some("bees")).unwrap();
    assert_eq!(dataset.classes.negative_name(), "not bees");

    let tree = Tree::new(&[]);
    tree.file("a/notes.txt", b"text");
    tree.folder("b");
    let (message, _) = complaint(tree.open());
    assert!(message.ends_with("(ignored: 1 empty folder, 1 file that is not an image)"), "{message}");
}

#[test]
fn a_path_that_leads_nowhere_is_named() {
    let tree = Tree::new(&[]);
    let (message, _) = complaint(open(&tree.path("absent"), None));
    assert!(message.ends_with("absent`: no such file or folder"), "{message}");
}

#[test]
fn a_model_brings_its_own_classes_and_data_may_lack_one() {
    let tree = Tree::new(&["val/bees/1", "val/bees/2"]);
    let classes = ClassMap::new(&["bees".to_owned(), "ants".to_owned()], "ants").unwrap();
    let is_image = |_: &std::path::Path, _: &[u8]| true;
    let dataset = open_for(tree.0.path(), &ReadOptions::default(), &classes, &is_image, &Silent).unwrap();
    assert_eq!(tree.listed(&dataset), ["val/bees/1 bees validation", "val/bees/2 bees validation"]);
    tree.file("val/bee/3", b"IMG");
    let (message, hint) = complaint(open_for(tree.0.path(), &ReadOptions::default(), &classes, &is_image, &Silent));
    assert!(message.contains("class `bee`, which the model does not know: expected ants, bees"), "{message}");
    assert_eq!(hint, "rename it to `bees`");
}

#[test]
fn ctrl_c_ends_the_search() {
    struct Stopped;
    impl Progress for Stopped {
        fn start(&self, _: &str, _: Unit, _: Option<u64>) {}
        fn advance(&self, _: u64) {}
        fn finish(&self) {}
        fn note(&self, _: &str) {}
        fn warn(&self, _: &str) {}
        fn check(&self) -> Result<(), Interrupted> {
            Err(Interrupted)
        }
    }
    let tree = Tree::new(&["a/1", "b/1"]);
    let result =
        crate::dataset::open(tree.0.path(), &crate::dataset::ReadOptions::default(), None, &|_, _| true, &Stopped);
    assert!(matches!(result, Err(DatasetError::Interrupted(_))));
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::super::{Tree, complaint};

    #[test]
    fn links_are_followed_but_not_in_circles() {
        let tree = Tree::new(&["data/a/1", "elsewhere/1", "elsewhere/2"]);
        symlink(tree.path("elsewhere"), tree.path("data/b")).unwrap();
        symlink(tree.path("data"), tree.path("data/a/up")).unwrap();
        symlink(tree.path("absent"), tree.path("data/a/broken")).unwrap();
        let dataset = super::open(&tree.path("data"), None).unwrap();
        assert_eq!(tree.listed(&dataset), ["data/a/1 a", "data/b/1 b", "data/b/2 b"]);
        assert_eq!(dataset.ignored.link_loops, 1);
        assert_eq!(dataset.unreadable[0].path, tree.path("data/a/broken"));
        assert_eq!(dataset.unreadable[0].reason, "no such file or folder");
    }

    #[test]
    fn a_socket_is_not_opened() {
        let tree = Tree::new(&["a/1", "b/1"]);
        let _socket = std::os::unix::net::UnixListener::bind(tree.path("a/2.jpg")).unwrap();
        assert_eq!(tree.open().unwrap().ignored.not_images, 1);
    }

    #[test]
    fn a_file_name_need_not_be_text_but_a_class_name_must() {
        let tree = Tree::new(&["a/1", "b/1"]);
        let odd = tree.file(std::path::Path::new("a").join(OsStr::from_bytes(b"\xFF.jpg")), b"IMG");
        assert_eq!(tree.open().unwrap().samples[1].path, odd);
        tree.file(std::path::Path::new(OsStr::from_bytes(b"\xFF")).join("1"), b"IMG");
        let (message, _) = complaint(tree.open());
        assert!(message.contains("cannot be a class name"), "{message}");
    }

    #[test]
    fn a_folder_that_cannot_be_listed_is_the_reason_given() {
        let tree = Tree::new(&["ants/1", "bees/1"]);
        let forbid = |mode| {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(tree.path("bees"), mode).unwrap();
        };
        forbid(0o000);
        if tree.path("bees").read_dir().is_ok() {
            println!("skipped: this user may read everything");
            return;
        }
        let (message, hint) = complaint(tree.open());
        forbid(0o755);
        assert!(message.starts_with("cannot read `") && message.ends_with("bees`: permission denied"), "{message}");
        assert!(hint.contains("ls -ld"), "{hint}");
    }
}
