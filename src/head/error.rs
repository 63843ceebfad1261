//! Why no head could be fitted or applied.

use crate::progress::Interrupted;

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
