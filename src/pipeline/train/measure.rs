//! Numbers on photos that neither head nor decision saw, with and without those that have a relative in training.

use super::decide::{Decided, WEIGH_OTHERWISE};
use super::fit::{Fitted, OutOfFold};
use super::subset::{Subset, pick};
use super::training::Training;
use crate::metrics::{self, Bootstrap, Metrics, Scores};
use crate::model::FEW_FOR_FOLDS;
use crate::pipeline::{PipelineError, folds};
use crate::progress::Unit;
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
    /// What photos with a relative in training do to them; `None` where there are none.
    pub(super) leak: Option<Leak>,
}

impl Measured<'_> {
    /// What to say where most of a class is missed that is rare, or has too few photos for anything to be chosen by it.
    pub(super) fn missed(&self, training: &Training<'_>, decided: &Decided) -> Option<Warning> {
        let Metrics { confusion, threshold, .. } = self.metrics;
        let classes = training.class_groups();
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
        let are = if missed == 1 { "is" } else { "are" };
        let sentence = format!(
            "{missed} of {images} {} photos of `{class}` {are} missed at a threshold of {threshold}",
            self.name
        );
        Some(Warning { sentence, step: Some(step) })
    }
}

impl Training<'_> {
    /// Metrics at the threshold, of test and of validation, where there are such photos.
    pub(super) fn measure(&self, fitted: &Fitted, decided: &Decided) -> Result<Vec<Measured<'_>>, PipelineError> {
        let measure = |(name, side): (&'static str, _)| self.measure_side(name, side, fitted, decided);
        let sides = [("test", &self.test), ("validation", &self.validation)].into_iter();
        self.progress.start("intervals of the measures", Unit::Steps, None);
        let measured = sides.filter(|(_, side)| side.len() > 0).map(measure).collect();
        self.progress.finish();
        measured
    }

    fn measure_side<'a>(
        &self,
        name: &'static str,
        side: &'a Subset,
        fitted: &Fitted,
        decided: &Decided,
    ) -> Result<Measured<'a>, PipelineError> {
        let probabilities = decided.probabilities(&fitted.head.logits(&side.features)?);
        let metrics = self.metrics(&side.labels, &side.groups, &probabilities, decided.threshold)?;
        let leak = self.leak(name, side, &probabilities, &metrics)?;
        Ok(Measured { name, side, probabilities, metrics, leak })
    }

    fn leak(
        &self,
        name: &str,
        side: &Subset,
        probabilities: &[f64],
        metrics: &Metrics,
    ) -> Result<Option<Leak>, PipelineError> {
        let strangers = self.photo_groups.without_leaked(side, &self.photos);
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
            split: name.to_owned(),
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
        let bootstrap = Bootstrap { seed: self.options.seed, ..Bootstrap::default() };
        let scores = Scores::new(labels, probabilities)?.in_groups(groups)?;
        Ok(metrics::evaluate(&scores, threshold, bootstrap)?)
    }

    /// Mean and standard deviation over the folds, decided as the model decides.
    pub(super) fn cross_validation(
        &self,
        out_of_fold: &OutOfFold,
        decided: &Decided,
    ) -> Result<CrossValidationReport, PipelineError> {
        let probabilities = decided.probabilities(&out_of_fold.logits);
        let Subset { labels, groups, .. } = &self.pool;
        folds::measure(&out_of_fold.folds, labels, groups, &probabilities, decided.threshold)
    }
}
