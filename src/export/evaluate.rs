//! Runs a graph on libtorch: exactly the operators that `graph` uses, as ONNX defines them.

use std::collections::HashMap;

use tch::{Device, Kind, TchError, Tensor};

use super::graph::{Attribute, DOUBLE, FLOAT, Graph, INT64, Node, UINT8};
use super::{ExportError, whole};
use crate::weights::{Array, Dtype};

/// The maximum side of a resized photo, because a file may come from an untrusted source.
const LARGEST: i64 = 1 << 16;

/// Tensors by name.
pub(super) type Values = HashMap<String, Tensor>;

/// Computes every tensor of a graph for one input as far as possible. The error says why the run stopped: an unknown
/// operator, attribute or tensor, or shapes that do not match.
pub(super) fn run(graph: &Graph, input: Tensor) -> (Values, Option<ExportError>) {
    let mut values = Values::new();
    for (name, array) in graph.constants.iter() {
        match tensor(array) {
            Ok(tensor) => drop(values.insert(name.to_owned(), tensor)),
            Err(error) => return (values, Some(error.into())),
        }
    }
    values.insert(graph.input.clone(), input);
    for node in &graph.nodes {
        match tch::no_grad(|| apply(node, &values)) {
            Ok(output) => drop(values.insert(node.output.clone(), output)),
            Err(error) => return (values, Some(error)),
        }
    }
    (values, None)
}

/// Converts an array to a tensor.
pub(super) fn tensor(array: &Array) -> Result<Tensor, TchError> {
    let kind = match array.dtype() {
        Dtype::F64 => Kind::Double,
        Dtype::I64 => Kind::Int64,
        Dtype::U8 => Kind::Uint8,
        Dtype::F32 => Kind::Float,
        other => return Err(TchError::Kind(format!("no operator takes {other}"))),
    };
    let shape: Vec<i64> = array.shape().iter().map(|&size| whole(size)).collect();
    Tensor::f_from_data_size(array.bytes(), &shape, kind)
}

/// The bytes of a tensor, row-major.
pub(super) fn bytes(tensor: &Tensor) -> Result<Vec<u8>, TchError> {
    let tensor = tensor.f_to_device(Device::Cpu)?.f_contiguous()?;
    let mut bytes = vec![0; tensor.numel() * tensor.f_kind()?.elt_size_in_bytes()];
    tensor.f_copy_data_u8(&mut bytes, tensor.numel())?;
    Ok(bytes)
}

/// The numbers of a tensor, as f64.
pub(super) fn numbers(tensor: &Tensor) -> Result<Vec<f64>, TchError> {
    let bytes = bytes(&tensor.f_to_kind(Kind::Double)?)?;
    Ok(bytes.as_chunks().0.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect())
}

fn integers(tensor: &Tensor) -> Result<Vec<i64>, TchError> {
    let bytes = bytes(&tensor.f_to_kind(Kind::Int64)?)?;
    Ok(bytes.as_chunks().0.iter().map(|chunk| i64::from_le_bytes(*chunk)).collect())
}

/// A node and the tensors computed so far.
struct At<'a> {
    node: &'a Node,
    values: &'a Values,
}

impl At<'_> {
    fn input(&self, place: usize) -> Result<&Tensor, ExportError> {
        let name = self.node.inputs.get(place).map_or("", String::as_str);
        let unknown = || ExportError::Encode(format!("`{}` uses `{name}`, which is not there", self.node.output));
        self.values.get(name).ok_or_else(unknown)
    }

    fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.node.attributes.iter().find(|(given, _)| given == name).map(|(_, value)| value)
    }

    fn integer(&self, name: &str, default: i64) -> i64 {
        if let Some(Attribute::Integer(value)) = self.attribute(name) { *value } else { default }
    }

    /// The first two integers of an attribute with two or four.
    fn pair(&self, name: &str, default: i64) -> [i64; 2] {
        match self.attribute(name) {
            Some(Attribute::Integers(all)) => all.first_chunk().copied().unwrap_or([default; 2]),
            _ => [default; 2],
        }
    }

    fn refuse(&self, what: &str) -> ExportError {
        ExportError::Encode(format!("`{}`: {what}: verify runs files as `export` writes them", self.node.output))
    }
}

