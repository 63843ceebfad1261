use super::{Tree, complaint, open};
use crate::dataset::{Dataset, DatasetError, Split, fixes, split};

fn table(text: impl AsRef<[u8]>) -> (Tree, Result<Dataset, DatasetError>) {
    let tree = Tree::of(&["1.jpg", "2.jpg", "sub dir/3.jpg"]);
    let path = tree.file("list.csv", text.as_ref());
    let result = open(&path, None);
    (tree, result)
}

#[test]
fn a_plain_table_is_read_from_its_own_folder() {
    let (tree, dataset) = table("path,label\n2.jpg,bees\n./1.jpg,ants\nsub dir/3.jpg,ants\n");
    assert_eq!(tree.listed(&dataset.unwrap()), ["1.jpg ants", "2.jpg bees", "sub dir/3.jpg ants"]);
}

#[test]
fn tables_come_in_many_shapes() {
    for text in [
        "\u{FEFF}path,label\r\n1.jpg,ants\r\n2.jpg,bees\r\n",
        "Label;PATH\nants;1.jpg\nbees;2.jpg",
        "path\tlabel\tnote\n1.jpg\tants\ta, b; c\n\n2.jpg\tbees\t\n",
        "id, path , label \n1,1.jpg, ants\n2,\"2.jpg\",\"bees\"\n",
        "path,label,split\n1.jpg,ants,\n2.jpg,bees,\n",
        "path,label\n1.jpg,ants\n2.jpg,bees\n1.jpg,ants\n",
        "path,label\r1.jpg,ants\r2.jpg,bees\r",
    ] {
        let (tree, dataset) = table(text);
        assert_eq!(tree.listed(&dataset.unwrap()), ["1.jpg ants", "2.jpg bees"], "{text:?}");
    }
}

#[test]
fn splits_in_a_table_follow_the_rules_of_folders() {
    let rows = "path,label,split\n1.jpg,a,train\n2.jpg,b,train\nx,a,VALID\ny,b,validation\nz,a,test\n";
    let (_, result) = table(rows);
    let (message, _) = complaint(result);
    assert!(message.starts_with("the test split has no images of class `b`"), "{message}");
    let (_, dataset) = table(format!("{rows}w,b,test"));
    let dataset = dataset.unwrap();
    assert_eq!((dataset.count(0, Some(Split::Validation)), dataset.count(1, Some(Split::Test))), (1, 1));
    let (_, dataset) = table("path,label,split\n1.jpg,a,train\n2.jpg,b,train\n");
    assert!(dataset.unwrap().samples.iter().all(|sample| sample.split.is_none()));
}

