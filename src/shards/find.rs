//! Which files are meant by a folder, a pattern or a name.

use std::path::{Path, PathBuf};

use super::ShardError;
use crate::files;

/// The files at `place`: those of a folder that are called as shards are, those whose name a pattern such as
/// `DIR/*.safetensors` matches, or the one file; by name.
///
/// # Errors
/// [`ShardError::NoParts`] if there are none, and of a folder that cannot be listed.
pub fn find(place: &Path) -> Result<Vec<PathBuf>, ShardError> {
    let found = match place.file_name().and_then(|name| name.to_str()) {
        _ if place.is_dir() => matching(place, "part-*-of-*.safetensors")?,
        Some(pattern) if pattern.contains(['*', '?']) && !place.exists() => {
            let folder = place.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
            matching(folder, pattern)?
        }
        _ => vec![place.to_path_buf()],
    };
    if found.is_empty() { Err(ShardError::NoParts { place: place.to_path_buf() }) } else { Ok(found) }
}

fn matching(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, ShardError> {
    let names = files::names(folder)?.into_iter();
    // As in a shell, a pattern does not mean what is hidden.
    let is_meant = |name: &String| matches(pattern, name) && !name.starts_with('.');
    Ok(names.filter(is_meant).map(|name| folder.join(name)).collect())
}

/// Whether a name is of a pattern, in which `*` stands for any letters and `?` for one.
fn matches(pattern: &str, name: &str) -> bool {
    let mut letters = name.chars();
    match pattern.chars().next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = pattern.get(1..).unwrap_or_default();
            name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| {
                let tail = name.get(at..).unwrap_or_default();
                matches(rest, tail)
            })
        }
        Some(wanted) => match letters.next() {
            Some(letter) if wanted == '?' || wanted == letter => {
                matches(pattern.get(wanted.len_utf8()..).unwrap_or_default(), letters.as_str())
            }
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_letters() {
        for (pattern, name, is_meant) in [
            ("*.safetensors", "part-1-of-8.safetensors", true),
            ("part-?-of-8*", "part-1-of-8.safetensors", true),
            ("part-?-of-8*", "part-11-of-8.safetensors", false),
            ("*", "", true),
            ("a*b*c", "a-ä-b-c", true),
            ("a*b", "abc", false),
            ("?", "ä", true),
        ] {
            assert_eq!(matches(pattern, name), is_meant, "{pattern} {name}");
        }
    }
}
