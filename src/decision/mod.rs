//! From a logit to an answer: calibration, decision threshold and review range.
//!
//! [`calibration`] turns logits into calibrated probabilities, [`threshold`] chooses the decision threshold by a rule that
//! the user gives, and a [`Decision`] answers. Everything is chosen on out-of-fold scores, that is, scores from heads that
//! were not fitted to the scored images. All of it is plain arithmetic on labels and scores.
//!
//! ```text
//! logit ─ calibration ─► probability ─ threshold, review ─► positive | negative | review
//! ```

mod answer;
pub(crate) mod binomial;
pub(crate) mod calibration;
mod error;
mod review;
pub(crate) mod rule;
pub(crate) mod threshold;

pub(crate) use answer::Answer;
pub(crate) use answer::Decision;
pub use calibration::Calibration;
pub(crate) use error::DecisionError;
pub use review::Review;
pub use rule::ThresholdRule;
pub(crate) use rule::{EVEN, RuleError};
pub use threshold::Choice;

#[cfg(test)]
mod tests;
