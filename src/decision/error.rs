//! Why a threshold and a review cannot be used.

use super::Review;

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
