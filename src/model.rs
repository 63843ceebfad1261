//! The file that `train` writes and `predict` reads: the head and everything needed to use it, in a few KB.
//!
//! A safetensors file with `head.weight` `[1, D]`, `head.bias` `[1]`, and one metadata entry, `resnet_binary`, whose JSON
//! is [`Facts`]; D is 2048, or that of the flattened map at the model's image size. The backbone's 100 MB are not in it: the file names the weights by name and SHA-256. Promises: the
//! same model gives the same bytes; a file is checked whole before anything of it is used; it is written whole or not at
//! all. Opens in Python with `safetensors.safe_open`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use half::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use crate::backbone::{Pooling, shapes};
use crate::decision::{Calibration, ThresholdRule};
use crate::files::{self, FileError};
use crate::head::{Head, HeadError};
use crate::metrics::Metrics;
use crate::neighbours::{Neighbour, Neighbours};
use crate::pixels::Preprocess;
use crate::weights::WeightsId;

/// Version of the format that this program writes and reads.
pub const FORMAT_VERSION: u32 = 2;

/// The metadata entry that holds the facts.
const ENTRY: &str = "resnet_binary";
const WEIGHT: &str = "head.weight";
const BIAS: &str = "head.bias";
const NEIGHBOURS: &str = "neighbours.features";

/// A model is a few KB, 130 MB for the flattened map of the largest image, and 4 KB a photo where it keeps the training
/// photos; anything above this is another file.
const SIZE_LIMIT: u64 = 4 << 30;

/// A trained head with the facts of its training.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Linear(D, 1).
    pub head: Head,
    /// The training photos' features, where they were to be kept.
    pub neighbours: Option<Neighbours>,
    /// Everything else.
    pub facts: Facts,
}

/// What a model knows about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// See [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Program and version that wrote the file.
    pub created_by: String,
    /// All class names, sorted.
    pub classes: Vec<String>,
    /// The class whose probability the model gives.
    pub positive: String,
    /// What the other answer is called.
    pub negative: String,
    /// A probability of at least this is the positive class.
    pub threshold: f64,
    /// How that was chosen.
    pub threshold_rule: ThresholdRule,
    /// From logits to probabilities.
    pub calibration: Calibration,
    /// From bytes to the network's input.
    pub preprocess: Preprocess,
    /// From the last map to the head's input; models without it were made when there was one way only.
    #[serde(default)]
    pub pooling: Pooling,
    /// The backbone that the head was trained on.
    pub weights: WeightsId,
    /// What it was trained on, and how.
    pub training: Training,
    /// The metrics on the validation images, where there were any.
    pub validation: Option<Metrics>,
    /// What the photos of [`Model::neighbours`] are, row by row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neighbours: Option<Vec<Kept>>,
}

/// A training photo whose features are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Where it lay.
    pub path: PathBuf,
    /// What it was said to show.
    pub class: String,
}

/// What a model was trained on, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Images in the training split.
    pub images: usize,
    /// Positive images among them.
    pub positives: usize,
    /// Images in the validation split.
    pub validation_images: usize,
    /// Positive images among them.
    pub validation_positives: usize,
    /// Seed of the split and of the solver.
    pub seed: u64,
    /// `exact` or `sgd`.
    pub solver: String,
    /// Strength of the L2 penalty, where the solver has one.
    pub l2: Option<f64>,
    /// Weight of a positive image in the loss.
    pub pos_weight: f64,
    /// Whether the head is fitted to the validation images too.
    pub refitted: bool,
}

/// Every way in which a model file can be wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is no safetensors file, or a damaged one.
    #[error("`{file}` is no model: {reason}")]
    NotSafetensors {
        /// The file.
        file: String,
        /// What the reader of the format says.
        reason: String,
    },
    /// It is a safetensors file without this program's metadata.
    #[error("`{file}` is no model of resnet-binary: {found}")]
    NotAModel {
        /// The file.
        file: String,
        /// What it seems to be.
        found: String,
    },
    /// Another version of the program wrote it.
    #[error("`{file}` has model format {given}, this program reads format {FORMAT_VERSION}")]
    Version {
        /// The file.
        file: String,
        /// Its format version.
        given: u64,
    },
    /// The facts cannot be read.
    #[error("`{file}` is damaged: its description does not parse: {reason}")]
    Facts {
        /// The file.
        file: String,
        /// Where parsing stopped.
        reason: String,
    },
    /// A tensor is missing or has another shape or type.
    #[error("`{file}`: {tensor}: expected {expected}, given {given}")]
    Tensor {
        /// The file.
        file: String,
        /// The tensor's name.
        tensor: &'static str,
        /// What belongs there.
        expected: String,
        /// What is there.
        given: String,
        /// What to do about it.
        remedy: String,
    },
    /// A number that is infinite, not a number, or out of range.
    #[error("`{file}` is damaged: {what}")]
    Value {
        /// The file.
        file: String,
        /// Which number.
        what: String,
    },
}

