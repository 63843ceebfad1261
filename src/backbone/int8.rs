//! The network in int8, for CPUs with VNNI: weights of 255 levels per channel, maps of 256 levels each, 32-bit sums.
//!
//! `[B, 3, H, W]` → `[B, 2048, H/32, W/32]`. The stem stays in 32-bit floats; from the max pool on every map is in
//! bytes, with zero point 0 after a ReLU and another one in the projections. The quantisation parameters follow from
//! the weights alone ([`levels`]). Guarantees: the same bits for an image in any batch and on any number of threads,
//! since integer sums do not depend on the order; features with a cosine to those in fp32 above 0.98 (tested), and
//! 0.997 in the median of photos with trained weights. The weights take 25 MB.

mod levels;

use std::collections::VecDeque;

use tch::{Kind, TchError, Tensor};

use self::levels::{Channel, Response};
use super::BackboneError;
use super::layout::{self, Block};
use crate::ffi::libtorch::to_vec;
use crate::ffi::onednn;
use crate::ffi::quantized::{Convolution, Levels};

/// The version of the results: incremented by any change in this module that may change a bit of a feature.
pub(super) const VERSION: u32 = 1;

/// A handle for one thread.
#[derive(Debug)]
pub(super) struct Network {
    stem: onednn::Convolution,
    pooled: Levels,
    blocks: Vec<Bottleneck>,
}

#[derive(Debug)]
struct Bottleneck {
    convolutions: [Convolution; 3],
    projection: Option<Convolution>,
    /// The levels of the input, which is the shortcut if there is no projection.
    input: Levels,
}

/// A folded convolution before its levels are determined.
#[derive(Debug)]
pub(super) struct Layer {
    /// The weight, `[O, I, K, K]`.
    weight: Tensor,
    /// The bias, `[O]`.
    bias: Tensor,
    stride_padding: [i64; 2],
    /// The shape of the input.
    input: [i64; 4],
    response: Response,
}

impl Layer {
    /// A layer from its folded weight `[O, I, K, K]`, its bias, and β and γ of the BatchNorm, all `[O]`.
    pub(super) fn new(
        weight: Tensor,
        bias: &Tensor,
        [beta, gamma]: [&Tensor; 2],
        stride_padding: [i64; 2],
        input: [i64; 4],
    ) -> Result<Self, BackboneError> {
        let over_kernel = |weight: &Tensor| weight.f_sum_dim_intlist([2i64, 3].as_slice(), false, Kind::Float);
        let bias = bias.f_to_kind(Kind::Float)?;
        let square = |value: f32| f64::from(value) * f64::from(value);
        let norm = to_vec(beta)?.into_iter().zip(to_vec(gamma)?);
        let response = Response {
            norm: norm.map(|(beta, gamma)| Channel { mean: f64::from(beta), variance: square(gamma) }).collect(),
            bias: to_vec(&bias)?,
            sums: to_vec(&over_kernel(&weight)?)?,
            squares: to_vec(&over_kernel(&weight.f_square()?)?)?,
        };
        Ok(Self { weight, bias, stride_padding, input, response })
    }

    fn pack(&self, input: Levels, output: Levels) -> Result<Convolution, TchError> {
        Convolution::new(&self.weight, &self.bias, self.stride_padding, self.input, input.step, output)
    }
}

