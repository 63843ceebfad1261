//! The range of probabilities for review by a person.

use std::fmt;
use std::str::FromStr;

use super::DecisionError;

/// Photos with probabilities from `low` to `high` are to be reviewed by a person: `0.3,0.7` on the command line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Review {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Review {
    /// Checks that both are probabilities in order.
    ///
    /// # Errors
    /// Where they are no probabilities, or in the wrong order.
    pub fn new(low: f64, high: f64) -> Result<Self, DecisionError> {
        for bound in [low, high] {
            if !(0.0..=1.0).contains(&bound) {
                return Err(DecisionError::Bound(bound.to_string()));
            }
        }
        // Adding zero removes the sign of -0.0, so that the value reads back as written.
        if low <= high {
            Ok(Self { low: low + 0.0, high: high + 0.0 })
        } else {
            Err(DecisionError::Order { low, high })
        }
    }

    /// The lowest probability for review.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// The highest probability for review.
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