impl ModelError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::File(error) => return error.hint(),
            Self::NotAModel { .. } | Self::NotSafetensors { .. } => {
                "give the file that `resnet-binary train --output` wrote; backbone weights go to `--weights`".into()
            }
            Self::Version { .. } => "use the resnet-binary that wrote it, or train again with this one".into(),
            Self::Facts { .. } | Self::Value { .. } => {
                "copy the file again from where it was made, or train again".into()
            }
            Self::Tensor { remedy, .. } => remedy.clone(),
        })
    }
}

impl Model {
    /// Writes the model whole or not at all.
    ///
    /// # Errors
    /// [`ModelError::File`] with what was at `path` left as it was.
    pub fn write(&self, path: &Path) -> Result<(), ModelError> {
        let bytes = self.to_bytes(path)?;
        Ok(files::write(path, |file| file.write_all(&bytes))?)
    }

    /// Logit and probability of the positive class.
    ///
    /// # Errors
    /// [`HeadError::Width`] for features of another width than the head.
    pub fn score(&self, features: &[f32]) -> Result<(f64, f64), HeadError> {
        let logit = self.head.logit(features)?;
        Ok((logit, self.facts.calibration.apply(logit)))
    }

    /// The training photos most like one with these features, with their likeness; none where none were kept.
    pub fn nearest(&self, features: &[f32], count: usize) -> Vec<(&Kept, f64)> {
        let (Some(neighbours), Some(kept)) = (&self.neighbours, &self.facts.neighbours) else { return Vec::new() };
        let named = |Neighbour { row, likeness }| Some((kept.get(row)?, likeness));
        neighbours.nearest(features, count).into_iter().filter_map(named).collect()
    }

    fn to_bytes(&self, path: &Path) -> Result<Vec<u8>, ModelError> {
        let file = || path.display().to_string();
        let facts = serde_json::to_string(&self.facts)
            .map_err(|error| ModelError::Facts { file: file(), reason: error.to_string() })?;
        let weight: Vec<u8> = self.head.weight.iter().flat_map(|value| value.to_le_bytes()).collect();
        let bias = self.head.bias.to_le_bytes();
        let failed = |error: safetensors::SafeTensorError| ModelError::NotSafetensors {
            file: file(),
            reason: error.to_string(),
        };
        let kept = self.neighbours.as_ref().map(|neighbours| {
            let bytes: Vec<u8> = neighbours.stored().iter().flat_map(|value| value.to_le_bytes()).collect();
            (vec![neighbours.len(), neighbours.width()], bytes)
        });
        let mut tensors = vec![
            (BIAS, TensorView::new(Dtype::F32, vec![1], &bias).map_err(failed)?),
            (WEIGHT, TensorView::new(Dtype::F32, vec![1, self.head.weight.len()], &weight).map_err(failed)?),
        ];
        if let Some((shape, bytes)) = &kept {
            tensors.push((NEIGHBOURS, TensorView::new(Dtype::F16, shape.clone(), bytes).map_err(failed)?));
        }
        // One entry only: the order of a map with several would differ from run to run.
        let metadata = HashMap::from([(ENTRY.to_owned(), facts)]);
        safetensors::serialize(tensors, Some(metadata)).map_err(failed)
    }

    /// Reads a model and checks all of it.
    ///
    /// # Errors
    /// [`ModelError`] naming the first thing that is wrong.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Self::parse(&files::read(path, SIZE_LIMIT)?, &path.display().to_string())
    }

    /// Checks and takes a model from bytes; `file` is its name in messages.
    ///
    /// # Errors
    /// [`ModelError`] naming the first thing that is wrong.
    pub fn parse(bytes: &[u8], file: &str) -> Result<Self, ModelError> {
        let failed = |error: safetensors::SafeTensorError| ModelError::NotSafetensors {
            file: file.to_owned(),
            reason: error.to_string(),
        };
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(failed)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(failed)?;
        let facts = metadata.metadata().as_ref().and_then(|entries| entries.get(ENTRY)).ok_or_else(|| {
            let found = describe(&tensors);
            ModelError::NotAModel { file: file.to_owned(), found }
        })?;
        let facts = parse_facts(facts, file)?;
        let width = facts.pooling.width(facts.preprocess.crop);
        let weight = floats(&tensors, WEIGHT, &[1, width], file, &|shape| weight_remedy(shape, &facts))?;
        let bias =
            floats(&tensors, BIAS, &[1], file, &|_| "the head has one unit, so one bias; train again".to_owned())?;
        let bias = bias.first().copied().unwrap_or_default();
        let neighbours = match &facts.neighbours {
            Some(kept) => Some(neighbours(&tensors, kept.len(), weight.len(), file)?),
            None => None,
        };
        Ok(Self { head: Head { weight, bias }, neighbours, facts })
    }
}

