//! The metadata of a model: classes, preprocessing, threshold, and how it was trained.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::backbone::Pooling;
use crate::decision::{Calibration, ThresholdRule};
use crate::files::escaped;
use crate::metrics::{Certificate, Metrics};
use crate::pixels::Preprocess;
use crate::weights::WeightsId;

/// With fewer photos of a class, nothing is chosen by cross-validation, and the probabilities are unreliable.
pub(crate) const FEW_FOR_FOLDS: usize = 5;

/// The metadata of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The format version of the model file.
    pub format_version: u32,
    /// The name and version of the program that wrote the file.
    pub created_by: String,
    /// All class names, sorted.
    pub classes: Vec<String>,
    /// The positive class, whose probability the model predicts.
    pub positive: String,
    /// The name of the negative class.
    pub negative: String,
    /// The decision threshold: a probability of at least this predicts the positive class.
    pub threshold: f64,
    /// The rule that chose the threshold.
    pub threshold_rule: ThresholdRule,
    /// The calibration, from logits to probabilities.
    pub calibration: Calibration,
    /// The preprocessing, from file bytes to the network's input.
    pub preprocess: Preprocess,
    /// The pooling, from the last map to the head's input.
    pub pooling: Pooling,
    /// The backbone weights that the head was trained with.
    pub weights: WeightsId,
    /// The path of the weights file, if it was the user's own, escaped as in JSON reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_path: Option<String>,
    /// The arithmetic precision of the features in training, such as `fp32`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
    /// The measured cost of int8 precision on some of the photos, if it was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub int8: Option<Certificate>,
    /// The training data and settings.
    pub training: Training,
    /// The metrics on the validation images, if there were any. They are those of the head fitted on the training
    /// images alone, even if the head in the file was then refitted on the validation images too.
    pub validation: Option<Metrics>,
    /// The parts of [`super::Model::index`] other than its rows.
    #[serde(default)]
    pub(crate) index: IndexFacts,
}

impl Facts {
    /// A warning to show before any prediction of a model that was trained on very few photos.
    pub(crate) fn few_photos(&self) -> Option<String> {
        let Training { images, positives, validation_images, validation_positives, refitted, .. } = self.training;
        let (images, positives) =
            if refitted { (images + validation_images, positives + validation_positives) } else { (images, positives) };
        let classes = [(&self.negative, images.saturating_sub(positives)), (&self.positive, positives)];
        let (class, photos) = classes.into_iter().min_by_key(|(_, photos)| *photos)?;
        (photos < FEW_FOR_FOLDS).then(|| {
            let noun = if photos == 1 { "photo" } else { "photos" };
            format!(
                "this model was trained on {photos} {noun} of `{class}`: its probabilities are unreliable, however \
                 certain they look"
            )
        })
    }
}

/// The parts of a [`crate::index::Index`] other than its rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct IndexFacts {
    /// The similarity from which a photo counts as familiar; `None` if there were too few photos to choose it.
    pub threshold: Option<f64>,
    /// The photos of the rows, in the order of the rows.
    pub photos: Vec<Kept>,
}

/// A training photo whose features are in the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The path at training time.
    #[serde(with = "escaped")]
    pub path: PathBuf,
    /// The labelled class.
    pub class: String,
}

/// The training data and settings of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// The number of images in the training split.
    pub images: usize,
    /// The number of positive images among them.
    pub positives: usize,
    /// The number of images in the validation split.
    pub validation_images: usize,
    /// The number of positive images among them.
    pub validation_positives: usize,
    /// The seed of the split and of the solver.
    pub seed: u64,
    /// The name of the solver, `exact` or `sgd`.
    pub solver: String,
    /// The L2 penalty, if the solver has one.
    pub l2: Option<f64>,
    /// The weight of a positive image in the loss.
    pub pos_weight: f64,
    /// Whether the head was refitted on the training and validation images together.
    pub refitted: bool,
}
