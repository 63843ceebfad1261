//! How heads of these settings do on images that they were not fitted to, fold by fold.

use super::PipelineError;
use crate::dataset::{Label, split};
use crate::features::FeatureMatrix;
use crate::head::cross_validation::cross_validate;
use crate::head::{self, Balance, Examples};
use crate::metrics::{Confusion, Scores, probability, ranking};
use crate::progress::Progress;
use crate::report::{CrossValidationReport, Spread};

/// All images that the head may be fitted to.
pub(super) struct Pool<'a> {
    /// `[N, 2048]`
    pub(super) features: &'a FeatureMatrix,
    /// `[N]`
    pub(super) labels: &'a [bool],
    /// `[N]`, the same number for images that belong together.
    pub(super) groups: &'a [usize],
}

/// How to divide and fit.
pub(super) struct Settings {
    pub(super) folds: usize,
    pub(super) seed: u64,
    pub(super) balance: Balance,
    /// Strength of the penalty, the same in every fold.
    pub(super) l2: f64,
    pub(super) threshold: f64,
}

/// Mean and deviation over the folds; `None` where a class has fewer groups than there are folds.
pub(super) fn measure(
    pool: &Pool<'_>,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<Option<CrossValidationReport>, PipelineError> {
    let labels: Vec<Label> = pool.labels.iter().map(|&positive| Label::from(positive)).collect();
    let Ok(folds) = split::folds(&labels, pool.groups, settings.folds, settings.seed) else {
        return Ok(None);
    };
    let pos_weight = head::pos_weight(pool.labels, settings.balance);
    let examples = Examples::new(pool.features, pool.labels, pos_weight)?;
    let logits = cross_validate(&examples, &folds, &[settings.l2], progress)?.logits;
    let mut columns: [Vec<f64>; 5] = Default::default();
    for fold in 0..settings.folds {
        let of_fold = || folds.iter().zip(pool.labels.iter().zip(&logits)).filter(|(id, _)| **id == fold);
        let labels: Vec<bool> = of_fold().map(|(_, (&label, _))| label).collect();
        let probabilities: Vec<f64> = of_fold().map(|(_, (_, &logit))| head::probability(logit)).collect();
        let scores = Scores::new(&labels, &probabilities)?;
        let confusion = Confusion::at(&scores, settings.threshold);
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
    Ok(Some(CrossValidationReport {
        folds: settings.folds,
        images: labels.len(),
        accuracy,
        balanced_accuracy,
        roc_auc,
        f1,
        log_loss,
    }))
}
