//! Which photos belong together: the same bytes, the same picture, or the same group by the user's word.

use std::path::Path;

use super::subset::Subset;
use crate::audit::duplicates::{Kind, Pair};
use crate::audit::groups::{self, GroupBy, Keyed};
use crate::dataset::split::{self, Split};
use crate::dataset::{DatasetError, Label, Sample};
use crate::features::FeatureMatrix;
use crate::pipeline::copies::Copies;
use crate::pipeline::photos::Photos;
use crate::progress::Progress;
use crate::report::{GroupReport, NearDuplicate, counted};

/// Relations among all photos.
pub(super) struct PhotoGroups {
    /// `[N]`, the same number for photos that belong together.
    pub(super) groups: Vec<usize>,
    copies: Copies,
    /// What `--group-by` made.
    keyed: Option<Keyed>,
}

/// Finds them by content, features and thumbnails, and by the pattern on their paths.
pub(super) fn find(photos: &Photos, features: &FeatureMatrix, group_by: Option<&GroupBy>, data: &Path) -> PhotoGroups {
    let paths = photos.samples.iter().map(|sample| sample.path.as_path());
    let keyed = group_by.map(|pattern| pattern.ids(paths, data));
    let mut photo_groups = PhotoGroups { groups: Vec::new(), copies: Copies::find(photos, features), keyed };
    photo_groups.join();
    photo_groups
}

impl PhotoGroups {
    /// Divides the photos that have no split, groups whole. Copies must never make that impossible: where a class has too
    /// few groups, its largest group of near-copies is set aside until it has enough, which is said.
    ///
    /// # Errors
    /// [`DatasetError`] where a class has too few photos, or too few groups by the user's own word.
    pub(super) fn divide(
        &mut self,
        photos: &mut Photos,
        share: f64,
        seed: u64,
        progress: &dyn Progress,
    ) -> Result<(), DatasetError> {
        let mut said = None;
        loop {
            let failed = match split::assign(&mut photos.samples, &photos.classes, &self.groups, share, seed) {
                Err(DatasetError::TooFewImages { label, found, needed }) => (label, found, needed),
                other => return other,
            };
            let (label, found, needed) = failed;
            let of_label = |photo: usize| {
                let sample = photos.samples.get(photo);
                sample.is_some_and(|sample| sample.split.is_none() && photos.classes.label(sample.class) == label)
            };
            if !self.copies.set_aside_largest(2, &of_label) {
                return Err(DatasetError::TooFewImages { label, found, needed });
            }
            self.join();
            if said == Some(label) {
                continue;
            }
            said = Some(label);
            let class =
                if label == Label::Positive { photos.classes.positive_name() } else { photos.classes.negative_name() };
            progress.warn(&format!(
                "the photos of `{class}` look so much alike that copies among them cannot be told; they are divided photo \
                 by photo, and the numbers may flatter (`--group-by` says what belongs together)"
            ));
        }
    }

    fn join(&mut self) {
        let copies = &self.copies.groups;
        self.groups = match &self.keyed {
            Some(keyed) => groups::join(copies.len(), &[copies, &keyed.ids]),
            None => copies.clone(),
        };
    }

    /// Every pair with what it means for the numbers; those across splits and labels first.
    pub(super) fn report(&self, photos: &Photos) -> GroupReport {
        let pair = |pair: &Pair| {
            let (first, second) = (photos.samples.get(pair.a)?, photos.samples.get(pair.b)?);
            let label = |sample: &Sample| photos.classes.label(sample.class);
            Some(NearDuplicate {
                first: first.path.clone(),
                second: second.path.clone(),
                kind: match pair.kind {
                    Kind::Identical => "identical",
                    Kind::NearCopy => "near-duplicate",
                    Kind::Mirrored => "mirrored",
                },
                similarity: pair.similarity,
                across_splits: first.split != second.split,
                contradict: label(first) != label(second),
            })
        };
        let mut near_duplicates: Vec<NearDuplicate> = self.copies.pairs.iter().filter_map(pair).collect();
        near_duplicates.sort_by_key(|pair| (!pair.across_splits, !pair.contradict));
        let (groups, unmatched) = self.keyed.as_ref().map(|keyed| (keyed.groups, keyed.unmatched)).unzip();
        GroupReport { near_duplicates, set_aside: self.copies.set_aside, groups, unmatched }
    }

    /// The places of a side's photos that have no relative among the training photos.
    pub(super) fn without_leaked(&self, side: &Subset, photos: &Photos) -> Vec<usize> {
        let in_training = |sample: &Sample| sample.split == Some(Split::Train);
        let trained = photos.samples.iter().zip(&self.groups).filter(|(sample, _)| in_training(sample));
        let trained: std::collections::HashSet<usize> = trained.map(|(_, group)| *group).collect();
        let places = side.groups.iter().enumerate();
        places.filter(|(_, group)| !trained.contains(group)).map(|(place, _)| place).collect()
    }
}

/// Says where photos that show the same carry different labels.
pub(super) fn warn(report: &GroupReport, progress: &dyn Progress) {
    let contradicting = report.near_duplicates.iter().filter(|pair| pair.contradict);
    let count = contradicting.clone().count();
    if let Some(NearDuplicate { first, second, kind, .. }) = contradicting.into_iter().next() {
        let (first, second) = (first.display(), second.display());
        progress.warn(&format!(
            "{} different labels, such as `{first}` and `{second}` ({kind})",
            counted(count, "pair of near-duplicates carries", "pairs of near-duplicates carry")
        ));
    }
}
