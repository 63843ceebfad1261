//! Why extraction as a whole ends early.

use std::path::PathBuf;

use super::matrix;
use crate::backbone::BackboneError;
use crate::files::FileError;
use crate::progress::Interrupted;

/// Why extraction as a whole ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureError {
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// A photo could not be read and the caller wants to stop there.
    #[error("cannot read `{}`: {reason}", crate::files::escaped::text(path))]
    Unreadable { path: PathBuf, reason: String },
    #[error(transparent)]
    File(#[from] FileError),
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    #[error("the features of {rows} photos, {width} numbers each, need {:.1} GB and memory for them is refused",
        *rows as f64 * *width as f64 * 4e-9)]
    Memory { rows: usize, width: usize },
    /// The network gave a row of another width: a flaw of this program.
    #[error(transparent)]
    Width(#[from] matrix::WidthError),
}
