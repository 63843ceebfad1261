//! The export formats, and the models that each can represent.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ExportError, OPSETS, onnx, tensors, torchscript};
use crate::backbone::Pooling;
use crate::files::Kind;
use crate::model::Model;

/// An export format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A graph for ONNX Runtime and compatible programs, in this opset.
    Onnx(u32),
    /// A program for libtorch and PyTorch.
    TorchScript,
    /// Weights under torchvision's names.
    Safetensors,
}

impl Format {
    /// Recognises files of this format.
    pub(crate) fn kind(self) -> Kind {
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

/// The kind of input of an exported file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub(crate) enum Entry {
    /// Upright RGB photos of any size, u8 [N, H, W, 3].
    #[default]
    Photo,
    /// Resized and cropped images, u8 [N, 3, S, S], not normalised.
    Crop,
}

impl Entry {
    /// The name of the input tensor.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Photo => "photo",
            Self::Crop => "crop",
        }
    }
}

/// Checks that a format can represent a model.
pub(super) fn check(model: &Model, format: Format) -> Result<(), ExportError> {
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

/// A size as i64, the type of ONNX and libtorch.
pub(super) fn whole(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
