//! All metrics of one set of images at one threshold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Answers, Bootstrap, Confusion, Estimate, MetricsError, Scores, Undefined, bootstrap, ranking};

/// All metrics of one set of images at one threshold; `None` if undefined, with the reason in `undefined`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The number of images.
    pub count: usize,
    /// The number of positive images.
    pub positives: usize,
    /// The numbers of groups with negative and with positive images; without grouping, the numbers of such images.
    #[serde(default)]
    pub groups: [usize; 2],
    /// The answer is positive where the probability is at or above it.
    pub threshold: f64,
    /// The confusion matrix.
    pub confusion: Confusion,
    /// The fraction of correct answers.
    pub accuracy: Option<Estimate>,
    /// The mean of sensitivity and specificity.
    pub balanced_accuracy: Option<Estimate>,
    /// The fraction of the positive images that were found (recall).
    pub sensitivity: Option<Estimate>,
    /// The fraction of the negative images classified as negative.
    pub specificity: Option<Estimate>,
    /// The fraction of the positive answers that are correct.
    pub precision: Option<Estimate>,
    /// The harmonic mean of precision and sensitivity.
    pub f1: Option<Estimate>,
    /// Matthews' correlation coefficient.
    pub mcc: Option<Estimate>,
    /// The area under the ROC curve.
    pub roc_auc: Option<Estimate>,
    /// The area under the precision-recall curve (average precision).
    pub pr_auc: Option<Estimate>,
    /// The mean negative log likelihood in nats.
    pub log_loss: Option<Estimate>,
    /// The mean squared error of the probability.
    pub brier: Option<Estimate>,
    /// The expected calibration error over ten bins.
    pub expected_calibration_error: Option<Estimate>,
    /// The name of each undefined metric → the reason.
    pub undefined: BTreeMap<String, String>,
    /// The name of each metric that has a value but no interval → the reason.
    #[serde(default)]
    pub without_interval: BTreeMap<String, String>,
    /// The settings of the bootstrap intervals.
    pub bootstrap: Bootstrap,
}

/// The reason for a missing interval, as all reports show it.
pub(crate) const TOO_FEW: &str = "too few photos for an interval";

/// Computes all metrics of the probabilities of the positive class.
///
/// # Errors
/// [`MetricsError`] for a threshold that is not finite and for too few resamples.
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
