//! The frozen network for inference: every BatchNorm is folded into the convolution before it, on a CPU every ReLU and
//! residual addition is fused into it too, and on a GPU the ReLU of the 1×1 convolutions. The convolutions are this
//! program's own in fp32 on x86-64 ([`own`]), oneDNN's in int8 ([`int8`]), and libtorch's otherwise.
//!
//! A frozen BatchNorm is a fixed scale and shift for each channel, so `γ·(w∗x − μ)/√(σ²+ε) + β` is the convolution with
//! weight `w·γ/√(σ²+ε)` and bias `β − μ·γ/√(σ²+ε)`. Guarantees: in fp32 the same function as tch's vision module within
//! 1e-5 relative, and the same bits for an image in any batch (both tested). The output is the `[B, 2048, H/32, W/32]`
//! map, which that module does not return. Only fallible calls are used: a device failure is an error here, not a
//! panic.

use std::collections::HashMap;

use rayon::prelude::*;
use tch::{Device, Kind, TchError, Tensor};

use super::layout::{self, Block, Convolution};
use super::{BackboneError, Precision, Target, int8, own};
use crate::ffi::libtorch::to_vec;
use crate::ffi::{libtorch, onednn};
use crate::kernels::Isa;

/// Added to the variance before the square root, as in torchvision's and tch's BatchNorm.
const EPSILON: f64 = 1e-5;

/// The batch size for which oneDNN arranges weights; other sizes give the same bits.
const BATCH: i64 = 4;

/// The network from the input to the map of the last stage. Handles share their weights, one for each worker.
#[derive(Debug)]
pub(super) struct Folded {
    network: Network,
    target: Target,
}

#[derive(Debug)]
enum Network {
    /// With this program's own kernels.
    Own(own::Network),
    /// In int8.
    Int8(int8::Network),
    /// With libtorch's layers.
    Layers { stem: Layer, blocks: Vec<Bottleneck> },
}

#[derive(Debug)]
struct Bottleneck {
    convolutions: [Layer; 3],
    projection: Option<Layer>,
}

/// The implementation of the layers on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// This program's own kernels.
    Own(Isa),
    /// oneDNN's int8 convolutions.
    Int8,
    /// oneDNN's fused convolutions.
    Fused,
    /// Matrix products for 1×1 convolutions of stride 1, libtorch's own convolution otherwise.
    Products,
    /// libtorch's own convolution throughout.
    Plain,
}

impl Form {
    fn new(target: Target) -> Self {
        match target.device {
            Device::Cpu if target.precision == Precision::Int8 => Self::Int8,
            Device::Cpu => target.kernels().map_or(Self::Fused, Self::Own),
            Device::Cuda(_) => Self::Products,
            Device::Mps | Device::Vulkan => Self::Plain,
        }
    }
}

/// A convolution with its BatchNorm folded in.
#[derive(Debug)]
enum Layer {
    /// libtorch's own convolution, for GPUs.
    Plain {
        /// The weight, `[O, I, K, K]`, channels last.
        weight: Tensor,
        /// The bias, `[O]`.
        bias: Tensor,
        stride: i64,
        padding: i64,
    },
    /// A 1×1 convolution of stride 1 as a matrix product: with channels last, a map is a matrix with a row for each
    /// pixel. cuBLAS adds the bias and applies the ReLU in the same pass, unlike the convolutions.
    Product {
        /// The weight, `[I, O]`.
        weight: Tensor,
        /// The bias, `[O]`.
        bias: Tensor,
    },
    /// oneDNN's convolution, fused with the following operations, for CPUs.
    Fused(onednn::Convolution),
}

impl Folded {
    /// Derives the network from the tensors of a VarStore that holds ResNet-50.
    pub(super) fn derive(tensors: &HashMap<String, Tensor>, target: Target) -> Result<Self, BackboneError> {
        Self::derive_as(Form::new(target), tensors, target)
    }

