//! The classifier itself: a `Linear(D, 1)` on frozen features, and the two ways to fit it.
//!
//! Features `[N, D]` and labels go in as [`Examples`], checked once at the door; a [`Head`] comes out, D weights and a
//! bias in f32 that act on the features as the backbone gives them. [`exact`] solves the convex problem to convergence,
//! [`sgd`] takes mini-batch steps on it, [`cross_validation`] chooses the strength of the penalty. Both solvers work on
//! scaled features and fold the scaling back, so nothing but the head has to be stored.
//!
//! ```text
//! examples ─ scale ───────┬─ gram (N ≤ D) ─┬─ newton ─ exact ─┬─ fold back ─ Head
//!                         ├─ rows (N > D) ─┘                  │
//!                         └─ sgd (tch, AdamW) ────────────────┘
//! ```
//!
//! The loss is the log loss with a weight for each class: see [`objective`].

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

mod scaling;

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

    /// Refuses images that leave nothing to learn, for a head of them gives every image one probability.
    ///
    /// # Errors
    /// [`HeadError::AllAlike`] where all rows are the same, [`HeadError::ClassesAlike`] where both classes have the same
    /// mean in every column: then the optimum is a weight of 0, whatever the strength.
    pub fn require_difference(&self) -> Result<(), HeadError> {
        let first = self.features.rows().next().unwrap_or_default();
        if self.features.rows().all(|row| row == first) {
            return Err(HeadError::AllAlike { images: self.labels.len() });
        }
        let [negative, positive] = [false, true].map(|class| {
            let rows: Vec<usize> = (0..self.labels.len()).filter(|&row| self.labels[row] == class).collect();
            let sums = scaling::column_sums(self.features, &rows, |sums, row| product::add_scaled(sums, 1.0, row));
            sums.into_iter().map(move |sum| sum / rows.len() as f64)
        });
        // Sums in another order differ by rounding.
        let is_same = |(left, right): (f64, f64)| (left - right).abs() <= 1e-9 * (left.abs() + right.abs());
        if negative.zip(positive).all(is_same) { Err(HeadError::ClassesAlike) } else { Ok(()) }
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
    /// No image differs from another.
    #[error("all {images} training images are the same to the network, so no head can tell them apart")]
    AllAlike {
        /// How many.
        images: usize,
    },
    /// No feature differs between the classes.
    #[error(
        "both classes are the same to the network on average, as where every training image is in both, so no head can \
         tell them apart"
    )]
    ClassesAlike,
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
            Self::AllAlike { .. } => Some(
                "look at the images: all of one colour, or near-duplicates of one? give images that show the classes"
                    .to_owned(),
            ),
            Self::ClassesAlike => Some("keep each image in the class that it belongs to, and only there".to_owned()),
            Self::NotFinite { .. } => {
                Some("the weights may be damaged: check them with `resnet-binary weights verify`".to_owned())
            }
            Self::Width { .. } => Some("use the model with the backbone it was trained on".to_owned()),
            Self::FoldWithoutClass { .. } => {
                Some("add images of that class, or give a fixed L2 penalty such as `--l2 1`".to_owned())
            }
            Self::NotConverged { .. } => Some("use a larger L2 penalty, such as `--l2 1`".to_owned()),
            Self::Diverged { .. } => Some("use a smaller learning rate, such as `--lr 0.0001`".to_owned()),
            Self::LabelCount { .. } | Self::Option { .. } | Self::Torch { .. } | Self::Interrupted(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
