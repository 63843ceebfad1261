//! `-h`: what one begins with, on a screen of 80 by 24. `--help` is untouched and has all.

use clap::{Arg, Command};

/// Commands that a first look at the program does not need.
const LATER: [&str; 4] = ["merge", "inspect", "completions", "man"];

/// A colon before this many letters stands behind a name that is explained, not behind a sentence.
const NAME: usize = 20;

/// The command with its short help in place, if that is what the words ask for.
pub(super) fn fitted(program: Command, mut words: impl Iterator<Item = std::ffi::OsString>) -> Command {
    let is_asked = match words.next() {
        None => true,
        Some(first) => first == "-h" || (first != "help" && words.any(|word| word == "-h")),
    };
    if is_asked { brief(program).disable_help_subcommand(true).mut_subcommands(later) } else { program }
}

fn later(command: Command) -> Command {
    let is_later = LATER.contains(&command.get_name());
    command.hide(is_later)
}

/// No headings, no options that every command has, a sentence for each option without its default, and of the examples
/// only the program's own.
fn brief(command: Command) -> Command {
    let after = command.get_after_help().map(|text| start(&text.to_string())).unwrap_or_default();
    command.disable_version_flag(true).after_help(after).mut_args(brief_option).mut_subcommands(brief)
}

fn brief_option(option: Arg) -> Arg {
    let is_hidden = option.is_global_set() || option.is_hide_short_help_set();
    let help = option.get_help().map(|help| first_sentence(&help.to_string()).to_owned());
    let option = option.help_heading(None::<&str>).hide_default_value(true).hide_short_help(is_hidden);
    match help {
        Some(help) => option.help(help),
        None => option,
    }
}

fn first_sentence(text: &str) -> &str {
    let ends = ["; ", ". ", ": ", " [default"].into_iter();
    let ends = ends.filter_map(|end| text.find(end).filter(|&at| end != ": " || at > NAME));
    ends.min().map_or(text, |end| &text[..end])
}

fn start(text: &str) -> String {
    let lines = text.lines().skip_while(|line| *line != "Start here:").take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_ends_where_its_explanation_begins() {
        let cases = [
            ("Corrections on top of the labels: a CSV with columns", "Corrections on top of the labels"),
            ("gap: the mean of each channel; flatten: every number", "gap: the mean of each channel"),
            ("0.5 or another probability, f1; chosen", "0.5 or another probability, f1"),
            ("Threads at most [default: all]", "Threads at most"),
            ("Where to write the model", "Where to write the model"),
        ];
        for (text, expected) in cases {
            assert_eq!(first_sentence(text), expected);
        }
    }
}
