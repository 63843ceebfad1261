//! Numbers on photos that neither head nor decision saw, with and without those that have a relative in training.

use super::TrainOptions;
use super::decide::Decided;
use super::fit::{Fitted, OutOfFold};
use super::prepare::Prepared;
use super::side::{Side, pick};
use crate::metrics::{self, Bootstrap, Metrics};
use crate::pipeline::{PipelineError, folds};
use crate::report::{CrossValidationReport, Leak};

/// A side of the split with its numbers.
pub(super) struct Measured<'a> {
    /// `validation` or `test`.
    pub(super) name: &'static str,
    pub(super) side: &'a Side,
    /// `[N]`, of the positive class.
    pub(super) probabilities: Vec<f64>,
    pub(super) metrics: Metrics,
}

impl TrainOptions {
    /// Metrics at the threshold.
    pub(super) fn measure<'a>(
        &self,
        name: &'static str,
        side: &'a Side,
        fitted: &Fitted,
        decided: &Decided,
    ) -> Result<Measured<'a>, PipelineError> {
        let probabilities = decided.probabilities(&fitted.head.logits(&side.features)?);
        let metrics = self.metrics(&side.labels, &probabilities, decided.threshold)?;
        Ok(Measured { name, side, probabilities, metrics })
    }

    /// What photos with a relative in training do to these numbers; `None` where there are none.
    pub(super) fn leak(&self, measured: &Measured<'_>, prepared: &Prepared) -> Result<Option<Leak>, PipelineError> {
        let Measured { name, side, probabilities, metrics } = measured;
        let strangers = prepared.kin.strangers(side, &prepared.photos);
        let images = side.len() - strangers.len();
        if images == 0 {
            return Ok(None);
        }
        let without = match strangers.as_slice() {
            [] => None,
            rows => Some(self.metrics(&pick(&side.labels, rows), &pick(probabilities, rows), metrics.threshold)?),
        };
        Ok(Some(Leak {
            split: (*name).to_owned(),
            images,
            accuracy_with: metrics.accuracy,
            accuracy_without: without.as_ref().and_then(|metrics| metrics.accuracy),
            roc_auc_with: metrics.roc_auc,
            roc_auc_without: without.and_then(|metrics| metrics.roc_auc),
        }))
    }

    fn metrics(&self, labels: &[bool], probabilities: &[f64], threshold: f64) -> Result<Metrics, PipelineError> {
        let bootstrap = Bootstrap { seed: self.seed, ..Bootstrap::default() };
        Ok(metrics::evaluate(labels, probabilities, threshold, bootstrap)?)
    }
}

/// Mean and deviation over the folds, decided as the model decides.
pub(super) fn folds(
    out_of_fold: &OutOfFold,
    pool: &Side,
    decided: &Decided,
) -> Result<CrossValidationReport, PipelineError> {
    let probabilities = decided.probabilities(&out_of_fold.logits);
    folds::measure(&out_of_fold.folds, &pool.labels, &probabilities, decided.threshold)
}
