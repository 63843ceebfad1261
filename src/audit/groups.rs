//! Images that belong together, as group ids: `[N]`, the same number for images of one group.
//!
//! Byte-identical files, near-copies and what the user says belongs together (one patient, one burst, one video) each
//! give ids of their own; [`join`] merges them, so that two images share an id when any chain of them does.

use std::collections::HashMap;
use std::path::Path;

/// Why a pattern cannot group anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is no regular expression: {reason}")]
pub struct PatternError {
    /// What was given.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

impl PatternError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some("give a pattern whose first group is the key, such as `--group-by '(patient[0-9]+)'`".to_owned())
    }
}

/// A pattern that takes a group's key out of a path.
#[derive(Debug, Clone)]
pub struct GroupBy(regex_lite::Regex);

/// What a pattern made of the paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed {
    /// `[N]`; a path that does not match is a group of its own.
    pub ids: Vec<usize>,
    /// Groups of paths that match.
    pub groups: usize,
    /// Paths that do not match.
    pub unmatched: usize,
}

impl GroupBy {
    /// Understands a regular expression in the syntax of Rust's `regex`, without Unicode classes.
    ///
    /// # Errors
    /// [`PatternError`] says what is wrong with it.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let understood = regex_lite::Regex::new(pattern);
        understood.map(Self).map_err(|error| PatternError { pattern: pattern.to_owned(), reason: error.to_string() })
    }

    /// Groups paths by what the first group of the pattern matches, or by the whole match where it has no group or that
    /// group has no part in the match. Paths are taken relative to `data` (its folder, if it is a file), with `/` between
    /// their parts on every system.
    pub fn ids<'a>(&self, paths: impl IntoIterator<Item = &'a Path>, data: &Path) -> Keyed {
        let root = if data.is_file() { data.parent().unwrap_or(Path::new("")) } else { data };
        let mut first_of = HashMap::new();
        let mut keyed = Keyed { ids: Vec::new(), groups: 0, unmatched: 0 };
        for (index, path) in paths.into_iter().enumerate() {
            let id = if let Some(key) = self.key(path.strip_prefix(root).unwrap_or(path)) {
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

    fn key(&self, path: &Path) -> Option<String> {
        let parts = path.components().map(|part| part.as_os_str().to_string_lossy());
        let path = parts.collect::<Vec<_>>().join("/");
        let captures = self.0.captures(&path)?;
        captures.get(1).or_else(|| captures.get(0)).map(|found| found.as_str().to_owned())
    }
}

/// Sets of images that are merged pair by pair.
#[derive(Debug, Clone)]
pub(super) struct Sets(Vec<usize>);

impl Sets {
    /// `count` images, each on its own.
    pub(super) fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    /// The first image of the set; the way there is halved, so that later questions are short.
    fn first(&mut self, mut image: usize) -> usize {
        while self.0[image] != image {
            self.0[image] = self.0[self.0[image]];
            image = self.0[image];
        }
        image
    }

    /// Puts two images, both below the count, into one set.
    pub(super) fn merge(&mut self, a: usize, b: usize) {
        let (a, b) = (self.first(a), self.first(b));
        // The smaller one leads, so that ids do not depend on the order of merging.
        self.0[a.max(b)] = a.min(b);
    }

    /// `[N]`, for each image the first one of its set.
    pub(super) fn ids(mut self) -> Vec<usize> {
        (0..self.0.len()).map(|image| self.first(image)).collect()
    }
}

/// Merges groupings of the same images, `[N]` ids each → `[N]`: the index of the first image of each merged group. A
/// grouping of another length says nothing about the images beyond its own.
pub fn join(count: usize, groupings: &[&[usize]]) -> Vec<usize> {
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
    fn a_pattern_that_is_none_is_named_with_the_reason() {
        let error = GroupBy::new("(p[0-9]+").unwrap_err();
        assert!(error.to_string().starts_with("`(p[0-9]+` is no regular expression: "), "{error}");
        assert!(error.hint().unwrap().contains("--group-by"));
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
