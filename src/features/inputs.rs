//! Where the photos come from, and where their rows go.

use std::path::PathBuf;

use super::{FeatureError, FeatureMatrix, Noticed, PhotoError};
use crate::files::ContentHash;
use crate::pixels::PhotoFacts;

/// Hands out photos in order.
pub trait Inputs: Send {
    /// The next photos, at least one and at most `at_most`; empty when there are no more.
    fn next(&mut self, at_most: usize) -> Vec<PathBuf>;

    /// How many are left, where that is known.
    fn left(&self) -> Option<usize> {
        None
    }
}

/// A known list.
impl Inputs for std::slice::Iter<'_, PathBuf> {
    fn next(&mut self, at_most: usize) -> Vec<PathBuf> {
        self.by_ref().take(at_most).cloned().collect()
    }

    fn left(&self) -> Option<usize> {
        Some(self.len())
    }
}

/// Takes the features of photos, one row after the other.
pub(crate) trait Rows {
    /// Makes room for so many rows; a number that turns out too large does no harm.
    ///
    /// # Errors
    /// [`FeatureError::Memory`]
    fn expect(&mut self, _rows: usize) -> Result<(), FeatureError> {
        Ok(())
    }

    /// Takes the next row.
    ///
    /// # Errors
    /// [`FeatureError`] if it cannot be put down, which ends the work.
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

/// What came of a list of photos: the `i`th row that was given is photo `rows[i]` of the list.
#[derive(Debug)]
pub(crate) struct Extraction {
    /// `[N]`
    pub hashes: Vec<ContentHash>,
    /// `[N]`, ascending positions in the list.
    pub rows: Vec<usize>,
    /// `[N]` where [`super::Extractor::facts`] asks for them, else empty.
    pub facts: Vec<PhotoFacts>,
    /// How many of them were computed in an earlier run.
    pub from_cache: usize,
    /// What to say of them once.
    pub noticed: Noticed,
    /// Positions of the photos that could not be read, with the reason.
    pub unreadable: Vec<(usize, PhotoError)>,
}
