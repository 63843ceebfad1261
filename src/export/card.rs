//! What goes with the numbers in every exported file: the meaning of the answers, and answers to check the file by.
//!
//! In ONNX each field is a metadata entry; TorchScript has the card as the extra file `resnet_binary.json`, safetensors as
//! the metadata entry `resnet_binary_export`, both as one JSON object. No path of the user's machine is in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Entry, STAGES};
use crate::files::ContentHash;
use crate::model::{Facts, IndexFacts};
use crate::weights::NamedArrays;

/// Version of the card that this program writes and reads.
pub(super) const FORMAT_VERSION: u32 = 1;

/// Fields that are text: they stand in ONNX's metadata as they are, all others as JSON.
const TEXTS: [&str; 5] = ["created_by", "input", "positive", "weights", "weights_sha256"];

/// What a file says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Card {
    /// Of the card.
    pub format_version: u32,
    /// Program and version that wrote the file.
    pub created_by: String,
    /// Where the file begins.
    pub input: Entry,
    /// What label 0 and label 1 stand for.
    pub labels: [String; 2],
    /// All class names that the model was trained on, sorted.
    pub classes: Vec<String>,
    /// The class whose probability is given.
    pub positive: String,
    /// A probability of at least this has label 1.
    pub threshold: f64,
    /// Name of the backbone's weights.
    pub weights: String,
    /// Their SHA-256.
    pub weights_sha256: String,
    /// The model's own description: preprocessing, calibration, training and validation metrics.
    pub model_card: Facts,
    /// The SHA-256 of the tensors of each stage that has any.
    pub checksums: BTreeMap<String, String>,
    /// Photos and what the model answers.
    pub golden: Vec<Golden>,
}

/// A drawn photo and what becomes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Golden {
    /// A PNG in base64.
    pub png: String,
    /// Some numbers of each stage from the crop to the pool, f32 in base64.
    pub stages: BTreeMap<String, String>,
    /// The model's.
    pub logit: f64,
    /// The model's.
    pub probability: f64,
    /// The class that the model answers.
    pub label: String,
}

impl Card {
    /// The card of a model whose file holds these tensors.
    pub(super) fn new(facts: &Facts, input: Entry, tensors: &NamedArrays, golden: Vec<Golden>) -> Self {
        // The photos that a model remembers are named by their paths, which are the user's own.
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

    /// Why the names and the threshold contradict each other, if they do: a class swapped in one place is still right in
    /// the others.
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

    /// From the fields by name; others are passed over.
    pub(super) fn from_entries(entries: &[(String, String)]) -> serde_json::Result<Self> {
        let value = |(name, text): &(String, String)| {
            let is_text = TEXTS.contains(&name.as_str());
            let value = if is_text { Value::String(text.clone()) } else { serde_json::from_str(text).ok()? };
            Some((name.clone(), value))
        };
        serde_json::from_value(Value::Object(entries.iter().filter_map(value).collect()))
    }
}

/// The stage that a tensor belongs to, by its name in any of the formats.
pub(super) fn stage_of(name: &str) -> Option<&'static str> {
    let part = match name.split(['.', '_']).next()? {
        "bn1" => "conv1",
        "fc" => "logit",
        part => part,
    };
    STAGES.into_iter().find(|stage| *stage == part)
}

/// The SHA-256 over name, shape and content of the tensors of each stage. TorchScript has no points in names.
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
