//! Answers at a threshold, counted, and the measures that follow from the four counts.

use serde::{Deserialize, Serialize};

use super::interval::{Estimate, combine, wilson};
use super::{Scores, Undefined};

/// How many images of each kind got which answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Confusion {
    /// Positive images answered positive.
    pub true_positive: usize,
    /// Negative images answered positive.
    pub false_positive: usize,
    /// Negative images answered negative.
    pub true_negative: usize,
    /// Positive images answered negative.
    pub false_negative: usize,
}

impl Confusion {
    /// Counts the answers: positive where the probability is at or above the threshold.
    pub fn at(scores: &Scores<'_>, threshold: f64) -> Self {
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

    /// Positive images.
    pub fn positives(&self) -> usize {
        self.true_positive + self.false_negative
    }

    /// Negative images.
    pub fn negatives(&self) -> usize {
        self.true_negative + self.false_positive
    }

    /// All images.
    pub fn count(&self) -> usize {
        self.positives() + self.negatives()
    }

    /// Share of right answers: (TP + TN) / all.
    ///
    /// # Errors
    /// [`Undefined`] without images.
    pub fn accuracy(&self) -> Result<Estimate, Undefined> {
        wilson(self.true_positive + self.true_negative, self.count()).ok_or(Undefined::NoImages)
    }

    /// Share of the positive images that were found, recall: TP / (TP + FN).
    ///
    /// # Errors
    /// [`Undefined`] without positive images.
    pub fn sensitivity(&self) -> Result<Estimate, Undefined> {
        wilson(self.true_positive, self.positives()).ok_or(Undefined::NoPositives)
    }

    /// Share of the negative images that were left alone: TN / (TN + FP).
    ///
    /// # Errors
    /// [`Undefined`] without negative images.
    pub fn specificity(&self) -> Result<Estimate, Undefined> {
        wilson(self.true_negative, self.negatives()).ok_or(Undefined::NoNegatives)
    }

    /// Share of the positive answers that are right: TP / (TP + FP).
    ///
    /// # Errors
    /// [`Undefined`] without positive answers (scikit-learn warns and says 0).
    pub fn precision(&self) -> Result<Estimate, Undefined> {
        wilson(self.true_positive, self.true_positive + self.false_positive).ok_or(Undefined::NoPositiveAnswers)
    }

    /// Mean of sensitivity and specificity: 0.5 for a guess, whatever the balance of the classes.
    ///
    /// # Errors
    /// [`Undefined`] where a class has no images.
    pub fn balanced_accuracy(&self) -> Result<Estimate, Undefined> {
        Ok(combine(self.sensitivity()?, self.specificity()?, f64::midpoint))
    }

    /// Harmonic mean of precision and sensitivity: 2 TP / (2 TP + FP + FN), which is 0 without positive answers.
    ///
    /// # Errors
    /// [`Undefined`] without positive images. Without negative ones the interval is that of the sensitivity alone.
    pub fn f1(&self) -> Result<Estimate, Undefined> {
        let (positives, negatives) = (self.positives() as f64, self.negatives() as f64);
        let sensitivity = self.sensitivity()?;
        let specificity = self.specificity().unwrap_or(Estimate { value: 1.0, low: 1.0, high: 1.0 });
        let f1 = |sensitivity: f64, specificity: f64| {
            let found = sensitivity * positives;
            // 2 TP + FP + FN = (TP + FN) + (TP + FP)
            2.0 * found / (positives + found + (1.0 - specificity) * negatives)
        };
        let exact = 2.0 * self.true_positive as f64
            / (2 * self.true_positive + self.false_positive + self.false_negative) as f64;
        Ok(Estimate { value: exact, ..combine(sensitivity, specificity, f1) }.within(0.0, 1.0))
    }

    /// Matthews' correlation of labels and answers, from −1 to 1; 0 where all answers are the same (its limit, and
    /// scikit-learn's value). Matthews (1975), BBA 405.
    ///
    /// # Errors
    /// [`Undefined`] where a class has no images.
    pub fn matthews(&self) -> Result<Estimate, Undefined> {
        let (positives, negatives) = (self.positives() as f64, self.negatives() as f64);
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
