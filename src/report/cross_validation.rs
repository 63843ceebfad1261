//! The results of cross-validation.

use std::fmt;

use serde::Serialize;

/// Mean and standard deviation over the folds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeanStd {
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation (n − 1) over the folds. It is not the standard error of the mean, because folds share
    /// training images.
    pub std: f64,
}

impl MeanStd {
    /// Of the folds' values; `None` for fewer than two.
    pub(crate) fn new(values: &[f64]) -> Option<Self> {
        if values.len() < 2 {
            return None;
        }
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self { mean, std: (squares / (count - 1.0)).sqrt() })
    }
}

/// Metrics on held-out folds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CrossValidationReport {
    /// Number of folds.
    pub folds: usize,
    /// Images of all folds: training and validation.
    pub images: usize,
    /// The smallest number of images of a class in a fold; images of one group count once.
    pub fewest_of_a_class: usize,
    /// Fraction of correct predictions.
    pub accuracy: Option<MeanStd>,
    /// Mean of sensitivity and specificity.
    pub balanced_accuracy: Option<MeanStd>,
    /// Area under the ROC curve.
    pub roc_auc: Option<MeanStd>,
    /// Harmonic mean of precision and sensitivity.
    pub f1: Option<MeanStd>,
    /// Mean negative log likelihood in nats.
    pub log_loss: Option<MeanStd>,
}

/// Metrics on held-out folds of heads that were fitted to a given number of images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LearningPoint {
    /// Number of images to which each head was fitted.
    pub images: usize,
    /// Area under the ROC curve.
    pub roc_auc: MeanStd,
    /// Mean negative log likelihood in nats.
    pub log_loss: MeanStd,
}

/// With fewer images of a class, a fold's metrics depend on single photos.
const FEW_IN_A_FOLD: usize = 4;

impl CrossValidationReport {
    /// A caution for folds with few images of a class.
    pub(crate) fn few(&self) -> Option<String> {
        let fewest = self.fewest_of_a_class;
        (fewest < FEW_IN_A_FOLD).then(|| {
            let photos = if fewest == 1 { "photo" } else { "photos" };
            format!("a fold has as few as {fewest} {photos} of a class, near-duplicates counted once: mean and std are unreliable")
        })
    }
}

impl fmt::Display for CrossValidationReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}-fold     {} images, mean ± std over folds", self.folds, self.images)?;
        let rows =
            [("accuracy", self.accuracy), ("ROC-AUC", self.roc_auc), ("F1", self.f1), ("log loss", self.log_loss)];
        for (name, spread) in rows {
            match spread {
                Some(MeanStd { mean, std }) => writeln!(out, "  {name:<10}{mean:.3} ± {std:.3}")?,
                None => writeln!(out, "  {name:<10}not defined")?,
            }
        }
        match self.few() {
            Some(few) => writeln!(out, "  {few}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_deviation_is_that_of_a_sample() {
        let spread = MeanStd::new(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert!((spread.mean - 2.5).abs() < 1e-12 && (spread.std - 1.290_994_448_735_806).abs() < 1e-12);
        assert_eq!(MeanStd::new(&[1.0]), None);
    }
}
