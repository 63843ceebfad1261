//! How heads of these settings do on images that they were not fitted to: mean and deviation between folds.

use super::PipelineError;
use crate::metrics::{Confusion, Scores, probability, ranking};
use crate::report::{CrossValidationReport, MeanStd};

/// Measures every fold by itself: `[N]` fold ids from 0, labels, ids of groups and out-of-fold probabilities.
pub(super) fn measure(
    folds: &[usize],
    labels: &[bool],
    groups: &[usize],
    probabilities: &[f64],
    threshold: f64,
) -> Result<CrossValidationReport, PipelineError> {
    let count = folds.iter().max().map_or(0, |last| last + 1);
    let mut columns: [Vec<f64>; 5] = Default::default();
    let mut fewest_of_a_class = usize::MAX;
    for fold in 0..count {
        let of_fold = || folds.iter().zip(labels.iter().zip(probabilities)).filter(|(id, _)| **id == fold);
        let labels: Vec<bool> = of_fold().map(|(_, (&label, _))| label).collect();
        let probabilities: Vec<f64> = of_fold().map(|(_, (_, &probability))| probability).collect();
        let groups: Vec<usize> = folds.iter().zip(groups).filter(|(id, _)| **id == fold).map(|(_, &it)| it).collect();
        let scores = Scores::new(&labels, &probabilities)?.in_groups(&groups)?;
        let [negatives, positives, _] = scores.count_groups();
        fewest_of_a_class = fewest_of_a_class.min(negatives).min(positives);
        let confusion = Confusion::at(&scores, threshold);
        let values = [
            confusion.accuracy().ok(),
            confusion.balanced_accuracy().ok(),
            ranking::roc_auc(&scores).ok(),
            confusion.f1().ok(),
            probability::log_loss(&scores).ok(),
        ];
        for (column, value) in columns.iter_mut().zip(values) {
            column.extend(value);
        }
    }
    let [accuracy, balanced_accuracy, roc_auc, f1, log_loss] = columns.map(|values| MeanStd::new(&values));
    let images = labels.len();
    Ok(CrossValidationReport {
        folds: count,
        images,
        fewest_of_a_class,
        accuracy,
        balanced_accuracy,
        roc_auc,
        f1,
        log_loss,
    })
}
