//! Labels and probabilities → numbers with 95 % intervals.
//!
//! [`Scores`] checks the pairs once; every measure then takes them and gives a number or the reason why there is none
//! ([`Undefined`]): a ROC-AUC without negatives is not 0.5, it does not exist. [`evaluate`] gathers all measures into
//! one [`Metrics`], each with an interval. The numbers equal scikit-learn's on the same scores (`tests/metrics.rs`).
//! This room imports nothing of the crate, so that every other one may ask it.
//!
//! | measure | interval |
//! | --- | --- |
//! | accuracy, sensitivity, specificity, precision | Wilson's score interval |
//! | balanced accuracy, F1, MCC | Wilson's intervals of sensitivity and specificity, combined ([`interval::combine`]) |
//! | ROC-AUC | `DeLong`'s variance on the logit scale; Newcombe's where it is 0 ([`ranking::roc_auc_interval`]) |
//! | PR-AUC, log loss, Brier score, calibration error | stratified bootstrap, seeded ([`bootstrap`]) |
//!
//! A measure that depends on how many images of each class there are (F1, MCC, PR-AUC, log loss, Brier score) has an
//! interval for the balance of the classes at hand. How often the intervals hold the true value is measured by
//! simulation in `tests/metrics.rs`. On fewer than about 100 images those of the log loss and of the calibration error
//! hold it less often than they say (about 85 to 93 %): the few images that would show the largest losses are then
//! mostly not among them.
//!
//! Throughout, the answer is positive where the probability is at or above the threshold.

pub mod bootstrap;
pub mod confusion;
pub mod curves;
pub mod interval;
pub mod probability;
pub mod ranking;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use bootstrap::Bootstrap;
pub use confusion::Confusion;
pub use interval::Estimate;

/// Labels and probabilities that cannot be measured at all: a flaw of whoever made them.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// Not one probability for each label.
    #[error("there are {labels} labels for {probabilities} probabilities")]
    Lengths {
        /// How many labels.
        labels: usize,
        /// How many probabilities.
        probabilities: usize,
    },
    /// A number that is no probability.
    #[error("image {image} has the probability {value}: expected a number from 0 to 1")]
    NotAProbability {
        /// Its place, from 0.
        image: usize,
        /// What was given.
        value: f64,
    },
    /// A threshold that nothing can be compared with.
    #[error("the threshold is {0}: expected a finite number")]
    Threshold(f64),
    /// A bootstrap that would say nothing.
    #[error("there are {0} resamples: expected at least {least}", least = bootstrap::LEAST_RESAMPLES)]
    TooFewResamples(u32),
    /// More images than are counted here.
    #[error("there are {0} images: at most 4294967295 can be measured at once")]
    TooMany(usize),
}

impl MetricsError {
    /// What the user can do about it: nothing, the numbers come from this program or from a library user.
    pub fn hint(&self) -> Option<String> {
        None
    }
}

/// Why a measure has no value on these images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Undefined {
    /// Nothing to measure.
    #[error("there are no images")]
    NoImages,
    /// It is about positive images.
    #[error("there are no positive images")]
    NoPositives,
    /// It is about negative images.
    #[error("there are no negative images")]
    NoNegatives,
    /// It is about positive answers.
    #[error("no image was answered positive")]
    NoPositiveAnswers,
    /// A variance takes two.
    #[error("it takes two images of each class")]
    TooFewImages,
}

/// One probability of the positive class for each label: as many, none NaN, all within \[0, 1\].
#[derive(Debug, Clone, Copy)]
pub struct Scores<'a> {
    labels: &'a [bool],
    probabilities: &'a [f64],
}

