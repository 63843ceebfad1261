//! Why no head could be fitted or applied.

use crate::progress::Interrupted;

/// The largest gradient norm of a converged fit, relative to that of the head of zeros.
pub(super) const REQUIRED_RATIO: f64 = 1e-6;

/// Why no head could be fitted or applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// The numbers of labels and rows differ.
    #[error("{labels} labels for {rows} rows of features, expected one label per row")]
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
    /// A ROC-AUC cannot be computed from the logits.
    #[error("the ROC-AUC is undefined for these logits, expected finite logits for images of both classes")]
    UndefinedRocAuc,
    /// A feature is NaN or infinite.
    #[error("the features of row {row} are not finite, expected numbers")]
    NotFinite {
        /// Row, counted from 0.
        row: usize,
    },
    /// The features of an image do not have the head's width.
    #[error("an image has {given} features, this head expects {expected}")]
    Width {
        /// Weights of the head.
        expected: usize,
        /// Features given.
        given: usize,
    },
    /// Training and held-out rows differ in width.
    #[error("the held-out rows have {held_out} features, the training rows {training}: expected the same number")]
    WidthsDiffer {
        /// Features of a training row.
        training: usize,
        /// Features of a held-out row.
        held_out: usize,
    },
    /// All training images have the same features.
    #[error("all {images} training images have the same features, so no head can tell them apart")]
    IdenticalRows {
        /// How many.
        images: usize,
    },
    /// Both classes have the same mean features.
    #[error(
        "both classes have the same mean features, as when every training image is in both, so no head can tell them apart"
    )]
    EqualClassMeans,
    /// An option outside its range.
    #[error("`{name}` is {value}, expected {expected}")]
    InvalidSetting {
        /// Its name.
        name: &'static str,
        /// The value given.
        value: String,
        /// The range.
        expected: &'static str,
    },
    /// The folds cannot be used for cross-validation.
    #[error("fold {fold} leaves no {class} image to fit, expected both classes outside every fold")]
    FoldWithoutClass {
        /// The fold's id.
        fold: usize,
        /// `positive` or `negative`.
        class: &'static str,
    },
    /// The exact solver stopped before it reached the optimum.
    #[error(
        "the fit stopped after {iterations} Newton steps with a gradient norm of {gradient_ratio:.1e} times its initial \
         value, expected at most {required:e}",
        required = REQUIRED_RATIO
    )]
    NotConverged {
        /// Newton steps taken.
        iterations: usize,
        /// Gradient norm ÷ gradient norm of the zero head.
        gradient_ratio: f64,
    },
    /// The linear system of a Newton step could not be solved in f64.
    #[error("the linear system of a Newton step could not be factorised: it is too ill-conditioned")]
    Factorisation,
    /// The loss of the SGD solver became NaN or infinite.
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
