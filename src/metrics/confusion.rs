//! The confusion matrix at a threshold, and the metrics that follow from its four counts.

use serde::{Deserialize, Serialize};

use super::groups::Design;
use super::interval::{Estimate, combine, score_interval};
use super::{MIN_GROUPS, Scores, Undefined};

/// The confusion matrix at a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Confusion {
    /// Positive images classified as positive.
    pub true_positive: usize,
    /// Negative images classified as positive.
    pub false_positive: usize,
    /// Negative images classified as negative.
    pub true_negative: usize,
    /// Positive images classified as negative.
    pub false_negative: usize,
}

impl Confusion {
    /// The confusion matrix with a positive answer where the probability is at or above the threshold.
    pub(crate) fn at(scores: &Scores<'_>, threshold: f64) -> Self {
        let mut counts = Self::default();
        for (is_positive, probability) in scores.pairs() {
            let cell = match (is_positive, probability >= threshold) {
                (true, true) => &mut counts.true_positive,
                (false, true) => &mut counts.false_positive,
                (false, false) => &mut counts.true_negative,
                (true, false) => &mut counts.false_negative,
            };
            *cell += 1;
        }
        counts
    }

    /// The number of positive images.
    pub fn positives(&self) -> usize {
        self.true_positive + self.false_negative
    }

    /// The number of negative images.
    pub fn negatives(&self) -> usize {
        self.true_negative + self.false_positive
    }

    /// The number of all images.
    pub fn count(&self) -> usize {
        self.positives() + self.negatives()
    }

    /// The fraction of correct answers: (TP + TN) / all.
    ///
    /// # Errors
    /// [`Undefined`] without images.
    pub fn accuracy(&self) -> Result<f64, Undefined> {
        share(self.true_positive + self.true_negative, self.count()).ok_or(Undefined::NoImages)
    }

    /// The fraction of the positive images that were found, recall: TP / (TP + FN).
    ///
    /// # Errors
    /// [`Undefined`] without positive images.
    pub fn sensitivity(&self) -> Result<f64, Undefined> {
        share(self.true_positive, self.positives()).ok_or(Undefined::NoPositives)
    }

    /// The fraction of the negative images classified as negative: TN / (TN + FP).
    ///
    /// # Errors
    /// [`Undefined`] without negative images.
    pub fn specificity(&self) -> Result<f64, Undefined> {
        share(self.true_negative, self.negatives()).ok_or(Undefined::NoNegatives)
    }

    /// The fraction of the positive answers that are correct: TP / (TP + FP).
    ///
    /// # Errors
    /// [`Undefined`] without positive answers (scikit-learn warns and returns 0).
    pub fn precision(&self) -> Result<f64, Undefined> {
        share(self.true_positive, self.true_positive + self.false_positive).ok_or(Undefined::NoPositiveAnswers)
    }

    /// The mean of sensitivity and specificity: 0.5 for guessing, whatever the balance of the classes.
    ///
    /// # Errors
    /// [`Undefined`] if a class has no images.
    pub fn balanced_accuracy(&self) -> Result<f64, Undefined> {
        Ok(f64::midpoint(self.sensitivity()?, self.specificity()?))
    }

    /// The harmonic mean of precision and sensitivity: 2 TP / (2 TP + FP + FN), which is 0 without positive answers.
    ///
    /// # Errors
    /// [`Undefined`] without positive images.
    pub fn f1(&self) -> Result<f64, Undefined> {
        let right = 2 * self.true_positive;
        self.sensitivity()?;
        Ok(right as f64 / (right + self.false_positive + self.false_negative) as f64)
    }
}

/// The confusion matrix at a threshold with intervals for its metrics, by the effective sample sizes of groups
/// (`metrics::groups`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answers {
    /// The confusion matrix.
    pub confusion: Confusion,
    right: Option<Estimate>,
    found: Option<Estimate>,
    left_alone: Option<Estimate>,
    right_positive: Option<Estimate>,
}

