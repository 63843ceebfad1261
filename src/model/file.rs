//! The model as a file: its tensors, its recognition among other files, and its predictions.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::{Facts, Kept, ModelError, TrainedOn};
use crate::features::FeatureMatrix;
use crate::files::{self, Kind};
use crate::head::{Head, HeadError};
use crate::index::{Index, Neighbour};

/// The version of the format that this program writes and reads.
pub(crate) const FORMAT_VERSION: u32 = 4;

/// The metadata entry that holds the facts.
pub(super) const ENTRY: &str = "resnet_binary";

pub(super) const WEIGHT: &str = "head.weight";

pub(super) const BIAS: &str = "head.bias";

pub(super) const TRAINED_ON: &str = "trained_on.hashes";

pub(super) const INDEX: &str = "index.rows";

pub(super) const BACKBONE: &str = "backbone.file";

/// Recognises a model of any version: the metadata come first and begin with the format version.
pub(crate) const KIND: Kind = Kind {
    name: "model",
    is_one: |head| {
        let header = head.get(8..).unwrap_or_default();
        header.starts_with(br#"{"__metadata__":{"resnet_binary":"{\"format_version\":"#)
    },
};

/// The maximum size in bytes. A model has half a MB, 130 MB more with the flattened map of the largest image, 100 MB
/// more with its backbone, and 8 bytes per training photo; a larger file is not a model.
pub(super) const SIZE_LIMIT: u64 = 4 << 30;

/// A trained head with its metadata.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The linear layer, `[1, D]`, with its bias.
    pub head: Head,
    /// The index of some training photos, for nearest neighbours and for detecting unfamiliar photos.
    pub(crate) index: Index,
    /// The short hashes of the photo files on which the head was fitted.
    pub(crate) trained_on: TrainedOn,
    /// The metadata.
    pub facts: Facts,
    /// The bytes of the backbone's weights file, in a model that is distributed as one file.
    pub backbone: Option<Arc<[u8]>>,
}

impl Model {
    /// The logit, and the probability of the positive class.
    ///
    /// # Errors
    /// `HeadError::Width` if the number of features differs from that of the head.
    pub fn score(&self, features: &[f32]) -> Result<(f64, f64), HeadError> {
        let logit = self.head.logit(features)?;
        Ok((logit, self.facts.calibration.apply(logit)))
    }

    /// Whether a photo is unlike the training photos; `None` if the model has no similarity threshold.
    pub fn is_unfamiliar(&self, features: &[f32]) -> Option<bool> {
        self.index.is_unfamiliar(&self.facts.pooling.averaged(features))
    }

    /// The number of unfamiliar photos among these; `None` if the model has no similarity threshold.
    pub(crate) fn unfamiliar_among(&self, features: &FeatureMatrix) -> Option<usize> {
        let marks: Option<Vec<bool>> = features.rows().map(|row| self.is_unfamiliar(row)).collect();
        marks.map(|marks| marks.into_iter().filter(|&mark| mark).count())
    }

    /// The most similar training photos of the index for a feature vector, with their cosine similarity.
    pub fn nearest(&self, features: &[f32], count: usize) -> Vec<(&Kept, f64)> {
        let named = |Neighbour { row, similarity }| Some((self.facts.index.photos.get(row)?, similarity));
        let nearest = self.index.nearest(&self.facts.pooling.averaged(features), count);
        nearest.into_iter().filter_map(named).collect()
    }

    /// Serialises the model; `path` is its name in messages.
    ///
    /// # Errors
    /// [`ModelError`] if the format cannot represent the model.
    pub(crate) fn to_bytes(&self, path: &Path) -> Result<Vec<u8>, ModelError> {
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
        // There is only one entry: the order of a map with several would differ between runs.
        let metadata = HashMap::from([(ENTRY.to_owned(), facts)]);
        safetensors::serialize(tensors, Some(metadata)).map_err(failed)
    }

    /// Reads and checks a model file.
    ///
    /// # Errors
    /// [`ModelError`] for the first problem.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Self::parse(&files::read(path, SIZE_LIMIT)?, &path.display().to_string())
    }
}
