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

/// Commands that have others below them.
const BELOW: [&str; 8] = [
    "weights list",
    "weights fetch",
    "weights path",
    "weights verify",
    "weights import",
    "cache info",
    "cache clear",
    "cache prune",
];

/// All commands, and the program itself as no word.
fn commands() -> impl Iterator<Item = Vec<&'static str>> {
    [""].into_iter().chain(COMMANDS).chain(BELOW).map(|command| command.split_whitespace().collect())
}

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
    for words in commands() {
        let command = words.join(" ");
        let help = run(dir.command().args(&words).arg("--help"));
        let name = [&["resnet-binary"][..], &words].concat().join("-");
        let page = std::fs::read_to_string(dir.path(&format!("pages/{name}.1"))).unwrap();
        // No option without its explanation, and no page that is named and not there.
        for header in page.split("\n.TP\n").skip(1) {
            let mut lines = header.lines();
            let (begins, explained) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
            assert!(!explained.is_empty() && !explained.starts_with('.'), "{command}: nothing on `{begins}`");
            if let Some(named) = begins.strip_suffix("(1)") {
                let named = format!("pages/{}.1", named.replace('\\', ""));
                assert!(dir.path(&named).is_file(), "no {named}");
            }
        }
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
fn the_short_help_of_every_command_fits_a_screen() {
    let dir = Dir::new();
    let short = |words: &[&str]| run(dir.command().env("COLUMNS", "80").args(words));
    for words in commands() {
        let said = short(&[&words[..], &["-h"]].concat());
        assert_eq!(said.code, Some(0), "{}", said.err);
        let lines = said.out.lines().count();
        // One is the prompt's.
        assert!(lines < 24, "{lines} lines of {words:?}:\n{}", said.out);
        assert!(said.out.lines().all(|line| line.chars().count() <= 80), "{}", said.out);
    }
    assert!(short(&[]).err.lines().count() < 24);
    let whole = short(&["train", "--help"]).out;
    for words in ["\nHead:\n", "\nBackbone:\n", "--quiet", "report.html", "RESNET_BINARY_TRAIN_IMAGE_SIZE"] {
        assert!(whole.contains(words), "no `{words}` in: {whole}");
    }
}

/// The last word as a shell completes it.
#[cfg(unix)]
#[test]
fn bash_completes_commands_options_and_values() {
    let dir = Dir::new();
    let script = run(dir.command().args(["completions", "bash"])).out;
    let complete = |words: &str| {
        let ask = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            $(complete -p resnet-binary | sed 's/.*-F \\([^ ]*\\).*/\\1/') resnet-binary \
                \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"
            printf '%s ' \"${{COMPREPLY[@]}}\""
        );
        let mut bash = dir.command_of("bash");
        run(bash.args(["--norc", "-c", &ask])).out
    };
    if complete("resnet-binary tr").is_empty() {
        println!("skipped: there is no bash 4");
        return;
    }
    let cases = [
        ("resnet-binary tr", "train "),
        ("resnet-binary train --thre", "--threads --threshold "),
        ("resnet-binary train --solver ''", "exact sgd "),
        ("resnet-binary --quiet weights fe", "fetch "),
        ("resnet-binary cache prune --max", "--max-size "),
    ];
    for (typed, expected) in cases {
        assert_eq!(complete(typed), expected, "{typed}");
    }
}

#[test]
fn a_shell_that_is_not_known_is_told_those_that_are() {
    let dir = Dir::new();
    let said = run(dir.command().args(["completions", "csh"]));
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("bash") && said.err.contains("zsh"), "{}", said.err);
}
