//! The errors of fitting and applying a head.

use crate::progress::Interrupted;

/// The largest gradient norm of a converged fit, relative to that of the head of zeros.
pub(super) const REQUIRED_RATIO: f64 = 1e-6;

/// An error of fitting or applying a head.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    #[error("{labels} labels for {rows} rows of features, expected one label per row")]
    LabelCount { labels: usize, rows: usize },
    #[error("{positives} positive and {negatives} negative images to fit, expected at least one of each")]
    OneClass { positives: usize, negatives: usize },
    #[error("the ROC-AUC is undefined for these logits, expected finite logits for images of both classes")]
    UndefinedRocAuc,
    #[error("the features of row {row} are not finite, expected numbers")]
    NotFinite {
        /// Row, counted from 0.
        row: usize,
    },
    /// The features of an image do not have the head's width.
    #[error("an image has {given} features, this head expects {expected}")]
    Width { expected: usize, given: usize },
    #[error("the held-out rows have {held_out} features, the training rows {training}: expected the same number")]
    WidthsDiffer { training: usize, held_out: usize },
    #[error("all {images} training images have the same features, so no head can tell them apart")]
    IdenticalRows { images: usize },
    #[error(
        "both classes have the same mean features, as when every training image is in both, so no head can tell them apart"
    )]
    EqualClassMeans,
    #[error("`{name}` is {value}, expected {expected}")]
    InvalidSetting { name: &'static str, value: String, expected: &'static str },
    #[error("fold {fold} leaves no {class} image to fit, expected both classes outside every fold")]
    FoldWithoutClass { fold: usize, class: &'static str },
    /// The exact solver stopped before it reached the optimum.
    #[error(
        "the fit stopped after {iterations} Newton steps with a gradient norm of {gradient_ratio:.1e} times its initial \
         value, expected at most {required:e}",
        required = REQUIRED_RATIO
    )]
    NotConverged { iterations: usize, gradient_ratio: f64 },
    /// The linear system of a Newton step could not be solved in f64.
    #[error("the linear system of a Newton step could not be factorised: it is too ill-conditioned")]
    Factorisation,
    /// The loss of the SGD solver became NaN or infinite.
    #[error("the loss was no longer finite in epoch {epoch}")]
    Diverged {
        /// Epoch, counted from 1.
        epoch: usize,
    },
    #[error("libtorch failed while {action}")]
    Torch {
        action: &'static str,
        /// The reason that libtorch gives.
        #[source]
        source: tch::TchError,
    },
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl HeadError {
    /// Advice to the user on how to resolve the error, where there is any.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::OneClass { .. } => Some("put images of both classes into the training folder".to_owned()),
            Self::IdenticalRows { .. } => Some(
                "look at the images: are they all of one colour, or near-duplicates of one image? use images that show \
                 the classes"
                    .to_owned(),
            ),
            Self::EqualClassMeans => Some("keep each image in its own class only".to_owned()),
            Self::NotFinite { .. } => {
                Some("the weights may be damaged: check them with `resnet-binary weights verify`".to_owned())
            }
            Self::Width { .. } => Some("use the model with the backbone it was trained on".to_owned()),
            Self::FoldWithoutClass { .. } => {
                Some("add images of that class, or give a fixed L2 penalty such as `--l2 1`".to_owned())
            }
            Self::NotConverged { .. } | Self::Factorisation => {
                Some("use a larger L2 penalty, such as `--l2 1`".to_owned())
            }
            Self::Diverged { .. } => Some("use a smaller learning rate, such as `--lr 0.0001`".to_owned()),
            Self::LabelCount { .. }
            | Self::UndefinedRocAuc
            | Self::WidthsDiffer { .. }
            | Self::InvalidSetting { .. }
            | Self::Torch { .. }
            | Self::Interrupted(_) => None,
        }
    }
}
