//! The network under torchvision's names with the head as its `fc`, a safetensors file that Python loads:
//!
//! ```python
//! net = torchvision.models.resnet50()
//! net.fc = torch.nn.Linear(2048, 1)
//! net.load_state_dict(safetensors.torch.load_file("classifier.safetensors"))
//! ```

use std::collections::HashMap;

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

use super::ExportError;
use super::card::Card;
use super::constants::insert;
use crate::backbone::{Backbone, layout};
use crate::files::Kind;
use crate::model::Model;
use crate::weights::{self, Dtype, NamedArrays};

/// The metadata entry that holds the card.
const ENTRY: &str = "resnet_binary_export";

pub(super) const KIND: Kind = Kind {
    name: "file of weights",
    is_one: |head| head.get(8..).unwrap_or_default().starts_with(br#"{"__metadata__":{"resnet_binary_export":"#),
};

/// All tensors of a model, with BatchNorm not folded.
pub(super) fn all(model: &Model, backbone: &Backbone) -> Result<NamedArrays, ExportError> {
    let mut arrays = backbone.tensors()?;
    let bytes = |number: &f32| number.to_le_bytes();
    let weight = &model.head.weight;
    insert(&mut arrays, "fc.weight", Dtype::F32, &[1, weight.len()], weight.iter().map(bytes));
    insert(&mut arrays, "fc.bias", Dtype::F32, &[1], [model.head.bias].iter().map(bytes));
    Ok(arrays)
}

/// Encodes a file.
pub(super) fn encode(tensors: &NamedArrays, card: &Card) -> Result<Vec<u8>, ExportError> {
    let failed = |error: &dyn std::error::Error| ExportError::Encode(error.to_string());
    let card = serde_json::to_string(card).map_err(|error| failed(&error))?;
    let views = tensors
        .iter()
        .map(|(name, array)| {
            let view = TensorView::new(safetensors::Dtype::F32, array.shape().to_vec(), array.bytes());
            view.map(|view| (name, view)).map_err(|error| failed(&error))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let metadata = HashMap::from([(ENTRY.to_owned(), card)]);
    safetensors::serialize(views, Some(metadata)).map_err(|error| failed(&error))
}

/// The card of a safetensors file, empty if another program wrote it; `None` for other formats.
pub(super) fn card(bytes: &[u8]) -> Option<String> {
    let (_, header) = SafeTensors::read_metadata(bytes).ok()?;
    Some(header.metadata().as_ref().and_then(|entries| entries.get(ENTRY)).cloned().unwrap_or_default())
}

/// Decodes the tensors of a file, and checks that they are those of the network and a head with one output.
pub(super) fn decode(bytes: &[u8], file: &str) -> Result<NamedArrays, ExportError> {
    let damaged = |reason: String| ExportError::Damaged { file: file.to_owned(), reason };
    let arrays = weights::parse(bytes, file).map_err(|error| damaged(error.to_string()))?;
    let found: Vec<_> = arrays.iter().map(|(name, array)| (name, array.shape(), array.dtype())).collect();
    layout::compare(file, &found)?;
    for (name, shape) in [("fc.weight", [1, layout::FEATURES].as_slice()), ("fc.bias", &[1])] {
        let given = arrays.get(name).map(|array| (array.shape(), array.dtype()));
        if given != Some((shape, Dtype::F32)) {
            return Err(damaged(format!("{name} is not f32 {shape:?}")));
        }
    }
    Ok(arrays)
}
