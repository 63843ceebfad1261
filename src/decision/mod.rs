//! From a logit to an answer: what the number means, where positive begins, and when a person should look.
//!
//! [`calibration`] turns logits into probabilities that hold, [`threshold`] chooses where positive begins by a rule that
//! the user names, and a [`Decision`] answers. Everything is chosen on out-of-fold scores: of images that the head which
//! scored them was not fitted to. All of it is plain arithmetic on labels and scores.
//!
//! ```text
//! logit ─ calibration ─► probability ─ threshold, review ─► positive | negative | review
//! ```

mod answer;
pub mod binomial;
pub mod calibration;
mod error;
mod review;
pub mod rule;
pub mod threshold;

pub use answer::{Answer, Decision};
pub use calibration::Calibration;
pub use error::DecisionError;
pub use review::Review;
pub use rule::{EVEN, RuleError, ThresholdRule};
pub use threshold::{Choice, choose};
