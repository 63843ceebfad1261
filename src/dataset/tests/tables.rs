use std::path::Path;

use super::{Tree, complaint, count, open};
use crate::dataset::{Dataset, DatasetError, ReadOptions, Split, fixes, split};
use crate::progress::Silent;

fn table(text: impl AsRef<[u8]>) -> (Tree, Result<Dataset, DatasetError>) {
    let tree = Tree::new(&["1.jpg", "2.jpg", "sub dir/3.jpg"]);
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

/// `ants` are the first and `bees` the second of these.
const AS_WRITTEN: [&str; 2] = ["sub dir/1.jpg ants", "sub dir/2.jpg bees"];

/// The table as some program writes it, in a folder with `sub dir/1.jpg`, `sub dir/2.jpg` and a few more.
fn written(text: impl AsRef<[u8]>, options: &ReadOptions) -> (Tree, Result<Dataset, DatasetError>) {
    let tree = Tree::new(&["sub dir/1.jpg", "sub dir/2.jpg", "sub dir/3.jpg", "other/3.png", "other/4.jpg"]);
    tree.file("sub dir/1.txt", b"about 1.jpg");
    let path = tree.file("list.csv", text.as_ref());
    let result = super::super::open(&path, options, None, &super::is_image, &Silent);
    (tree, result)
}

#[test]
fn tables_are_read_as_other_programs_write_them() {
    let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        "\u{FEFF}path\tlabel\r\nsub dir/1.jpg\tants\r\nsub dir/2.jpg\tbees\r\n".encode_utf16().flat_map(order).collect()
    };
    for text in [utf16(u16::to_le_bytes), utf16(u16::to_be_bytes)] {
        let (tree, dataset) = written(&text, &ReadOptions::default());
        assert_eq!(tree.listed(&dataset.unwrap()), AS_WRITTEN, "{text:?}");
    }
    for text in [
        // Excel: rows and columns at the end that hold nothing, its own first line, a bar.
        "path;label\r\nsub dir/1.jpg;ants\r\nsub dir/2.jpg;bees\r\n;\r\n ; \r\n",
        "path,label\nsub dir/1.jpg,ants,\nsub dir/2.jpg,bees,,\n",
        "path,label,,\nsub dir/1.jpg,ants,,\nsub dir/2.jpg,bees,,\n",
        "sep=;\r\npath;label\r\nsub dir/1.jpg;ants\r\nsub dir/2.jpg;bees\r\n",
        "\"sep=|\"\npath|label\nsub dir/1.jpg|ants\nsub dir/2.jpg|bees\n",
        "path|label\nsub dir/1.jpg|ants\nsub dir/2.jpg|bees\n",
        // pandas: a column of row numbers without a name.
        ",path,label\n0,sub dir/1.jpg,ants\n1,sub dir/2.jpg,bees\n",
        "path,label,note\n\nsub dir/1.jpg,ants,\"two\nlines\"\n\n\nsub dir/2.jpg,bees,\n\n",
        "path;label;score\nsub dir/1.jpg;ants;0,5\nsub dir/2.jpg;bees;0,25\n",
        // Blanks around paths, backslashes, and both in one file.
        "path,label\n sub dir/1.jpg ,ants\n\tsub dir/2.jpg,bees\n",
        "path,label\nsub dir\\1.jpg,ants\nsub dir\\2.jpg,bees\n",
        "path,label\nsub dir/1.jpg,ants\n.\\sub dir\\2.jpg ,bees\nsub dir\\1.jpg,ants\n",
        // Other names.
        "Image Path,Class\nsub dir/1.jpg,ants\nsub dir/2.jpg,bees\n",
        "FILENAME;target\nsub dir/1.jpg;ants\nsub dir/2.jpg;bees\n",
        "category,image\nants,sub dir/1.jpg\nbees,sub dir/2.jpg\n",
        "img_path,class_name,width\nsub dir/1.jpg,ants,640\nsub dir/2.jpg,bees,640\n",
        "file,y\nsub dir/1.jpg,ants\nsub dir/2.jpg,bees\n",
        // Extensions left out; what is no image does not count.
        "image_id,label\nsub dir/1,ants\nsub dir/2,bees\n",
        // Columns that say the same.
        "class_id,class_name,path,id\n7,ants,sub dir/1.jpg,1\n9,bees,sub dir/2.jpg,2\n",
        // The name that is documented, beside one that leads nowhere.
        "file,label,path\n00017.raw,ants,sub dir/1.jpg\n00018.raw,bees,sub dir/2.jpg\n",
        // A column of paths that is called otherwise.
        "location,label\nsub dir/1.jpg,ants\nsub dir/2.jpg,bees\n",
        // One column for each class.
        "image,ants,bees\nsub dir/1.jpg,1,0\nsub dir/2.jpg,0,1\n",
        "image;ants;bees;width\nsub dir/1.jpg;1.0;0.0;640\nsub dir/2.jpg;0.0;1.0;640\n",
        // No names at all.
        "sub dir/1.jpg,ants\nsub dir/2.jpg,bees\n",
        "ants;sub dir/1.jpg\nbees;sub dir/2.jpg\n",
        "sub dir/1,ants\nsub dir/2.jpg,bees\n",
    ] {
        let (tree, dataset) = written(text, &ReadOptions::default());
        assert_eq!(tree.listed(&dataset.unwrap()), AS_WRITTEN, "{text:?}");
    }
}

