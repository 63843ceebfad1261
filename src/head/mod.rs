//! The classifier itself: a `Linear(D, 1)` on frozen features, and the two ways to fit it.
//!
//! Features `[N, D]` and labels go in as [`Examples`], checked once at the door; a [`Head`] comes out, D weights and a
//! bias in f32 that act on the features as the backbone gives them. [`exact`] solves the convex problem to convergence,
//! [`sgd`] takes mini-batch steps on it, [`cross_validation`] chooses the strength of the penalty. Both solvers work on
//! standardised features and fold the standardisation back, so nothing but the head has to be stored.
//!
//! ```text
//! examples ─ standardise ─┬─ gram (N ≤ D) ─┬─ newton ─ exact ─┬─ fold back ─ Head
//!                         ├─ rows (N > D) ─┘                  │
//!                         └─ sgd (tch, AdamW) ────────────────┘
//! ```
//!
//! The loss is that of `PyTorch`'s `BCEWithLogitsLoss(pos_weight)`: see [`objective`].

pub mod cross_validation;

pub mod exact;

pub mod objective;

pub mod sgd;

mod cholesky;

mod gram;

mod newton;

mod preconditioner;

mod product;

mod rows;

mod standardise;

pub use exact::L2;
use rayon::prelude::*;

use crate::decision::calibration::logistic;
use crate::features::matrix::FeatureMatrix;
use crate::progress::Interrupted;

/// `Linear(D, 1)`: one logit an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// `[D]`, stored as `head.weight` `[1, D]`.
    pub weight: Vec<f32>,
    /// Stored as `head.bias` `[1]`.
    pub bias: f32,
}

impl Head {
    /// The logit of one image's features `[D]`; above 0 the positive class is the more likely one.
    ///
    /// Summed in f64 and always in the same order: the same features give the same bits, alone or in a batch.
    ///
    /// # Errors
    /// [`HeadError::Width`] if the features have another width than the head.
    pub fn logit(&self, features: &[f32]) -> Result<f64, HeadError> {
        if features.len() != self.weight.len() {
            return Err(HeadError::Width { expected: self.weight.len(), given: features.len() });
        }
        Ok(product::dot(features, &self.weight) + f64::from(self.bias))
    }

    /// The logits of all images, `[N]`.
    ///
    /// # Errors
    /// As [`Head::logit`].
    pub fn logits(&self, features: &FeatureMatrix) -> Result<Vec<f64>, HeadError> {
        features.rows().map(|row| self.logit(row)).collect()
    }

    /// The head whose probabilities hold at the class balance of the training images.
    ///
    /// A fit with `pos_weight` p sees every positive p times, so its odds are p times too high for the data as they
    /// are; ln p comes off the bias (prior correction: King & Zeng 2001, "Logistic Regression in Rare Events Data",
    /// eq. 7). It is not applied by default: with `--balance auto` the user asks for a decision at 0.5 that treats both
    /// classes alike, and the correction would give that back to the larger class. It does not change any ranking.
    #[must_use]
    pub fn at_training_prior(&self, pos_weight: f64) -> Self {
        Self { weight: self.weight.clone(), bias: (f64::from(self.bias) - pos_weight.ln()) as f32 }
    }
}

/// The logistic function in f64, with full relative precision in both tails: never NaN for a finite logit.
pub fn probability(logit: f64) -> f64 {
    logistic(logit)
}

/// What to do about classes of different size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Balance {
    /// Weigh positives so that both classes count the same.
    #[default]
    Auto,
    /// Every image counts the same.
    None,
}

/// The weight of a positive: negatives ÷ positives for [`Balance::Auto`], otherwise 1.
///
/// Also 1 where a class is empty, which [`Examples::new`] refuses anyway.
pub fn pos_weight(labels: &[bool], balance: Balance) -> f64 {
    let positives = labels.iter().filter(|&&label| label).count();
    let negatives = labels.len() - positives;
    match balance {
        Balance::Auto if positives > 0 && negatives > 0 => negatives as f64 / positives as f64,
        Balance::Auto | Balance::None => 1.0,
    }
}

/// Labelled features that a head can be fitted to: finite, both classes there, one label a row.
#[derive(Debug, Clone, Copy)]
pub struct Examples<'a> {
    features: &'a FeatureMatrix,
    labels: &'a [bool],
    pos_weight: f64,
}

