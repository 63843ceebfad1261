//! The result for one photo: its features, or the reason why it could not be read.

use crate::backbone::ActivationMap;
use crate::files::{ContentHash, FileError};
use crate::pixels::{Crop, DecodeError, PhotoFacts};

/// The result for one photo.
#[derive(Debug)]
pub(crate) struct Photo {
    /// The SHA-256 of the file, equal for byte-identical files.
    pub hash: ContentHash,
    /// The feature vector, `[D]`: 2048 numbers, or the whole map if the head uses it flattened.
    pub features: Vec<f32>,
    /// The facts: present if [`super::Extractor::facts`] is set, if the photo has 16 bits per channel, or if it went
    /// through the network in this run.
    pub facts: Option<PhotoFacts>,
    /// The number of pages or frames in the file; the photo is the first.
    pub pages: usize,
    /// Whether the features came from the cache.
    pub from_cache: bool,
    /// The explanation by the head, if the readout has one.
    pub explained: Option<Explained>,
}

/// A photo as the network gets it, and the head's contribution from each cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Explained {
    /// The crop, `[S, S, 3]`.
    pub crop: Crop,
    /// The activation map, `[S/32, S/32]`.
    pub map: ActivationMap,
}

/// The reason why a photo could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PhotoError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("{0}")]
    Noted(String),
}

impl PhotoError {
    /// The reason without the path, for tables with a separate path column.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::File(error) => error.reason(),
            Self::Decode(error) => error.to_string(),
            Self::Noted(reason) => reason.clone(),
        }
    }
}
