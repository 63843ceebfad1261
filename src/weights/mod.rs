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

pub(crate) use array::{Array, Dtype, NamedArrays};
pub(crate) use error::WeightsError;
pub use fetch::FetchOptions;
pub(crate) use fetch::fetch;
pub use find::Places;
pub(crate) use find::{find, locate, verify};
pub(crate) use import::import;
pub(crate) use manifest::{Entry, Manifest, manifest};
pub(crate) use read::{SIZE_LIMIT, parse, read};
pub use source::{WeightsId, WeightsSource};
