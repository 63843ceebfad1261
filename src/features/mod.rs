//! Feature extraction: photos → one feature row each, in input order, streamed in bounded memory.
//!
//! The backbone is frozen, so every photo passes through it once. Each worker thread takes the next few photos, reads,
//! decodes and preprocesses them, and runs them through its own handle on the network or passes them to the thread that
//! serves a GPU (`batcher`); the calling thread restores the order. Photos in the [`cache`] skip decoding and network,
//! and a run that finds all of them there loads no network. A fixed number of permits bounds how far the fastest worker
//! runs ahead of the slowest photo, so memory does not grow with the number of photos. An unreadable photo is a result,
//! not an error.

mod batch;
mod batcher;
pub(crate) mod border;
pub(crate) mod cache;
mod error;
mod extractor;
mod inputs;
pub(crate) mod matrix;
mod noticed;
mod photo;
mod throughput;
mod worker;

pub(crate) use batch::Workload;
pub(crate) use cache::{Cache, CacheKey};
pub(crate) use error::FeatureError;
pub(crate) use extractor::Extractor;
pub(crate) use inputs::{Extraction, Inputs, Rows};
pub(crate) use matrix::{FeatureMatrix, RowSource};
pub use noticed::Noticed;
pub(crate) use photo::{Explained, Photo, PhotoError};

#[cfg(test)]
mod tests;
