//! Paths as text from which they can be told apart and made again.
//!
//! A path that is text stands as it is. In one that is not, each byte that is no UTF-8 stands as `\xHH` in hexadecimal and a
//! backslash as `\\`. So does the backslash in a name that has `\x` in it already, lest two paths become one text. With
//! `#[serde(with = "escaped")]` it is the form in JSON, which has no bytes.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serializer};

/// The path as text.
pub(crate) fn text(path: &Path) -> Cow<'_, str> {
    // Where a backslash separates folders it is in every path, and paths are text.
    match path.to_str() {
        Some(text) if cfg!(windows) || !text.contains(r"\x") => return Cow::Borrowed(text),
        _ => {}
    }
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        text += &chunk.valid().replace('\\', r"\\");
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, r"\x{byte:02X}");
        }
    }
    Cow::Owned(text)
}

/// The path that a text stands for.
pub(crate) fn path(text: &str) -> PathBuf {
    #[cfg(unix)]
    if text.contains(r"\x") {
        use std::os::unix::ffi::OsStringExt;
        return std::ffi::OsString::from_vec(bytes(text)).into();
    }
    PathBuf::from(text)
}

#[cfg(unix)]
fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend(before.as_bytes());
        let byte = after.strip_prefix('x').and_then(|after| after.get(..2));
        let byte = byte.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let taken = if let Some(byte) = byte {
            bytes.push(byte);
            3
        } else {
            bytes.push(b'\\');
            usize::from(after.starts_with('\\'))
        };
        rest = after.get(taken..).unwrap_or_default();
    }
    bytes.extend(rest.as_bytes());
    bytes
}

/// For serde.
pub(crate) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(path))
}

/// For serde, of a path that need not be there: `#[serde(serialize_with = "escaped::serialize_option")]`.
#[expect(clippy::ref_option, reason = "serde calls it so")]
pub(crate) fn serialize_option<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_some(&path.as_deref().map(text))
}

/// For serde.
///
/// # Errors
/// The deserializer's.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    Ok(path(&String::deserialize(deserializer)?))
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn every_path_has_a_text_of_its_own_and_comes_back_from_it() {
        let names: [(&[u8], &str); 9] = [
            (b"d/1.jpg", "d/1.jpg"),
            ("Käfer.jpg".as_bytes(), "Käfer.jpg"),
            (b"a\xFF.jpg", r"a\xFF.jpg"),
            (b"a\xFE.jpg", r"a\xFE.jpg"),
            (br"a\xFF.jpg", r"a\\xFF.jpg"),
            (br"a\\xFF.jpg", r"a\\\\xFF.jpg"),
            (br"C:\d\1.jpg", r"C:\d\1.jpg"),
            (b"C:\\d\\\xE4.jpg", r"C:\\d\\\xE4.jpg"),
            (br"C:\\d\xyz", r"C:\\\\d\\xyz"),
        ];
        for (bytes, expected) in names {
            let name = Path::new(OsStr::from_bytes(bytes));
            assert_eq!(text(name), expected);
            assert_eq!(path(expected), name, "{expected}");
        }
    }
}

/// A word that a shell takes as one, for commands to copy.
pub(crate) fn shell_word(word: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+=:,@".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
