//! The data of the plots: the confusion matrix at every threshold, and the bins of the calibration curve.

use super::confusion::share_of;
use super::probability::{CALIBRATION_BINS, bin_of};
use super::ranking::Ranking;
use super::{Confusion, Estimate, Scores, Undefined};

/// The confusion matrix at a threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    /// The answer is positive at or above it; infinite at the first step, where all answers are negative.
    pub threshold: f64,
    /// The confusion matrix.
    pub confusion: Confusion,
}

/// The confusion matrix at every distinct threshold in descending order: no positive answers at the first step, only
/// positive ones at the last. The ROC and precision-recall curves are computed from it.
pub(crate) fn steps(scores: &Scores<'_>) -> Vec<Step> {
    let positives = scores.positives();
    let mut confusion =
        Confusion { false_negative: positives, true_negative: scores.count() - positives, ..Confusion::default() };
    let mut steps = vec![Step { threshold: f64::INFINITY, confusion }];
    // A threshold cannot separate tied images: their answers change together.
    for tied in Ranking::new(scores).tied() {
        let found = tied.iter().filter(|&&image| scores.is_positive(image)).count();
        confusion.true_positive += found;
        confusion.false_negative -= found;
        confusion.false_positive += tied.len() - found;
        confusion.true_negative -= tied.len() - found;
        let threshold = tied.first().map_or(f64::NAN, |&image| scores.probability(image));
        steps.push(Step { threshold, confusion });
    }
    steps
}

/// The images whose probability lies in one bin.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct CalibrationBin {
    /// The number of images.
    pub images: usize,
    /// The number of positive images among them.
    pub positives: usize,
    /// The mean probability of the positive class; 0 without images.
    pub mean_probability: f64,
    /// The fraction of positive images; `None` without images.
    pub share: Option<Estimate>,
}

/// The [`CALIBRATION_BINS`] bins of the calibration error in ascending order; an edge belongs to the bin below it.
///
/// # Errors
/// [`Undefined`] without images.
pub(crate) fn calibration_bins(scores: &Scores<'_>) -> Result<[CalibrationBin; CALIBRATION_BINS], Undefined> {
    scores.some_images()?;
    let mut bins = [CalibrationBin::default(); CALIBRATION_BINS];
    let mut labels: [Vec<(f64, usize)>; CALIBRATION_BINS] = Default::default();
    for ((is_positive, probability), group) in scores.pairs().zip(scores.groups()) {
        let place = bin_of(probability);
        if let (Some(bin), Some(labels)) = (bins.get_mut(place), labels.get_mut(place)) {
            bin.images += 1;
            bin.positives += usize::from(is_positive);
            bin.mean_probability += probability;
            labels.push((f64::from(u8::from(is_positive)), group));
        }
    }
    for (bin, labels) in bins.iter_mut().zip(&labels).filter(|(bin, _)| bin.images > 0) {
        bin.mean_probability /= bin.images as f64;
        bin.share = share_of(labels);
    }
    Ok(bins)
}
