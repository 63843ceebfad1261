//! Metrics with 95 % intervals from labels and probabilities.
//!
//! [`Scores`] validates the pairs once; every metric then returns a value or the reason why it is undefined
//! ([`Undefined`]): a ROC-AUC without negatives is not 0.5 but undefined. [`evaluate`] computes all metrics, each with
//! an interval, as one [`Metrics`]. The values equal those of scikit-learn (`tests.rs`). This module does not
//! depend on the rest of the crate, so that every other module may use it.
//!
//! | measure | interval |
//! | --- | --- |
//! | accuracy, sensitivity, specificity, precision | Wilson's score interval |
//! | balanced accuracy, F1, MCC | Wilson's intervals of sensitivity and specificity, combined ([`interval::combine`]) |
//! | ROC-AUC | `DeLong`'s variance on the logit scale; Newcombe's where it is 0 ([`ranking::roc_auc_interval`]) |
//! | PR-AUC, log loss, Brier score, calibration error | stratified bootstrap of groups, seeded ([`bootstrap`]) |
//!
//! The interval of a metric that depends on the class proportions (F1, MCC, PR-AUC, log loss, Brier score) is for the
//! proportions of these images. Images in groups ([`Scores::in_groups`]) are not independent: the intervals of
//! proportions and of the ROC-AUC use their effective sample sizes (`groups`), and the bootstrap draws whole groups.
//!
//! # Few images
//! The coverage of the intervals is measured by simulation in `tests.rs`. With 250 images it is 93 to 98 %.
//! With few it depends on the true value, above all near 1, where a proportion has few possible values; for ROC-AUCs
//! from 0.76 to 0.999, with calibrated probabilities and with logits four times too large, it is at least 84 % from 2
//! images of each class on, wherever there is an interval. There is none with one image of a class, none for the log
//! loss and the Brier score below [`MIN_GROUPS_OF_LOSSES`] of each, nor if that of the log loss would reach 100 times
//! the value, and none for the calibration error below [`MIN_GROUPS_OF_BINS`]. In groups of 1 to 20 images, from copies
//! to images that share a third of their noise, it is at least 91 % with 30 groups of each class.
//!
//! Throughout, the answer is positive where the probability is at or above the threshold.

pub(crate) mod bootstrap;
mod certificate;
pub(crate) mod confusion;
pub(crate) mod curves;
mod error;
mod groups;
pub(crate) mod interval;
mod measured;
pub(crate) mod probability;
pub(crate) mod ranking;
mod scores;

pub use bootstrap::Bootstrap;
pub(crate) use certificate::Answered;
pub use certificate::Certificate;
pub(crate) use confusion::Answers;
pub use confusion::Confusion;
pub(crate) use error::MetricsError;
pub use error::Undefined;
pub use interval::Estimate;
pub use measured::Metrics;
pub(crate) use measured::TOO_FEW;
pub(crate) use measured::evaluate;
pub(crate) use scores::Scores;

/// The number of groups of each class that every interval needs: one group does not show the variance between groups.
pub(crate) const MIN_GROUPS: usize = 2;

/// The number of groups of each class that the intervals of log loss and Brier score need: fewer do not show the cost
/// of a mistake.
pub(crate) const MIN_GROUPS_OF_LOSSES: usize = 10;

/// The number of groups of each class that the interval of the calibration error needs: with fewer its bins are empty.
pub(crate) const MIN_GROUPS_OF_BINS: usize = 20;

#[cfg(test)]
mod tests;
