//! A trained model as a file for other programs, which proves itself: ONNX, TorchScript, or tensors for torchvision.
//!
//! Every file holds the whole way from pixels to the answer: resize, crop, normalisation, network, head, calibration and
//! threshold; or, of safetensors, which hold no arithmetic, the numbers of each of them. With it goes a [`Card`]: what the
//! classes are called, and golden photos with the answers that this program gave for them. Promises: a file is replayed on
//! these before it is put in place, and [`verify`] replays it anywhere and names the first of the [`STAGES`] that differs;
//! the same model gives the same bytes; nothing in a file that [`verify`] reads makes it panic.
//!
//! Data: photo u8 `[N, H, W, 3]` → crop u8 `[N, 3, S, S]` → normalised `[N, 3, S, S]` → conv1 … layer4 → pool `[N, D]` →
//! logit `[N]` → probability `[N]` → label `[N]`.

mod card;
mod constants;
mod error;
mod evaluate;
mod golden;
mod graph;
mod onnx;
mod pickle;
mod protobuf;
mod replay;
mod tensors;
mod torchscript;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::backbone::{Backbone, Pooling};
use crate::files::Kind;
use crate::model::Model;

pub use card::{Card, Golden};
pub use error::ExportError;
pub use replay::{Replay, Row, verify};

use graph::Graph;

/// What happens to a photo, in order; each name is also that of the tensor it gives.
pub const STAGES: [&str; 11] =
    ["crop", "normalised", "conv1", "layer1", "layer2", "layer3", "layer4", "pool", "logit", "probability", "label"];

/// The opsets of ONNX that can be written: the first has the antialiased resize, and none of them changes an operator
/// that is used here.
pub const OPSETS: std::ops::RangeInclusive<u32> = 18..=21;

/// Larger files are none of ours: 2 GB is where a protobuf ends.
pub const SIZE_LIMIT: u64 = 2 << 30;

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A graph for ONNX Runtime and its relatives, in this opset.
    Onnx(u32),
    /// A program for libtorch and PyTorch.
    TorchScript,
    /// Weights under torchvision's names.
    Safetensors,
}

impl Format {
    /// How a file of this format is known among other files.
    pub fn kind(self) -> Kind {
        match self {
            Self::Onnx(_) => onnx::KIND,
            Self::TorchScript => torchscript::KIND,
            Self::Safetensors => tensors::KIND,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Onnx(opset) => write!(out, "ONNX, opset {opset}"),
            Self::TorchScript => out.write_str("TorchScript"),
            Self::Safetensors => out.write_str("safetensors"),
        }
    }
}

/// Where a file begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Entry {
    /// Upright photos of any size, u8 `[N, H, W, 3]`.
    #[default]
    Photo,
    /// Crops that are ready, u8 `[N, 3, S, S]`.
    Crop,
}

impl Entry {
    /// The name of the input.
    pub fn name(self) -> &'static str {
        match self {
            Self::Photo => "photo",
            Self::Crop => "crop",
        }
    }
}

/// A file's content, and how far it is from the model that it is of.
#[derive(Debug)]
pub struct Exported {
    /// The file.
    pub bytes: Vec<u8>,
    /// What [`verify`] says of it.
    pub replay: Replay,
}

/// Writes a model and its backbone, which computes in f32, into the bytes of a file, and replays them; `file` is its name
/// in messages.
///
/// # Errors
/// [`ExportError::Unsupported`] for a model that the format cannot hold, [`ExportError::Differs`] if the file does not
/// answer as the model does, and what reading the network can give.
pub fn export(
    model: &Model,
    backbone: &Backbone,
    format: Format,
    entry: Entry,
    file: &str,
) -> Result<Exported, ExportError> {
    check(model, format)?;
    let facts = &model.facts;
    let raw = tensors::all(model, backbone)?;
    let constants = constants::fold(&raw, facts)?;
    let graph = Graph::new(entry, facts, constants.clone());
    let golden = golden::new(model, backbone, entry, &graph)?;
    let card = |tensors| Card::new(facts, entry, tensors, golden);
    let bytes = match format {
        Format::Onnx(opset) => onnx::encode(&graph, &card(&graph.constants), opset)?,
        Format::TorchScript => torchscript::encode(&constants, &card(&constants))?,
        Format::Safetensors => tensors::encode(&raw, &card(&raw))?,
    };
    let replay = verify(&bytes, file)?;
    match replay.error(file) {
        Some(error) => Err(error),
        None => Ok(Exported { bytes, replay }),
    }
}

/// A size as ONNX and libtorch have it.
fn whole(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// Whether a format can hold a model.
fn check(model: &Model, format: Format) -> Result<(), ExportError> {
    let refuse = |reason: String, remedy: &str| Err(ExportError::Unsupported { reason, remedy: remedy.to_owned() });
    let preprocess = &model.facts.preprocess;
    if let Format::Onnx(opset) = format
        && !OPSETS.contains(&opset)
    {
        let reason = format!("opset {opset} is not one of {} to {}", OPSETS.start(), OPSETS.end());
        return refuse(reason, "leave `--opset` out: ONNX Runtime reads its default since version 1.15");
    }
    if preprocess.resize < preprocess.crop {
        let reason =
            format!("the model pads photos: it resizes to {} and crops {}", preprocess.resize, preprocess.crop);
        return refuse(reason, "train again with `--image-size`, which keeps the resize larger than the crop");
    }
    if format == Format::Safetensors && model.facts.pooling == Pooling::Flatten {
        return refuse(
            "torchvision's ResNet-50 averages the last map, and this model was trained with `--head flatten`"
                .to_owned(),
            "give `--format onnx` or `--format torchscript`, or train again with `--head gap`",
        );
    }
    Ok(())
}
