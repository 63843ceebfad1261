//! Photos in, one row of features each out, in input order, streamed in bounded memory.
//!
//! The backbone is frozen, so every photo goes through it once. Each worker thread takes the next few photos, reads,
//! decodes and preprocesses them and runs them through its handle on the network, or gives them to whoever feeds a GPU
//! (`feed`); the calling thread puts the results back in order. Photos whose features are in the [`cache`] skip both decoding and network, and a run that finds all of
//! them there loads no network. A fixed number of permits bounds how far the fastest worker may run ahead of the slowest photo, so
//! memory does not grow with the number of photos. A photo that cannot be read is a result like any other.

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