impl Answers {
    /// Classifies the images: positive where the probability is at or above the threshold.
    pub(crate) fn at(scores: &Scores<'_>, threshold: f64) -> Self {
        let share = |counts: &dyn Fn(bool, bool) -> bool| {
            let images = scores.pairs().zip(scores.groups());
            let answers =
                images.map(|((is_positive, probability), group)| (is_positive, probability >= threshold, group));
            let counted = answers.filter(|(is_positive, answer, _)| counts(*is_positive, *answer));
            let right = |(is_positive, answer, group)| (f64::from(u8::from(is_positive == answer)), group);
            share_of(&counted.map(right).collect::<Vec<_>>())
        };
        Self {
            confusion: Confusion::at(scores, threshold),
            right: share(&|_, _| true),
            found: share(&|is_positive, _| is_positive),
            left_alone: share(&|is_positive, _| !is_positive),
            right_positive: share(&|_, answer| answer),
        }
    }

    /// [`Confusion::accuracy`] with its interval.
    pub(crate) fn accuracy(&self) -> Result<Estimate, Undefined> {
        self.right.ok_or(Undefined::NoImages)
    }

    /// [`Confusion::sensitivity`] with its interval.
    pub(crate) fn sensitivity(&self) -> Result<Estimate, Undefined> {
        self.found.ok_or(Undefined::NoPositives)
    }

    /// [`Confusion::specificity`] with its interval.
    pub(crate) fn specificity(&self) -> Result<Estimate, Undefined> {
        self.left_alone.ok_or(Undefined::NoNegatives)
    }

    /// [`Confusion::precision`] with its interval.
    pub(crate) fn precision(&self) -> Result<Estimate, Undefined> {
        self.right_positive.ok_or(Undefined::NoPositiveAnswers)
    }

    /// [`Confusion::balanced_accuracy`] with its interval.
    pub(crate) fn balanced_accuracy(&self) -> Result<Estimate, Undefined> {
        Ok(combine(self.sensitivity()?, self.specificity()?, f64::midpoint))
    }

    /// [`Confusion::f1`] with its interval; without negative images that of the sensitivity alone.
    pub(crate) fn f1(&self) -> Result<Estimate, Undefined> {
        let (positives, negatives) = (self.confusion.positives() as f64, self.confusion.negatives() as f64);
        let sensitivity = self.sensitivity()?;
        let specificity = self.specificity().unwrap_or(Estimate::new(1.0, 1.0, 1.0));
        let f1 = |sensitivity: f64, specificity: f64| {
            let found = sensitivity * positives;
            // 2 TP + FP + FN = (TP + FN) + (TP + FP)
            2.0 * found / (positives + found + (1.0 - specificity) * negatives)
        };
        Ok(Estimate { value: self.confusion.f1()?, ..combine(sensitivity, specificity, f1) }.within(0.0, 1.0))
    }

    /// Matthews' correlation coefficient of labels and answers, from −1 to 1; 0 if all answers are the same (its limit,
    /// and scikit-learn's value). Matthews (1975), BBA 405.
    ///
    /// # Errors
    /// [`Undefined`] if a class has no images.
    pub(crate) fn matthews(&self) -> Result<Estimate, Undefined> {
        let (positives, negatives) = (self.confusion.positives() as f64, self.confusion.negatives() as f64);
        let (sensitivity, specificity) = (self.sensitivity()?, self.specificity()?);
        let matthews = |sensitivity: f64, specificity: f64| {
            let answered_positive = sensitivity * positives + (1.0 - specificity) * negatives;
            let answered_negative = (1.0 - sensitivity) * positives + specificity * negatives;
            let product = answered_positive * answered_negative;
            if product <= 0.0 {
                return 0.0;
            }
            (sensitivity + specificity - 1.0) * (positives * negatives / product).sqrt()
        };
        Ok(combine(sensitivity, specificity, matthews).within(-1.0, 1.0))
    }
}

fn share(successes: usize, trials: usize) -> Option<f64> {
    (trials > 0).then(|| successes as f64 / trials as f64)
}

/// A proportion with Wilson's interval for the effective sample size of the groups; `None` without values.
pub(super) fn share_of(right: &[(f64, usize)]) -> Option<Estimate> {
    let design = Design::new(right)?;
    if design.groups < MIN_GROUPS {
        return Some(Estimate::without_interval(design.mean));
    }
    Some(score_interval(design.mean, right.len() as f64 / design.effect))
}
