//! The borders of photos, compared region by region.

use rayon::prelude::*;

use super::{Fitted, Probe, Shortcut, auc};
use crate::features::FeatureMatrix;
use crate::index::{Index, Neighbour};

/// Photos that are looked at; half of them of each class.
pub(crate) const MAX_PHOTOS: usize = 300;

/// Fewer photos of a class cannot be told from chance.
pub(crate) const MIN_PHOTOS: usize = 20;

/// The share of a class that has only its own around it from which something is wrong. On eight draws each of three sets of
/// photos with trained weights it was at most 0.06 without a mark, from 30 to 90 photos of a class. With a frame or a logo on
/// half of a class it was at least 0.17 from 40 photos of a class on, with a small date on half of one at least 0.09 from 70
/// on; of day and night, which the sky in the corners tells apart, 0.5 to 0.7 without a mark.
const GIVEN_AWAY: f64 = 0.07;

/// Photos behind a warning at least.
const MIN_GIVEN_AWAY: usize = 3;

/// Photos that are named.
const MAX_EXAMPLES: usize = 3;

/// The borders of some photos, as the network sees them alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Borders<'a> {
    /// `[M]`, places among all photos; as many of each class.
    pub places: &'a [usize],
    /// `[M, R·2048]`, the features of each region.
    pub rows: &'a FeatureMatrix,
    /// `[R]`, what the regions are called.
    pub regions: &'a [&'static str],
    /// What the negative and the positive class are called.
    pub classes: [&'a str; 2],
}

/// How many photos around one are asked where a class has so many: a quarter of it, so that more photos do not make it a
/// smaller circle. Of fewer than 18 chance is often the reason why all are of one class.
pub(crate) fn neighbours(of_class: usize) -> usize {
    of_class.div_ceil(4).max(18)
}

/// What a region gives away.
struct GivenAway {
    region: &'static str,
    /// The share of positive photos around each, `[M]`.
    scores: Vec<f64>,
    is_positive: bool,
    share: f64,
    /// Places in the rows.
    photos: Vec<usize>,
}

impl Borders<'_> {
    /// The region that gives most away; `None` where there are too few photos.
    pub(super) fn shortcut(&self, fitted: Fitted<'_>) -> Option<Shortcut> {
        let pick = |place: &usize| fitted.labels.get(*place).copied();
        let labels: Vec<bool> = self.places.iter().filter_map(pick).collect();
        // Photos of one group say nothing about each other.
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
