//! ResNet-50 without its last layer, frozen: from crops to feature vectors.
//!
//! Guarantees: a weights file is compared with the network, tensor by tensor, before anything is copied ([`layout`]);
//! the network is never trained, so its tensors do not change; a selected device is never replaced by another
//! ([`device`]); a failure of libtorch is an error, not a panic.
//!
//! Data: crops `[S, S, 3]` → input `[B, 3, S, S]` → stages → map `[B, 2048, S/32, S/32]` → pooled or flattened
//! ([`Pooling`]) → features `[B, D]`.

pub(crate) mod about;
mod batch;
mod cam;
pub(crate) mod device;
mod engine;
mod error;
mod folded;
mod initial;
mod int8;
pub(crate) mod layout;
mod lazy;
mod network;
mod own;
mod pooling;
pub(crate) mod shapes;
mod target;

pub(crate) use batch::InFlight;
pub use cam::ActivationMap;
pub(crate) use cam::{Linear, Readout};
pub(crate) use engine::{Engine, Pooled};
pub(crate) use error::BackboneError;
pub(crate) use lazy::LazyBackbone;
pub(crate) use network::Backbone;
pub use pooling::Pooling;
pub use target::PrecisionChoice;
pub(crate) use target::{Precision, Target};

/// The version of the results: incremented by any change in this module that may change a bit of a feature.
const NETWORK_VERSION: u32 = 1;

#[cfg(test)]
mod tests;