impl<'a> Examples<'a> {
    /// Checks features `[N, D]` and labels `[N]`, `true` for the positive class.
    ///
    /// # Errors
    /// [`HeadError::LabelCount`], [`HeadError::OneClass`] (also for no images at all), [`HeadError::NotFinite`] with
    /// the first row that holds NaN or an infinity, [`HeadError::Option`] for a `pos_weight` that is not positive.
    pub fn new(features: &'a FeatureMatrix, labels: &'a [bool], pos_weight: f64) -> Result<Self, HeadError> {
        if labels.len() != features.len() {
            return Err(HeadError::LabelCount { labels: labels.len(), rows: features.len() });
        }
        let positives = labels.iter().filter(|&&label| label).count();
        if positives == 0 || positives == labels.len() {
            return Err(HeadError::OneClass { positives, negatives: labels.len() - positives });
        }
        require_positive("pos_weight", pos_weight)?;
        let rows: Vec<&[f32]> = features.rows().collect();
        let damaged = rows.par_iter().position_first(|row| !row.iter().all(|value| value.is_finite()));
        if let Some(row) = damaged {
            return Err(HeadError::NotFinite { row });
        }
        Ok(Self { features, labels, pos_weight })
    }

    /// `[N, D]`.
    pub fn features(&self) -> &'a FeatureMatrix {
        self.features
    }

    /// `[N]`, `true` for the positive class.
    pub fn labels(&self) -> &'a [bool] {
        self.labels
    }

    /// How much a positive counts against a negative.
    pub fn pos_weight(&self) -> f64 {
        self.pos_weight
    }
}

/// Refuses zero, negative numbers, NaN and infinities.
fn require_positive(name: &'static str, value: f64) -> Result<(), HeadError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(HeadError::Option { name, value: value.to_string(), expected: "a number above 0" })
}

/// Why no head could be fitted or applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// Not one label for each row.
    #[error("{labels} labels for {rows} rows of features, expected one label a row")]
    LabelCount {
        /// Labels given.
        labels: usize,
        /// Rows of features.
        rows: usize,
    },
    /// A class has no image.
    #[error("{positives} positive and {negatives} negative images to fit, expected at least one of each")]
    OneClass {
        /// Images of the positive class.
        positives: usize,
        /// Images of the other class.
        negatives: usize,
    },
    /// A feature is NaN or infinite.
    #[error("the features of row {row} are not finite, expected numbers")]
    NotFinite {
        /// Row, counted from 0.
        row: usize,
    },
    /// Features of another width than the head.
    #[error("an image has {given} features, this head expects {expected}")]
    Width {
        /// Weights of the head.
        expected: usize,
        /// Features given.
        given: usize,
    },
    /// An option outside its range.
    #[error("`{name}` is {value}, expected {expected}")]
    Option {
        /// Its name.
        name: &'static str,
        /// What was given.
        value: String,
        /// The range.
        expected: &'static str,
    },
    /// Folds that cannot be used to cross-validate.
    #[error("fold {fold} leaves no {class} image to fit, expected both classes outside every fold")]
    FoldWithoutClass {
        /// The fold's id.
        fold: usize,
        /// `positive` or `negative`.
        class: &'static str,
    },
    /// The exact solver stopped before it reached the optimum.
    #[error(
        "the fit stopped after {iterations} Newton steps at a gradient of {gradient_ratio:.1e} of its start, \
         expected below 1e-6"
    )]
    NotConverged {
        /// Newton steps taken.
        iterations: usize,
        /// Gradient norm ÷ gradient norm of the zero head.
        gradient_ratio: f64,
    },
    /// The loss of the SGD solver is no number any more.
    #[error("the loss was no longer finite in epoch {epoch}")]
    Diverged {
        /// Epoch, counted from 1.
        epoch: usize,
    },
    /// libtorch refused an operation.
    #[error("libtorch failed while {action}")]
    Torch {
        /// What was being done.
        action: &'static str,
        /// libtorch's reason.
        #[source]
        source: tch::TchError,
    },
    /// The user asked to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl HeadError {
    /// What the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::OneClass { .. } => Some("put images of both classes into the training folder".to_owned()),
            Self::NotFinite { .. } => {
                Some("the weights may be damaged: check them with `resnet-binary weights verify`".to_owned())
            }
            Self::Width { .. } => Some("use the model with the backbone it was trained on".to_owned()),
            Self::FoldWithoutClass { .. } => {
                Some("add images of that class, or give a fixed strength such as `--l2 1`".to_owned())
            }
            Self::NotConverged { .. } => Some("use a larger strength, such as `--l2 1`".to_owned()),
            Self::Diverged { .. } => Some("use a smaller learning rate, such as `--lr 0.0001`".to_owned()),
            Self::LabelCount { .. } | Self::Option { .. } | Self::Torch { .. } | Self::Interrupted(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
