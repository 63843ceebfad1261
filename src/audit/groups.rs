//! Images that must stay together in a split, as group ids: `[N]`, the same id for images of one group.
//!
//! Identical files, near-duplicates and user-defined groups (one patient, one burst, one video) each give their own
//! ids; [`join`] merges them, so that two images share an id if a chain of common groups connects them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// An invalid `--group-by` pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is not a regular expression: {reason}; its first group is the key, as in `(patient[0-9]+)`")]
pub struct PatternError {
    /// The pattern.
    pub pattern: String,
    /// The syntax error.
    pub reason: String,
}

/// A pattern that groups none of the photos, or all of a class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupingError {
    #[error("`--group-by {pattern}` matches none of the {paths} paths, such as `{example}`")]
    Nothing { pattern: String, paths: usize, example: String },
    /// All photos of a class would have to stay together, so all would be on one side of a split.
    #[error(
        "`--group-by {pattern}` puts all {images} images of `{class}` into one group, by the match `{key}` in `{example}`"
    )]
    Everything { pattern: String, class: String, images: usize, key: String, example: String },
}

impl GroupingError {
    /// Advice to the user on how to resolve the error.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Nothing { .. } => {
                "give a pattern that matches in such a path and whose first group is the key, or leave `--group-by` out"
            }
            Self::Everything { .. } => {
                "a group is one patient, burst or video, several of them in each class: put round brackets around what \
                 names it, or leave `--group-by` out"
            }
        }
    }
}

/// A pattern that extracts a group's key from a path.
#[derive(Debug, Clone)]
pub struct GroupBy(regex_lite::Regex);

/// The groups that a pattern assigns to paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keyed {
    /// Group ids, `[N]`; a path that does not match is a group of its own.
    pub ids: Vec<usize>,
    /// The number of groups of paths that match.
    pub groups: usize,
    /// The number of paths that do not match.
    pub unmatched: usize,
}

impl GroupBy {
    /// Parses a regular expression in the syntax of Rust's `regex`, without Unicode classes.
    ///
    /// # Errors
    /// [`PatternError`] with the syntax error.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let understood = regex_lite::Regex::new(pattern);
        understood.map(Self).map_err(|error| PatternError { pattern: pattern.to_owned(), reason: error.to_string() })
    }

    /// Groups paths by the match of the first capture group of the pattern, or by the whole match if there is no such
    /// group or it did not participate. Paths are taken relative to `data` (or its folder, if it is a file), with `/`
    /// as separator on every system.
    pub(crate) fn ids<'a>(&self, paths: impl IntoIterator<Item = &'a Path>, data: &Path) -> Keyed {
        let root = root_of(data);
        let mut first_of = HashMap::new();
        let mut keyed = Keyed { ids: Vec::new(), groups: 0, unmatched: 0 };
        for (index, path) in paths.into_iter().enumerate() {
            let id = if let Some(key) = self.key(&shown(path, root)) {
                *first_of.entry(key).or_insert(index)
            } else {
                keyed.unmatched += 1;
                index
            };
            keyed.ids.push(id);
        }
        keyed.groups = first_of.len();
        keyed
    }

    /// Checks the pattern on photos, each with the name of its class, before they are read; returns a warning if no two
    /// photos share a group.
    ///
    /// # Errors
    /// [`GroupingError`] if it matches no path, or puts all photos of a class into one group.
    pub(crate) fn check(&self, photos: &[(&Path, &str)], data: &Path) -> Result<Option<String>, GroupingError> {
        let (root, pattern) = (root_of(data), self.0.as_str().to_owned());
        let keyed = self.ids(photos.iter().map(|(path, _)| *path), data);
        let Some((first, _)) = photos.first() else { return Ok(None) };
        if keyed.groups == 0 {
            return Err(GroupingError::Nothing { pattern, paths: photos.len(), example: shown(first, root) });
        }
        let mut of_class: BTreeMap<&str, Vec<(usize, &Path)>> = BTreeMap::new();
        for ((path, class), id) in photos.iter().zip(&keyed.ids) {
            of_class.entry(class).or_default().push((*id, path));
        }
        for (class, images) in of_class {
            let [(id, path), others @ ..] = images.as_slice() else { continue };
            if !others.is_empty() && others.iter().all(|(other, _)| other == id) {
                let (class, example) = (class.to_owned(), shown(path, root));
                let key = self.key(&example).unwrap_or_default();
                return Err(GroupingError::Everything { pattern, class, images: images.len(), key, example });
            }
        }
        let is_idle = keyed.groups + keyed.unmatched == photos.len();
        Ok(is_idle.then(|| format!("`--group-by {pattern}` keeps nothing together: no two photos share a match")))
    }

    fn key(&self, path: &str) -> Option<String> {
        let captures = self.0.captures(path)?;
        captures.get(1).or_else(|| captures.get(0)).map(|found| found.as_str().to_owned())
    }
}

fn root_of(data: &Path) -> &Path {
    if data.is_file() { data.parent().unwrap_or(Path::new("")) } else { data }
}

