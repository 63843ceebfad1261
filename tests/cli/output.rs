//! Results on stdout, everything for people on stderr.

use std::io::Read;
use std::process::Stdio;

use crate::setup::{Dir, TRAIN, run};

#[test]
fn json_is_one_object_alone_on_stdout() {
    let dir = Dir::with_photos(5);
    let said = run(dir.command().args(TRAIN).arg("--json"));
    assert_eq!(said.out.lines().count(), 1);
    assert!(serde_json::from_str::<serde_json::Value>(&said.out).unwrap().is_object());
}

#[test]
fn random_weights_are_always_announced_and_quiet_leaves_only_warnings() {
    let dir = Dir::with_photos(5);
    let said = run(dir.command().args(TRAIN).arg("--quiet"));
    let lines: Vec<_> = said.err.lines().collect();
    assert!(lines.iter().all(|line| line.starts_with("warning: ")), "{}", said.err);
    assert!(lines[0].contains("random weights") && lines[0].contains("mean nothing"));
}

#[test]
fn nothing_is_coloured_or_moving_away_from_a_terminal() {
    let dir = Dir::with_photos(5);
    let said = run(dir.command().args(TRAIN).env("TERM", "dumb"));
    assert!(!said.err.contains('\u{1b}') && !said.out.contains('\u{1b}'));
    let failed = run(dir.command().args(["predict", "x", "--model", "none"]));
    assert!(failed.err.starts_with("error: ") && failed.err.contains("\nhint: "), "{}", failed.err);
}

#[test]
fn a_closed_pipe_ends_the_work_quietly() {
    let dir = Dir::with_photos(40);
    dir.model();
    let mut child =
        dir.command().args(["predict", "imgs"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{err}");
    assert!(!err.contains("error"), "{err}");
}

#[test]
fn help_shows_the_way_in_and_the_exit_codes() {
    let dir = Dir::new();
    let said = run(dir.command().arg("--help"));
    assert_eq!(said.code, Some(0));
    for words in ["train", "predict", "Exit codes"] {
        assert!(said.out.contains(words), "{words}");
    }
    assert!(run(dir.command().arg("--version")).out.starts_with("resnet-binary "));
}