#[test]
fn a_column_that_answers_yes_or_no_gives_its_answers() {
    for (text, expected) in [
        ("image,is_bee\nsub dir/1.jpg,0\nsub dir/2.jpg,1\n", ["sub dir/1.jpg 0", "sub dir/2.jpg 1"]),
        ("image,is_bee\nsub dir/1.jpg,no\nsub dir/2.jpg,yes\n", ["sub dir/1.jpg no", "sub dir/2.jpg yes"]),
        (
            "image,is_ant,is_bee\nsub dir/1.jpg,1,0\nsub dir/2.jpg,0,1\n",
            ["sub dir/1.jpg is_ant", "sub dir/2.jpg is_bee"],
        ),
    ] {
        let (tree, dataset) = written(text, &ReadOptions::default());
        assert_eq!(tree.listed(&dataset.unwrap()), expected, "{text:?}");
    }
}

#[test]
fn a_table_of_another_machine_is_matched_by_the_ends_of_its_paths_and_that_is_said() {
    for (text, said) in [
        ("path,label\nC:\\ann\\sub dir\\1.jpg,ants\nC:\\ann\\sub dir\\2.jpg,bees\n", "without the folders before"),
        ("path,label\n/home/ann/sub dir/1.jpg,ants\n/home/ann/sub dir/2.jpg,bees\n", "without the folders before"),
        ("path,label\n\\\\nas\\x\\sub dir\\1.jpg,ants\n/mnt/y/z/sub dir/2.jpg,bees\n", "without the folders before"),
        ("path,label\nset/sub dir/1.jpg,ants\nset/sub dir/2.jpg,bees\n", "without the folders before"),
        // One of two annotators.
        ("path,label\nsub dir/1.jpg,ants\nD:/x/sub dir/2.jpg,bees\n", "1 paths"),
        // Names alone, and numbers alone, as Kaggle has them.
        ("filename,label\n1.jpg,ants\n2.jpg,bees\n", "in the folders below it"),
        ("id,label\n1,ants\n2,bees\n", "in the folders below it"),
    ] {
        let (tree, dataset) = written(text, &ReadOptions::default());
        let dataset = dataset.unwrap();
        assert_eq!(tree.listed(&dataset), AS_WRITTEN, "{text:?}");
        assert!(dataset.warnings.iter().any(|warning| warning.contains(said)), "{text:?}: {:?}", dataset.warnings);
    }
}

#[test]
fn the_longest_end_that_every_path_has_is_taken() {
    let tree = Tree::new(&["1.jpg", "a/1.jpg", "a/2.jpg", "b/a/1.jpg", "b/a/2.jpg"]);
    let path = tree.file("list.csv", b"path,label\n/x/b/a/1.jpg,ants\n/x/b/a/2.jpg,bees\n");
    assert_eq!(tree.listed(&open(&path, None).unwrap()), ["b/a/1.jpg ants", "b/a/2.jpg bees"]);
    // One photo of another folder is missing: nothing is put in its place.
    for text in [
        "path,label\n/x/b/a/1.jpg,ants\n/x/b/a/2.jpg,bees\n/x/b/a/3.jpg,bees\n",
        // Two photos that would become one.
        "path,label\n/x/1.jpg,ants\n/y/1.jpg,bees\n",
    ] {
        let path = tree.file("list.csv", text.as_bytes());
        assert!(matches!(open(&path, None), Err(DatasetError::NoListedFileExists { .. })), "{text:?}");
    }
}

