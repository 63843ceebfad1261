//! The file that `train` writes and `predict` reads: the head and its metadata, about half a megabyte.
//!
//! The format is safetensors: `head.weight` `[1, D]`, `head.bias` `[1]`, `trained_on.hashes` u8 `[N, 8]` (the first
//! bytes of the SHA-256 of each photo file on which the head was fitted, sorted), `index.rows` i8 `[R, 2048]` of up to
//! 256 of these photos, and the metadata entry `resnet_binary` with [`Facts`] as JSON. D is 2048, or more for a
//! flattened map. The backbone's 100 MB are not included, only its name and SHA-256; a bundle has them as
//! `backbone.file` u8 `[bytes]`, checked when the backbone is opened. The same model gives the same bytes, a file is
//! checked before it is used, and it is written atomically. Python opens it with `safetensors.safe_open`.

mod error;
mod facts;
mod file;
mod read;
mod trained_on;

pub use error::ModelError;
pub(crate) use facts::{FEW_FOR_FOLDS, IndexFacts};
pub use facts::{Facts, Kept, Training};
pub use file::Model;
pub(crate) use file::{FORMAT_VERSION, KIND};
pub(crate) use trained_on::TrainedOn;

#[cfg(test)]
mod tests;
