//! Which photos show the same, as far as that can be told.
//!
//! A group of near-copies that is too large to be one is set aside, and only that one: a fixed camera over one scene makes
//! all its photos look alike. Of the photos of such a group only byte-identical files stay together.

use std::collections::HashMap;

use super::photos::Photos;
use crate::audit::duplicates::{self, Kind, Pair};
use crate::features::FeatureMatrix;
use crate::pixels::Thumbnail;

/// Photos in one group of near-copies above which the likeness is that of the subject.
const MAX_COPIES: usize = 4;

/// The same as one part in so many of all photos, where that is more.
const MAX_COPIES_PART: usize = 5;

/// The copies among some photos.
pub(super) struct Copies {
    /// `[N]`, the same number for photos that show the same.
    pub(super) groups: Vec<usize>,
    /// Pairs within the groups.
    pub(super) pairs: Vec<Pair>,
    /// Photos of groups that were set aside.
    pub(super) set_aside: usize,
    /// `[N]`, the same number for byte-identical files.
    identical: Vec<usize>,
}

impl Copies {
    /// By content, features and thumbnails; the photos were read with their facts.
    pub(super) fn find(photos: &Photos, features: &FeatureMatrix) -> Self {
        let thumbnails: Vec<&Thumbnail> = photos.extraction.facts.iter().map(|facts| &facts.thumbnail).collect();
        let found = duplicates::find(features, &thumbnails, &photos.extraction.hashes);
        Self::without_large_groups(found.groups, found.pairs, photos.groups())
    }

    fn without_large_groups(groups: Vec<usize>, pairs: Vec<Pair>, identical: Vec<usize>) -> Self {
        let most = MAX_COPIES.max(groups.len() / MAX_COPIES_PART);
        let mut copies = Self { groups, pairs, set_aside: 0, identical };
        while copies.set_aside_largest(most + 1, &|_| true) {}
        copies
    }

    /// Sets the largest group of near-copies aside that has so many photos at least, one of them with `is_meant`; false
    /// where there is none.
    pub(super) fn set_aside_largest(&mut self, least: usize, is_meant: &dyn Fn(usize) -> bool) -> bool {
        let mut members: HashMap<usize, Vec<usize>> = HashMap::new();
        for (photo, group) in self.groups.iter().enumerate() {
            members.entry(*group).or_default().push(photo);
        }
        // Byte-identical files are copies whatever they show.
        let are_near = |photos: &[usize]| photos.iter().any(|&photo| self.identical.get(photo) != photos.first());
        let large = members.into_iter().filter(|(_, photos)| {
            photos.len() >= least && are_near(photos) && photos.iter().any(|&photo| is_meant(photo))
        });
        let Some((group, photos)) = large.max_by_key(|(group, photos)| (photos.len(), std::cmp::Reverse(*group)))
        else {
            return false;
        };
        let groups = &self.groups;
        self.pairs.retain(|pair| groups.get(pair.a) != Some(&group) || pair.kind == Kind::Identical);
        for &photo in &photos {
            if let (Some(group), Some(&first)) = (self.groups.get_mut(photo), self.identical.get(photo)) {
                *group = first;
            }
        }
        self.set_aside += photos.len();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(a: usize, b: usize, kind: Kind) -> Pair {
        Pair { a, b, kind, similarity: 1.0 }
    }

    #[test]
    fn only_the_group_that_is_too_large_is_set_aside() {
        // Six photos of one scene, two of them the same file; a resized pair; a file linked nine times.
        let groups = [vec![0; 6], vec![6, 6], vec![8; 9], (17..24).collect()].concat();
        let identical = [vec![0, 1, 1, 3, 4, 5], vec![6, 7], vec![8; 9], (17..24).collect()].concat();
        let near = (1..6).map(|photo| pair(0, photo, Kind::NearCopy));
        let pairs = near.chain([pair(1, 2, Kind::Identical), pair(6, 7, Kind::NearCopy), pair(8, 9, Kind::Identical)]);
        let mut copies = Copies::without_large_groups(groups, pairs.collect(), identical.clone());
        assert_eq!(copies.groups[..8], [0, 1, 1, 3, 4, 5, 6, 6]);
        assert_eq!(copies.groups[8..17], [8; 9]);
        assert_eq!(copies.set_aside, 6);
        assert_eq!(copies.pairs.len(), 3);
        assert!(copies.set_aside_largest(2, &|photo| photo == 7));
        assert_eq!(copies.groups, identical);
        assert!(!copies.set_aside_largest(2, &|_| true));
    }
}
