//! Which photos belong together: the same bytes, the same picture, or the same group by the user's word.

use std::path::Path;

use super::side::Side;
use crate::audit::duplicates::{self, Kind, Pair};
use crate::audit::groups::{self, GroupBy};
use crate::dataset::Sample;
use crate::dataset::split::Split;
use crate::features::FeatureMatrix;
use crate::pipeline::photos::Photos;
use crate::pixels::Thumbnail;
use crate::progress::Progress;
use crate::report::{NearDuplicate, Relatives};

/// Photos in one group of copies above which the likeness is that of the subject: a fixed camera over one kind of part.
const MOST_COPIES: usize = 4;

/// The same as one part in so many of all photos, where that is more.
const MOST_COPIES_PART: usize = 5;

/// Relations among all photos.
pub(super) struct Kin {
    /// `[N]`, the same number for photos that belong together.
    pub(super) groups: Vec<usize>,
    pairs: Vec<Pair>,
    /// The size of a group of copies that is too large to be one, where there is one.
    alike: Option<usize>,
    /// Groups and unmatched photos of `--group-by`.
    keyed: Option<(usize, usize)>,
}

/// Finds them by content, features and thumbnails, and by the pattern on their paths.
pub(super) fn find(photos: &Photos, features: &FeatureMatrix, group_by: Option<&GroupBy>, data: &Path) -> Kin {
    let thumbnails: Vec<&Thumbnail> = photos.extraction.asides.iter().map(|aside| &aside.facts.thumbnail).collect();
    let found = duplicates::find(features, &thumbnails, &photos.extraction.hashes);
    let paths = photos.samples.iter().map(|sample| sample.path.as_path());
    let keyed = group_by.map(|pattern| pattern.ids(paths, data));
    let count = photos.samples.len();
    let alike = Some(largest(&found.groups)).filter(|&size| size > MOST_COPIES.max(count / MOST_COPIES_PART));
    // Photos that all look alike would leave nothing to divide; byte-identical ones are copies whatever they show.
    let copies = if alike.is_some() { photos.groups() } else { found.groups };
    let groups = match &keyed {
        Some(keyed) => groups::join(count, &[&copies, &keyed.ids]),
        None => copies,
    };
    Kin { groups, pairs: found.pairs, alike, keyed: keyed.map(|keyed| (keyed.groups, keyed.unmatched)) }
}

/// Photos in the largest group.
fn largest(groups: &[usize]) -> usize {
    let mut counts = std::collections::HashMap::new();
    for group in groups {
        *counts.entry(group).or_insert(0) += 1;
    }
    counts.into_values().max().unwrap_or(0)
}

impl Kin {
    /// Every pair with what it means for the numbers; those across splits and labels first.
    pub(super) fn report(&self, photos: &Photos) -> Relatives {
        let pair = |pair: &Pair| {
            let (first, second) = (photos.samples.get(pair.a)?, photos.samples.get(pair.b)?);
            let label = |sample: &Sample| photos.classes.label(sample.class);
            Some(NearDuplicate {
                first: first.path.clone(),
                second: second.path.clone(),
                kind: match pair.kind {
                    Kind::Identical => "identical",
                    Kind::NearCopy => "near copy",
                    Kind::Mirrored => "mirrored",
                },
                similarity: pair.similarity,
                across_splits: first.split != second.split,
                contradict: label(first) != label(second),
            })
        };
        let mut near_duplicates: Vec<NearDuplicate> = self.pairs.iter().filter_map(pair).collect();
        near_duplicates.sort_by_key(|pair| (!pair.across_splits, !pair.contradict));
        let (groups, unmatched) = self.keyed.unzip();
        Relatives { near_duplicates, all_alike: self.alike, groups, unmatched }
    }

    /// The places of a side's photos that have no relative among the training photos.
    pub(super) fn strangers(&self, side: &Side, photos: &Photos) -> Vec<usize> {
        let in_training = |sample: &Sample| sample.split == Some(Split::Train);
        let trained = photos.samples.iter().zip(&self.groups).filter(|(sample, _)| in_training(sample));
        let trained: std::collections::HashSet<usize> = trained.map(|(_, group)| *group).collect();
        let places = side.groups.iter().enumerate();
        places.filter(|(_, group)| !trained.contains(group)).map(|(place, _)| place).collect()
    }
}

/// Says where photos that show the same carry both labels.
pub(super) fn warn(relatives: &Relatives, progress: &dyn Progress) {
    let contradicting = relatives.near_duplicates.iter().filter(|pair| pair.contradict);
    let count = contradicting.clone().count();
    if let Some(NearDuplicate { first, second, kind, .. }) = contradicting.into_iter().next() {
        let (first, second) = (first.display(), second.display());
        progress.warn(&format!("{count} pairs of copies carry both labels, such as `{first}` and `{second}` ({kind})"));
    }
}
