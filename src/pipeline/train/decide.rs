//! From out-of-fold logits to what the model decides with: calibration, threshold, and what counts as familiar.

use super::fit::{Fitted, OutOfFold};
use super::training::Training;
use crate::decision::calibration::{self, Calibration};
use crate::decision::{Choice, EVEN, ThresholdRule, threshold};
use crate::metrics::Scores;
use crate::pipeline::PipelineError;
use crate::report::CalibrationReport;
use crate::report::html::Warning;

/// What to do where a class is missed.
pub(super) const WEIGH_OTHERWISE: &str =
    "`--threshold youden` or `--threshold cost:fp=1,fn=20` weighs the classes otherwise";

/// How a logit becomes an answer.
pub(super) struct Decided {
    pub(super) calibration: Calibration,
    /// What the calibration brought; `None` without out-of-fold logits.
    pub(super) calibrated: Option<CalibrationReport>,
    pub(super) threshold: f64,
    /// What the threshold reaches on the out-of-fold images; `None` without them.
    pub(super) choice: Option<Choice>,
    /// What to know of it beyond what the choice says itself.
    pub(super) warnings: Vec<Warning>,
    /// Whether one of them is that a rare class is missed.
    pub(super) misses_a_class: bool,
}

impl Decided {
    /// The probability of the positive class.
    pub(super) fn probabilities(&self, logits: &[f64]) -> Vec<f64> {
        logits.iter().map(|&logit| self.calibration.apply(logit)).collect()
    }
}

impl Training<'_> {
    /// Decides on images whose heads never saw them; without such images, on nothing but the rule's own number and what a
    /// positive weighed in the fit.
    pub(super) fn decide(&self, fitted: &Fitted) -> Result<Decided, PipelineError> {
        let (rule, labels) = (self.options.threshold, &self.training.labels);
        let Some(OutOfFold { folds, logits }) = &fitted.out_of_fold else {
            return Ok(without_scores(rule, fitted.pos_weight));
        };
        let fitted = calibration::fit(logits, labels, folds, fitted.pos_weight)?;
        let calibrated = CalibrationReport {
            kind: fitted.calibration.kind(),
            log_loss_before: fitted.log_loss_before,
            log_loss_after: fitted.log_loss_after,
        };
        let probabilities: Vec<f64> = logits.iter().map(|&logit| fitted.calibration.apply(logit)).collect();
        let choice = threshold::choose(rule, &Scores::new(labels, &probabilities)?.in_groups(&self.training.groups)?)?;
        let rare = rare_at_even(rule, &choice, labels);
        let misses_a_class = rare.is_some();
        Ok(Decided {
            calibration: fitted.calibration,
            calibrated: Some(calibrated),
            threshold: choice.threshold,
            choice: Some(choice),
            warnings: rare.into_iter().collect(),
            misses_a_class,
        })
    }
}

fn without_scores(rule: ThresholdRule, pos_weight: f64) -> Decided {
    let (threshold, not_chosen) = match rule {
        ThresholdRule::Fixed(threshold) => (threshold, String::new()),
        rule => (EVEN, format!(", and no threshold chosen by `{rule}`: {EVEN} is used")),
    };
    let calibration = Calibration::at_prior(pos_weight);
    let undone = match calibration {
        Calibration::None => "",
        _ => "; the probabilities are those of the head with the class weight undone",
    };
    let sentence = format!(
        "a class has too few training images to hold some of them out: no L2 penalty and no calibration could \
         be tried{not_chosen}{undone}"
    );
    let warnings = vec![Warning { sentence, step: None }];
    Decided { calibration, calibrated: None, threshold, choice: None, warnings, misses_a_class: false }
}

/// Where one class is rare, even odds are a high bar for it: that should be known, not found out.
fn rare_at_even(rule: ThresholdRule, choice: &Choice, labels: &[bool]) -> Option<Warning> {
    let positives = labels.iter().filter(|&&label| label).count();
    let share = positives.min(labels.len() - positives) as f64 / labels.len().max(1) as f64;
    let is_even = matches!(rule, ThresholdRule::Fixed(threshold) if (threshold - EVEN).abs() < f64::EPSILON);
    let found = if 2 * positives <= labels.len() { choice.sensitivity } else { choice.specificity }?;
    (is_even && share < 0.25 && found < 0.5).then(|| {
        let (percent, missed) = (100.0 * share, 100.0 * (1.0 - found));
        let sentence = format!(
            "one class is {percent:.0} % of the images, and at a threshold of {EVEN} {missed:.0} % of it is missed"
        );
        Warning { sentence, step: Some(WEIGH_OTHERWISE.to_owned()) }
    })
}
