//! What is said of one image: positive, negative, or that a person should look.

use serde::{Deserialize, Serialize};

use super::{DecisionError, EVEN, Review};

/// What is said of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// It is of the positive class.
    Positive,
    /// It is of the other class.
    Negative,
    /// A person should look.
    Review,
}

/// Where positive begins, and between which probabilities a person should look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    threshold: f64,
    review: Option<Review>,
}

impl Decision {
    /// Checks that the threshold is a probability and that review, if any, lies around it.
    ///
    /// # Errors
    /// [`DecisionError::Threshold`], [`DecisionError::Outside`].
    pub fn new(threshold: f64, review: Option<Review>) -> Result<Self, DecisionError> {
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
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Whether the more likely class is the answer.
    pub fn is_even(&self) -> bool {
        (self.threshold - EVEN).abs() < f64::EPSILON
    }

    /// Which probabilities a person should look at.
    pub fn review(&self) -> Option<Review> {
        self.review
    }

    /// Review from `low` to `high`, both ends included; otherwise positive at or above the threshold.
    ///
    /// What is no number is for review where there is any, and negative where there is none.
    pub fn answer(&self, probability: f64) -> Answer {
        match self.review {
            Some(review) if probability < review.low => Answer::Negative,
            Some(review) if probability > review.high => Answer::Positive,
            Some(_) => Answer::Review,
            None if probability >= self.threshold => Answer::Positive,
            None => Answer::Negative,
        }
    }
}
