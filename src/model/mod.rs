//! The file that `train` writes and `predict` reads: the head and everything needed to use it, in half a megabyte at most.
//!
//! A safetensors file with `head.weight` `[1, D]`, `head.bias` `[1]`, `trained_on.hashes` u8 `[N, 8]` (the first bytes of
//! the SHA-256 of each photo file that the head was fitted to, sorted), `index.rows` `[R, 2048]` of up to 256 of these
//! photos, and one metadata entry, `resnet_binary`, whose JSON is [`Facts`]; D is 2048, or that of the flattened map at the
//! model's image size, which makes the file larger. The backbone's 100 MB are not in it: the file names the weights by name
//! and SHA-256. In a bundle they are, as `backbone.file` u8 `[bytes]`, which is the weights file itself. Promises: the same model gives the same bytes; a file is checked whole before
//! anything of it is used; it is written whole or not at all. Opens in Python with `safetensors.safe_open`.

mod error;
mod read;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::{Deserialize, Serialize};

use crate::backbone::Pooling;
use crate::decision::{Calibration, ThresholdRule};
use crate::features::FeatureMatrix;
use crate::files::{self, ContentHash, Kind, escaped};
use crate::head::{Head, HeadError};
use crate::index::{Index, Neighbour};
use crate::metrics::Metrics;
use crate::pixels::Preprocess;
use crate::weights::WeightsId;

pub use error::ModelError;

/// Version of the format that this program writes and reads.
pub const FORMAT_VERSION: u32 = 3;

/// With fewer photos of a class nothing is chosen by cross-validation: probabilities are then no more than a model's word.
pub const FEW_FOR_FOLDS: usize = 5;

/// The metadata entry that holds the facts.
const ENTRY: &str = "resnet_binary";
const WEIGHT: &str = "head.weight";
const BIAS: &str = "head.bias";
const TRAINED_ON: &str = "trained_on.hashes";
const INDEX: &str = "index.rows";
const BACKBONE: &str = "backbone.file";

/// How a model of any version is known among other files: its description comes first, and begins with the version.
pub const KIND: Kind = Kind {
    name: "model",
    is_one: |head| {
        let header = head.get(8..).unwrap_or_default();
        header.starts_with(br#"{"__metadata__":{"resnet_binary":"{\"format_version\":"#)
    },
};

/// A model is half a MB, 130 MB more for the flattened map of the largest image, and 8 bytes a training photo; anything
/// above this is another file.
const SIZE_LIMIT: u64 = 4 << 30;

/// A trained head with the facts of its training.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Linear(D, 1).
    pub head: Head,
    /// The training photos that are remembered: which are most like a photo, and whether any is.
    pub index: Index,
    /// The photo files that the head was fitted to.
    pub trained_on: TrainedOn,
    /// Everything else.
    pub facts: Facts,
    /// The backbone's weights file, byte for byte, in a model that is to be given away as one file.
    pub backbone: Option<Arc<[u8]>>,
}

/// Some photo files, known again by their content under any name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrainedOn(Vec<[u8; 8]>);

impl TrainedOn {
    /// Files of these hashes.
    pub fn new<'a>(hashes: impl IntoIterator<Item = &'a ContentHash>) -> Self {
        let mut short: Vec<[u8; 8]> = hashes.into_iter().map(ContentHash::short).collect();
        short.sort_unstable();
        short.dedup();
        Self(short)
    }

    /// Whether a file of this hash is one of them.
    pub fn has(&self, content: &ContentHash) -> bool {
        self.0.binary_search(&content.short()).is_ok()
    }
}

/// What a model knows about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// See [`FORMAT_VERSION`].
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
    /// Where that file lay, if it was one of the user's own, as [`escaped::text`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_path: Option<String>,
    /// The arithmetic of the features that it was trained on, such as `fp32`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
    /// What it was trained on, and how.
    pub training: Training,
    /// The metrics on the validation images, where there were any: of the head of the training images, also where the
    /// head in the file was then fitted to the validation images too.
    pub validation: Option<Metrics>,
    /// What [`Model::index`] is besides its rows.
    #[serde(default)]
    pub index: IndexFacts,
}