#[test]
fn a_long_table_is_taken_as_it_is_written_where_its_sample_is_so() {
    let names: Vec<String> = (0..1000).map(|number| format!("{number:04}.jpg")).collect();
    let tree = Tree::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let table = |changed: &dyn Fn(usize, &String) -> String| {
        let rows = names
            .iter()
            .enumerate()
            .map(|(place, name)| format!("{},{}\n", changed(place, name), ["ants", "bees"][place % 2]));
        tree.file("list.csv", format!("path,label\n{}", rows.collect::<String>()).as_bytes())
    };
    let listed = |table: &Path| {
        let dataset = open(table, None).unwrap();
        let rows = tree.listed(&dataset).into_iter().map(|row| row.split_once(' ').unwrap().0.to_owned());
        (rows.collect::<Vec<_>>(), dataset.warnings)
    };
    assert_eq!(listed(&table(&|_, name| name.clone())), (names.clone(), vec![]));
    // What can mean another file is looked for, wherever it stands.
    for changed in ["0501", " 0501.jpg", ".\\0501.jpg"] {
        let table = table(&|place, name| if place == 501 { changed.to_owned() } else { name.clone() });
        assert_eq!(listed(&table), (names.clone(), vec![]), "{changed}");
    }
    // What is missing stays as it is written, and whoever reads it will say so.
    let gone = table(&|place, name| if place == 501 { "gone.jpg".to_owned() } else { name.clone() });
    assert_eq!(listed(&gone).0.last().unwrap(), "gone.jpg");
    // A table of another machine is none that is taken as it is written.
    let (rows, warnings) = listed(&table(&|_, name| format!("/home/ann/{name}")));
    assert!(rows == names && warnings.iter().any(|warning| warning.contains("without the folders before")));
    // One of two machines.
    let (rows, warnings) = listed(&table(&|place, name| if place < 9 { format!("/x/{name}") } else { name.clone() }));
    assert!(rows == names && warnings.iter().any(|warning| warning.contains("9 paths")), "{warnings:?}");
}

#[test]
fn what_could_be_read_in_two_ways_is_an_error_with_what_to_type() {
    for (text, message, hint) in [
        (
            "path,class,target\nsub dir/1.jpg,a,x\nsub dir/2.jpg,b,x\n",
            "has several columns that could be the label: `class`, `target`",
            "add `--label-column class` or `--label-column target`, whichever it is",
        ),
        (
            "path,label,category\nsub dir/1.jpg,a,x\nsub dir/2.jpg,b,x\n",
            "has several columns that could be the label: `label`, `category`",
            "add `--label-column label` or `--label-column category`",
        ),
        (
            "left image,right image,label\nsub dir/1.jpg,sub dir/2.jpg,a\nsub dir/3.jpg,other/4.jpg,b\n",
            "has several columns that could be the path: `left image`, `right image`",
            "add `--path-column 'left image'` or `--path-column 'right image'`",
        ),
        (
            "id,filename,label\nother/4,sub dir/1.jpg,a\nsub dir/1,sub dir/2.jpg,b\n",
            "has several columns that could be the path: `id`, `filename`",
            "add `--path-column id` or `--path-column filename`",
        ),
        (
            "path,kind,colour\nsub dir/1.jpg,a,red\nsub dir/2.jpg,b,red\n",
            "has no column `label`: line 1 names `path`, `kind`, `colour`",
            "add `--label-column kind` or `--label-column colour`",
        ),
        (
            "image,ants,bees,blurred\nsub dir/1.jpg,1,0,1\nsub dir/2.jpg,0,1,1\n",
            "has no column `label`",
            "add `--label-column ants` or `--label-column bees` or `--label-column blurred`",
        ),
        (
            "image,ants,bees,is_train\nsub dir/1.jpg,1,0,1\nsub dir/2.jpg,0,1,1\n",
            "has several columns that could be the label: `is_train`, `ants`, `bees`",
            "add `--label-column is_train` or",
        ),
        (
            "sub dir/1.jpg,a,x\nsub dir/2.jpg,b,x\nsub dir/3.jpg,b,y\nother/4.jpg,a,y\n",
            "has several columns that could be the label: column 2 (`a`), column 3 (`x`)",
            "add `--label-column 2` or `--label-column 3`",
        ),
        ("id,label\n3,ants\n", "line 2 of", "write its path in full, from the folder of the CSV"),
        ("a,b,label\n1,2,x\n", "has no column `path`: line 1 names `a`, `b`, `label`", "add `--path-column a` or"),
        (
            "path,label,phase,part\nsub dir/1.jpg,a,train,train\nsub dir/2.jpg,b,val,train\nother/4.jpg,b,val,test\n",
            "has several columns that could be the split: `phase`, `part`",
            "name the one that counts `split`",
        ),
    ] {
        let (_, result) = written(text, &ReadOptions::default());
        let (found, found_hint) = complaint(result);
        assert!(found.contains(message), "{text:?}: {found}");
        assert!(found_hint.contains(hint), "{text:?}: {found_hint}");
    }
}