impl<'a> Scores<'a> {
    /// Checks the pairs; `true` is the positive class.
    ///
    /// # Errors
    /// [`MetricsError`] for other lengths and numbers.
    pub fn new(labels: &'a [bool], probabilities: &'a [f64]) -> Result<Self, MetricsError> {
        if labels.len() != probabilities.len() {
            return Err(MetricsError::Lengths { labels: labels.len(), probabilities: probabilities.len() });
        }
        if u32::try_from(labels.len()).is_err() {
            return Err(MetricsError::TooMany(labels.len()));
        }
        match probabilities.iter().position(|probability| !(0.0..=1.0).contains(probability)) {
            Some(image) => {
                let value = probabilities.get(image).copied().unwrap_or(f64::NAN);
                Err(MetricsError::NotAProbability { image, value })
            }
            None => Ok(Self { labels, probabilities }),
        }
    }

    /// How many images.
    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// How many of them are positive.
    pub fn positives(&self) -> usize {
        self.labels.iter().filter(|&&label| label).count()
    }

    /// Label and probability of each image, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (bool, f64)> {
        self.labels.iter().copied().zip(self.probabilities.iter().copied())
    }

    /// Of an image below [`Self::count`].
    fn probability(&self, image: u32) -> f64 {
        // 0.0 and -0.0 are one probability, but two places in a total order.
        self.probabilities.get(image as usize).map_or(f64::NAN, |probability| probability + 0.0)
    }

    /// Of an image below [`Self::count`].
    fn is_positive(&self, image: u32) -> bool {
        self.labels.get(image as usize).is_some_and(|&label| label)
    }

    fn some_images(&self) -> Result<(), Undefined> {
        if self.labels.is_empty() { Err(Undefined::NoImages) } else { Ok(()) }
    }

    /// The counts of positive and negative images, neither of them 0.
    fn both_classes(&self) -> Result<(usize, usize), Undefined> {
        self.some_images()?;
        let positives = self.positives();
        match (positives, self.count() - positives) {
            (0, _) => Err(Undefined::NoPositives),
            (_, 0) => Err(Undefined::NoNegatives),
            counts => Ok(counts),
        }
    }
}

/// Every measure of one set of images at one threshold; `None` where it is undefined, for the reason in `undefined`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Images.
    pub count: usize,
    /// Positive images among them.
    pub positives: usize,
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
    /// What the bootstrap intervals were made with.
    pub bootstrap: Bootstrap,
}

/// Measures the probabilities of the positive class against the labels (`true` is positive).
///
/// # Errors
/// [`MetricsError`] for labels and probabilities that do not belong together.
pub fn evaluate(
    labels: &[bool],
    probabilities: &[f64],
    threshold: f64,
    bootstrap: Bootstrap,
) -> Result<Metrics, MetricsError> {
    let scores = Scores::new(labels, probabilities)?;
    if !threshold.is_finite() {
        return Err(MetricsError::Threshold(threshold));
    }
    if bootstrap.resamples < bootstrap::LEAST_RESAMPLES {
        return Err(MetricsError::TooFewResamples(bootstrap.resamples));
    }
    let confusion = Confusion::at(&scores, threshold);
    let resampled = bootstrap::Resampled::of(&scores, bootstrap);
    let mut undefined = BTreeMap::new();
    let mut known = |name: &str, measure: Result<Estimate, Undefined>| {
        measure.map_err(|reason| undefined.insert(name.to_owned(), reason.to_string())).ok()
    };
    Ok(Metrics {
        count: scores.count(),
        positives: scores.positives(),
        threshold,
        confusion,
        accuracy: known("accuracy", confusion.accuracy()),
        balanced_accuracy: known("balanced_accuracy", confusion.balanced_accuracy()),
        sensitivity: known("sensitivity", confusion.sensitivity()),
        specificity: known("specificity", confusion.specificity()),
        precision: known("precision", confusion.precision()),
        f1: known("f1", confusion.f1()),
        mcc: known("mcc", confusion.matthews()),
        roc_auc: known("roc_auc", ranking::roc_auc_interval(&scores)),
        pr_auc: known("pr_auc", resampled.average_precision),
        log_loss: known("log_loss", resampled.log_loss),
        brier: known("brier", resampled.brier),
        expected_calibration_error: known("expected_calibration_error", resampled.calibration_error),
        undefined,
        bootstrap,
    })
}
