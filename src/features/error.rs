//! Errors that end feature extraction.

use std::path::PathBuf;

use super::matrix;
use crate::backbone::BackboneError;
use crate::files::FileError;
use crate::progress::Interrupted;

/// An error that ends feature extraction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureError {
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// A photo could not be read and the caller asked to stop at the first such photo.
    #[error("cannot read `{}`: {reason}", crate::files::escaped::text(path))]
    Unreadable { path: PathBuf, reason: String },
    #[error(transparent)]
    File(#[from] FileError),
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    #[error("the features of {rows} photos, {width} numbers each, need {:.1} GB and memory for them is refused",
        *rows as f64 * *width as f64 * 4e-9)]
    Memory { rows: usize, width: usize },
    /// The network returned a row of another width, which is a bug in this program.
    #[error(transparent)]
    Width(#[from] matrix::WidthError),
}
