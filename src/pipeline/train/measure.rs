//! Numbers on photos that neither head nor decision saw, with and without those that have a relative in training.

use super::TrainOptions;
use super::decide::{Decided, WEIGH_OTHERWISE};
use super::fit::{Fitted, OutOfFold};
use super::prepare::Prepared;
use super::subset::{Subset, pick};
use crate::metrics::{self, Bootstrap, Metrics, Scores};
use crate::model::FEW_FOR_FOLDS;
use crate::pipeline::{PipelineError, folds};
use crate::report::html::Warning;
use crate::report::{CrossValidationReport, Leak, rounded};

/// A class with no more of all photos is rare.
const RARE: f64 = 0.25;

/// A side of the split with its numbers.
pub(super) struct Measured<'a> {
    /// `validation` or `test`.
    pub(super) name: &'static str,
    pub(super) side: &'a Subset,
    /// `[N]`, of the positive class.
    pub(super) probabilities: Vec<f64>,
    pub(super) metrics: Metrics,
}

impl Measured<'_> {
    /// What to say where most of a class is missed that is rare, or has too few photos for anything to be chosen by it.
    pub(super) fn missed(&self, prepared: &Prepared, decided: &Decided) -> Option<Warning> {
        let Metrics { confusion, threshold, .. } = self.metrics;
        let classes = prepared.class_groups();
        let all: usize = classes.iter().map(|(_, photos, _)| photos).sum();
        let missed = [
            (confusion.specificity(), confusion.false_positive, confusion.negatives()),
            (confusion.sensitivity(), confusion.false_negative, confusion.positives()),
        ];
        let of_class = classes.into_iter().zip(missed);
        let (class, missed, images) =
            of_class.into_iter().find_map(|((name, photos, groups), (found, missed, images))| {
                let is_rare = photos as f64 <= RARE * all as f64 || groups < FEW_FOR_FOLDS;
                (is_rare && found.is_ok_and(|found| found < 0.5)).then_some((name, missed, images))
            })?;
        let threshold = rounded(threshold);
        let step = if decided.choice.is_some() {
            WEIGH_OTHERWISE.to_owned()
        } else {
            format!("add photos of `{class}`, there are too few to choose another threshold by")
        };
        let sentence =
            format!("{missed} of {images} {} photos of `{class}` are missed at a threshold of {threshold}", self.name);
        Some(Warning { sentence, step: Some(step) })
    }
}

impl TrainOptions {
    /// Metrics at the threshold.
    pub(super) fn measure<'a>(
        &self,
        name: &'static str,
        side: &'a Subset,
        fitted: &Fitted,
        decided: &Decided,
    ) -> Result<Measured<'a>, PipelineError> {
        let probabilities = decided.probabilities(&fitted.head.logits(&side.features)?);
        let metrics = self.metrics(&side.labels, &side.groups, &probabilities, decided.threshold)?;
        Ok(Measured { name, side, probabilities, metrics })
    }

    /// What photos with a relative in training do to these numbers; `None` where there are none.
    pub(super) fn leak(&self, measured: &Measured<'_>, prepared: &Prepared) -> Result<Option<Leak>, PipelineError> {
        let Measured { name, side, probabilities, metrics } = measured;
        let strangers = prepared.photo_groups.without_leaked(side, &prepared.photos);
        let images = side.len() - strangers.len();
        if images == 0 {
            return Ok(None);
        }
        let without = match strangers.as_slice() {
            [] => None,
            rows => Some(self.metrics(
                &pick(&side.labels, rows),
                &pick(&side.groups, rows),
                &pick(probabilities, rows),
                metrics.threshold,
            )?),
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

    fn metrics(
        &self,
        labels: &[bool],
        groups: &[usize],
        probabilities: &[f64],
        threshold: f64,
    ) -> Result<Metrics, PipelineError> {
        let bootstrap = Bootstrap { seed: self.seed, ..Bootstrap::default() };
        let scores = Scores::new(labels, probabilities)?.in_groups(groups)?;
        Ok(metrics::evaluate(&scores, threshold, bootstrap)?)
    }
}

/// Mean and deviation over the folds, decided as the model decides.
pub(super) fn folds(
    out_of_fold: &OutOfFold,
    pool: &Subset,
    decided: &Decided,
) -> Result<CrossValidationReport, PipelineError> {
    let probabilities = decided.probabilities(&out_of_fold.logits);
    folds::measure(&out_of_fold.folds, &pool.labels, &pool.groups, &probabilities, decided.threshold)
}
