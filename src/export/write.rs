//! A model into the bytes of a file.

use super::graph::Graph;
use super::{Card, Entry, ExportError, Format, Replay, constants, format, golden, onnx, tensors, torchscript, verify};
use crate::backbone::Backbone;
use crate::model::Model;

/// A file's content, and how far it is from the model that it is of.
#[derive(Debug)]
pub(crate) struct Exported {
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
