//! A trained model as a self-verifying file for other programs: ONNX, TorchScript, or safetensors for torchvision.
//!
//! Every file holds the whole computation from pixels to label: resize, crop, normalisation, network, head, calibration
//! and threshold; safetensors files, which hold no arithmetic, have the parameters of each. A [`Card`] comes with it:
//! the class names, and test images with this program's outputs. A file is verified with these before it is written,
//! and [`verify`] repeats this anywhere and names the first of the [`STAGES`] that differs. The same model gives the
//! same bytes, and no file content makes [`verify`] panic.
//!
//! Data: photo u8 `[N, H, W, 3]` → crop u8 `[N, 3, S, S]` → normalised `[N, 3, S, S]` → conv1 … layer4 → pool `[N, D]`
//! → logit `[N]` → probability `[N]` → label `[N]`.

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

/// The stages of the computation in order; each name is also that of its output tensor.
pub(crate) const STAGES: [&str; 11] =
    ["crop", "normalised", "conv1", "layer1", "layer2", "layer3", "layer4", "pool", "logit", "probability", "label"];

/// The ONNX opsets that can be written: the first is the oldest with the antialiased resize, and none of them changes
/// an operator that is used here.
pub(crate) const OPSETS: std::ops::RangeInclusive<u32> = 18..=21;

/// The maximum size in bytes of an exported file: 2 GB is the limit of protobuf.
pub(crate) const SIZE_LIMIT: u64 = 2 << 30;
