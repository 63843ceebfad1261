//! Labels and probabilities → numbers with 95 % intervals.
//!
//! [`Scores`] checks the pairs once; every measure then takes them and gives a number or the reason why there is none
//! ([`Undefined`]): a ROC-AUC without negatives is not 0.5, it does not exist. [`evaluate`] gathers all measures into
//! one [`Metrics`], each with an interval. The numbers equal scikit-learn's on the same scores (`tests.rs`).
//! This module imports nothing of the crate, so that every other one may use it.
//!
//! | measure | interval |
//! | --- | --- |
//! | accuracy, sensitivity, specificity, precision | Wilson's score interval |
//! | balanced accuracy, F1, MCC | Wilson's intervals of sensitivity and specificity, combined ([`interval::combine`]) |
//! | ROC-AUC | `DeLong`'s variance on the logit scale; Newcombe's where it is 0 ([`ranking::roc_auc_interval`]) |
//! | PR-AUC, log loss, Brier score, calibration error | stratified bootstrap of groups, seeded ([`bootstrap`]) |
//!
//! A measure that depends on how many images of each class there are (F1, MCC, PR-AUC, log loss, Brier score) has an
//! interval for the balance of the classes at hand. Images that belong together ([`Scores::in_groups`]) are fewer trials
//! than they are images: shares and the ROC-AUC stand on the trials that the groups come to (`groups`), the bootstrap
//! draws groups.
//!
//! # Few images
//! How often the intervals hold the true value is measured by simulation in `tests.rs`. On 250 images it is 93 to
//! 98 %. On few it depends on what the truth is, above all near 1, where a share has few possible values; from a ROC-AUC of
//! 0.76 to one of 0.999, with probabilities that hold and with a head four times too sure of itself, it is 84 % and more
//! from 2 of each class on wherever there is an interval. There is none on one image of a class, none of the log loss and
//! the Brier score below [`MIN_GROUPS_OF_LOSSES`] of each, nor where that of the log loss would reach to a hundred
//! times the value, and none of the calibration error below [`MIN_GROUPS_OF_BINS`]. In groups of 1 to 20 images, from
//! copies to images with a third of their noise in common, it is 91 % and more on 30 groups of each class.
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

/// Groups of images of each class that every interval takes: one alone says nothing of what others are like.
pub(crate) const MIN_GROUPS: usize = 2;

/// Groups of images of each class that the intervals of log loss and Brier score take: fewer do not show what a mistake
/// costs.
pub(crate) const MIN_GROUPS_OF_LOSSES: usize = 10;

/// Groups of images of each class that the interval of the calibration error takes: with fewer its bins are empty.
pub(crate) const MIN_GROUPS_OF_BINS: usize = 20;

#[cfg(test)]
mod tests;
