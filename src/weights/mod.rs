//! ImageNet weights: what is known ([`manifest`](fn@manifest)), where it lies ([`locate`]), how it is fetched ([`fetch`](fn@fetch)),
//! imported ([`import`](fn@import)) and read ([`read`](fn@read)).
//!
//! Promises: nothing is downloaded unless asked for; a file takes its final name only after its SHA-256 was checked; a
//! pickle is read by an allow-list and never executed; no size that a file states is believed before it is checked against
//! the file's length. Whether the tensors fit the network is the backbone's question, not this module's.

mod array;
mod error;
mod fetch;
mod find;
mod import;
mod manifest;
mod read;
mod source;

pub use array::{Array, Dtype, NamedArrays};
pub use error::WeightsError;
pub use fetch::{FetchOptions, fetch};
pub use find::{Places, find, locate, verify};
pub use import::import;
pub use manifest::{Entry, Manifest, manifest};
pub use read::{SIZE_LIMIT, parse, read};
pub use source::{WeightsId, WeightsSource};
