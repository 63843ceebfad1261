//! fp32 convolutions of the folded ResNet-50 on x86-64 with SIMD and cache blocking.
//!
//! Feature maps are NHWC slices, `[n, h, w, channels]`, so that no layout is converted between layers; BatchNorm is
//! already folded into weights and bias. Bias, residual addition and ReLU are fused into each convolution:
//! [`Convolution::relu`], [`Convolution::linear`], [`Convolution::add_relu`].
//!
//! - 1×1: a matrix product, `product`, with the micro-kernel of `gemm`;
//! - 3×3 of stride 1: Winograd's F(4×4, 3×3), `winograd`;
//! - 3×3 of stride 2, and the stem's 7×7: im2row by `direct`, then the matrix product.
//!
//! Guarantees: the results of an image depend, to the bit, on the weights, the image and the size of its map only, and
//! not on the rest of the batch, its position there, the number of threads or the instruction set, since all of these
//! do the same fused multiply-adds in the same order. A call computes on the calling thread, or in parts on rayon's; a
//! [`Convolution`] can be shared by threads. Slices of a wrong length are a bug in the caller and panic. Values that
//! are not finite propagate, through Winograd to all results of the tiles that read them.
//!
//! [`Isa::detect`] is `None` on other processors, for which the caller needs another implementation.
//!
//! After Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), and Goto and van de Geijn,
//! "Anatomy of High-Performance Matrix Multiplication" (2008).

#![expect(unsafe_code, reason = "instructions and addresses that the compiler cannot check")]
#![cfg_attr(
    not(target_arch = "x86_64"),
    allow(
        dead_code,
        unused_variables,
        clippy::needless_pass_by_value,
        reason = "what no instructions are there for is not reached"
    )
)]
#![expect(clippy::inline_always, reason = "code is compiled with AVX only where it is inlined into code that is")]
#![expect(clippy::needless_range_loop, reason = "an index into several arrays of registers at once")]

mod direct;
mod gemm;
mod packing;
mod parts;
mod pool;
mod product;
mod simd;
mod winograd;
mod workspace;

use direct::Window;
use packing::Panels;
use simd::{Kernel, Simd};
use winograd::Winograd;
use workspace::Workspace;

pub(crate) use pool::max_pool_3x3_s2;
pub(crate) use simd::Isa;

/// The version of the results: incremented by any change in this module that may change a bit of a result.
pub(crate) const VERSION: u32 = 1;

/// The shape of a convolution; its padding is `kernel / 2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Channels of the input.
    pub(crate) inputs: usize,
    /// Channels of the output.
    pub(crate) outputs: usize,
    /// Side of the kernel: 1, 3 or 7.
    pub(crate) kernel: usize,
    /// The stride in both directions: 1 or 2.
    pub(crate) stride: usize,
}

/// A convolution with its weights packed for one instruction set.
#[derive(Debug)]
pub(crate) struct Convolution {
    geometry: Geometry,
    isa: Isa,
    method: Method,
}

/// The algorithm, with the packed weights.
#[derive(Debug)]
enum Method {
    Product(Panels),
    Winograd(Winograd),
}

impl Convolution {
    /// Packs `weight`, `[O, I, K, K]`. `None` for an unsupported geometry: supported are kernels of 1, 3 or 7, strides
    /// of 1 or 2, outputs in multiples of 64, and inputs in multiples of 16 or the 3 of an RGB image.
    pub(crate) fn new(isa: Isa, weight: &[f32], bias: &[f32], geometry: Geometry) -> Option<Self> {
        let Geometry { inputs, outputs, kernel, .. } = geometry;
        assert_eq!(weight.len(), outputs * inputs * kernel * kernel, "weights have the shape [O, I, K, K]");
        assert_eq!(bias.len(), outputs, "the bias has a number for each output");
        if !geometry.has_kernels() {
            return None;
        }
        let mut method = None;
        isa.dispatch(Pack { weight, bias, geometry, method: &mut method });
        Some(Self { geometry, isa, method: method? })
    }

    /// `output = relu(conv(input))`, for `n` maps of `h` × `w`.
    pub(crate) fn relu(&self, input: &[f32], shape: [usize; 3], output: &mut [f32], threads: usize) {
        self.run(input, shape, output, (false, 0.0), threads);
    }

    /// `output = conv(input)`.
    pub(crate) fn linear(&self, input: &[f32], shape: [usize; 3], output: &mut [f32], threads: usize) {
        self.run(input, shape, output, (false, f32::NEG_INFINITY), threads);
    }