impl Facts {
    /// What to say before any answer of a model that learned from next to nothing.
    pub fn few_photos(&self) -> Option<String> {
        let Training { images, positives, validation_images, validation_positives, refitted, .. } = self.training;
        let (images, positives) =
            if refitted { (images + validation_images, positives + validation_positives) } else { (images, positives) };
        let classes = [(&self.negative, images.saturating_sub(positives)), (&self.positive, positives)];
        let (class, photos) = classes.into_iter().min_by_key(|(_, photos)| *photos)?;
        (photos < FEW_FOR_FOLDS).then(|| {
            let noun = if photos == 1 { "photo" } else { "photos" };
            format!(
                "this model was trained on {photos} {noun} of `{class}`: its probabilities tell you little, however \
                 certain they look"
            )
        })
    }
}

/// An [`Index`] without its rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct IndexFacts {
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

impl Model {
    /// Writes the model whole or not at all.
    ///
    /// # Errors
    /// [`ModelError::File`] with what was at `path` left as it was.
    pub fn write(&self, path: &Path) -> Result<(), ModelError> {
        let bytes = self.to_bytes(path)?;
        Ok(files::write(path, |file| file.write_all(&bytes))?)
    }

    /// Logit and probability of the positive class.
    ///
    /// # Errors
    /// [`HeadError::Width`] for features of another width than the head.
    pub fn score(&self, features: &[f32]) -> Result<(f64, f64), HeadError> {
        let logit = self.head.logit(features)?;
        Ok((logit, self.facts.calibration.apply(logit)))
    }

    /// Whether a photo with these features is unlike the training photos; `None` where the model does not know.
    pub fn is_unfamiliar(&self, features: &[f32]) -> Option<bool> {
        self.index.is_unfamiliar(&self.facts.pooling.averaged(features))
    }

    /// How many of these photos are unlike the training photos; `None` where the model does not know.
    pub fn unfamiliar_among(&self, features: &FeatureMatrix) -> Option<usize> {
        let marks: Option<Vec<bool>> = features.rows().map(|row| self.is_unfamiliar(row)).collect();
        marks.map(|marks| marks.into_iter().filter(|&mark| mark).count())
    }

    /// The training photos most like one with these features, of those that are remembered, with their similarity.
    pub fn nearest(&self, features: &[f32], count: usize) -> Vec<(&Kept, f64)> {
        let named = |Neighbour { row, similarity }| Some((self.facts.index.photos.get(row)?, similarity));
        let nearest = self.index.nearest(&self.facts.pooling.averaged(features), count);
        nearest.into_iter().filter_map(named).collect()
    }

    /// The content of a model file; `path` is its name in messages.
    ///
    /// # Errors
    /// [`ModelError`] if the format cannot hold it.
    pub fn to_bytes(&self, path: &Path) -> Result<Vec<u8>, ModelError> {
        let file = || path.display().to_string();
        let facts = serde_json::to_string(&self.facts)
            .map_err(|error| ModelError::Facts { file: file(), reason: error.to_string() })?;
        let weight: Vec<u8> = self.head.weight.iter().flat_map(|value| value.to_le_bytes()).collect();
        let bias = self.head.bias.to_le_bytes();
        let failed = |error: safetensors::SafeTensorError| ModelError::NotSafetensors {
            file: file(),
            reason: error.to_string(),
        };
        let trained_on = self.trained_on.0.as_flattened();
        let rows: Vec<u8> = self.index.stored().iter().map(|value| value.cast_unsigned()).collect();
        let mut tensors = vec![
            (BIAS, TensorView::new(Dtype::F32, vec![1], &bias).map_err(failed)?),
            (WEIGHT, TensorView::new(Dtype::F32, vec![1, self.head.weight.len()], &weight).map_err(failed)?),
        ];
        let shape = vec![self.trained_on.0.len(), size_of::<[u8; 8]>()];
        tensors.push((TRAINED_ON, TensorView::new(Dtype::U8, shape, trained_on).map_err(failed)?));
        if !self.index.is_empty() {
            let shape = vec![self.index.len(), self.index.width()];
            tensors.push((INDEX, TensorView::new(Dtype::I8, shape, &rows).map_err(failed)?));
        }
        if let Some(backbone) = &self.backbone {
            tensors.push((BACKBONE, TensorView::new(Dtype::U8, vec![backbone.len()], backbone).map_err(failed)?));
        }
        // One entry only: the order of a map with several would differ from run to run.
        let metadata = HashMap::from([(ENTRY.to_owned(), facts)]);
        safetensors::serialize(tensors, Some(metadata)).map_err(failed)
    }

    /// Reads a model and checks all of it.
    ///
    /// # Errors
    /// [`ModelError`] naming the first thing that is wrong.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Self::parse(&files::read(path, SIZE_LIMIT)?, &path.display().to_string())
    }
}

#[cfg(test)]
mod tests;
