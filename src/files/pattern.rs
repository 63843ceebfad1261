//! Patterns of names, for where no shell has filled them in.

use std::path::{Path, PathBuf};

use super::{FileError, names};

/// Whether the name of a path is a pattern, and of no file.
pub(crate) fn is_pattern(path: &Path) -> bool {
    let has_stars = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.contains(['*', '?']));
    path.file_name().is_some_and(has_stars) && !path.exists()
}

/// The files of a folder whose names are of a pattern, such as `part-*`, by name.
///
/// # Errors
/// [`FileError`] if the folder cannot be listed.
pub(crate) fn matching(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, FileError> {
    let here = if folder == Path::new("") { Path::new(".") } else { folder };
    // As in a shell, a pattern does not mean what is hidden.
    let is_meant = |name: &String| matches(pattern, name) && !name.starts_with('.');
    Ok(names(here)?.into_iter().filter(is_meant).map(|name| folder.join(name)).collect())
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