    /// `sum = relu(sum + conv(input))`.
    pub(crate) fn add_relu(&self, input: &[f32], shape: [usize; 3], sum: &mut [f32], threads: usize) {
        self.run(input, shape, sum, (true, 0.0), threads);
    }

    /// The number of output channels.
    pub(crate) fn outputs(&self) -> usize {
        self.geometry.outputs
    }

    /// The number and size of the output maps for `n` maps of `h` × `w`.
    pub(crate) fn output_shape(&self, [n, h, w]: [usize; 3]) -> [usize; 3] {
        [n, h.div_ceil(self.geometry.stride), w.div_ceil(self.geometry.stride)]
    }

    /// The number of output values.
    pub(crate) fn results(&self, shape: [usize; 3]) -> usize {
        self.output_shape(shape).iter().product::<usize>() * self.geometry.outputs
    }

    /// Checks the shapes and computes the convolution, the rows divided among the threads.
    fn run(&self, input: &[f32], [n, h, w]: [usize; 3], output: &mut [f32], epilogue: (bool, f32), threads: usize) {
        let Geometry { inputs, outputs, .. } = self.geometry;
        let [_, height, width] = self.output_shape([n, h, w]);
        assert_eq!(input.len(), n * h * w * inputs, "the input has its shape");
        assert_eq!(output.len(), n * height * width * outputs, "the output has its shape");
        // Units that are not divided between threads: rows, or rows of tiles.
        let rows = if self.geometry.is_winograd() { winograd::ROWS } else { 1 };
        let of_map = height.div_ceil(rows);
        let start = |unit: usize| (unit / of_map * height + unit % of_map * rows) * width * outputs;
        parts::run(output, (threads, n * of_map), start, |start, output| {
            Workspace::with(|workspace| {
                let first = start / outputs;
                self.isa.dispatch(Run { convolution: self, input, sides: [h, w], first, output, epilogue, workspace });
            });
        });
    }
}

/// The generic part of [`Convolution::new`].
struct Pack<'a> {
    weight: &'a [f32],
    bias: &'a [f32],
    geometry: Geometry,
    method: &'a mut Option<Method>,
}

impl Kernel for Pack<'_> {
    fn run<S: Simd>(self, simd: S) {
        let Geometry { inputs, kernel, .. } = self.geometry;
        *self.method = Some(if self.geometry.is_winograd() {
            Method::Winograd(Winograd::pack(simd, self.weight, self.bias, inputs))
        } else {
            Method::Product(Panels::pack::<S>(self.weight, self.bias, inputs, kernel * kernel))
        });
    }
}

/// The generic part of [`Convolution::run`].
struct Run<'a> {
    convolution: &'a Convolution,
    input: &'a [f32],
    sides: [usize; 2],
    /// The first pixel of `output` within the output of all maps.
    first: usize,
    output: &'a mut [f32],
    epilogue: (bool, f32),
    workspace: &'a mut Workspace,
}

impl Kernel for Run<'_> {
    fn run<S: Simd>(self, simd: S) {
        let Self { convolution, input, sides, first, output, epilogue, workspace } = self;
        let Geometry { inputs, kernel, stride, .. } = convolution.geometry;
        match &convolution.method {
            Method::Winograd(winograd) => winograd.run(simd, input, sides, (first, output), epilogue, workspace),
            Method::Product(panels) => {
                let [h, w] = sides;
                let [_, height, width] = convolution.output_shape([1, h, w]);
                let window = Window { input: [h, w, inputs], output: [height, width], kernel, stride };
                product::run(simd, panels, window, input, (first, output), epilogue, &mut workspace.rows);
            }
        }
    }
}

impl Geometry {
    /// Whether there are kernels for the geometry.
    fn has_kernels(self) -> bool {
        let Self { inputs, outputs, kernel, stride } = self;
        matches!(kernel, 1 | 3 | 7)
            && matches!(stride, 1 | 2)
            && (inputs == 3 || inputs > 0 && inputs.is_multiple_of(16))
            && outputs > 0
            && outputs.is_multiple_of(64)
    }

    /// Whether Winograd's algorithm is used: it is faster for all 3×3 convolutions of stride 1 in ResNet-50, but not
    /// for fewer channels. The choice does not depend on the map or the batch, which would change bits.
    fn is_winograd(self) -> bool {
        self.kernel == 3 && self.stride == 1 && self.inputs >= 32 && self.inputs.is_multiple_of(16)
    }
}

#[cfg(test)]
mod tests;
