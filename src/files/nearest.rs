//! What a mistyped name or path most likely stands for.

use std::path::{Path, PathBuf};

use super::places::names;

/// Longest name that is compared, in bytes, as long as a folder's name can be: the time grows with the square.
pub(crate) const LONGEST_NAME: usize = 255;

/// The known name that a mistyped one most likely stands for: other case, or a few letters off.
pub(crate) fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if given.len() > LONGEST_NAME {
        return None;
    }
    let known = known.filter(|name| name.len() <= LONGEST_NAME);
    let given = given.trim().to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&given, &name.to_lowercase());
    let limit = (given.chars().count() / 3).max(1);
    let near = known.map(|name| (distance(name), name)).filter(|(distance, _)| *distance <= limit);
    near.min().map(|(_, name)| name)
}

/// The path that is there and differs from one that is not in one mistyped name.
pub(super) fn nearest_path(path: &Path) -> Option<PathBuf> {
    let is_there = |folder: &&Path| folder.as_os_str().is_empty() || folder.is_dir();
    let folder = path.ancestors().skip(1).find(is_there)?;
    let mut rest = path.strip_prefix(folder).ok()?.components();
    let given = rest.next()?.as_os_str().to_string_lossy().into_owned();
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let names = names(listed).ok()?;
    let name = nearest(&given, names.iter().map(String::as_str))?;
    let meant = folder.join(name).join(rest.as_path());
    let meant = if rest.as_path().as_os_str().is_empty() { folder.join(name) } else { meant };
    meant.exists().then_some(meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_finds_its_neighbour() {
        let known = ["Ants", "bees", "hornets"];
        assert_eq!(nearest("ants", known.into_iter()), Some("Ants"));
        assert_eq!(nearest("hornet", known.into_iter()), Some("hornets"));
        assert_eq!(nearest("hroents", known.into_iter()), Some("hornets"));
        assert_eq!(nearest("cats", ["dogs"].into_iter()), None);
        let endless = "x".repeat(1 << 20);
        assert_eq!(nearest(&endless, [endless.as_str()].into_iter()), None);
        assert_eq!(nearest("x", [endless.as_str(), "X"].into_iter()), Some("X"));
    }

    #[test]
    fn a_path_with_one_mistyped_name_is_found() {
        let root = tempfile::tempdir().unwrap();
        crate::files::make_folder(&root.path().join("imgs/cats")).unwrap();
        let near = |path: &str| nearest_path(&root.path().join(path));
        assert_eq!(near("imgz"), Some(root.path().join("imgs")));
        assert_eq!(near("imgz/cats"), Some(root.path().join("imgs/cats")));
        assert_eq!((near("imgz/dogs"), near("photos"), near("imgs/cats/1.jpg")), (None, None, None));
    }
}
