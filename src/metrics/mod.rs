//! Labels and probabilities → numbers with 95 % intervals.
//!
//! [`Scores`] checks the pairs once; every measure then takes them and gives a number or the reason why there is none
//! ([`Undefined`]): a ROC-AUC without negatives is not 0.5, it does not exist. [`evaluate`] gathers all measures into
//! one [`Metrics`], each with an interval. The numbers equal scikit-learn's on the same scores (`tests/metrics.rs`).
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
//! How often the intervals hold the true value is measured by simulation in `tests/metrics.rs`. On 250 images it is 93 to
//! 98 %. On few it depends on what the truth is, above all near 1, where a share has few possible values; from a ROC-AUC of
//! 0.76 to one of 0.999, with probabilities that hold and with a head four times too sure of itself, it is 84 % and more
//! from 2 of each class on wherever there is an interval. There is none on one image of a class, none of the log loss and
//! the Brier score below [`MIN_GROUPS_OF_LOSSES`] of each, nor where that of the log loss would reach to a hundred
//! times the value, and none of the calibration error below [`MIN_GROUPS_OF_BINS`]. In groups of 1 to 20 images, from
//! copies to images with a third of their noise in common, it is 91 % and more on 30 groups of each class.
//!
//! Throughout, the answer is positive where the probability is at or above the threshold.

pub mod bootstrap;
pub mod confusion;
pub mod curves;
mod groups;
pub mod interval;
pub mod probability;
pub mod ranking;

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

pub use bootstrap::Bootstrap;
pub use confusion::{Answers, Confusion};
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
    /// Not one group for each label.
    #[error("there are {groups} ids of groups for {labels} labels")]
    Groups {
        /// How many labels.
        labels: usize,
        /// How many ids.
        groups: usize,
    },
    /// A threshold that nothing can be compared with.
    #[error("the threshold is {0}: expected a finite number")]
    Threshold(f64),
    /// A bootstrap that would say nothing.
    #[error("there are {0} resamples: expected at least {least}", least = bootstrap::MIN_RESAMPLES)]
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

/// Groups of images of each class that every interval takes: one alone says nothing of what others are like.
pub const MIN_GROUPS: usize = 2;

/// Groups of images of each class that the intervals of log loss and Brier score take: fewer do not show what a mistake
/// costs.
pub const MIN_GROUPS_OF_LOSSES: usize = 10;

/// Groups of images of each class that the interval of the calibration error takes: with fewer its bins are empty.
pub const MIN_GROUPS_OF_BINS: usize = 20;

/// One probability of the positive class for each label: as many, none NaN, all within \[0, 1\]; and which images belong
/// together, so that they do not count as independent ones.
#[derive(Debug, Clone, Copy)]
pub struct Scores<'a> {
    labels: &'a [bool],
    probabilities: &'a [f64],
    /// `[N]` ids; `None` where each image stands for itself.
    groups: Option<&'a [usize]>,
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
            None => Ok(Self { labels, probabilities, groups: None }),
        }
    }

    /// The same with `[N]` ids, equal for images that belong together: copies, one burst, one patient.
    ///
    /// # Errors
    /// [`MetricsError::Groups`] for another number of them.
    pub fn in_groups(self, groups: &'a [usize]) -> Result<Self, MetricsError> {
        if groups.len() == self.labels.len() {
            Ok(Self { groups: Some(groups), ..self })
        } else {
            Err(MetricsError::Groups { labels: self.labels.len(), groups: groups.len() })
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

    /// The group of an image below [`Self::count`].
    fn group(&self, image: usize) -> usize {
        self.groups.and_then(|groups| groups.get(image).copied()).unwrap_or(image)
    }

    /// The group of each image, in order.
    pub fn groups(&self) -> impl Iterator<Item = usize> {
        (0..self.count()).map(|image| self.group(image))
    }

    /// Groups that hold a negative image, groups that hold a positive one, and all groups.
    pub fn count_groups(&self) -> [usize; 3] {
        let of = |counts: &dyn Fn(bool) -> bool| {
            let images = self.labels.iter().zip(self.groups()).filter(|(label, _)| counts(**label));
            images.map(|(_, group)| group).collect::<HashSet<_>>().len()
        };
        [of(&|label| !label), of(&|label| label), of(&|_| true)]
    }

    /// Groups of the class that has fewer of them, of those that are there.
    fn fewest_groups(&self) -> usize {
        let [negatives, positives, _] = self.count_groups();
        [negatives, positives].into_iter().filter(|&groups| groups > 0).min().unwrap_or(0)
    }

    /// As many positive images, and as many images, would say as much if all images of a group were the same.
    fn least_trials(&self) -> [f64; 2] {
        let of = |counts: &dyn Fn(bool) -> bool| {
            let images = self.labels.iter().zip(self.groups()).filter(|(label, _)| counts(**label));
            let design = groups::Design::new(&images.map(|(_, group)| (0.0, group)).collect::<Vec<_>>());
            design.map_or(0.0, |design| design.least_trials)
        };
        [of(&|label| label), of(&|_| true)]
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
pub const TOO_FEW: &str = "too few photos for an interval";

/// Measures the probabilities of the positive class against the labels.
///
/// # Errors
/// [`MetricsError`] for a threshold that is no number and too few resamples.
pub fn evaluate(scores: &Scores<'_>, threshold: f64, bootstrap: Bootstrap) -> Result<Metrics, MetricsError> {
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
