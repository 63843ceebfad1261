//! Answers at a threshold, counted, and the measures that follow from the four counts.

use serde::{Deserialize, Serialize};

use super::groups::Design;
use super::interval::{Estimate, combine, score_interval};
use super::{MIN_GROUPS, Scores, Undefined};

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
    pub fn accuracy(&self) -> Result<f64, Undefined> {
        share(self.true_positive + self.true_negative, self.count()).ok_or(Undefined::NoImages)
    }

    /// Share of the positive images that were found, recall: TP / (TP + FN).
    ///
    /// # Errors
    /// [`Undefined`] without positive images.
    pub fn sensitivity(&self) -> Result<f64, Undefined> {
        share(self.true_positive, self.positives()).ok_or(Undefined::NoPositives)
    }

    /// Share of the negative images that were left alone: TN / (TN + FP).
    ///
    /// # Errors
    /// [`Undefined`] without negative images.
    pub fn specificity(&self) -> Result<f64, Undefined> {
        share(self.true_negative, self.negatives()).ok_or(Undefined::NoNegatives)
    }

    /// Share of the positive answers that are right: TP / (TP + FP).
    ///
    /// # Errors
    /// [`Undefined`] without positive answers (scikit-learn warns and says 0).
    pub fn precision(&self) -> Result<f64, Undefined> {
        share(self.true_positive, self.true_positive + self.false_positive).ok_or(Undefined::NoPositiveAnswers)
    }

    /// Mean of sensitivity and specificity: 0.5 for a guess, whatever the balance of the classes.
    ///
    /// # Errors
    /// [`Undefined`] where a class has no images.
    pub fn balanced_accuracy(&self) -> Result<f64, Undefined> {
        Ok(f64::midpoint(self.sensitivity()?, self.specificity()?))
    }

    /// Harmonic mean of precision and sensitivity: 2 TP / (2 TP + FP + FN), which is 0 without positive answers.
    ///
    /// # Errors
    /// [`Undefined`] without positive images.
    pub fn f1(&self) -> Result<f64, Undefined> {
        let right = 2 * self.true_positive;
        self.sensitivity()?;
        Ok(right as f64 / (right + self.false_positive + self.false_negative) as f64)
    }
}

/// The answers at a threshold, and how sure what follows from them is: groups of images count as what they tell
/// (`metrics::groups`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answers {
    /// The answers, counted.
    pub confusion: Confusion,
    right: Option<Estimate>,
    found: Option<Estimate>,
    left_alone: Option<Estimate>,
    right_positive: Option<Estimate>,
}

impl Answers {
    /// Takes the answers: positive where the probability is at or above the threshold.
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

    /// [`Confusion::accuracy`].
    pub(crate) fn accuracy(&self) -> Result<Estimate, Undefined> {
        self.right.ok_or(Undefined::NoImages)
    }

    /// [`Confusion::sensitivity`].
    pub(crate) fn sensitivity(&self) -> Result<Estimate, Undefined> {
        self.found.ok_or(Undefined::NoPositives)
    }

    /// [`Confusion::specificity`].
    pub(crate) fn specificity(&self) -> Result<Estimate, Undefined> {
        self.left_alone.ok_or(Undefined::NoNegatives)
    }

    /// [`Confusion::precision`].
    pub(crate) fn precision(&self) -> Result<Estimate, Undefined> {
        self.right_positive.ok_or(Undefined::NoPositiveAnswers)
    }

    /// [`Confusion::balanced_accuracy`].
    pub(crate) fn balanced_accuracy(&self) -> Result<Estimate, Undefined> {
        Ok(combine(self.sensitivity()?, self.specificity()?, f64::midpoint))
    }

    /// [`Confusion::f1`]. Without negative images the interval is that of the sensitivity alone.
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

    /// Matthews' correlation of labels and answers, from −1 to 1; 0 where all answers are the same (its limit, and
    /// scikit-learn's value). Matthews (1975), BBA 405.
    ///
    /// # Errors
    /// [`Undefined`] where a class has no images.
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

/// A share with Wilson's interval for as many trials as the groups are worth; `None` of nothing.
pub(super) fn share_of(right: &[(f64, usize)]) -> Option<Estimate> {
    let design = Design::new(right)?;
    if design.groups < MIN_GROUPS {
        return Some(Estimate::without_interval(design.mean));
    }
    Some(score_interval(design.mean, right.len() as f64 / design.effect))
}
