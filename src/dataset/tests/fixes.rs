use super::{Tree, complaint, is_image, open};
use crate::dataset::fixes::{Fixed, apply};
use crate::dataset::{Dataset, DatasetError};
use crate::progress::Silent;

const IMAGES: [&str; 5] =
    ["imgs/ants/1.jpg", "imgs/ants/2.jpg", "imgs/bees/3.jpg", "imgs/bees/4.jpg", "imgs/bees/5.jpg"];

/// A data set with the corrections of `fixes.csv` beside its folder.
fn fixed(text: &str) -> (Tree, Result<(Dataset, Fixed), DatasetError>) {
    let tree = Tree::new(&IMAGES);
    let file = tree.file("fixes.csv", text.as_bytes());
    let mut dataset = open(&tree.path("imgs"), None).unwrap();
    let result = apply(&mut dataset, &tree.path("imgs"), &file, &is_image, &Silent);
    (tree, result.map(|fixed| (dataset, fixed)))
}

#[test]
fn images_get_the_class_of_their_line_or_are_left_out() {
    let text = "path,label\nimgs/ants/1.jpg,bees\n./imgs/bees/3.jpg,drop\nimgs/bees/4.jpg,bees\nimgs/ants/1.jpg,bees\n";
    let (tree, result) = fixed(text);
    let (dataset, counts) = result.unwrap();
    assert_eq!(counts, Fixed { relabelled: 1, dropped: 1, already_so: 1, copies: 0 });
    let expected = ["imgs/ants/1.jpg bees", "imgs/ants/2.jpg ants", "imgs/bees/4.jpg bees", "imgs/bees/5.jpg bees"];
    assert_eq!(tree.listed(&dataset), expected);
}

#[test]
fn paths_are_found_however_they_are_written() {
    let tree = Tree::new(&IMAGES);
    let absolute = tree.path("imgs/ants/1.jpg").display().to_string();
    for path in [absolute.as_str(), "imgs/./ants/1.jpg", "imgs/bees/../ants/1.jpg"] {
        let file = tree.file("fixes.csv", format!("label;path\ndrop;{path}\n").as_bytes());
        let mut dataset = open(&tree.path("imgs"), None).unwrap();
        let counts = apply(&mut dataset, &tree.path("imgs"), &file, &is_image, &Silent).unwrap();
        assert_eq!((counts.dropped, dataset.samples.len()), (1, 4), "{path}");
    }
}

#[test]
fn paths_start_at_the_folder_of_the_data_too_and_two_files_are_refused() {
    let tree = Tree::new(&IMAGES);
    let fixed = |name: &str, text: &str| {
        let file = tree.file(name, text.as_bytes());
        let mut dataset = open(&tree.path("imgs"), None).unwrap();
        apply(&mut dataset, &tree.path("imgs"), &file, &is_image, &Silent)
    };
    let text = "path,label\nants/1.jpg,drop\nimgs/bees/3.jpg,drop\n";
    assert_eq!(fixed("fixes.csv", text).unwrap().dropped, 2, "from either folder");
    assert_eq!(fixed("imgs/fixes.csv", "path,label\nants/1.jpg,drop\n").unwrap().dropped, 1, "both are one");
    tree.file("ants/1.jpg", b"another photo");
    let (message, hint) = complaint(fixed("fixes.csv", "path,label\nants/1.jpg,drop\n"));
    assert!(message.contains("could mean `") && message.contains("imgs/ants/1.jpg`"), "{message}");
    assert!(hint.contains("write its path in full"), "{hint}");
}

#[test]
fn no_lines_are_no_corrections() {
    let (_, result) = fixed("path,label\n");
    assert_eq!(result.unwrap().1, Fixed::default());
}

#[test]
fn what_corrections_cannot_say_is_answered_with_the_line() {
    for (text, expected, hint) in [
        (
            "path,label\nimgs/ants/9.jpg,bees\n",
            "line 2 of `…` names `…/imgs/ants/9.jpg`, which is not among",
            "folder of this CSV",
        ),
        (
            "path,label\nimgs/ants/1.jpg,beees\n",
            "line 2 of `…` has the label `beees`: expected ants, bees, drop",
            "did you mean `bees`?",
        ),
        (
            "path,label\nimgs/ants/1.jpg,bees\nimgs/ants/1.jpg,drop\n",
            "line 3 of `…` gives `…/imgs/ants/1.jpg` the label `drop`, line 2 gives it `bees`",
            "remove one of the lines",
        ),
        ("path,label\nimgs/ants/1.jpg,\n", "line 2 of `…` has an empty label", ""),
        ("path,class\nimgs/ants/1.jpg,bees\n", "`…` has no column `label`", "path,label"),
        (
            "path,label\nimgs/ants/1.jpg,drop\nimgs/ants/2.jpg,bees\n",
            "found one class with images: ants (0 images), bees (4 images): expected two",
            "",
        ),
    ] {
        let (tree, result) = fixed(text);
        let (message, found_hint) = complaint(result);
        let root = tree.0.path().display().to_string();
        let message = message.replace(&format!("{root}/fixes.csv"), "…").replace(&root, "…");
        assert!(message.starts_with(expected), "{text:?}: {message}");
        assert!(found_hint.contains(hint), "{text:?}");
    }
}

