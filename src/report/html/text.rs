//! Formatting of text and numbers for the page; all text from users passes through here into the markup.
//!
//! [`Text`] escapes for both element content and attributes, and replaces characters that are invalid in a document or would
//! reorder it: control characters and direction overrides. [`Name`] and [`File`] also shorten, and keep a name that runs
//! from right to left from rearranging the sentence around it (`<bdi>`).

use std::fmt;
use std::path::Path;

use super::page::Measured;
use crate::files::escaped;
use crate::report::rounded;

/// Maximum length of a name or path in characters; longer ones are shortened in the middle.
const LONGEST: usize = 160;
/// Maximum length of a message from another module, in characters.
const LONGEST_PROSE: usize = 600;
/// Maximum length of a command line, in characters.
const LONGEST_COMMAND: usize = 8000;
/// Separates a number from its unit without allowing a line break.
const NO_BREAK: char = '\u{a0}';

/// Any text, escaped.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for character in self.0.chars() {
            match character {
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '&' => out.write_str("&amp;")?,
                '"' => out.write_str("&quot;")?,
                '\'' => out.write_str("&#39;")?,
                unsafe_character if !may_stand(unsafe_character) => out.write_char(char::REPLACEMENT_CHARACTER)?,
                plain => out.write_char(plain)?,
            }
        }
        Ok(())
    }
}

/// Whether the character is valid in a document and does not override the text direction.
fn may_stand(character: char) -> bool {
    let is_override = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_noncharacter = matches!(character, '\u{fdd0}'..='\u{fdef}') || u32::from(character) & 0xfffe == 0xfffe;
    !(character.is_control() || is_override || is_noncharacter)
}

/// A name from the user, such as that of a class.
pub(super) struct Name<'a>(pub(super) &'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "<bdi>{}</bdi>", Text(&shortened(self.0, LONGEST)))
    }
}

/// Text for a window title, which must not contain elements.
pub(super) fn title(words: &str) -> String {
    Text(&shortened(words, LONGEST)).to_string()
}

/// A path; its end is kept, because it distinguishes files.
pub(super) struct File<'a>(pub(super) &'a Path);

impl fmt::Display for File<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "<bdi class=\"path\">{}</bdi>", Text(&shortened(&escaped::text(self.0), LONGEST)))
    }
}

/// A message from another module; text between backticks is shown as code.
pub(super) struct Prose<'a>(pub(super) &'a str);

impl fmt::Display for Prose<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = shortened(self.0, LONGEST_PROSE);
        let parts: Vec<&str> = words.split('`').collect();
        if parts.len().is_multiple_of(2) {
            // An unpaired backtick is shown as it is.
            return write!(out, "{}", Text(&words));
        }
        for (place, part) in parts.into_iter().enumerate() {
            if place.is_multiple_of(2) {
                write!(out, "{}", Text(part))?;
            } else {
                write!(out, "<code><bdi>{}</bdi></code>", Text(part))?;
            }
        }
        Ok(())
    }
}

/// A command line to type again: it may be longer than a sentence, has no markup, and breaks only between words, not at the
/// hyphens of options.
pub(super) fn command(line: &str) -> String {
    let line = shortened(line, LONGEST_COMMAND);
    line.split(' ').map(|word| format!("<span>{}</span>", Text(word))).collect::<Vec<_>>().join(" ")
}

/// The text, shortened if necessary to its beginning and its longer end with an ellipsis between them.
fn shortened(text: &str, longest: usize) -> String {
    let length = text.chars().count();
    if length <= longest {
        return text.to_owned();
    }
    let head = longest / 3;
    let tail = longest - head - 1;
    text.chars().take(head).chain(['…']).chain(text.chars().skip(length - tail)).collect()
}

/// A fraction in percent: one decimal, or two near 0 and 1, where rounding would hide a rare error.
pub(super) fn percent(share: f64) -> String {
    format!("{}{NO_BREAK}%", percent_number(share, decimals(share)))
}