    /// As [`Folded::derive`], in a given form, so that all can be tested on one CPU.
    pub(super) fn derive_as(
        form: Form,
        tensors: &HashMap<String, Tensor>,
        target: Target,
    ) -> Result<Self, BackboneError> {
        if let Form::Own(isa) = form {
            let layers = layers(tensors, target, |layer, _, weight, norm| {
                let [scale, bias] = fold(norm)?;
                own::pack(isa, layer, to_vec(weight)?, &to_vec(&scale)?, &to_vec(&bias)?)
            })?;
            return Ok(Self { network: Network::Own(own::Network::new(isa, layers)?), target });
        }
        let folded = |weight: &Tensor, norm: &[Tensor; 4]| {
            let [scale, bias] = fold(norm)?;
            Ok::<_, TchError>((weight.f_mul(&scale.f_view([-1, 1, 1, 1])?)?, bias))
        };
        if form == Form::Int8 {
            let layers = layers(tensors, target, |layer, side, weight, norm| {
                let (weight, bias) = folded(weight, norm)?;
                let [gamma, beta, ..] = norm;
                int8::Layer::new(weight, &bias, [beta, gamma], stride_padding(layer), input_of(layer, side))
            })?;
            let network = tch::no_grad(|| int8::Network::new(layers))?;
            return Ok(Self { network: Network::Int8(network), target });
        }
        let layers = layers(tensors, target, |layer, side, weight, norm| {
            let kind = target.precision.kind();
            let (weight, bias) = folded(weight, norm)?;
            Ok(Layer::new(form, layer, side, &weight.f_to_kind(kind)?, bias.f_to_kind(kind)?)?)
        })?;
        let mut layers = layers.into_iter();
        let mut next = || layers.next().ok_or_else(|| BackboneError::Libtorch("a layer is missing".into()));
        let stem = next()?;
        let mut blocks = Vec::new();
        for Block { projection, .. } in layout::stages().iter().flatten() {
            let convolutions = [next()?, next()?, next()?];
            let projection = projection.as_ref().map(|_| next()).transpose()?;
            blocks.push(Bottleneck { convolutions, projection });
        }
        Ok(Self { network: Network::Layers { stem, blocks }, target })
    }

    /// Another handle on the same weights, for another thread.
    pub(super) fn share(&self) -> Self {
        let network = match &self.network {
            Network::Own(network) => Network::Own(network.share()),
            Network::Int8(network) => Network::Int8(network.share()),
            Network::Layers { stem, blocks } => {
                Network::Layers { stem: stem.share(), blocks: blocks.iter().map(Bottleneck::share).collect() }
            }
        };
        Self { network, target: self.target }
    }

    /// The same network on another device of the same kind.
    pub(super) fn on(&self, device: Device) -> Result<Self, TchError> {
        let network = match &self.network {
            // There is only one CPU device.
            Network::Own(network) => Network::Own(network.share()),
            Network::Int8(network) => Network::Int8(network.share()),
            Network::Layers { stem, blocks } => {
                let blocks = blocks.iter().map(|block| block.on(device)).collect::<Result<_, _>>()?;
                Network::Layers { stem: stem.on(device)?, blocks }
            }
        };
        Ok(Self { network, target: Target { device, ..self.target } })
    }

    /// The precision of the layers.
    pub(super) fn precision(&self) -> Precision {
        self.target.precision
    }

    /// Computes the map: `[B, 3, H, W]` → `[B, 2048, H/32, W/32]`.
    pub(super) fn map(&self, input: &Tensor) -> Result<Tensor, BackboneError> {
        match &self.network {
            Network::Own(network) => own_map(network, input),
            Network::Int8(network) => Ok(network.map(&channels_last(input)?)?),
            Network::Layers { stem, blocks } => {
                let input = input.f_to_kind(self.target.precision.kind())?;
                let stem = stem.relu(&channels_last(&input)?)?; // [B, 64, H/2, W/2]
                let mut map = stem.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)?; // [B, 64, H/4, W/4]
                for block in blocks {
                    map = block.apply(map)?;
                }
                Ok(map)
            }
        }
    }
}

