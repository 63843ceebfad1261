//! The source of the photos and the destination of their feature rows.

use std::path::PathBuf;

use super::{FeatureError, FeatureMatrix, Noticed, PhotoError};
use crate::files::ContentHash;
use crate::pixels::PhotoFacts;

/// A source of photos, in order.
pub trait Inputs: Send {
    /// Returns the next photos, at least one and at most `at_most`; empty at the end.
    fn next(&mut self, at_most: usize) -> Vec<PathBuf>;

    /// The number of remaining photos, if known.
    fn left(&self) -> Option<usize> {
        None
    }
}

/// A list of known length.
impl Inputs for std::slice::Iter<'_, PathBuf> {
    fn next(&mut self, at_most: usize) -> Vec<PathBuf> {
        self.by_ref().take(at_most).cloned().collect()
    }

    fn left(&self) -> Option<usize> {
        Some(self.len())
    }
}

/// A destination for the feature rows of photos.
pub(crate) trait Rows {
    /// Reserves memory for a number of rows, which may be an overestimate.
    ///
    /// # Errors
    /// [`FeatureError::Memory`]
    fn expect(&mut self, _rows: usize) -> Result<(), FeatureError> {
        Ok(())
    }

    /// Appends a row.
    ///
    /// # Errors
    /// [`FeatureError`] if the row cannot be stored, which ends the work.
    fn push(&mut self, row: &[f32]) -> Result<(), FeatureError>;
}

impl Rows for FeatureMatrix {
    fn expect(&mut self, rows: usize) -> Result<(), FeatureError> {
        let refused = FeatureError::Memory { rows, width: self.width() };
        if self.reserve(rows) { Ok(()) } else { Err(refused) }
    }

    fn push(&mut self, row: &[f32]) -> Result<(), FeatureError> {
        Ok(self.push_row(row)?)
    }
}

/// The result for a list of photos: the `i`th row passed on is photo `rows[i]` of the list.
#[derive(Debug)]
pub(crate) struct Extraction {
    /// The SHA-256 of each file, `[N]`.
    pub hashes: Vec<ContentHash>,
    /// The ascending positions in the list, `[N]`.
    pub rows: Vec<usize>,
    /// The facts, `[N]` if [`super::Extractor::facts`] is set, else empty.
    pub facts: Vec<PhotoFacts>,
    /// The number of rows that came from the cache.
    pub from_cache: usize,
    /// Counts for warnings about these photos.
    pub noticed: Noticed,
    /// The positions of the photos that could not be read, with the reason.
    pub unreadable: Vec<(usize, PhotoError)>,
}
