//! Exports a model to the bytes of a file.

use super::graph::Graph;
use super::{Card, Entry, ExportError, Format, Replay, constants, format, golden, onnx, tensors, torchscript, verify};
use crate::backbone::Backbone;
use crate::model::Model;

/// The content of an exported file with its verification.
#[derive(Debug)]
pub(crate) struct Exported {
    /// The bytes of the file.
    pub bytes: Vec<u8>,
    /// The result of [`verify`].
    pub replay: Replay,
}

/// Exports a model and its backbone, which computes in f32, and verifies the result; `file` is its name in messages.
///
/// # Errors
/// [`ExportError::Unsupported`] if the format cannot represent the model, [`ExportError::Differs`] if the outputs of
/// the file differ from the model's, and errors of reading the network.
pub(crate) fn export(
    model: &Model,
    backbone: &Backbone,
    format: Format,
    entry: Entry,
    file: &str,
) -> Result<Exported, ExportError> {
    format::check(model, format)?;
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
