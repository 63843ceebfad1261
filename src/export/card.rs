//! The metadata in every exported file: the meaning of its outputs, and test images to verify it.
//!
//! In ONNX each field is a metadata entry. Otherwise the card is one JSON object: the extra file `resnet_binary.json`
//! in TorchScript, the metadata entry `resnet_binary_export` in safetensors. It has no path of the user.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Entry, STAGES};
use crate::files::ContentHash;
use crate::model::{Facts, IndexFacts};
use crate::weights::NamedArrays;

/// The version of the card that this program writes and reads.
pub(super) const FORMAT_VERSION: u32 = 1;

/// The fields that are text: ONNX's metadata hold them unquoted, and all other fields as JSON.
const TEXTS: [&str; 5] = ["created_by", "input", "positive", "weights", "weights_sha256"];

/// The metadata of an exported file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Card {
    /// The version of the card.
    pub format_version: u32,
    /// The name and version of the program that wrote the file.
    pub created_by: String,
    /// The kind of input.
    pub input: Entry,
    /// The class names of label 0 and label 1.
    pub labels: [String; 2],
    /// All class names of the training data, sorted.
    pub classes: Vec<String>,
    /// The positive class, whose probability is an output.
    pub positive: String,
    /// The decision threshold: a probability of at least this gives label 1.
    pub threshold: f64,
    /// The name of the backbone weights.
    pub weights: String,
    /// The SHA-256 of the backbone weights.
    pub weights_sha256: String,
    /// The metadata of the model: preprocessing, calibration, training and validation metrics.
    pub model_card: Facts,
    /// The SHA-256 of the tensors of each stage that has any.
    pub checksums: BTreeMap<String, String>,
    /// Test images with the outputs of the model.
    pub golden: Vec<Golden>,
}

/// A generated test image with the outputs of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Golden {
    /// The image as a PNG in base64.
    pub png: String,
    /// Sampled numbers of each stage from the crop to the pool, as f32 in base64.
    pub stages: BTreeMap<String, String>,
    pub logit: f64,
    pub probability: f64,
    /// The class that the model predicts.
    pub label: String,
}

impl Card {
    /// Creates the card of a model whose file holds these tensors.
    pub(super) fn new(facts: &Facts, input: Entry, tensors: &NamedArrays, golden: Vec<Golden>) -> Self {
        // The index names photos by their paths, which are private to the user.
        let model_card = Facts { weights_path: None, index: IndexFacts::default(), ..facts.clone() };
        Self {
            format_version: FORMAT_VERSION,
            created_by: format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
            input,
            labels: [facts.negative.clone(), facts.positive.clone()],
            classes: facts.classes.clone(),
            positive: facts.positive.clone(),
            threshold: facts.threshold,
            weights: facts.weights.name.clone(),
            weights_sha256: facts.weights.sha256.clone(),
            model_card,
            checksums: checksums(tensors),
            golden,
        }
    }

    /// The first contradiction between the card's fields and its model card, if any: a class that was swapped in one
    /// place is still right in the others.
    pub(super) fn contradiction(&self) -> Option<String> {
        let facts = &self.model_card;
        let pairs = [
            ("labels", format!("{:?}", self.labels), format!("{:?}", [&facts.negative, &facts.positive])),
            ("positive", self.positive.clone(), facts.positive.clone()),
            ("classes", format!("{:?}", self.classes), format!("{:?}", facts.classes)),
            ("threshold", self.threshold.to_string(), facts.threshold.to_string()),
        ];
        let (field, given, expected) = pairs.into_iter().find(|(_, given, expected)| given != expected)?;
        Some(format!("`{field}` is {given}, and the model card has {expected}"))
    }

    /// The fields by name, as text.
    pub(super) fn entries(&self) -> serde_json::Result<Vec<(String, String)>> {
        let Value::Object(fields) = serde_json::to_value(self)? else { return Ok(Vec::new()) };
        let text = |(name, value)| match value {
            Value::String(text) => (name, text),
            value => (name, value.to_string()),
        };
        Ok(fields.into_iter().map(text).collect())
    }

    /// Parses the fields by name; unknown ones are ignored.
    pub(super) fn from_entries(entries: &[(String, String)]) -> serde_json::Result<Self> {
        let value = |(name, text): &(String, String)| {
            let is_text = TEXTS.contains(&name.as_str());
            let value = if is_text { Value::String(text.clone()) } else { serde_json::from_str(text).ok()? };
            Some((name.clone(), value))
        };
        serde_json::from_value(Value::Object(entries.iter().filter_map(value).collect()))
    }
}

/// The stage of a tensor, by its name in any of the formats.
pub(super) fn stage_of(name: &str) -> Option<&'static str> {
    let part = match name.split(['.', '_']).next()? {
        "bn1" => "conv1",
        "fc" => "logit",
        part => part,
    };
    STAGES.into_iter().find(|stage| *stage == part)
}

/// The SHA-256 over name, shape, type and content of the tensors of each stage. TorchScript has `_` for `.` in names.
pub(super) fn checksums(tensors: &NamedArrays) -> BTreeMap<String, String> {
    let mut sorted: Vec<_> = tensors.iter().map(|(name, array)| (name.replace('.', "_"), array)).collect();
    sorted.sort_by(|(name, _), (other, _)| name.cmp(other));
    let mut hashers: BTreeMap<String, Sha256> = BTreeMap::new();
    for (name, array) in sorted {
        let Some(stage) = stage_of(&name) else { continue };
        let hasher = hashers.entry(stage.to_owned()).or_default();
        hasher.update(format!("{name} {:?} {} ", array.shape(), array.dtype()));
        hasher.update(array.bytes());
    }
    let text = |hasher: Sha256| ContentHash(hasher.finalize().into()).to_string();
    hashers.into_iter().map(|(stage, hasher)| (stage, text(hasher))).collect()
}