/// As [`Folded::map`], on as many threads as libtorch would use.
fn own_map(network: &own::Network, input: &Tensor) -> Result<Tensor, BackboneError> {
    let (batch, channels, height, width) = input.size4()?;
    if channels != 3 {
        return Err(BackboneError::Libtorch(format!("an image has 3 channels, not {channels}")));
    }
    let shape = [batch, height, width].map(|size| usize::try_from(size).unwrap_or(0));
    let threads = usize::try_from(tch::get_num_threads()).unwrap_or(1);
    let (map, shape) = network.map(&to_vec(&input.f_permute([0, 2, 3, 1])?)?, shape, threads)?;
    let [batch, height, width] = shape.map(whole);
    Ok(Tensor::f_from_slice(&map)?.f_view([batch, height, width, -1])?.f_permute([0, 3, 1, 2])?)
}

/// The tensor in channels-last memory format, which oneDNN and cuDNN need; not copied if it has it already. tch has no
/// call for it but two permutations.
fn channels_last(tensor: &Tensor) -> Result<Tensor, TchError> {
    tensor.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])
}

/// `[B, I, H, W]` → `[B, O, H, W]`, both channels last, by a function of `[B·H·W, I]` → `[B·H·W, O]`.
fn per_pixel(input: &Tensor, product: impl FnOnce(&Tensor) -> Result<Tensor, TchError>) -> Result<Tensor, TchError> {
    let (batch, inputs, height, width) = input.size4()?;
    let rows = input.f_permute([0, 2, 3, 1])?.f_reshape([batch * height * width, inputs])?;
    product(&rows)?.f_view([batch, height, width, -1])?.f_permute([0, 3, 1, 2])
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn stride_padding(convolution: &Convolution) -> [i64; 2] {
    [convolution.stride, convolution.padding()].map(whole)
}

/// The input shape `[B, I, H, W]` for which weights are arranged.
fn input_of(convolution: &Convolution, side: u32) -> [i64; 4] {
    [BATCH, whole(convolution.inputs), i64::from(side), i64::from(side)]
}

/// All 53 layers in forward order; `layer` makes each from its convolution, the side of its input, the weight `[O, I,
/// K, K]`, and the four vectors `[O]` of its BatchNorm as [`fold`] takes them.
fn layers<L: Send>(
    tensors: &HashMap<String, Tensor>,
    target: Target,
    layer: impl Fn(&Convolution, u32, &Tensor, &[Tensor; 4]) -> Result<L, BackboneError> + Sync,
) -> Result<Vec<L>, BackboneError> {
    let get = |module: &str, part: &str| {
        let name = format!("{module}.{part}");
        let missing = || BackboneError::MissingTensor { file: "the network".into(), tensor: name.clone() };
        tensors.get(&name).map(Tensor::shallow_clone).ok_or_else(missing)
    };
    let sources = layout::convolutions()
        .into_iter()
        .zip(layout::input_sides(target.image_size))
        .map(|(convolution, side)| {
            let norm = |part| get(&convolution.norm, part);
            let weight = get(&convolution.name, "weight")?;
            let norms = [norm("weight")?, norm("bias")?, norm("running_mean")?, norm("running_var")?];
            Ok((convolution, side, weight, norms))
        })
        .collect::<Result<Vec<_>, BackboneError>>()?;
    sources
        .into_par_iter()
        // The last ones are by far the largest.
        .with_max_len(1)
        .map(|(convolution, side, weight, norms)| {
            tch::set_num_threads(1);
            tch::no_grad(|| layer(&convolution, side, &weight, &norms))
        })
        .collect()
}

/// The scale of the weight and the bias, `[O]` each, by which a BatchNorm is folded.
fn fold([gamma, beta, mean, variance]: &[Tensor; 4]) -> Result<[Tensor; 2], TchError> {
    let double = |tensor: &Tensor| tensor.f_to_kind(Kind::Double);
    let scale = double(gamma)?.f_div(&double(variance)?.f_add_scalar(EPSILON)?.f_sqrt()?)?; // [O]
    let bias = double(beta)?.f_sub(&double(mean)?.f_mul(&scale)?)?;
    // One more rounding (6e-8) than in f64, for a quarter of the memory.
    Ok([scale.f_to_kind(Kind::Float)?, bias])
}

impl Layer {
    /// A libtorch or oneDNN layer of the given form.
    fn new(form: Form, convolution: &Convolution, side: u32, weight: &Tensor, bias: Tensor) -> Result<Self, TchError> {
        let [stride, padding] = stride_padding(convolution);
        match form {
            Form::Fused => {
                onednn::Convolution::new(weight, &bias, stride, padding, input_of(convolution, side)).map(Self::Fused)
            }
            Form::Products if (convolution.kernel, convolution.stride) == (1, 1) => {
                let [outputs, inputs] = [convolution.outputs, convolution.inputs].map(whole);
                Ok(Self::Product { weight: weight.f_view([outputs, inputs])?.f_transpose(0, 1)?, bias })
            }
            _ => Ok(Self::Plain { weight: channels_last(weight)?, bias, stride, padding }),
        }
    }

    fn share(&self) -> Self {
        match self {
            Self::Plain { weight, bias, stride, padding } => Self::Plain {
                weight: weight.shallow_clone(),
                bias: bias.shallow_clone(),
                stride: *stride,
                padding: *padding,
            },
            Self::Product { weight, bias } => {
                Self::Product { weight: weight.shallow_clone(), bias: bias.shallow_clone() }
            }
            Self::Fused(convolution) => Self::Fused(convolution.share()),
        }
    }

    fn on(&self, device: Device) -> Result<Self, TchError> {
        let mut layer = self.share();
        match &mut layer {
            Self::Plain { weight, bias, .. } | Self::Product { weight, bias } => {
                (*weight, *bias) = (weight.f_to_device(device)?, bias.f_to_device(device)?);
            }
            // oneDNN has only the CPU.
            Self::Fused(_) => {}
        }
        Ok(layer)
    }

    /// The convolution: `[B, I, H, W]` → `[B, O, H/stride, W/stride]`.
    fn linear(&self, input: &Tensor) -> Result<Tensor, TchError> {
        match self {
            Self::Plain { weight, bias, stride, padding } => {
                input.f_conv2d(weight, Some(bias), [*stride; 2], [*padding; 2], [1, 1], 1)
            }
            Self::Product { weight, bias } => per_pixel(input, |rows| bias.f_addmm(rows, weight)),
            Self::Fused(convolution) => convolution.apply(input, false),
        }
    }

    /// As [`Layer::linear`], with ReLU.
    fn relu(&self, input: &Tensor) -> Result<Tensor, TchError> {
        match self {
            Self::Plain { .. } => self.linear(input)?.f_relu_(),
            Self::Product { weight, bias } => per_pixel(input, |rows| libtorch::product_relu(bias, rows, weight)),
            Self::Fused(convolution) => convolution.apply(input, true),
        }
    }

    /// The ReLU of the sum of [`Layer::linear`] and a shortcut, which is overwritten.
    fn add_to_and_relu(&self, mut shortcut: Tensor, input: &Tensor) -> Result<Tensor, TchError> {
        match self {
            Self::Plain { .. } | Self::Product { .. } => shortcut.f_add_(&self.linear(input)?)?.f_relu_(),
            Self::Fused(convolution) => convolution.add_to_and_relu(shortcut, input),
        }
    }
}

impl Bottleneck {
    fn share(&self) -> Self {
        let projection = self.projection.as_ref().map(Layer::share);
        Self { convolutions: self.convolutions.each_ref().map(Layer::share), projection }
    }

    fn on(&self, device: Device) -> Result<Self, TchError> {
        let [first, second, third] = self.convolutions.each_ref().map(|layer| layer.on(device));
        let projection = self.projection.as_ref().map(|layer| layer.on(device)).transpose()?;
        Ok(Self { convolutions: [first?, second?, third?], projection })
    }

    /// The block: `[B, I, H, W]` → `[B, 4·width, H/stride, W/stride]`.
    fn apply(&self, input: Tensor) -> Result<Tensor, TchError> {
        let [first, second, third] = &self.convolutions;
        let inner = second.relu(&first.relu(&input)?)?;
        let shortcut = match &self.projection {
            Some(projection) => projection.linear(&input)?,
            None => input,
        };
        third.add_to_and_relu(shortcut, &inner)
    }
}
