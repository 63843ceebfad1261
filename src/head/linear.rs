//! The head as it is stored and applied.

use super::{HeadError, product};
use crate::decision::calibration::logistic;
use crate::features::FeatureMatrix;

/// The head, `Linear(D, 1)`: one logit per image.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// The weights, `[D]`, stored as `head.weight` `[1, D]`.
    pub weight: Vec<f32>,
    /// The bias, stored as `head.bias` `[1]`.
    pub bias: f32,
}

impl Head {
    /// The logit of one feature vector, `[D]`; above 0 the positive class is the more likely one.
    ///
    /// The sum is in f64 and always in the same order: the same features give the same bits, alone or in a batch.
    ///
    /// # Errors
    /// `HeadError::Width` if the number of features is not that of the head.
    pub fn logit(&self, features: &[f32]) -> Result<f64, HeadError> {
        if features.len() != self.weight.len() {
            return Err(HeadError::Width { expected: self.weight.len(), given: features.len() });
        }
        Ok(product::dot(features, &self.weight) + f64::from(self.bias))
    }

    /// The logits of all images, `[N]`.
    pub(crate) fn logits(&self, features: &FeatureMatrix) -> Result<Vec<f64>, HeadError> {
        features.rows().map(|row| self.logit(row)).collect()
    }
}

/// The logistic function in f64, with full relative precision in both tails: never NaN for a finite logit.
pub(crate) fn probability(logit: f64) -> f64 {
    logistic(logit)
}
