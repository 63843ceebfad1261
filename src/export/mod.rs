//! A trained model as a file for other programs, which proves itself: ONNX, TorchScript, or tensors for torchvision.
//!
//! Every file holds the whole way from pixels to the answer: resize, crop, normalisation, network, head, calibration and
//! threshold; or, of safetensors, which hold no arithmetic, the numbers of each of them. With it goes a [`Card`]: what the
//! classes are called, and test images with the outputs that this program gave for them. Promises: a file is replayed on
//! these before it is put in place, and [`verify`] replays it anywhere and names the first of the [`STAGES`] that differs;
//! the same model gives the same bytes; nothing in a file that [`verify`] reads makes it panic.
//!
//! Data: photo u8 `[N, H, W, 3]` → crop u8 `[N, 3, S, S]` → normalised `[N, 3, S, S]` → conv1 … layer4 → pool `[N, D]` →
//! logit `[N]` → probability `[N]` → label `[N]`.

mod card;
mod constants;
mod error;
mod evaluate;
mod format;
mod golden;
mod graph;
mod onnx;
mod pickle;
mod protobuf;
mod replay;
mod tensors;
mod torchscript;
mod write;

pub(crate) use card::Card;
pub(crate) use error::ExportError;
pub(crate) use format::{Entry, Format};
pub(crate) use replay::{Replay, verify};
pub(crate) use write::export;

use format::whole;

/// What happens to a photo, in order; each name is also that of the tensor it gives.
pub(crate) const STAGES: [&str; 11] =
    ["crop", "normalised", "conv1", "layer1", "layer2", "layer3", "layer4", "pool", "logit", "probability", "label"];

/// The opsets of ONNX that can be written: the first has the antialiased resize, and none of them changes an operator
/// that is used here.
pub(crate) const OPSETS: std::ops::RangeInclusive<u32> = 18..=21;

/// Larger files are none of ours: 2 GB is where a protobuf ends.
pub(crate) const SIZE_LIMIT: u64 = 2 << 30;
