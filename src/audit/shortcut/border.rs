//! The comparison of the borders of photos, region by region.

use rayon::prelude::*;

use super::{Fitted, Probe, Shortcut, auc};
use crate::features::FeatureMatrix;
use crate::index::{Index, Neighbour};

/// The largest number of photos that are compared, half of each class.
pub(crate) const MAX_PHOTOS: usize = 300;

/// The smallest number of photos of each class: with fewer the result could be chance.
pub(crate) const MIN_PHOTOS: usize = 20;

/// The fraction of a class with only neighbours of its own class from which there is a warning. On eight draws each of
/// three data sets with trained weights it was at most 0.06 without a mark, for 30 to 90 photos of a class. With a
/// frame or a logo on half of a class it was at least 0.17 from 40 photos of a class on, with a small date at least
/// 0.09 from 70 on; for day and night, which the sky in the corners separates, 0.5 to 0.7 without a mark.
const GIVEN_AWAY: f64 = 0.07;

/// The smallest number of photos with only such neighbours for a warning.
const MIN_GIVEN_AWAY: usize = 3;

/// The largest number of example photos.
const MAX_EXAMPLES: usize = 3;

/// The features of the borders of some photos, computed with the middle blanked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Borders<'a> {
    /// Indices into all photos, `[M]`; as many of each class.
    pub places: &'a [usize],
    /// The features of each region, `[M, R·2048]`.
    pub rows: &'a FeatureMatrix,
    /// The names of the regions, `[R]`.
    pub regions: &'a [&'static str],
    /// The names of the negative and the positive class.
    pub classes: [&'a str; 2],
}

/// The number of neighbours of each photo: a quarter of a class, in proportion to the number of photos, but at least
/// 18, since fewer are often all of one class by chance.
pub(crate) fn neighbours(of_class: usize) -> usize {
    of_class.div_ceil(4).max(18)
}

/// How well one region separates the classes.
struct GivenAway {
    region: &'static str,
    /// The fraction of positive photos among the neighbours of each photo, `[M]`.
    scores: Vec<f64>,
    is_positive: bool,
    share: f64,
    /// Indices of the rows with only neighbours of their own class.
    photos: Vec<usize>,
}

impl Borders<'_> {
    /// The result for the region with the largest fraction of such photos; `None` if there are too few photos.
    pub(super) fn shortcut(&self, fitted: Fitted<'_>) -> Option<Shortcut> {
        let pick = |place: &usize| fitted.labels.get(*place).copied();
        let labels: Vec<bool> = self.places.iter().filter_map(pick).collect();
        // Photos of one group are not used as neighbours of each other.
        let groups: Vec<usize> = self.places.iter().filter_map(|&place| fitted.groups.get(place).copied()).collect();
        let positives = labels.iter().filter(|&&label| label).count();
        let of_class = positives.min(labels.len() - positives);
        if of_class < MIN_PHOTOS || labels.len() != self.rows.len() {
            return None;
        }
        let regions: Vec<GivenAway> = (0..self.regions.len())
            .filter_map(|region| self.given_away(region, &labels, &groups, neighbours(of_class)))
            .collect();
        let most = regions.into_iter().reduce(|most, other| if other.share > most.share { other } else { most })?;
        let logits: Vec<f64> = self.places.iter().filter_map(|&place| fitted.logits.get(place).copied()).collect();
        let (auc, real) = (auc(&labels, &groups, &most.scores)?, auc(&labels, &groups, &logits)?);
        let mut shortcut =
            Shortcut { probe: Probe::Border, auc, real, top_features: Vec::new(), examples: Vec::new(), warning: None };
        if most.share >= GIVEN_AWAY && most.photos.len() >= MIN_GIVEN_AWAY {
            shortcut.top_features = vec![(most.region.to_owned(), auc.value)];
            let examples = most.photos.iter().filter_map(|&photo| self.places.get(photo).copied());
            shortcut.examples = examples.take(MAX_EXAMPLES).collect();
            shortcut.warning = Some(format!(
                "the {} of the photos gives the class away: {:.0} % of the photos of `{}` are surrounded there by photos of \
                 that class alone, where it should be hardly any; a frame, a logo or a date that only they have does that, \
                 and so may a background: look at that part of some of them",
                most.region,
                100.0 * most.share,
                self.classes[usize::from(most.is_positive)]
            ));
        }
        Some(shortcut)
    }

    fn given_away(&self, region: usize, labels: &[bool], groups: &[usize], neighbours: usize) -> Option<GivenAway> {
        let width = self.rows.width() / self.regions.len();
        let of_region =
            |row: &'_ [f32]| -> Vec<f32> { row.get(region * width..(region + 1) * width).unwrap_or_default().to_vec() };
        let rows: Vec<Vec<f32>> = self.rows.rows().map(of_region).collect();
        let index = Index::from_rows(width, rows.iter().map(Vec::as_slice));
        let group = |row: usize| groups.get(row);
        let positives_around = rows.par_iter().enumerate().map(|(photo, row)| {
            let around = index.nearest_among(row, neighbours, &|other| group(other) != group(photo));
            let is_positive = |other: &&Neighbour| labels.get(other.row) == Some(&true);
            (around.len() == neighbours).then(|| around.iter().filter(is_positive).count())
        });
        let positives_around: Vec<usize> = positives_around.collect::<Option<_>>()?;
        let of_class = |is_positive: bool| {
            let alone = if is_positive { neighbours } else { 0 };
            let members: Vec<usize> = (0..labels.len()).filter(|&photo| labels[photo] == is_positive).collect();
            let is_alone = |photo: &usize| positives_around.get(*photo) == Some(&alone);
            let photos: Vec<usize> = members.iter().copied().filter(is_alone).collect();
            (photos.len() as f64 / members.len().max(1) as f64, photos)
        };
        let [negative, positive] = [false, true].map(of_class);
        let is_positive = positive.0 > negative.0;
        let (share, photos) = if is_positive { positive } else { negative };
        let scores = positives_around.iter().map(|&count| count as f64 / neighbours as f64).collect();
        Some(GivenAway { region: self.regions.get(region).copied()?, scores, is_positive, share, photos })
    }
}
