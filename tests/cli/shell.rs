//! Completions and manual pages say what `--help` says.

use std::collections::BTreeSet;

use crate::setup::{Dir, run};

const COMMANDS: [&str; 13] = [
    "train",
    "evaluate",
    "predict",
    "extract",
    "export",
    "verify",
    "merge",
    "inspect",
    "weights",
    "cache",
    "doctor",
    "completions",
    "man",
];

/// The long options that begin a line of a `--help`.
fn options(help: &str) -> BTreeSet<String> {
    let begins =
        help.lines().filter_map(|line| line.trim_start().split(", ").last().filter(|_| line.starts_with("  ")));
    let options = begins.filter(|line| line.trim_start().starts_with("--"));
    options.filter_map(|line| line.split([' ', '[', '=']).next().map(str::to_owned)).collect()
}

#[test]
fn completions_and_manual_pages_name_the_options_of_help() {
    let dir = Dir::new();
    let said = run(dir.command().args(["man", "pages"]));
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{}", said.err);
    let shells = ["bash", "zsh", "fish", "powershell"].map(|shell| {
        let said = run(dir.command().args(["completions", shell]));
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{shell}");
        (shell, said.out)
    });
    let mut named = 0;
    for command in COMMANDS {
        let help = run(dir.command().args([command, "--help"]));
        let page = std::fs::read_to_string(dir.path(&format!("pages/resnet-binary-{command}.1"))).unwrap();
        for option in options(&help.out) {
            named += 1;
            assert!(page.contains(&option.replace('-', r"\-")), "the page of {command} has no {option}");
            for (shell, script) in &shells {
                // fish writes `-l weights`.
                let word = if *shell == "fish" { option.trim_start_matches('-') } else { &option };
                assert!(script.contains(word), "{shell} has no {option} of {command}");
            }
        }
    }
    assert!(named > 100, "{named}");
}

#[test]
fn a_shell_that_is_not_known_is_told_those_that_are() {
    let dir = Dir::new();
    let said = run(dir.command().args(["completions", "csh"]));
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("bash") && said.err.contains("zsh"), "{}", said.err);
}
