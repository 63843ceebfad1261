//! Why a threshold or a review range is invalid.

use super::Review;

/// An invalid threshold or review range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionError {
    #[error("`{0}` is not a range of probabilities for review, expected LOW,HIGH")]
    Form(String),
    #[error("`{0}` is not a bound for review, expected a number from 0 to 1")]
    Bound(String),
    #[error("the review range goes from {low} to {high}, expected the lower bound first")]
    Order { low: f64, high: f64 },
    /// The threshold is outside the range, so that confident predictions of one class would be for review.
    #[error("the threshold {threshold} is not within the review range, {low} to {high}", threshold = rounded(*.threshold), low = .review.low, high = .review.high)]
    Outside { review: Review, threshold: f64 },
    #[error("the threshold is {0}, expected a number from 0 to 1")]
    Threshold(f64),
}

/// Rounds to three digits.
fn rounded(threshold: f64) -> f64 {
    (threshold * 1e3).round() / 1e3
}

impl DecisionError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Form(_) | Self::Bound(_) => "write two probabilities separated by a comma: `0.3,0.7`".into(),
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
