//! The table of everything that can be wrong: each row has its exit code, its message, and no panic.

use crate::setup::{Dir, QUICK, TRAIN, photo, run};

/// Name, what to prepare, arguments, exit code, words on stderr (or stdout).
type Row = (&'static str, fn(&Dir), &'static [&'static str], i32, &'static [&'static str]);

fn nothing(_: &Dir) {}

fn class(dir: &Dir, name: &str, shade: u8) {
    for number in 0..4 {
        dir.photo(&format!("bad/{name}/{number}.ppm"), shade + number);
    }
}

fn two_classes(dir: &Dir) {
    class(dir, "a", 10);
    class(dir, "b", 200);
}

fn with_file(dir: &Dir, name: &str, content: &[u8]) {
    two_classes(dir);
    dir.file(name, content);
}

fn model_with(dir: &Dir, from: &str, to: &str) {
    let bytes = std::fs::read(dir.model()).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains(from), "{from}");
    let position = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    let mut changed = bytes;
    assert_eq!(from.len(), to.len());
    changed[position..position + to.len()].copy_from_slice(to.as_bytes());
    dir.file("changed.safetensors", &changed);
}

fn safetensors(dir: &Dir, name: &str, tensor: &str, shape: Vec<usize>) {
    let data = vec![0; 4 * shape.iter().product::<usize>()];
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape, &data).unwrap();
    dir.file(name, &safetensors::serialize([(tensor, view)], None).unwrap());
}

/// A PNG that declares 100,000 × 100,000 pixels and begins to give them.
const BOMB: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\x01\x86\xa0\0\x01\x86\xa0\x08\x02\0\0\0\x27\x30\x9c\x9f\0\0\0\x08IDAT";

const DATA: &[Row] = &[
    ("folder that is not there", nothing, &["--data", "absent"], 1, &["absent", "no such file"]),
    ("empty folder", |dir| drop(dir.folder("bad")), &["--data", "bad"], 1, &["bad", "hint:"]),
    ("photos without class folders", |dir| drop(dir.photo("bad/1.ppm", 1)), &["--data", "bad"], 1, &["hint:"]),
    ("one class", |dir| class(dir, "a", 10), &["--data", "bad"], 1, &["one class with images: a", "hint:"]),
    (
        "three classes",
        |dir| {
            two_classes(dir);
            class(dir, "c", 90);
        },
        &["--data", "bad"],
        1,
        &["--positive"],
    ),
    ("mistyped positive", two_classes, &["--data", "bad", "--positive", "aa"], 1, &["`aa`", "`--positive a`"]),
    (
        "class missing in validation",
        |dir| {
            for path in ["train/a/1", "train/b/1", "train/a/2", "train/b/2", "val/a/3"] {
                dir.photo(&format!("bad/{path}.ppm"), path.len() as u8);
            }
        },
        &["--data", "bad"],
        1,
        &["`b`", "val"],
    ),
    ("a photo as data", |dir| drop(dir.photo("p.ppm", 1)), &["--data", "p.ppm"], 1, &["p.ppm"]),
    ("a table without labels", |dir| drop(dir.file("t.csv", b"path\na.jpg\n")), &["--data", "t.csv"], 1, &["label"]),
    (
        "a table with an empty label",
        |dir| drop(dir.file("t.csv", b"path,label\na.jpg,\n")),
        &["--data", "t.csv"],
        1,
        &["line 2"],
    ),
    (
        "a table that contradicts itself",
        |dir| drop(dir.file("t.csv", b"path,label\na.jpg,x\na.jpg,y\n")),
        &["--data", "t.csv"],
        1,
        &["a.jpg", "2", "3"],
    ),
    (
        "a table of files that are not there",
        |dir| drop(dir.file("t.csv", b"path,label\na.jpg,x\nb.jpg,y\n")),
        &["--data", "t.csv"],
        1,
        &["a.jpg"],
    ),
    ("an empty table", |dir| drop(dir.file("t.csv", b"")), &["--data", "t.csv"], 1, &["t.csv"]),
    ("zero bytes", |dir| with_file(dir, "bad/a/z.jpg", b""), &["--data", "bad"], 3, &["z.jpg", "empty"]),
    ("text named jpg", |dir| with_file(dir, "bad/a/z.jpg", b"hello there"), &["--data", "bad"], 3, &["z.jpg"]),
    ("a page named jpg", |dir| with_file(dir, "bad/a/z.jpg", b"<!DOCTYPE html>"), &["--data", "bad"], 3, &["HTML"]),
    (
        "a torn JPEG",
        |dir| with_file(dir, "bad/a/z.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF"),
        &["--data", "bad"],
        3,
        &["z.jpg"],
    ),
    ("a torn PNG", |dir| with_file(dir, "bad/a/z.png", &BOMB[..20]), &["--data", "bad"], 3, &["z.png"]),
    ("a bomb", |dir| with_file(dir, "bad/a/z.png", BOMB), &["--data", "bad"], 3, &["100000"]),
    ("a torn photo", |dir| with_file(dir, "bad/a/z.ppm", &photo(9)[..900]), &["--data", "bad"], 3, &["z.ppm"]),
    ("a folder named jpg", |dir| drop((two_classes(dir), dir.folder("bad/a/x.jpg"))), &["--data", "bad"], 0, &[]),
    ("another extension", |dir| with_file(dir, "bad/a/photo.dat", &photo(9)), &["--data", "bad"], 0, &[]),
    (
        "a class with nothing readable",
        |dir| {
            class(dir, "a", 10);
            dir.file("bad/b/1.jpg", b"x");
        },
        &["--data", "bad"],
        1,
        &["`b`", "could be read"],
    ),
    (
        "too few to split",
        |dir| drop((dir.photo("bad/a/1.ppm", 1), dir.photo("bad/b/1.ppm", 200))),
        &["--data", "bad"],
        1,
        &["hint:"],
    ),
    ("output into nowhere", two_classes, &["--data", "bad", "--output", "no/where/m"], 1, &["no/where`"]),
    ("output is a folder", two_classes, &["--data", "bad", "--output", "bad"], 1, &["it is a folder"]),
    ("no GPU", two_classes, &["--data", "bad", "--device", "cuda:9"], 1, &["hint:", "--device"]),
    ("unknown device", two_classes, &["--data", "bad", "--device", "gpu"], 2, &["gpu"]),
    ("share above one", two_classes, &["--data", "bad", "--val-fraction", "2"], 2, &["between 0 and 1"]),
    ("negative penalty", two_classes, &["--data", "bad", "--l2=-1"], 2, &["above 0"]),
    ("image too small", two_classes, &["--data", "bad", "--image-size", "31"], 2, &["32"]),
    ("unknown option", two_classes, &["--data", "bad", "--ouput", "x"], 2, &["--output"]),
];

const OTHER: &[Row] = &[
    ("no command", nothing, &[], 2, &["Usage"]),
    ("model that is not there", nothing, &["predict", "x.jpg"], 1, &["model.safetensors", "hint:"]),
    (
        "model that is text",
        |dir| drop(dir.file("m", b"hello")),
        &["predict", "x.jpg", "--model", "m"],
        1,
        &["not a model"],
    ),
    (
        "model cut off",
        |dir| drop(dir.file("m", &std::fs::read(dir.model()).unwrap()[..3000])),
        &["predict", "x.jpg", "--model", "m"],
        1,
        &["not a model"],
    ),
    (
        "model of another version",
        |dir| model_with(dir, "format_version\\\":4", "format_version\\\":7"),
        &["predict", "x.jpg", "--model", "changed.safetensors"],
        1,
        &["format 7", "reads format 4", "train again"],
    ),
    (
        "model of an earlier version",
        |dir| model_with(dir, "format_version\\\":4", "format_version\\\":3"),
        &["predict", "x.jpg", "--model", "changed.safetensors"],
        1,
        &["format 3", "reads format 4", "an earlier resnet-binary wrote it", "`resnet-binary train`"],
    ),
    (
        "weights as a model",
        |dir| safetensors(dir, "w", "conv1.weight", vec![64, 3, 7, 7]),
        &["predict", "x.jpg", "--model", "w"],
        1,
        &["backbone weights"],
    ),
    (
        "weights of ResNet-18",
        |dir| safetensors(dir, "w.safetensors", "layer1.0.conv1.weight", vec![64, 64, 3, 3]),
        &["train", "--data", "imgs", "--weights", "w.safetensors"],
        1,
        &["this looks like ResNet-18: layer1.0.conv1.weight is [64, 64, 3, 3], ResNet-50 has [64, 64, 1, 1]"],
    ),
    (
        "weights that are something else",
        |dir| safetensors(dir, "w.safetensors", "x", vec![2]),
        &["train", "--data", "imgs", "--weights", "w.safetensors"],
        1,
        &["conv1.weight"],
    ),
    ("unknown weights", nothing, &["train", "--data", "imgs", "--weights", "imagenet"], 2, &["imagenet-v1"]),
    ("weights that are not there", nothing, &["train", "--data", "imgs", "--weights", "w.pth"], 1, &["w.pth"]),
    ("an empty folder to predict", |dir| drop((dir.model(), dir.folder("e"))), &["predict", "e"], 1, &["no images"]),
    ("a threshold of seven", nothing, &["predict", "x", "--threshold", "7"], 2, &["between 0 and 1"]),
    ("standard input twice", |dir| drop(dir.model()), &["predict", "-", "-"], 1, &["twice"]),
    ("import of something else", |dir| drop(dir.file("x.pth", b"PK")), &["weights", "import", "x.pth"], 1, &["x.pth"]),
    ("weights by a wrong name", nothing, &["weights", "path", "best"], 1, &["`best`", "imagenet-v1"]),
];

#[test]
fn every_bad_input_has_its_exit_code_its_message_and_no_panic() {
    assert!(DATA.len() + OTHER.len() >= 45);
    let mut wrong = Vec::new();
    for (name, prepare, arguments, code, words) in DATA {
        let train: Vec<&str> = std::iter::once("train").chain(arguments.iter().copied()).collect();
        let sized = arguments.contains(&"--image-size");
        let quick = if sized { &QUICK[..2] } else { &QUICK[..] };
        check(name, *prepare, &[&train, quick].concat(), *code, words, &mut wrong);
    }
    for (name, prepare, arguments, code, words) in OTHER {
        check(name, *prepare, arguments, *code, words, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(name: &str, prepare: fn(&Dir), arguments: &[&str], code: i32, words: &[&str], wrong: &mut Vec<String>) {
    let dir = Dir::with_photos(4);
    prepare(&dir);
    let said = run(dir.command().args(arguments));
    let all = format!("{}{}", said.out, said.err);
    let missing: Vec<_> = words.iter().filter(|words| !all.contains(**words)).collect();
    let is_silent_failure = said.code == Some(1) && !said.err.contains("error: ");
    if said.code != Some(code) || !missing.is_empty() || all.contains("panicked") || is_silent_failure {
        wrong.push(format!("{name}: exit {:?}, expected {code}; not said: {missing:?}\n{all}", said.code));
    }
    let left = dir.unfinished(".");
    assert!(left.is_empty(), "{name} left {left:?}");
}

#[test]
fn a_pipe_or_a_device_in_a_files_place_is_never_waited_for() {
    let dir = Dir::with_photos(4);
    dir.model();
    let pipe = dir.path("imgs/dark/pipe.jpg");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let said = run(dir.command().args(["predict", "imgs"]));
    assert_eq!((said.code, said.out.lines().count()), (Some(0), 8), "{}", said.err);
    let said = run(dir.command().args(["predict", "imgs/dark/pipe.jpg"]));
    assert_eq!(said.code, Some(3), "{}", said.err);
    assert!(said.out.contains("it is not a regular file"), "{}", said.out);
    let said = run(dir.command().args(["train", "--data", "/dev/zero"]).args(QUICK));
    assert_eq!(said.code, Some(1));
    assert_eq!(said.err.matches("not a regular file").count(), 1, "{}", said.err);
}

#[test]
fn a_full_disk_is_an_error_that_says_so_and_the_model_before_it_stays() {
    // A tiny file system takes root; elsewhere the unit test of `files::write` with StorageFull stands for it.
    let dir = Dir::with_photos(4);
    let disk = dir.folder("disk");
    let mount = ["-t", "tmpfs", "-o", "size=8k", "tmpfs"];
    let mounted = std::process::Command::new("mount").args(mount).arg(&disk).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        println!("skipped: mounting a tmpfs is not permitted here");
        return;
    }
    let said = run(dir.command().args(TRAIN).args(["--output", "disk/model.safetensors"]));
    let left = dir.names("disk");
    let unmounted = std::process::Command::new("umount").arg(&disk).status().unwrap();
    assert!(unmounted.success());
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("the disk is full"), "{}", said.err);
    assert!(left.is_empty(), "{left:?}");
}
