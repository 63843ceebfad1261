//! How heads of these settings do on images that they were not fitted to: mean and deviation between folds.

use super::PipelineError;
use crate::metrics::{Confusion, Scores, probability, ranking};
use crate::report::{CrossValidationReport, Spread};

/// Measures every fold by itself: `[N]` fold ids from 0, labels and out-of-fold probabilities.
pub(super) fn measure(
    folds: &[usize],
    labels: &[bool],
    probabilities: &[f64],
    threshold: f64,
) -> Result<CrossValidationReport, PipelineError> {
    let count = folds.iter().max().map_or(0, |last| last + 1);
    let mut columns: [Vec<f64>; 5] = Default::default();
    for fold in 0..count {
        let of_fold = || folds.iter().zip(labels.iter().zip(probabilities)).filter(|(id, _)| **id == fold);
        let labels: Vec<bool> = of_fold().map(|(_, (&label, _))| label).collect();
        let probabilities: Vec<f64> = of_fold().map(|(_, (_, &probability))| probability).collect();
        let scores = Scores::new(&labels, &probabilities)?;
        let confusion = Confusion::at(&scores, threshold);
        let values = [
            confusion.accuracy().ok().map(|estimate| estimate.value),
            confusion.balanced_accuracy().ok().map(|estimate| estimate.value),
            ranking::roc_auc(&scores).ok(),
            confusion.f1().ok().map(|estimate| estimate.value),
            probability::log_loss(&scores).ok(),
        ];
        for (column, value) in columns.iter_mut().zip(values) {
            column.extend(value);
        }
    }
    let [accuracy, balanced_accuracy, roc_auc, f1, log_loss] = columns.map(|values| Spread::of(&values));
    let images = labels.len();
    Ok(CrossValidationReport { folds: count, images, accuracy, balanced_accuracy, roc_auc, f1, log_loss })
}