/// What a safetensors file without our metadata seems to be.
fn describe(tensors: &SafeTensors<'_>) -> String {
    if tensors.tensor("conv1.weight").is_ok() {
        return "it looks like backbone weights".to_owned();
    }
    if let Ok(classifier) = tensors.tensor("fc.weight") {
        return format!("it holds a classifier of shape {:?} only", classifier.shape());
    }
    format!("it has {} tensors and no `{ENTRY}` entry", tensors.len())
}

fn parse_facts(json: &str, file: &str) -> Result<Facts, ModelError> {
    let damaged = |error: serde_json::Error| ModelError::Facts { file: file.to_owned(), reason: error.to_string() };
    let value: serde_json::Value = serde_json::from_str(json).map_err(damaged)?;
    // The version first: a newer file may have other fields.
    let version = value.get("format_version").and_then(serde_json::Value::as_u64).unwrap_or(0);
    if version != u64::from(FORMAT_VERSION) {
        return Err(ModelError::Version { file: file.to_owned(), given: version });
    }
    let facts: Facts = serde_json::from_value(value).map_err(damaged)?;
    let wrong = |what: &str| Err(ModelError::Value { file: file.to_owned(), what: what.to_owned() });
    if !(0.0..=1.0).contains(&facts.threshold) {
        return wrong("the threshold is not between 0 and 1");
    }
    if !facts.classes.contains(&facts.positive) {
        return wrong("the positive class is not among the classes");
    }
    if let Err(error) = facts.preprocess.check() {
        return wrong(&error.to_string());
    }
    if let Err(error) = facts.calibration.check() {
        return wrong(&error.to_string());
    }
    Ok(facts)
}

/// What to do about a weight of another shape.
fn weight_remedy(shape: &[usize], facts: &Facts) -> String {
    let size = facts.preprocess.crop;
    let width = facts.pooling.width(size);
    match *shape {
        [inputs, 1] if inputs == width => format!("it is transposed: write it as [1, {width}]"),
        [1, inputs] => match shapes::mismatch(size, Some(facts.pooling), inputs) {
            Some(mismatch) => format!("at {size} pixels {mismatch}"),
            None => "its numbers must be F32; write it again".to_owned(),
        },
        [units, inputs] if inputs == width => {
            format!("it has {units} units and this tool's head has one: train again, or keep one row of it")
        }
        _ => format!("the head is Linear({width}, 1) with its weight as [1, {width}]: train again"),
    }
}

/// The numbers of a tensor, if it has the expected shape and type and all are finite.
fn floats(
    tensors: &SafeTensors<'_>,
    name: &'static str,
    shape: &[usize],
    file: &str,
    remedy: &dyn Fn(&[usize]) -> String,
) -> Result<Vec<f32>, ModelError> {
    let bytes = bytes_of(tensors, name, Dtype::F32, shape, file, remedy)?;
    let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    if values.iter().all(|value| value.is_finite()) { Ok(values) } else { Err(not_finite(name, file)) }
}

fn not_finite(name: &str, file: &str) -> ModelError {
    ModelError::Value { file: file.to_owned(), what: format!("{name} holds a value that is not finite") }
}

/// The content of a tensor, if it has the expected shape and type.
fn bytes_of<'a>(
    tensors: &'a SafeTensors<'_>,
    name: &'static str,
    dtype: Dtype,
    shape: &[usize],
    file: &str,
    remedy: &dyn Fn(&[usize]) -> String,
) -> Result<&'a [u8], ModelError> {
    let mismatch = |given: String, found: &[usize]| ModelError::Tensor {
        file: file.to_owned(),
        tensor: name,
        expected: format!("{dtype:?} {shape:?}"),
        given,
        remedy: remedy(found),
    };
    let tensor = tensors.tensor(name).map_err(|_| mismatch("nothing".to_owned(), &[]))?;
    if tensor.shape() != shape || tensor.dtype() != dtype {
        return Err(mismatch(format!("{:?} {:?}", tensor.dtype(), tensor.shape()), tensor.shape()));
    }
    Ok(tensor.data())
}

/// The kept features, if they have the expected shape and type and all are finite.
fn neighbours(tensors: &SafeTensors<'_>, rows: usize, width: usize, file: &str) -> Result<Neighbours, ModelError> {
    let shape = [rows, width];
    let bytes = bytes_of(tensors, NEIGHBOURS, Dtype::F16, &shape, file, &|_| "train again".to_owned())?;
    let values: Vec<f16> = bytes.as_chunks::<2>().0.iter().map(|bytes| f16::from_le_bytes(*bytes)).collect();
    if values.iter().all(|value| value.is_finite()) {
        Ok(Neighbours::from_stored(width, values))
    } else {
        Err(not_finite(NEIGHBOURS, file))
    }
}

#[cfg(test)]
mod tests;
