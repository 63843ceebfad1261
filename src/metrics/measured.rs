//! Every measure of one set of images at one threshold, gathered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Answers, Bootstrap, Confusion, Estimate, MetricsError, Scores, Undefined, bootstrap, ranking};

/// Every measure of one set of images at one threshold; `None` where it is undefined, for the reason in `undefined`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Images.
    pub count: usize,
    /// Positive images among them.
    pub positives: usize,
    /// Groups of images that belong together, negative and positive ones; as many as images where none do.
    #[serde(default)]
    pub groups: [usize; 2],
    /// The answer is positive at or above it.
    pub threshold: f64,
    /// The answers, counted.
    pub confusion: Confusion,
    /// Share of right answers.
    pub accuracy: Option<Estimate>,
    /// Mean of sensitivity and specificity.
    pub balanced_accuracy: Option<Estimate>,
    /// Share of the positive images that were found (recall).
    pub sensitivity: Option<Estimate>,
    /// Share of the negative images that were left alone.
    pub specificity: Option<Estimate>,
    /// Share of the positive answers that are right.
    pub precision: Option<Estimate>,
    /// Harmonic mean of precision and sensitivity.
    pub f1: Option<Estimate>,
    /// Matthews' correlation coefficient.
    pub mcc: Option<Estimate>,
    /// Area under the ROC curve.
    pub roc_auc: Option<Estimate>,
    /// Area under the precision-recall curve (average precision).
    pub pr_auc: Option<Estimate>,
    /// Mean negative log likelihood in nats.
    pub log_loss: Option<Estimate>,
    /// Mean squared error of the probability.
    pub brier: Option<Estimate>,
    /// Expected calibration error over ten bins.
    pub expected_calibration_error: Option<Estimate>,
    /// Name of each measure that has no value → why.
    pub undefined: BTreeMap<String, String>,
    /// Name of each measure that has a value and no interval → why.
    #[serde(default)]
    pub without_interval: BTreeMap<String, String>,
    /// What the bootstrap intervals were made with.
    pub bootstrap: Bootstrap,
}

/// Why a number stands without an interval, in every view.
pub(crate) const TOO_FEW: &str = "too few photos for an interval";

/// Measures the probabilities of the positive class against the labels.
///
/// # Errors
/// [`MetricsError`] for a threshold that is no number and too few resamples.
pub(crate) fn evaluate(scores: &Scores<'_>, threshold: f64, bootstrap: Bootstrap) -> Result<Metrics, MetricsError> {
    if !threshold.is_finite() {
        return Err(MetricsError::Threshold(threshold));
    }
    if bootstrap.resamples < bootstrap::MIN_RESAMPLES {
        return Err(MetricsError::TooFewResamples(bootstrap.resamples));
    }
    let answers = Answers::at(scores, threshold);
    let resampled = bootstrap::Resampled::new(scores, &answers, bootstrap);
    let [negative_groups, positive_groups, _] = scores.count_groups();
    let (mut undefined, mut without_interval) = (BTreeMap::new(), BTreeMap::new());
    let mut known = |name: &str, measure: Result<Estimate, Undefined>| {
        let known = measure.map_err(|reason| undefined.insert(name.to_owned(), reason.to_string())).ok();
        if known.is_some_and(|estimate| estimate.interval().is_none()) {
            let reason = format!("{TOO_FEW}: {positive_groups} positive and {negative_groups} negative ones");
            without_interval.insert(name.to_owned(), reason);
        }
        known
    };
    Ok(Metrics {
        count: scores.count(),
        positives: scores.positives(),
        groups: [negative_groups, positive_groups],
        threshold,
        confusion: answers.confusion,
        accuracy: known("accuracy", answers.accuracy()),
        balanced_accuracy: known("balanced_accuracy", answers.balanced_accuracy()),
        sensitivity: known("sensitivity", answers.sensitivity()),
        specificity: known("specificity", answers.specificity()),
        precision: known("precision", answers.precision()),
        f1: known("f1", answers.f1()),
        mcc: known("mcc", answers.matthews()),
        roc_auc: known("roc_auc", ranking::roc_auc_interval(scores)),
        pr_auc: known("pr_auc", resampled.average_precision),
        log_loss: known("log_loss", resampled.log_loss),
        brier: known("brier", resampled.brier),
        expected_calibration_error: known("expected_calibration_error", resampled.calibration_error),
        undefined,
        without_interval,
        bootstrap,
    })
}
