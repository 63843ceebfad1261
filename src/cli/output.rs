//! Results on stdout, errors and their hints on stderr: escaped, and wrapped where a person reads them.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
#[cfg(unix)]
use std::os::fd::AsFd as AsStream;
#[cfg(windows)]
use std::os::windows::io::AsHandle as AsStream;

use anstyle::{AnsiColor, Style};

/// Escapes control characters, because file names are untrusted: they might move the cursor, change colours or end the line.
pub(crate) fn escape_control(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() { shown.extend(character.escape_default()) } else { shown.push(character) }
    }
    Cow::Owned(shown)
}

/// Prints an error and a hint in the format of all messages of this program.
pub(crate) fn print_error(message: &dyn fmt::Display, hint: Option<&str>) {
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    let cyan = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
    let mut stderr = anstream::stderr();
    let message = message.to_string();
    let message = format!("error: {}", escape_control(&message));
    let _ = writeln!(stderr, "{red}error{red:#}{}", wrapped_line(&message).strip_prefix("error").unwrap_or_default());
    if let Some(hint) = hint {
        let lines: Vec<_> = hint.lines().map(escape_control).collect();
        let hint = format!("hint: {}", lines.join("\n"));
        let _ = writeln!(stderr, "{cyan}hint{cyan:#}{}", wrapped_line(&hint).strip_prefix("hint").unwrap_or_default());
    }
}

/// Writes a result to stdout and flushes it, so that the reader of a pipe gets it immediately.
///
/// # Errors
/// The system's. On [`io::ErrorKind::BrokenPipe`] the program ends quietly: see `failed` in `program.rs`.
pub(crate) fn print(text: &str) -> io::Result<()> {
    print_bytes(text.as_bytes())
}

/// `print` for a summary: the first line is bold, and on a terminal lines are wrapped at words.
pub(crate) fn print_summary(text: &str) -> io::Result<()> {
    let bold = Style::new().bold();
    let text = wrapped(text, width_of(&io::stdout()), SUMMARY_INDENT);
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let rest = rest.replace("\nwarning:", &format!("\n{WARNING}warning:{WARNING:#}"));
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(format!("{bold}{first}{bold:#}\n{rest}").as_bytes())?;
    stdout.flush()
}

/// The indentation of wrapped lines in a summary.
const SUMMARY_INDENT: &str = "            ";

/// The style of the word `warning`.
pub(super) const WARNING: Style = Style::new().bold().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));

/// The columns of a terminal; `None` for anything else, whose lines are not wrapped.
pub(super) fn width_of(stream: &impl AsStream) -> Option<usize> {
    terminal_size::terminal_size_of(stream).map(|(width, _)| usize::from(width.0).max(NARROWEST))
}

/// Text is wrapped to at least this many columns.
const NARROWEST: usize = 40;

/// A message wrapped to the width of the terminal.
pub(super) fn wrapped_line(message: &str) -> Cow<'_, str> {
    wrapped(message, width_of(&io::stderr()), "  ")
}

/// Wraps each line at words to `width` columns.
fn wrapped<'a>(text: &'a str, width: Option<usize>, indent: &str) -> Cow<'a, str> {
    let Some(width) = width else { return Cow::Borrowed(text) };
    let options = textwrap::Options::new(width)
        .subsequent_indent(indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    // A command to copy is not wrapped.
    let fill = |line: &'a str| if line.starts_with("next ") { line.to_owned() } else { textwrap::fill(line, &options) };
    let lines = text.split('\n').map(fill);
    Cow::Owned(lines.collect::<Vec<_>>().join("\n"))
}

/// `print` for results that may not be UTF-8, such as paths.
pub(crate) fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_in_file_names_are_escaped() {
        assert_eq!(escape_control("café, 犬.jpg"), "café, 犬.jpg");
        assert_eq!(escape_control("a\u{1b}[2J\nb\u{9b}31m"), "a\\u{1b}[2J\\nb\\u{9b}31m");
    }
}
