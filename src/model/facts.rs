//! Everything about a model but its numbers: classes, preprocessing, threshold, and how it was trained.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::backbone::Pooling;
use crate::decision::{Calibration, ThresholdRule};
use crate::files::escaped;
use crate::metrics::{Certificate, Metrics};
use crate::pixels::Preprocess;
use crate::weights::WeightsId;

/// With fewer photos of a class nothing is chosen by cross-validation: probabilities are then no more than a model's word.
pub(crate) const FEW_FOR_FOLDS: usize = 5;

/// What a model knows about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The version of the model file.
    pub format_version: u32,
    /// Program and version that wrote the file.
    pub created_by: String,
    /// All class names, sorted.
    pub classes: Vec<String>,
    /// The class whose probability the model gives.
    pub positive: String,
    /// What the other answer is called.
    pub negative: String,
    /// A probability of at least this is the positive class.
    pub threshold: f64,
    /// How that was chosen.
    pub threshold_rule: ThresholdRule,
    /// From logits to probabilities.
    pub calibration: Calibration,
    /// From bytes to the network's input.
    pub preprocess: Preprocess,
    /// From the last map to the head's input.
    pub pooling: Pooling,
    /// The backbone that the head was trained on.
    pub weights: WeightsId,
    /// Where that file lay, if it was one of the user's own, escaped as in JSON reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_path: Option<String>,
    /// The arithmetic of the features that it was trained on, such as `fp32`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
    /// What that cost on some of the photos, where it was int8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub int8: Option<Certificate>,
    /// What it was trained on, and how.
    pub training: Training,
    /// The metrics on the validation images, where there were any: of the head of the training images, also where the
    /// head in the file was then fitted to the validation images too.
    pub validation: Option<Metrics>,
    /// What [`super::Model::index`] is besides its rows.
    #[serde(default)]
    pub(crate) index: IndexFacts,
}

impl Facts {
    /// What to say before any answer of a model that learned from next to nothing.
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

/// A [`crate::index::Index`] without its rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct IndexFacts {
    /// The similarity from which a photo is familiar; `None` where there were too few photos to say.
    pub threshold: Option<f64>,
    /// The photos that the rows are of, in their order.
    pub photos: Vec<Kept>,
}

/// A training photo whose features are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Where it lay.
    #[serde(with = "escaped")]
    pub path: PathBuf,
    /// What it was said to show.
    pub class: String,
}

/// What a model was trained on, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Images in the training split.
    pub images: usize,
    /// Positive images among them.
    pub positives: usize,
    /// Images in the validation split.
    pub validation_images: usize,
    /// Positive images among them.
    pub validation_positives: usize,
    /// Seed of the split and of the solver.
    pub seed: u64,
    /// `exact` or `sgd`.
    pub solver: String,
    /// Strength of the L2 penalty, where the solver has one.
    pub l2: Option<f64>,
    /// Weight of a positive image in the loss.
    pub pos_weight: f64,
    /// Whether the head is fitted to the validation images too.
    pub refitted: bool,
}
