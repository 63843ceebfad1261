//! The file that `train` writes and `predict` reads: the head and everything needed to use it, in half a megabyte at most.
//!
//! A safetensors file with `head.weight` `[1, D]`, `head.bias` `[1]`, `trained_on.hashes` u8 `[N, 8]` (the first bytes of
//! the SHA-256 of each photo file that the head was fitted to, sorted), `index.rows` `[R, 2048]` of up to 256 of these
//! photos, and one metadata entry, `resnet_binary`, whose JSON is [`Facts`]; D is 2048, or that of the flattened map at the
//! model's image size, which makes the file larger. The backbone's 100 MB are not in it: the file names the weights by name
//! and SHA-256. In a bundle they are, as `backbone.file` u8 `[bytes]`, which is the weights file itself. Promises: the same model gives the same bytes; a file is checked whole before
//! anything of it is used; it is written whole or not at all. Opens in Python with `safetensors.safe_open`.

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
