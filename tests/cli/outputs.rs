//! What a command writes: never over a file of the user's, and all of it or nothing.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::setup::{Dir, TRAIN, photo, run};

/// Everything that `train` can write.
const ALL: [&str; 8] =
    ["--output", "m.safetensors", "--report", "page.html", "--save-split", "split.csv", "--label-errors", "doubts.csv"];

/// The names among [`ALL`].
fn names() -> impl Iterator<Item = &'static str> {
    ALL.into_iter().skip(1).step_by(2)
}

/// Path and content of every file below a folder but the cache.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    for path in entries.filter(|path| !path.ends_with("cache")) {
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn no_output_is_written_over_a_file_that_is_read_or_that_another_program_made() {
    let dir = Dir::with_photos(4);
    dir.model();
    let rows =
        (0..4).flat_map(|number| ["dark", "light"].map(|class| format!("imgs/{class}/{number}.ppm,{class},train\n")));
    let table = rows.collect::<Vec<_>>().concat();
    // Of the very form that `--save-split` and `--label-errors` write.
    dir.file("labels.csv", format!("path,label,split\n{table}").as_bytes());
    dir.file("doubts.csv", b"path,label,suggested,probability,decision\nimgs/dark/0.ppm,dark,light,0.9000,\n");
    dir.file("fixes.csv", b"path,label,comment\nimgs/dark/0.ppm,drop,blurred\n");
    dir.file("notes.txt", b"mine");
    dir.file("page.html", b"<!DOCTYPE html>\n<title>mine</title>");
    dir.file("alone.ppm", &photo(9));
    fs::hard_link(dir.path("doubts.csv"), dir.path("hard.csv")).unwrap();
    std::os::unix::fs::symlink(dir.path("labels.csv"), dir.path("link.csv")).unwrap();
    fs::hard_link(dir.path("imgs/dark/0.ppm"), dir.path("linked.ppm")).unwrap();
    let features = ["extract", "--data", "imgs", "--weights", "random:0", "--image-size", "32", "--output"];
    assert_eq!(run(dir.command().args(features).arg("f.safetensors")).code, Some(0));
    fs::copy(dir.path("f.safetensors"), dir.path("w.safetensors")).unwrap();
    let before = files(&dir.path("."));

    let with_table =
        |more: &[&'static str]| [&["train", "--data", "labels.csv", "--weights", "random:0"], more].concat();
    let with_folder = |more: &[&'static str]| [&TRAIN, more].concat();
    let evaluate = |more: &[&'static str]| [&["evaluate", "--data", "imgs"], more].concat();
    let cases: Vec<(Vec<&str>, &str)> = vec![
        (with_folder(&["--output", "imgs/dark/0.ppm"]), "it is one of the photos"),
        (with_folder(&["--output", "linked.ppm"]), "not a model of this program (PNM)"),
        (with_folder(&["--output", "imgs/dark/new.jpg"]), "would be taken for one of the photos"),
        (with_folder(&["--output", "f.safetensors"]), "not a model of this program"),
        (with_folder(&["--output", "notes.txt"]), "not a model of this program (a text file)"),
        (with_folder(&["--report", "imgs/light/1.ppm"]), "it is one of the photos"),
        (with_folder(&["--report", "page.html"]), "not a page of this program (an HTML page)"),
        (with_folder(&["--report", "model.safetensors"]), "it is the file of `--output` too"),
        (with_folder(&["--output", "x", "--report", "./imgs/../x"]), "it is the file of `--output` too"),
        (with_folder(&["--save-split", "x", "--label-errors", "x"]), "it is the file of `--save-split` too"),
        (with_folder(&["--fixes", "fixes.csv", "--label-errors", "fixes.csv"]), "it is the table of `--fixes`"),
        (with_folder(&["--fixes", "doubts.csv", "--label-errors", "hard.csv"]), "it is the table of `--fixes`"),
        (with_folder(&["--label-errors", "fixes.csv"]), "not a table of possible label errors of this program"),
        (with_folder(&["--save-split", "fixes.csv"]), "not a table of a split of this program"),
        (with_table(&["--save-split", "labels.csv"]), "it is the table of `--data`"),
        (with_table(&["--save-split", "link.csv"]), "it is the table of `--data`"),
        (with_table(&["--output", "labels.csv"]), "it is the table of `--data`"),
        (with_table(&["--report", "alone.ppm"]), "not a page of this program (PNM)"),
        (
            vec!["train", "--data", "imgs", "--weights", "w.safetensors", "-o", "w.safetensors"],
            "it is the file of `--weights`",
        ),
        (evaluate(&["--report", "model.safetensors"]), "it is the model of `--model`"),
        (evaluate(&["--report", "imgs/dark/0.ppm"]), "it is one of the photos"),
        (evaluate(&["--report", "f.safetensors"]), "not a page of this program"),
        ([&features[..], &["imgs/dark/0.ppm"]].concat(), "it is one of the photos"),
        ([&features[..], &["model.safetensors"]].concat(), "not a file of features of this program"),
    ];
    for (arguments, words) in cases {
        let said = run(dir.command().args(&arguments));
        assert_eq!(said.code, Some(1), "{arguments:?}: {}", said.err);
        let is_helpful = said.err.contains("hint: give another name after `-");
        assert!(said.err.contains(words) && is_helpful, "{arguments:?}: {}", said.err);
        assert!(files(&dir.path(".")) == before, "{arguments:?} changed a file");
    }
}

#[test]
fn an_output_replaces_one_of_its_own_kind_and_an_empty_file() {
    let dir = Dir::with_photos(6);
    for name in names().chain(["f.safetensors"]) {
        dir.file(name, b"");
    }
    for seed in ["1", "2"] {
        let said = run(dir.command().args(TRAIN).args(ALL).args(["--seed", seed]));
        assert_eq!(said.code, Some(0), "{}", said.err);
        let evaluate = ["evaluate", "--data", "imgs", "--model", "m.safetensors", "--report", "page.html"];
        assert_eq!(run(dir.command().args(evaluate)).code, Some(0));
        let extract =
            ["extract", "--data", "imgs", "--weights", "random:0", "--image-size", "32", "-o", "f.safetensors"];
        assert_eq!(run(dir.command().args(extract)).code, Some(0));
    }
}

/// What the outputs are after trainings of two seeds.
fn trained(dir: &Dir) -> [Vec<Vec<u8>>; 2] {
    ["1", "2"].map(|seed| {
        let said = run(dir.command().args(TRAIN).args(ALL).args(["--seed", seed]));
        assert_eq!(said.code, Some(0), "{}", said.err);
        state(dir)
    })
}

fn state(dir: &Dir) -> Vec<Vec<u8>> {
    names().map(|name| fs::read(dir.path(name)).unwrap()).collect()
}

#[test]
fn interrupted_at_any_moment_all_outputs_are_the_old_ones_or_all_are_new() {
    let dir = Dir::with_photos(30);
    let known = trained(&dir);
    let started = Instant::now();
    assert!(trained(&dir) == known, "the same run gives the same files");
    let time = started.elapsed() / 2;
    let (mut stopped, rounds) = (0, 24_u32);
    for round in 0..rounds {
        let seed = if round % 2 == 0 { "1" } else { "2" };
        let mut command = dir.command();
        command.args(TRAIN).args(ALL).args(["--seed", seed]).stdout(Stdio::null()).stderr(Stdio::piped());
        let before = state(&dir);
        let child = command.spawn().unwrap();
        // Most of them late, where the outputs are made.
        std::thread::sleep(time * (8 + round) / 32);
        let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status();
        let output = child.wait_with_output().unwrap();
        let (code, after) = (output.status.code(), state(&dir));
        let is_right = match code {
            Some(0) => known.contains(&after),
            // Without a code it had not begun to listen for signals.
            Some(130) | None => after == before,
            _ => false,
        };
        assert!(is_right, "round {round}: {code:?} {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(dir.unfinished("."), Vec::<String>::new());
        stopped += u32::from(code == Some(130));
    }
    println!("{stopped} of {rounds} were stopped");
    assert!(stopped > 0);
}

#[test]
fn where_one_output_cannot_be_written_all_others_stay_as_they_were() {
    let dir = Dir::with_photos(8);
    let [_, old] = trained(&dir);
    for option in ALL.into_iter().step_by(2) {
        // This device is always full.
        let to_a_full_disk =
            ALL.chunks(2).flat_map(|pair| if pair[0] == option { [option, "/dev/full"] } else { [pair[0], pair[1]] });
        let said = run(dir.command().args(TRAIN).args(to_a_full_disk).args(["--seed", "1"]));
        assert_eq!(said.code, Some(1), "{option}: {}", said.err);
        assert!(said.err.contains("cannot write `/dev/full`: the disk is full"), "{option}: {}", said.err);
        assert!(state(&dir) == old && dir.unfinished(".").is_empty(), "{option}");
    }
    let mount =
        |arguments: &[&str]| Command::new(arguments[0]).args(&arguments[1..]).current_dir(dir.path(".")).status();
    for name in names() {
        // A file that is a mount point can be read, and nothing can be renamed over it: the last step alone fails.
        let place = dir.path(name);
        if !mount(&["mount", "--bind", name, name]).is_ok_and(|status| status.success()) {
            println!("skipped: mounting is not permitted here");
            return;
        }
        let said = run(dir.command().args(TRAIN).args(ALL).args(["--seed", "1"]).stderr(Stdio::piped()));
        assert!(mount(&["umount", name]).unwrap().success(), "{}", place.display());
        assert_eq!(said.code, Some(1), "{name}: {}", said.err);
        assert!(said.err.contains(name) && said.err.contains("all outputs are as they were before"), "{}", said.err);
        assert!(state(&dir) == old && dir.unfinished(".").is_empty(), "{name}");
    }
}