impl Network {
    /// The network from all layers in forward order.
    pub(super) fn new(layers: Vec<Layer>) -> Result<Self, BackboneError> {
        let mut layers = VecDeque::from(layers);
        let mut next = || layers.pop_front().ok_or_else(|| BackboneError::Libtorch("a layer is missing".into()));
        let Layer { weight, bias, stride_padding: [stride, padding], input, response } = next()?;
        let stem = onednn::Convolution::new(&weight, &bias, stride, padding, input)?;
        // The channels of normalised pixels.
        let channels = response.channels(&[Channel { mean: 0.0, variance: 1.0 }; 3]);
        let pooled = levels::behind_relu(&channels);
        let (mut input, mut channels) = (pooled, rectified(&channels));
        let mut blocks = Vec::new();
        for Block { projection, .. } in layout::stages().into_iter().flatten() {
            let (convolutions, projection) = ([next()?, next()?, next()?], projection.map(|_| next()).transpose()?);
            let (block, before_relu) = Bottleneck::new(&convolutions, projection.as_ref(), input, &channels)?;
            (input, channels) = (block.output(), rectified(&before_relu));
            blocks.push(block);
        }
        Ok(Self { stem, pooled, blocks })
    }

    /// Another handle on the same weights.
    pub(super) fn share(&self) -> Self {
        let blocks = self.blocks.iter().map(Bottleneck::share).collect();
        Self { stem: self.stem.share(), pooled: self.pooled, blocks }
    }

    /// Computes the map: `[B, 3, H, W]`, channels last → `[B, 2048, H/32, W/32]`, both 32-bit floats.
    pub(super) fn map(&self, input: &Tensor) -> Result<Tensor, TchError> {
        let stem = self.stem.apply(input, true)?; // [B, 64, H/2, W/2]
        let pooled = stem.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)?; // [B, 64, H/4, W/4]
        let Levels { step, zero } = self.pooled;
        let mut map = pooled.f_quantize_per_tensor(step, zero, Kind::QUInt8)?.f_int_repr()?;
        for block in &self.blocks {
            map = block.apply(map)?;
        }
        let step = self.blocks.last().map_or(step, |block| block.output().step);
        map.f_to_kind(Kind::Float)?.f_mul_scalar_(step)
    }
}

impl Bottleneck {
    /// A block with the levels and channels of its input; also returns the channels `[4·width]` before its last ReLU.
    fn new(
        layers: &[Layer; 3],
        projection: Option<&Layer>,
        input: Levels,
        channels: &[Channel],
    ) -> Result<(Self, Vec<Channel>), TchError> {
        let [first, second, third] = layers;
        let after_first = first.response.channels(channels);
        let after_second = second.response.channels(&rectified(&after_first));
        let branch = third.response.channels(&rectified(&after_second));
        let shortcut = projection.map_or_else(|| channels.to_vec(), |layer| layer.response.channels(channels));
        let sum: Vec<Channel> = branch.iter().zip(&shortcut).map(|(branch, shortcut)| branch.plus(*shortcut)).collect();
        let [after_first, after_second, output] = [&after_first, &after_second, &sum].map(|it| levels::behind_relu(it));
        let convolutions = [
            first.pack(input, after_first)?,
            second.pack(after_first, after_second)?,
            third.pack(after_second, output)?,
        ];
        let projection = projection.map(|layer| layer.pack(input, levels::signed(&shortcut))).transpose()?;
        Ok((Self { convolutions, projection, input }, sum))
    }

    fn share(&self) -> Self {
        let projection = self.projection.as_ref().map(Convolution::share);
        Self { convolutions: self.convolutions.each_ref().map(Convolution::share), projection, ..*self }
    }

    fn output(&self) -> Levels {
        let [_, _, third] = &self.convolutions;
        third.output()
    }

    /// The block: `[B, I, H, W]` → `[B, 4·width, H/stride, W/stride]`, in bytes.
    fn apply(&self, input: Tensor) -> Result<Tensor, TchError> {
        let [first, second, third] = &self.convolutions;
        let inner = second.apply(&first.apply(&input, true)?, true)?;
        let (shortcut, levels) = match &self.projection {
            Some(projection) => (projection.apply(&input, false)?, projection.output()),
            None => (input, self.input),
        };
        third.add_to_and_relu(shortcut, levels, &inner)
    }
}

fn rectified(channels: &[Channel]) -> Vec<Channel> {
    channels.iter().copied().map(Channel::rectified).collect()
}
