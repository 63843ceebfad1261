//! Metrics of the probabilities themselves, not only of their order.

use super::{Scores, Undefined};

/// The number of bins of the calibration error, equally wide.
pub(crate) const CALIBRATION_BINS: usize = 10;

/// The log loss of a wrong answer with probability 1: −ln(2.2e-16).
pub(super) const MAX_LOG_LOSS: f64 = 36.043_653_389_117_15;

/// The mean of −ln(probability of the true class), in nats: the loss that the head minimises.
///
/// Probabilities are clamped to 2.2e-16 from 0 and 1, as in scikit-learn: a wrong answer with probability 1 costs 36.
///
/// # Errors
/// [`Undefined`] without images.
pub(crate) fn log_loss(scores: &Scores<'_>) -> Result<f64, Undefined> {
    mean(scores, log_loss_of)
}

/// The mean of (probability − label)², from 0 to 1. Brier (1950), Monthly Weather Review 78.
///
/// # Errors
/// [`Undefined`] without images.
pub(crate) fn brier(scores: &Scores<'_>) -> Result<f64, Undefined> {
    mean(scores, brier_of)
}

/// The expected calibration error: over [`CALIBRATION_BINS`] bins of the probability of the positive class, the mean
/// gap between its average and the fraction of positive images, weighted by the images in the bin.
///
/// An edge belongs to the bin below it, as in scikit-learn's `calibration_curve`. Naeini et al. (2015), AAAI.
///
/// # Errors
/// [`Undefined`] without images.
pub(crate) fn expected_calibration_error(scores: &Scores<'_>) -> Result<f64, Undefined> {
    scores.some_images()?;
    let once = vec![1; scores.count()];
    Ok(Bins::new(scores).error(&once))
}

pub(super) fn log_loss_of(is_positive: bool, probability: f64) -> f64 {
    let given = if is_positive { probability } else { 1.0 - probability };
    -given.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}

pub(super) fn brier_of(is_positive: bool, probability: f64) -> f64 {
    (probability - f64::from(u8::from(is_positive))).powi(2)
}

fn mean(scores: &Scores<'_>, cost: impl Fn(bool, f64) -> f64) -> Result<f64, Undefined> {
    scores.some_images()?;
    let total: f64 = scores.pairs().map(|(is_positive, probability)| cost(is_positive, probability)).sum();
    Ok(total / scores.count() as f64)
}

/// The bin, probability and label of each image.
pub(super) struct Bins(Vec<(usize, f64, bool)>);

impl Bins {
    pub(super) fn new(scores: &Scores<'_>) -> Self {
        Self(scores.pairs().map(|(is_positive, probability)| (bin_of(probability), probability, is_positive)).collect())
    }

    /// The calibration error with image `i` repeated `times[i]` times.
    pub(super) fn error(&self, times: &[u32]) -> f64 {
        let rows = self.0.iter().zip(times);
        error(rows.map(|(&(bin, probability, is_positive), &count)| (bin, probability, is_positive, f64::from(count))))
    }

    /// The calibration error with other labels.
    pub(super) fn error_with(&self, labels: &[bool]) -> f64 {
        let rows = self.0.iter().zip(labels);
        error(rows.map(|(&(bin, probability, _), &label)| (bin, probability, label, 1.0)))
    }
}

/// The calibration error of the bins, probabilities, labels and weights of all images.
fn error(rows: impl Iterator<Item = (usize, f64, bool, f64)>) -> f64 {
    let mut gaps = [0.0; CALIBRATION_BINS];
    let mut images = 0.0;
    for (bin, probability, is_positive, weight) in rows {
        if let Some(gap) = gaps.get_mut(bin) {
            *gap += (probability - f64::from(u8::from(is_positive))) * weight;
        }
        images += weight;
    }
    gaps.iter().map(|gap: &f64| gap.abs()).sum::<f64>() / images
}

/// The number of inner edges below the probability; an edge is k · 0.1 in f64, as in numpy's `linspace`.
pub(super) fn bin_of(probability: f64) -> usize {
    let width = 1.0 / CALIBRATION_BINS as f64;
    (1..CALIBRATION_BINS).filter(|&edge| edge as f64 * width < probability).count()
}
