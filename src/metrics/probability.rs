//! Whether the probabilities themselves can be believed, not only their order.

use super::{Scores, Undefined};

/// Bins of the calibration error, equally wide.
pub(crate) const CALIBRATION_BINS: usize = 10;

/// What one certain mistake costs: −ln(2.2e-16).
pub(super) const MAX_LOG_LOSS: f64 = 36.043_653_389_117_15;

/// Mean of −ln(probability given to what is true), in nats: what the head minimises.
///
/// Probabilities are kept 2.2e-16 away from 0 and 1, as scikit-learn does: one certain mistake costs 36, not infinity.
///
/// # Errors
/// [`Undefined`] without images.
pub(crate) fn log_loss(scores: &Scores<'_>) -> Result<f64, Undefined> {
    mean(scores, log_loss_of)
}

/// Mean of (probability − label)², from 0 to 1. Brier (1950), Monthly Weather Review 78.
///
/// # Errors
/// [`Undefined`] without images.
pub(crate) fn brier(scores: &Scores<'_>) -> Result<f64, Undefined> {
    mean(scores, brier_of)
}

/// Expected calibration error: over [`CALIBRATION_BINS`] bins of the probability of the positive class, the mean gap
/// between its average and the share of positive images, weighted by the images in the bin.
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

    /// The calibration error where image `i` counts `times[i]` times.
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

/// From the bin, probability, label and weight of each image.
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

/// How many inner edges lie below the probability; an edge is k · 0.1 in f64, as numpy's `linspace` has it.
pub(super) fn bin_of(probability: f64) -> usize {
    let width = 1.0 / CALIBRATION_BINS as f64;
    (1..CALIBRATION_BINS).filter(|&edge| edge as f64 * width < probability).count()
}
