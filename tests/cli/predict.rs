//! From photos to answers.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::setup::{Dir, run};

#[test]
fn there_is_one_row_for_every_input_in_input_order() {
    let dir = Dir::with_photos(6);
    dir.model();
    dir.file("torn.jpg", b"\xff\xd8\xff");
    let inputs = ["imgs/light/3.ppm", "gone.jpg", "imgs/dark/2.ppm", "torn.jpg"];
    let said = run(dir.command().arg("predict").args(inputs).arg("--json"));
    assert_eq!(said.code, Some(3), "{}", said.err);
    let rows: Vec<serde_json::Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let paths: Vec<_> = rows.iter().map(|row| row["path"].as_str().unwrap()).collect();
    assert_eq!(paths, inputs);
    assert_eq!((rows[0]["label"].as_str(), rows[2]["label"].as_str()), (Some("light"), Some("dark")));
    assert!(rows[1]["error"].as_str().unwrap().contains("no such file"));
    assert!(rows[3]["error"].is_string());
}

#[test]
fn a_folder_gives_its_photos_and_the_threshold_moves_the_answer() {
    let dir = Dir::with_photos(6);
    dir.model();
    dir.file("imgs/dark/notes.txt", b"not a photo");
    let said = run(dir.command().args(["predict", "imgs", "--format", "csv", "--threshold", "0"]));
    let lines: Vec<_> = said.out.lines().collect();
    assert_eq!(lines[0], "path,label,positive,probability,logit,unfamiliar,error");
    assert_eq!(lines.len(), 13);
    assert!(lines[1..].iter().all(|line| line.contains(",light,light,")), "{}", said.out);
}

#[test]
fn a_list_on_standard_input_is_answered_line_by_line_while_it_grows() {
    let dir = Dir::with_photos(6);
    dir.model();
    let mut child = dir
        .command()
        .args(["predict", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for name in ["imgs/dark/0.ppm", "imgs/light/0.ppm"] {
        writeln!(stdin, "{name}").unwrap();
        // The answer comes before the next line is written.
        assert!(answers.next().unwrap().unwrap().contains(name));
    }
    drop(stdin);
    assert!(answers.next().is_none());
    assert!(child.wait().unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_list_on_standard_input_that_cannot_be_read_is_an_error() {
    let dir = Dir::with_photos(6);
    dir.model();
    // A folder can be opened, but not read.
    let folder = std::fs::File::open(dir.path("imgs")).unwrap();
    let said = run(dir.command().args(["predict", "imgs/dark/0.ppm", "-"]).stdin(folder));
    assert_eq!((said.code, said.out.lines().count()), (Some(1), 1), "{}", said.err);
    assert!(said.err.contains("cannot read the whole list on standard input"), "{}", said.err);
}

#[test]
fn names_separated_by_nul_may_hold_a_newline() {
    let dir = Dir::with_photos(6);
    dir.model();
    dir.photo("odd\nname.ppm", 30);
    let mut child = dir
        .command()
        .args(["predict", "-", "-0", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"odd\nname.ppm\0imgs/dark/1.ppm\0").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 2);
}

#[test]
fn weights_other_than_those_of_the_model_are_refused() {
    let dir = Dir::with_photos(6);
    dir.model();
    let said = run(dir.command().args(["predict", "imgs", "--weights", "random:1"]));
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("random:0") && said.err.contains("random:1"), "{}", said.err);
}

#[test]
fn shards_share_the_sorted_photos_and_an_empty_part_is_no_failure() {
    let dir = Dir::with_photos(4);
    dir.model();
    let ask = |list: &str, more: &[&str]| {
        let mut child = dir
            .command()
            .args(["predict", "-", "--format", "csv", "-q"])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(list.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let paths = |line: &str| line.split(',').next().unwrap().to_owned();
        let rows: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().skip(1).map(paths).collect();
        (output.status.code(), rows)
    };
    let list = "imgs/light/1.ppm\nimgs/dark/1.ppm\ngone.ppm\nimgs/dark/0.ppm\n";
    assert_eq!(ask(list, &["--shard", "0/3"]), (Some(3), vec!["gone.ppm".to_owned(), "imgs/light/1.ppm".to_owned()]));
    assert_eq!(ask(list, &["--shard", "2/3"]), (Some(0), vec!["imgs/dark/1.ppm".to_owned()]));
    assert_eq!(ask(list, &["--shard", "7/8"]), (Some(0), vec![]));
    assert_eq!(ask("", &[]), (Some(0), vec![]));
    // All rows are there, and the exit code says that they are not worth much.
    let (code, rows) = ask(list, &["--max-unreadable", "20%"]);
    assert_eq!((code, rows.len()), (Some(1), 4));
    assert_eq!(ask(list, &["--max-unreadable", "25%"]).0, Some(3));
    // What was given to be looked through and has no photo is still a mistake.
    dir.folder("empty");
    assert_eq!(run(dir.command().args(["predict", "empty"])).code, Some(1));
}