#[test]
fn what_a_table_cannot_say_is_answered_with_the_line() {
    for (text, expected) in [
        ("path,label\n1.jpg,ants\n2.jpg,\n", "line 3 of `…` has an empty label"),
        ("\npath,label\n\n\n1.jpg,ants\n\n2.jpg,\n", "line 7 of `…` has an empty label"),
        ("path,label\r\n\r\n1.jpg,ants\r\n2.jpg,\r\n", "line 4 of `…` has an empty label"),
        ("path,label\r\r1.jpg,ants\r2.jpg,", "line 4 of `…` has an empty label"),
        ("path,label\n\"1\n.jpg\",ants\n2.jpg,\n", "line 4 of `…` has an empty label"),
        ("path,label\n,ants\n", "line 2 of `…` has an empty path"),
        ("path,label\n1.jpg,ants\na,b.jpg,bees\n", "line 3 of `…` has 3 fields: expected 2, one for each column"),
        ("path,label\n\"1.jpg,ants\n2.jpg,bees\n", "line 2 of `…` has 1 fields: expected 2, one for each column"),
        ("path,label,split\n1.jpg,ants,later\n", "line 2 of `…` has the split `later`: expected train, val or test"),
        ("path,label,split\n1.jpg,a,train\n2.jpg,b,\n", "line 3 of `…` has an empty split, which other lines have"),
        ("path,label\n1.jpg,a\n2.jpg,b\n./1.jpg,b\n", "line 4 of `…` gives `…` the label `b`, line 2 gives it `a`"),
        (
            "path,label,split\n1.jpg,a,train\n1.jpg,a,val\n",
            "line 3 of `…` gives `…` the split `validation`, line 2 gives it `training`",
        ),
        ("file,class\n1.jpg,a\n", "`…` has no column `path`: line 1 names `file`, `class`"),
        ("path;kind\n1.jpg;a\n", "`…` has no column `label`: line 1 names `path`, `kind`"),
        ("1.jpg,ants\n2.jpg,bees\n", "`…` has no column `path`: line 1 names `1.jpg`, `ants`"),
        ("path,label,Path\n1.jpg,a,b\n", "`…` has two columns `path`: expected one"),
        ("path,label\n", "`…` names columns but no images"),
        ("", "`…` is no CSV: it is empty"),
        (" \n\n", "`…` is no CSV: it is empty"),
        ("path,label\0\n", "`…` is no CSV: it is not text"),
        ("IMG", "`…` is no CSV: it is an image"),
        ("path,label\n8.jpg,a\n9.jpg,b\n", "none of the 2 files that `…` lists exists; the first is `…`"),
        ("path,label\n1.jpg,a\n2.jpg,a\n", "found one class with images: a (2 images): expected two"),
    ] {
        let (tree, result) = table(text);
        let (message, _) = complaint(result);
        let root = tree.0.path().display().to_string();
        let message = ["list.csv", "1.jpg", "8.jpg"]
            .iter()
            .fold(message, |message, name| message.replace(&format!("{root}/{name}"), "…"));
        assert_eq!(message, expected, "{text:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let (_, result) = table(b"path,label\n1.jpg,caf\xE9\n");
    let (message, hint) = complaint(result);
    assert!(message.ends_with("has a label that is not UTF-8"), "{message}");
    assert_eq!(hint, "save the CSV as UTF-8");
    let (_, result) = table(b"\xFF\xFEp\0a\0t\0h\0");
    assert!(complaint(result).0.ends_with("it is UTF-16 text: expected UTF-8"));
}

#[test]
fn absurd_tables_end_soon() {
    let (_, result) = table("c,".repeat(100_000));
    assert!(complaint(result).0.ends_with("line 1 has 100001 columns"));
    let (_, result) = table("x".repeat(1_000_000));
    assert!(complaint(result).0.len() < 200);
    let endless = "x".repeat(1_000_000);
    let (_, result) = table(format!("path,label\n1.jpg,{endless}\n2.jpg,y{endless}\n"));
    assert!(complaint(result).0.ends_with("has a label of 1000000 bytes: expected 255 at most"));
}

#[test]
fn a_missing_file_stays_in_the_list_for_whoever_reads_it() {
    let (tree, dataset) = table("path,label\n1.jpg,ants\n../nowhere/9.jpg,bees\n");
    assert_eq!(tree.listed(&dataset.unwrap()), ["../nowhere/9.jpg bees", "1.jpg ants"]);
}

fn save(tree: &Tree, place: &str, dataset: &Dataset) {
    let table = split::to_csv(&tree.path(place), &dataset.samples, &dataset.classes).unwrap();
    tree.file(place, &table);
}

#[test]
fn a_table_is_known_as_written_here_by_its_header_and_rows() {
    let split = |text: &str| (split::KIND.is_one)(text.as_bytes());
    assert!(split("path,label,split\na,x,train\n\"b\n,\",y,val\nc,z,te"));
    for other in ["", "path,label\na,x\n", "path,label,split\na,x,\n", "path,label,split\na,x,dev\n", "a,b,train\n"] {
        assert!(!split(other), "{other}");
    }
    let doubts = |text: &str| (fixes::KIND.is_one)(text.as_bytes());
    assert!(doubts("path,label,given,probability\n") && doubts("path,label,given,probability\na,x,y,0.9876\n"));
    for other in ["path,label,comment\na,x,\n", "path,label,given,probability\na,y,y,0.9876\n", "path,label\na,y\n"] {
        assert!(!doubts(other), "{other}");
    }
}

#[test]
fn a_split_that_was_written_is_read_back() {
    let tree = Tree::of(&["my, \"odd\" dir/1.jpg", "b/ 2.jpg ", "b/3.jpg", "my, \"odd\" dir/4\n.jpg"]);
    let mut dataset = tree.open().unwrap();
    for (index, sample) in dataset.samples.iter_mut().enumerate() {
        sample.split = Some(if index % 2 == 0 { Split::Train } else { Split::Validation });
    }
    tree.folder("below");
    for place in ["split.csv", "below/split.csv"] {
        save(&tree, place, &dataset);
        let again = open(&tree.path(place), None).unwrap();
        assert_eq!(again.samples, dataset.samples, "{place}");
        assert_eq!(again.classes, dataset.classes, "{place}");
    }
}

#[test]
fn a_written_table_moves_with_the_images_below_it() {
    let tree = Tree::of(&["data/a/1", "data/b/1"]);
    let mut dataset = tree.open_below("data");
    let split = Some(Split::Train);
    dataset.samples.iter_mut().for_each(|sample| sample.split = split);
    save(&tree, "data/split.csv", &dataset);
    let text = std::fs::read_to_string(tree.path("data/split.csv")).unwrap();
    assert_eq!(text, "path,label,split\na/1,a,train\nb/1,b,train\n");
}

impl Tree {
    fn open_below(&self, inside: &str) -> Dataset {
        open(&self.path(inside), None).unwrap()
    }
}

#[cfg(unix)]
#[test]
fn paths_that_are_no_text_survive_the_table() {
    use std::os::unix::ffi::OsStrExt;
    let tree = Tree::of(&["a/1", "b/1"]);
    let name = std::ffi::OsStr::from_bytes(b"\xFF,\n\"x");
    tree.file(std::path::Path::new("a").join(name), b"IMG");
    let dataset = tree.open().unwrap();
    save(&tree, "split.csv", &dataset);
    assert_eq!(open(&tree.path("split.csv"), None).unwrap().samples, dataset.samples);
}