#[test]
fn options_name_the_columns_by_name_or_number() {
    let text = "file,class,target\nsub dir/1.jpg,x,ants\nsub dir/2.jpg,x,bees\n";
    let label = |label: &str| ReadOptions { label_column: Some(label.to_owned()), ..ReadOptions::default() };
    for given in ["target", "Target ", "3"] {
        let (tree, dataset) = written(text, &label(given));
        assert_eq!(tree.listed(&dataset.unwrap()), AS_WRITTEN, "{given}");
    }
    for (given, hint) in [("targte", "give `--label-column target`"), ("4", "`--label-column file`"), ("0", "")] {
        let (message, found) = complaint(written(text, &label(given)).1);
        assert!(message.ends_with(&format!("has no column `{given}`, which `--label-column` names")), "{message}");
        assert!(found.contains(hint), "{found}");
    }
    let options = ReadOptions { path_column: Some("2".to_owned()), ..label("1") };
    let (tree, dataset) = written("ants,sub dir/1.jpg,a\nbees,sub dir/2.jpg,b\n", &options);
    assert_eq!(tree.listed(&dataset.unwrap()), AS_WRITTEN);
}

#[test]
fn a_split_is_known_by_its_words() {
    for text in [
        "path,label,phase\nsub dir/1.jpg,ants,train\nsub dir/2.jpg,bees,train\nsub dir/3.jpg,ants,val\nother/4.jpg,bees,val\n",
        "sub dir/1.jpg,train,ants\nsub dir/2.jpg,train,bees\nsub dir/3.jpg,val,ants\nother/4.jpg,val,bees\n",
    ] {
        let dataset = written(text, &ReadOptions::default()).1.unwrap();
        assert_eq!(
            dataset.samples.iter().filter(|sample| sample.split == Some(Split::Validation)).count(),
            2,
            "{text:?}"
        );
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
    assert_eq!((count(&dataset, 0, Some(Split::Validation)), count(&dataset, 1, Some(Split::Test))), (1, 1));
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
        ("where,class\nx,a\n", "`…` has no column `path`: line 1 names `where`, `class`"),
        ("path;kind\n1.jpg;a\n", "`…` has no column `label`: line 1 names `path`, `kind`"),
        ("path,label\n", "`…` names columns but no images"),
        ("", "`…` is not a CSV: it is empty"),
        (" \n\n", "`…` is not a CSV: it is empty"),
        ("path,label\0\n", "`…` is not a CSV: it is not text, or UTF-16 without a byte-order mark"),
        ("IMG", "`…` is not a CSV: it is an image"),
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
}

#[test]
fn absurd_tables_end_soon() {
    let (_, result) = table("c,".repeat(100_000));
    assert!(complaint(result).0.ends_with("line 1 has 100000 columns"));
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
    let header = "path,label,suggested,probability,decision\n";
    assert!(doubts(header) && doubts(&format!("{header}a,x,y,0.9876,\n")));
    assert!(!doubts(&format!("{header}a,x,y,0.9876,y\n")) && !doubts(&format!("{header}a,y,y,0.9876,\n")));
    for other in ["path,label,comment\na,x,\n", "path,label\na,y\n"] {
        assert!(!doubts(other), "{other}");
    }
}

#[test]
fn a_split_that_was_written_is_read_back() {
    let tree = Tree::new(&["my, \"odd\" dir/1.jpg", "b/ 2.jpg ", "b/3.jpg", "my, \"odd\" dir/4\n.jpg"]);
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
    let tree = Tree::new(&["data/a/1", "data/b/1"]);
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
    let tree = Tree::new(&["a/1", "b/1"]);
    let name = std::ffi::OsStr::from_bytes(b"\xFF,\n\"x");
    tree.file(std::path::Path::new("a").join(name), b"IMG");
    let dataset = tree.open().unwrap();
    save(&tree, "split.csv", &dataset);
    assert_eq!(open(&tree.path("split.csv"), None).unwrap().samples, dataset.samples);
}
