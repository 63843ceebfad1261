//! Parses a model from bytes and checks each part.

use std::sync::Arc;

use safetensors::{Dtype, SafeTensors};

use super::file::{BACKBONE, BIAS, ENTRY, FORMAT_VERSION, INDEX, TRAINED_ON, WEIGHT};
use super::{Facts, IndexFacts, Model, ModelError, TrainedOn};
use crate::backbone::layout::FEATURES;
use crate::backbone::shapes;
use crate::head::Head;
use crate::index::Index;

impl Model {
    /// Parses and checks a model; `file` is its name in messages.
    ///
    /// # Errors
    /// [`ModelError`] for the first problem.
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
        let trained_on = trained_on(&tensors, file)?;
        let index = index(&tensors, &facts.index, file)?;
        let backbone = tensors.tensor(BACKBONE).ok().map(|tensor| Arc::from(tensor.data()));
        Ok(Self { head: Head { weight, bias }, index, trained_on, facts, backbone })
    }
}

/// Describes a safetensors file without this program's metadata.
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
    // The version is read first, because a newer file may have other fields.
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

/// Advice for a weight tensor of another shape.
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

/// The bytes of a tensor, if it has the expected shape and type.
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

/// Reads the short hashes of the photo files on which the head was fitted.
fn trained_on(tensors: &SafeTensors<'_>, file: &str) -> Result<TrainedOn, ModelError> {
    let count = tensors.tensor(TRAINED_ON).map_or(0, |tensor| tensor.shape().first().copied().unwrap_or(0));
    let bytes = bytes_of(tensors, TRAINED_ON, Dtype::U8, &[count, 8], file, &|_| "train again".to_owned())?;
    let hashes = bytes.as_chunks().0.to_vec();
    if hashes.is_sorted() {
        Ok(TrainedOn(hashes))
    } else {
        Err(ModelError::Value { file: file.to_owned(), what: format!("{TRAINED_ON} is not in order") })
    }
}

/// Reads the index of training photos.
fn index(tensors: &SafeTensors<'_>, facts: &IndexFacts, file: &str) -> Result<Index, ModelError> {
    let (rows, threshold) = (facts.photos.len(), facts.threshold);
    if threshold.is_some_and(|threshold| !threshold.is_finite()) {
        return Err(not_finite("the threshold of the index", file));
    }
    if rows == 0 {
        return Ok(Index::default());
    }
    let bytes = bytes_of(tensors, INDEX, Dtype::I8, &[rows, FEATURES], file, &|_| "train again".to_owned())?;
    Ok(Index::from_stored(FEATURES, bytes.iter().map(|byte| byte.cast_signed()).collect(), threshold))
}
