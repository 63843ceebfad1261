//! The answer for one image: positive, negative, or review by a person.

use serde::{Deserialize, Serialize};

use super::{DecisionError, EVEN, Review};

/// The answer for one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    /// The positive class.
    Positive,
    /// The negative class.
    Negative,
    /// To be reviewed by a person.
    Review,
}

/// The decision threshold, and the range of probabilities for review.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Decision {
    threshold: f64,
    review: Option<Review>,
}

impl Decision {
    /// Checks that the threshold is a probability and lies within the review range, if any.
    ///
    /// # Errors
    /// [`DecisionError::Threshold`], [`DecisionError::Outside`].
    pub(crate) fn new(threshold: f64, review: Option<Review>) -> Result<Self, DecisionError> {
        if !(0.0..=1.0).contains(&threshold) {
            return Err(DecisionError::Threshold(threshold));
        }
        match review {
            Some(review) if !(review.low..=review.high).contains(&threshold) => {
                Err(DecisionError::Outside { review, threshold })
            }
            _ => Ok(Self { threshold, review }),
        }
    }

    /// A probability of at least this is positive.
    pub(crate) fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Whether the threshold is 0.5, so that the more likely class is the answer.
    pub(crate) fn is_even(&self) -> bool {
        (self.threshold - EVEN).abs() < f64::EPSILON
    }

    /// Review from `low` to `high`, both included; otherwise positive at or above the threshold.
    ///
    /// NaN gives review if there is a review range, and negative otherwise.
    pub(crate) fn answer(&self, probability: f64) -> Answer {
        match self.review {
            Some(review) if probability < review.low => Answer::Negative,
            Some(review) if probability > review.high => Answer::Positive,
            Some(_) => Answer::Review,
            None if probability >= self.threshold => Answer::Positive,
            None => Answer::Negative,
        }
    }
}
