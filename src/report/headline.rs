//! The headline: how often the model is correct, and on which photos.

use crate::metrics::{Estimate, Metrics};

use super::TrainReport;

/// With fewer measured photos (photos of one group count once), cross-validation over all photos is more reliable.
pub(super) const ENOUGH: usize = 100;

/// The number of measured photos; photos of one group count once.
pub(super) fn independent(metrics: &Metrics) -> usize {
    metrics.groups.iter().sum()
}

/// A class with this fraction of the photos makes a high accuracy easy.
const LARGE: f64 = 0.6;

impl TrainReport {
    /// The headline and the lines below it; empty if nothing was measured.
    pub(super) fn headline(&self) -> Vec<String> {
        let measured = self.measured().into_iter().next();
        let on_its_own = measured.map(|(split, metrics)| self.on_unseen(split, metrics));
        let is_enough = measured.is_some_and(|(_, metrics)| independent(metrics) >= ENOUGH);
        let lines = match (on_its_own, self.in_cross_validation()) {
            (Some(unseen), Some(folds)) if is_enough => vec![unseen, folds],
            (unseen, folds) => folds.into_iter().chain(unseen).collect(),
        };
        lines.into_iter().chain(self.easily()).collect()
    }

    /// The measured splits, test first because no decision was based on it.
    pub(super) fn measured(&self) -> Vec<(&'static str, &Metrics)> {
        let splits = [("test", &self.test), ("validation", &self.validation)];
        splits.into_iter().filter_map(|(split, metrics)| Some((split, metrics.as_ref()?))).collect()
    }

    fn on_unseen(&self, split: &str, metrics: &Metrics) -> String {
        let count = metrics.count;
        let right = metrics.confusion.accuracy().unwrap_or_default();
        let interval = match metrics.accuracy.as_ref().and_then(Estimate::interval) {
            Some([low, high]) => format!("95 % interval {:.0} to {:.0} %", 100.0 * low, 100.0 * high),
            None => "too few photos for an interval".to_owned(),
        };
        let before = if self.refitted { ", before refitting with the validation photos" } else { "" };
        format!("{:.0} % correct on {count} {split} photos not used for training ({interval}){before}", 100.0 * right)
    }

    fn in_cross_validation(&self) -> Option<String> {
        let found = self.cross_validation.as_ref()?;
        let accuracy = found.accuracy?;
        let (mean, std) = (100.0 * accuracy.mean, 100.0 * accuracy.std);
        let (folds, images) = (found.folds, found.images);
        Some(format!(
            "{mean:.0} % correct in {folds}-fold cross-validation of {images} photos (± {std:.0} % between folds)"
        ))
    }

    /// The accuracy of always predicting the larger class, if it is high.
    fn easily(&self) -> Option<String> {
        let (mut positives, mut all) = (0, 0);
        for class in &self.classes {
            positives += if class.positive { class.images() } else { 0 };
            all += class.images();
        }
        let share = positives.max(all - positives) as f64 / all.max(1) as f64;
        let larger = if 2 * positives > all { &self.positive } else { &self.negative };
        (share >= LARGE)
            .then(|| format!("{:.0} % would be correct if the prediction were always `{larger}`", 100.0 * share))
    }
}