/// Both ends of an interval in percent, with the same number of decimals: `51.6 to 66.9 %`.
pub(super) fn percents([low, high]: [f64; 2]) -> String {
    let decimals = decimals(low).max(decimals(high));
    format!("{} to {}{NO_BREAK}%", percent_number(low, decimals), percent_number(high, decimals))
}

fn percent_number(share: f64, decimals: usize) -> String {
    if share.is_finite() { format!("{:.decimals$}", share * 100.0) } else { "–".to_owned() }
}

fn decimals(share: f64) -> usize {
    let is_near_an_end = share != 0.0 && (share - 1.0).abs() > f64::EPSILON && !(0.005..=0.995).contains(&share);
    if is_near_an_end { 2 } else { 1 }
}

/// A metric with three decimals.
pub(super) fn decimal(value: f64) -> String {
    if value.is_finite() { format!("{value:.3}").replace('-', "−") } else { "–".to_owned() }
}

/// A threshold, as the terminal writes it.
pub(super) fn threshold(value: f64) -> String {
    if value.is_finite() { rounded(value).to_string() } else { "–".to_owned() }
}

/// A count with thousands separators.
pub(super) fn count(number: usize) -> String {
    let digits = number.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join("\u{202f}")
}

/// `1 photo`, `2 photos`.
pub(super) fn photos(number: usize) -> String {
    counted(number, "photo", "photos")
}

/// The number of measured photos with the name of their set, such as `80 test photos`; the set `all photos` is not named.
pub(super) fn photos_of(measured: &Measured) -> String {
    let number = measured.metrics.count;
    match measured.name.as_str() {
        "" | "all photos" => photos(number),
        name => {
            let name = Name(name);
            counted(number, &format!("{name} photo"), &format!("{name} photos"))
        }
    }
}

/// A count with its noun.
pub(super) fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{}{NO_BREAK}{}", count(number), if number == 1 { one } else { many })
}

/// A message with a capital first letter.
pub(super) fn capitalised(message: &str) -> String {
    let mut letters = message.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The concatenated markup of all items.
pub(super) fn each<T>(items: impl IntoIterator<Item = T>, markup: impl FnMut(T) -> String) -> String {
    items.into_iter().map(markup).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_users_is_escaped() {
        let escaped = Text("<script>alert('1')</script> & \"x\"").to_string();
        assert_eq!(escaped, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;");
    }

    #[test]
    fn control_characters_and_direction_overrides_are_shown_as_replaced() {
        assert_eq!(
            Text("a\0b\u{1b}[0m\u{202e}gpj.exe\u{ffff}").to_string(),
            "a\u{fffd}b\u{fffd}[0m\u{fffd}gpj.exe\u{fffd}"
        );
        assert_eq!(Text("חתול 猫 é").to_string(), "חתול 猫 é");
    }

    #[test]
    fn a_long_path_keeps_its_beginning_and_its_file_name() {
        let path = format!("data/{}/photo.jpg", "x".repeat(5000));
        let shown = File(Path::new(&path)).to_string();
        assert!(shown.chars().count() < LONGEST + 40, "{shown}");
        assert!(shown.contains("data/x") && shown.contains("x…x") && shown.contains("/photo.jpg"), "{shown}");
    }

    #[test]
    fn backticks_in_pairs_are_code() {
        assert_eq!(Prose("use `--a <b>` now").to_string(), "use <code><bdi>--a &lt;b&gt;</bdi></code> now");
        assert_eq!(Prose("it`s <b>").to_string(), "it`s &lt;b&gt;");
    }

    #[test]
    fn a_rare_error_is_not_rounded_away() {
        assert_eq!(percent(0.5948), "59.5\u{a0}%");
        assert_eq!(percent(0.9996), "99.96\u{a0}%");
        assert_eq!(percent(1.0), "100.0\u{a0}%");
        assert_eq!(percent(f64::NAN), "–\u{a0}%");
        assert_eq!(percents([0.959, 0.9988]), "95.90 to 99.88\u{a0}%");
        assert_eq!(percents([0.516, 0.669]), "51.6 to 66.9\u{a0}%");
        assert_eq!(decimal(-0.25), "−0.250");
        assert_eq!(threshold(0.5), "0.5");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(photos(1), "1\u{a0}photo");
    }
}