#[test]
fn a_class_named_drop_is_not_guessed_at() {
    let tree = Tree::new(&["imgs/drop/1.jpg", "imgs/keep/2.jpg"]);
    let file = tree.file("fixes.csv", b"path,label\nimgs/keep/2.jpg,drop\n");
    let mut dataset = open(&tree.path("imgs"), None).unwrap();
    let error = apply(&mut dataset, &tree.path("imgs"), &file, &is_image, &Silent).unwrap_err();
    assert!(error.to_string().ends_with("which leaves an image out but is a class here too"), "{error}");
    assert_eq!(error.hint().unwrap(), "rename the class");
}

/// Files with content of their own, unless `copies` says whose they have.
fn photos(files: &[(&str, &str)]) -> (Tree, Dataset) {
    let tree = Tree::new(&[]);
    for (path, content) in files {
        tree.file(path, format!("IMG{content}").as_bytes());
    }
    let dataset = open(&tree.path("imgs"), None).unwrap();
    (tree, dataset)
}

#[test]
fn a_line_is_about_the_photo_and_its_copies_follow_unless_they_have_another_class() {
    let files =
        [("ants/1", "a"), ("ants/copy", "a"), ("ants/2", "b"), ("bees/3", "a"), ("bees/4", "c"), ("bees/5", "d")];
    let files = files.map(|(path, content)| (format!("imgs/{path}"), content));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, content)| (path.as_str(), *content)).collect();
    for (text, counts, expected, said) in [
        (
            "path,label\nimgs/ants/1,drop\n",
            Fixed { dropped: 2, copies: 1, ..Fixed::default() },
            &["imgs/ants/2 ants", "imgs/bees/3 bees", "imgs/bees/4 bees", "imgs/bees/5 bees"][..],
            Some("bees/3` is the same photo: it stays as `bees`"),
        ),
        (
            "path,label\nimgs/ants/1,bees\n",
            Fixed { relabelled: 2, copies: 1, ..Fixed::default() },
            &[
                "imgs/ants/1 bees",
                "imgs/ants/2 ants",
                "imgs/ants/copy bees",
                "imgs/bees/3 bees",
                "imgs/bees/4 bees",
                "imgs/bees/5 bees",
            ],
            None,
        ),
        // A line of its own holds.
        (
            "path,label\nimgs/ants/1,drop\nimgs/ants/copy,ants\nimgs/bees/3,drop\n",
            Fixed { dropped: 2, already_so: 1, ..Fixed::default() },
            &["imgs/ants/2 ants", "imgs/ants/copy ants", "imgs/bees/4 bees", "imgs/bees/5 bees"],
            None,
        ),
    ] {
        let (tree, mut dataset) = photos(&files);
        let file = tree.file("fixes.csv", text.as_bytes());
        let found = apply(&mut dataset, &tree.path("imgs"), &file, &is_image, &Silent).unwrap();
        assert_eq!(
            (found, tree.listed(&dataset)),
            (counts, expected.iter().map(|&row| row.to_owned()).collect()),
            "{text:?}"
        );
        assert_eq!(dataset.warnings.len(), usize::from(said.is_some()), "{:?}", dataset.warnings);
        assert!(said.is_none_or(|said| dataset.warnings[0].contains(said)), "{:?}", dataset.warnings);
    }
    let (tree, mut dataset) = photos(&[("imgs/a/1", "x"), ("imgs/a/2", "x"), ("imgs/a/3", "x"), ("imgs/b/4", "y")]);
    let file = tree.file("fixes.csv", b"path,label\nimgs/a/1,drop\nimgs/a/2,b\n");
    let error = apply(&mut dataset, &tree.path("imgs"), &file, &is_image, &Silent).unwrap_err();
    assert!(error.to_string().contains("a/3` the label `b`, line 2 gives it `drop`"), "{error}");
}

#[cfg(unix)]
#[test]
fn links_to_one_photo_are_one_photo() {
    use std::os::unix::fs::symlink;
    let (tree, _) = photos(&[("imgs/ants/1", "a"), ("imgs/ants/2", "b"), ("imgs/bees/3", "c"), ("outside", "d")]);
    std::fs::hard_link(tree.path("imgs/ants/1"), tree.path("imgs/ants/hard")).unwrap();
    symlink(tree.path("imgs/ants/1"), tree.path("imgs/ants/soft")).unwrap();
    symlink(tree.path("outside"), tree.path("imgs/ants/x")).unwrap();
    symlink(tree.path("outside"), tree.path("imgs/bees/y")).unwrap();
    let apply = |text: &str| {
        let mut dataset = open(&tree.path("imgs"), None).unwrap();
        let file = tree.file("fixes.csv", text.as_bytes());
        (apply(&mut dataset, &tree.path("imgs"), &file, &is_image, &Silent).unwrap(), dataset)
    };
    for named in ["1", "hard", "soft"] {
        let (fixed, dataset) = apply(&format!("path,label\nimgs/ants/{named},drop\n"));
        assert_eq!(fixed, Fixed { dropped: 3, copies: 2, ..Fixed::default() }, "{named}");
        assert_eq!(dataset.samples.len(), 4, "{named}");
    }
    // What is named by its own place is dropped under every name that it has.
    let (fixed, dataset) = apply("path,label\noutside,drop\n");
    assert_eq!((fixed.dropped, dataset.samples.len()), (2, 5));
}