/// A path as patterns match it: relative to the data, with `/` as separator.
fn shown(path: &Path, root: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Disjoint sets of images (union–find).
#[derive(Debug, Clone)]
pub(super) struct Sets(Vec<usize>);

impl Sets {
    /// `count` sets of one image each.
    pub(super) fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    /// The first image of the set; the path to it is halved, so that later look-ups are faster.
    fn first(&mut self, mut image: usize) -> usize {
        while self.0[image] != image {
            self.0[image] = self.0[self.0[image]];
            image = self.0[image];
        }
        image
    }

    /// Merges the sets of two images, both below the count.
    pub(super) fn merge(&mut self, a: usize, b: usize) {
        let (a, b) = (self.first(a), self.first(b));
        // The smaller one becomes the root, so that ids do not depend on the order of merging.
        self.0[a.max(b)] = a.min(b);
    }

    /// The first image of each image's set, `[N]`.
    pub(super) fn ids(mut self) -> Vec<usize> {
        (0..self.0.len()).map(|image| self.first(image)).collect()
    }
}

/// Merges groupings of the same images, `[N]` ids each → `[N]`: the index of the first image of each merged group.
/// Images beyond the end of a grouping are not grouped by it.
pub(crate) fn join(count: usize, groupings: &[&[usize]]) -> Vec<usize> {
    let mut sets = Sets::new(count);
    for grouping in groupings {
        let mut first_of = HashMap::new();
        for (image, id) in grouping.iter().enumerate().take(count) {
            sets.merge(*first_of.entry(*id).or_insert(image), image);
        }
    }
    sets.ids()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(pattern: &str, paths: &[&str], data: &str) -> Keyed {
        GroupBy::new(pattern).unwrap().ids(paths.iter().map(Path::new), Path::new(data))
    }

    #[test]
    fn the_first_group_of_the_pattern_is_the_key_and_else_the_whole_match() {
        let paths = ["imgs/ill/p1_a.jpg", "imgs/ill/p2_a.jpg", "imgs/well/p1_b.jpg", "imgs/well/other.jpg"];
        for pattern in ["(p[0-9]+)_", "p[0-9]+", "(x)?p[0-9]+", "^[a-z]+/(p.)"] {
            let keyed = ids(pattern, &paths, "imgs");
            assert_eq!(keyed, Keyed { ids: vec![0, 1, 0, 3], groups: 2, unmatched: 1 }, "{pattern}");
        }
        assert_eq!(ids("^(ill|well)/", &paths, "imgs").ids, [0, 0, 2, 2]);
    }

    #[test]
    fn paths_that_do_not_match_are_groups_of_their_own() {
        let keyed = ids("never", &["a", "b", "c"], ".");
        assert_eq!(keyed, Keyed { ids: vec![0, 1, 2], groups: 0, unmatched: 3 });
    }

    #[test]
    fn a_pattern_that_matches_nothing_or_a_whole_class_is_refused() {
        let paths =
            ["imgs/ill/p1_a.jpg", "imgs/ill/p1_b.jpg", "imgs/ill/p2.jpg", "imgs/well/p3.jpg", "imgs/well/p4.jpg"];
        let photos: Vec<_> = paths.iter().map(|path| (Path::new(*path), path.split('/').nth(1).unwrap())).collect();
        let check = |pattern: &str| GroupBy::new(pattern).unwrap().check(&photos, Path::new("imgs"));
        assert_eq!(check("p[0-9]"), Ok(None));
        assert_eq!(
            check("(never)").unwrap_err().to_string(),
            "`--group-by (never)` matches none of the 5 paths, such as `ill/p1_a.jpg`"
        );
        let expected =
            "`--group-by ^([a-z]+)/` puts all 3 images of `ill` into one group, by the match `ill` in `ill/p1_a.jpg`";
        assert_eq!(check("^([a-z]+)/").unwrap_err().to_string(), expected);
        assert!(check("^.*$").unwrap().unwrap().contains("keeps nothing together"));
    }

    #[test]
    fn a_pattern_that_is_none_is_named_with_the_reason() {
        let error = GroupBy::new("(p[0-9]+").unwrap_err();
        assert!(error.to_string().starts_with("`(p[0-9]+` is not a regular expression: "), "{error}");
    }

    #[test]
    fn groups_that_share_an_image_become_one() {
        let (copies, burst) = ([0, 0, 2, 3, 4], [7, 8, 9, 8, 9]);
        assert_eq!(join(5, &[&copies, &burst]), [0, 0, 2, 0, 2]);
        assert_eq!(join(3, &[]), [0, 1, 2]);
        assert_eq!(join(2, &[&[5, 5, 5]]), [0, 0]);
    }

    proptest! {
        #[test]
        fn joining_keeps_together_what_any_grouping_does_and_depends_on_no_order(
            a in prop::collection::vec(0_usize..8, 20), b in prop::collection::vec(0_usize..15, 20),
        ) {
            let joined = join(20, &[&a, &b]);
            prop_assert_eq!(&joined, &join(20, &[&b, &a]));
            for grouping in [&a, &b] {
                for (left, right) in (0..20).flat_map(|left| (0..20).map(move |right| (left, right))) {
                    prop_assert!(grouping[left] != grouping[right] || joined[left] == joined[right]);
                }
            }
            // Only what a chain joins is joined: as many merges as it takes, no more.
            prop_assert!(joined.iter().enumerate().all(|(image, &id)| id <= image && joined[id] == id));
        }
    }
}
