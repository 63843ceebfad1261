//! What comes of one photo: its features, or why it could not be read.

use crate::backbone::ActivationMap;
use crate::files::{ContentHash, FileError};
use crate::pixels::{Crop, DecodeError, PhotoFacts};

/// What came of one photo.
#[derive(Debug)]
pub(crate) struct Photo {
    /// The SHA-256 of the file: byte-identical files share it.
    pub hash: ContentHash,
    /// `[D]`: 2048, or the whole map where the head wants it flattened.
    pub features: Vec<f32>,
    /// There where [`super::Extractor::facts`] asks for them, where the photo has 16 bits a channel, and where it went through the
    /// network in this run.
    pub facts: Option<PhotoFacts>,
    /// Pages or frames of the file, of which the first is the photo.
    pub pages: usize,
    /// Whether they were computed in an earlier run.
    pub from_cache: bool,
    /// What the head that is to be explained made of it, where there is one.
    pub explained: Option<Explained>,
}

/// A photo as the network saw it, and what a head made of each cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Explained {
    /// `[S, S, 3]`
    pub crop: Crop,
    /// `[S/32, S/32]`
    pub map: ActivationMap,
}

/// Why a photo could not be read.
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
    /// The reason without the path, for tables that have the path in another column.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::File(error) => error.reason(),
            Self::Decode(error) => error.to_string(),
            Self::Noted(reason) => reason.clone(),
        }
    }
}
