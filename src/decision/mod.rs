//! From a logit to an answer: what the number means, where positive begins, and when a person should look.
//!
//! [`calibration`] turns logits into probabilities that hold, [`threshold`] chooses where positive begins by a rule that
//! the user names, and a [`Decision`] answers. Everything is chosen on out-of-fold scores: of images that the head which
//! scored them was not fitted to. All of it is plain arithmetic on labels and scores.
//!
//! ```text
//! logit ─ calibration ─► probability ─ threshold, review ─► positive | negative | review
//! ```

pub mod binomial;

pub mod calibration;

pub mod rule;

pub mod threshold;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use calibration::Calibration;
pub use rule::{RuleError, ThresholdRule};
pub use threshold::{Choice, choose};

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
        (self.threshold - 0.5).abs() < f64::EPSILON
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

/// Probabilities from `low` to `high` are for a person to look at: `0.3,0.7` on the command line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Review {
    low: f64,
    high: f64,
}

impl Review {
    /// Checks that both are probabilities in order.
    ///
    /// # Errors
    /// [`DecisionError::Bound`], [`DecisionError::Order`].
    pub fn new(low: f64, high: f64) -> Result<Self, DecisionError> {
        for bound in [low, high] {
            if !(0.0..=1.0).contains(&bound) {
                return Err(DecisionError::Bound(bound.to_string()));
            }
        }
        // A zero without its sign: it is written and read back as it is.
        if low <= high {
            Ok(Self { low: low + 0.0, high: high + 0.0 })
        } else {
            Err(DecisionError::Order { low, high })
        }
    }

    /// The least probability for review.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// The largest probability for review.
    pub fn high(&self) -> f64 {
        self.high
    }
}

impl FromStr for Review {
    type Err = DecisionError;

    fn from_str(given: &str) -> Result<Self, DecisionError> {
        let parts: Vec<&str> = given.split(',').map(str::trim).collect();
        let [low, high] = parts[..] else {
            return Err(DecisionError::Form(given.to_owned()));
        };
        let bound = |text: &str| text.parse::<f64>().map_err(|_| DecisionError::Bound(text.to_owned()));
        Self::new(bound(low)?, bound(high)?)
    }
}

impl fmt::Display for Review {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{},{}", self.low, self.high)
    }
}

/// A threshold and a review that say nothing together or alone.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionError {
    /// Not two numbers.
    #[error("`{0}` names no probabilities for review: expected LOW,HIGH")]
    Form(String),
    /// An end that is no probability.
    #[error("`{0}` is no end for review: expected a number from 0 to 1")]
    Bound(String),
    /// The ends the wrong way round.
    #[error("review goes from {low} to {high}: expected the lower one first")]
    Order {
        /// The first number.
        low: f64,
        /// The second number.
        high: f64,
    },
    /// The model's threshold is not between the ends, so that certain answers of one class would lie inside.
    #[error("the threshold {threshold} is not within review, {low} to {high}", threshold = rounded(*.threshold), low = .review.low, high = .review.high)]
    Outside {
        /// What was asked for.
        review: Review,
        /// Where positive begins.
        threshold: f64,
    },
    /// A threshold that is no probability.
    #[error("the threshold is {0}: expected a number from 0 to 1")]
    Threshold(f64),
}

/// In three digits.
fn rounded(threshold: f64) -> f64 {
    (threshold * 1e3).round() / 1e3
}

impl DecisionError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Form(_) | Self::Bound(_) => "write both as probabilities with a comma between: `0.3,0.7`".into(),
            Self::Order { low, high } => format!("write `{high},{low}`"),
            Self::Outside { review, threshold } => {
                // Three digits, rounded outwards, so that the threshold lies inside.
                let (low, high) = ((threshold * 1e3).floor() / 1e3, (threshold * 1e3).ceil() / 1e3);
                format!("widen it to `{},{}`", review.low.min(low), review.high.max(high))
            }
            Self::Threshold(_) => return None,
        })
    }
}