fn apply(node: &Node, values: &Values) -> Result<Tensor, ExportError> {
    let at = At { node, values };
    let first = at.input(0)?;
    let second = || at.input(1);
    Ok(match node.operator.as_str() {
        "Add" => first.f_add(second()?)?,
        "Sub" => first.f_sub(second()?)?,
        "Mul" => first.f_mul(second()?)?,
        "Div" if first.f_kind()? == Kind::Int64 => first.f_div_tensor_mode(second()?, "trunc")?,
        "Div" => first.f_div(second()?)?,
        "Mod" => first.f_remainder_tensor(second()?)?,
        "Min" => first.f_minimum(second()?)?,
        "Max" => first.f_maximum(second()?)?,
        "GreaterOrEqual" => first.f_ge_tensor(second()?)?,
        "Clip" => first.f_maximum(second()?)?.f_minimum(at.input(2)?)?,
        "Relu" => first.f_relu()?,
        "Sigmoid" => first.f_sigmoid()?,
        "Cast" => first.f_to_kind(kind(at.integer("to", 0)).ok_or_else(|| at.refuse("a type is not known"))?)?,
        "Shape" => Tensor::f_from_slice(&first.size())?,
        "Transpose" => match at.attribute("perm") {
            Some(Attribute::Integers(order)) => first.f_permute(order)?,
            _ => return Err(at.refuse("`perm` is not there")),
        },
        "Concat" => Tensor::f_cat(&[first, second()?], at.integer("axis", 0))?,
        "Gather" => first.f_index_select(at.integer("axis", 0), second()?)?,
        "Flatten" => first.f_flatten(at.integer("axis", 1), -1)?,
        "Reshape" => first.f_reshape(integers(second()?)?)?,
        "ReduceMin" => first.f_amin([0i64].as_slice(), at.integer("keepdims", 1) == 1)?,
        "ReduceSum" => {
            first.f_sum_dim_intlist(integers(second()?)?.as_slice(), at.integer("keepdims", 1) == 1, None)?
        }
        "Slice" => slice(&at)?,
        "Resize" => resize(&at)?,
        "Conv" => {
            let (strides, pads) = (at.pair("strides", 1), at.pair("pads", 0));
            first.f_conv2d(second()?, Some(at.input(2)?), strides, pads, [1, 1], at.integer("group", 1))?
        }
        "MaxPool" => {
            let [kernel, strides] = ["kernel_shape", "strides"].map(|name| at.pair(name, 1));
            first.f_max_pool2d(kernel, strides, at.pair("pads", 0), [1, 1], false)?
        }
        "GlobalAveragePool" => first.f_mean_dim([2i64, 3].as_slice(), true, None)?,
        "Gemm" => {
            let weight = second()?;
            let weight = if at.integer("transB", 0) == 1 { weight.f_tr()? } else { weight.shallow_clone() };
            at.input(2)?.f_addmm(first, &weight)?
        }
        other => return Err(at.refuse(&format!("operator `{other}` is not known"))),
    })
}

fn kind(number: i64) -> Option<Kind> {
    [(FLOAT, Kind::Float), (UINT8, Kind::Uint8), (INT64, Kind::Int64), (DOUBLE, Kind::Double)]
        .into_iter()
        .find_map(|(known, kind)| (known == number).then_some(kind))
}

fn slice(at: &At<'_>) -> Result<Tensor, ExportError> {
    let [starts, ends] = [integers(at.input(1)?)?, integers(at.input(2)?)?];
    let axes = if at.node.inputs.len() > 3 { integers(at.input(3)?)? } else { (0..whole(starts.len())).collect() };
    let mut part = at.input(0)?.shallow_clone();
    for ((start, end), axis) in starts.into_iter().zip(ends).zip(axes) {
        part = part.f_slice(axis, start, end, 1)?;
    }
    Ok(part)
}

/// Resizes bytes `[N, 3, H, W]` to the last two of the sizes.
fn resize(at: &At<'_>) -> Result<Tensor, ExportError> {
    let linear = Attribute::Text("linear".to_owned());
    if at.attribute("mode") != Some(&linear) || at.integer("antialias", 0) != 1 {
        return Err(at.refuse("the resize is not bilinear with antialiasing"));
    }
    let &[_, _, height, width] = integers(at.input(3)?)?.as_slice() else {
        return Err(at.refuse("4 sizes are wanted"));
    };
    if [height, width].iter().any(|side| !(1..=LARGEST).contains(side)) {
        return Err(at.refuse("the sizes are not those of a photo"));
    }
    let narrow = resample(at.input(0)?, width)?;
    Ok(resample(&narrow.f_transpose(2, 3)?, height)?.f_transpose(2, 3)?)
}

/// Resamples the last axis of bytes `[N, 3, H, W]` to another length, as Pillow does: a triangle filter as wide as an
/// output pixel (never narrower than an input pixel), weights with 22 fractional bits, and rounding to bytes.
fn resample(image: &Tensor, resized: i64) -> Result<Tensor, TchError> {
    let side = image.size4()?.3;
    let one = f64::from(1 << 22);
    let scale = side as f64 / resized as f64;
    let support = scale.max(1.0);
    let exact = (Kind::Double, Device::Cpu);
    let centre = Tensor::f_arange(resized, exact)?.f_add_scalar(0.5)?.f_mul_scalar(scale)?.f_unsqueeze(1)?; // [R, 1]
    let low = centre.f_sub_scalar(support - 0.5)?.f_floor()?.f_clamp_min(0)?;
    let high = centre.f_add_scalar(support + 0.5)?.f_floor()?.f_clamp_max(side)?;
    let places = low.f_add(&Tensor::f_arange(2 * support as i64 + 3, exact)?)?; // [R, taps]
    let away = places.f_sub(&centre)?.f_add_scalar(0.5)?.f_div_scalar(support)?.f_abs()?;
    let inside = places.f_lt_tensor(&high)?;
    let weights = away.f_neg()?.f_add_scalar(1)?.f_clamp_min(0)?.f_mul(&inside)?;
    let sum = weights.f_sum_dim_intlist([1i64].as_slice(), true, None)?;
    let weights = weights.f_div(&sum)?.f_mul_scalar(one)?.f_add_scalar(0.5)?.f_floor()?;
    let places = places.f_clamp_max(side - 1)?.f_to_kind(Kind::Int64)?;
    let mut total = Tensor::f_full([1], one / 2.0, exact)?;
    for tap in 0..places.size2()?.1 {
        let pixels = image.f_index_select(3, &places.f_select(1, tap)?)?;
        total = total.f_add(&pixels.f_mul(&weights.f_select(1, tap)?)?)?;
    }
    total.f_div_scalar(one)?.f_floor()?.f_clamp(0, 255)?.f_to_kind(Kind::Uint8)
}
