//! All constants of an exported graph by name: normalisation, convolutions with folded BatchNorm, the head, the
//! calibration and the threshold. The first part of a name is the stage that uses it.

use std::borrow::Cow;

use super::ExportError;
use crate::backbone::{BackboneError, layout};
use crate::decision::Calibration;
use crate::model::Facts;
use crate::weights::{Array, Dtype, NamedArrays};

/// The epsilon added to the variance, as in torchvision's BatchNorm.
const EPSILON: f64 = 1e-5;

/// Inserts an array whose number of values matches its shape.
pub(super) fn insert<const BYTES: usize>(
    arrays: &mut NamedArrays,
    name: &str,
    dtype: Dtype,
    shape: &[usize],
    numbers: impl Iterator<Item = [u8; BYTES]>,
) {
    let mut bytes = Vec::with_capacity(shape.iter().product::<usize>() * BYTES);
    numbers.for_each(|number| bytes.extend_from_slice(&number));
    if let Some(array) = Array::new(shape.to_vec(), dtype, bytes) {
        arrays.insert(name.to_owned(), array);
    }
}

/// Inserts integers, `[n]`.
pub(super) fn insert_integers(arrays: &mut NamedArrays, name: &str, numbers: &[i64]) {
    insert(arrays, name, Dtype::I64, &[numbers.len()], numbers.iter().map(|number| number.to_le_bytes()));
}

/// Computes the constants from tensors under torchvision's names, including `fc`, and a model's metadata.
pub(super) fn fold(raw: &NamedArrays, facts: &Facts) -> Result<NamedArrays, ExportError> {
    let get = |name: String| -> Result<Cow<'_, [f32]>, ExportError> {
        let missing = || BackboneError::MissingTensor { file: "the network".into(), tensor: name.clone() };
        Ok(raw.get(&name).ok_or_else(missing)?.to_f32())
    };
    let mut all = NamedArrays::default();
    let floats = |all: &mut NamedArrays, name: &str, shape: &[usize], numbers: &[f32]| {
        insert(all, name, Dtype::F32, shape, numbers.iter().map(|number| number.to_le_bytes()));
    };
    floats(&mut all, "normalised.levels", &[], &[255.0]);
    floats(&mut all, "normalised.mean", &[1, 3, 1, 1], &facts.preprocess.mean);
    floats(&mut all, "normalised.std", &[1, 3, 1, 1], &facts.preprocess.std);
    for convolution in layout::convolutions() {
        let norm = |part: &str| get(format!("{}.{part}", convolution.norm));
        let (gamma, beta, mean, variance) =
            (norm("weight")?, norm("bias")?, norm("running_mean")?, norm("running_var")?);
        let scale: Vec<f64> = gamma
            .iter()
            .zip(&*variance)
            .map(|(&gamma, &var)| f64::from(gamma) / (f64::from(var) + EPSILON).sqrt())
            .collect();
        let weight = get(format!("{}.weight", convolution.name))?;
        let of_output = weight.len() / convolution.outputs;
        // The scale is rounded to f32 first, as in the network that this program runs.
        let mut weight = weight.into_owned();
        for (kernel, &scale) in weight.chunks_mut(of_output.max(1)).zip(&scale) {
            for weight in kernel {
                *weight *= scale as f32;
            }
        }
        let bias: Vec<f32> = (beta.iter().zip(&*mean).zip(&scale))
            .map(|((&beta, &mean), scale)| (f64::from(beta) - f64::from(mean) * scale) as f32)
            .collect();
        floats(&mut all, &format!("{}.weight", convolution.name), &convolution.shape(), &weight);
        floats(&mut all, &format!("{}.bias", convolution.name), &[convolution.outputs], &bias);
    }
    let weight = get("fc.weight".to_owned())?;
    floats(&mut all, "fc.weight", &[1, weight.len()], &weight);
    floats(&mut all, "fc.bias", &[1], &get("fc.bias".to_owned())?);
    decision(&mut all, &facts.calibration, facts.threshold);
    Ok(all)
}

/// Inserts the calibration and the threshold in f64, as the model stores them.
pub(super) fn decision(all: &mut NamedArrays, calibration: &Calibration, threshold: f64) {
    let mut doubles = |name: &str, shape: &[usize], numbers: &[f64]| {
        insert(all, name, Dtype::F64, shape, numbers.iter().map(|number| number.to_le_bytes()));
    };
    match calibration {
        Calibration::None => {}
        Calibration::Prior { intercept } => doubles("probability.intercept", &[], &[*intercept]),
        Calibration::Platt { slope, intercept } => {
            doubles("probability.slope", &[], &[*slope]);
            doubles("probability.intercept", &[], &[*intercept]);
        }
        Calibration::Isotonic { knots } => {
            let logits: Vec<f64> = knots.iter().map(|knot| knot[0]).collect();
            // Segment k lies between knots k − 1 and k; the first and the last segment are constant.
            let ends = [knots.first(), knots.last()].map(|end| end.copied().unwrap_or_default());
            let from = std::iter::once(&ends[0]).chain(knots);
            let to = knots.iter().chain(std::iter::once(&ends[1]));
            let segments: Vec<_> = from.zip(to).collect();
            let of = |part: &dyn Fn(&[f64; 2], &[f64; 2]) -> f64| -> Vec<f64> {
                segments.iter().map(|(from, to)| part(from, to)).collect()
            };
            // Positions are halved, as in the calibration itself; a constant segment gets the width 1.
            let width = of(&|from, to| if to[0] > from[0] { to[0] / 2.0 - from[0] / 2.0 } else { 1.0 });
            doubles("probability.knots", &[1, logits.len()], &logits);
            doubles("probability.from", &[segments.len()], &of(&|from, _| from[1]));
            doubles("probability.to", &[segments.len()], &of(&|_, to| to[1]));
            doubles("probability.start", &[segments.len()], &of(&|from, _| from[0] / 2.0));
            doubles("probability.width", &[segments.len()], &width);
            doubles("probability.half", &[], &[0.5]);
        }
    }
    doubles("probability.least", &[], &[f64::MIN_POSITIVE]);
    doubles("probability.most", &[], &[1.0 - f64::EPSILON / 2.0]);
    doubles("label.threshold", &[], &[threshold]);
}
