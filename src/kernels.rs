//! fp32 convolutions of the folded ResNet-50 on x86-64, in registers and caches: what [`Convolution`] computes, and
//! how.
//!
//! Maps are NHWC slices, `[n, h, w, channels]`, so that no layout is converted between layers; BatchNorm is folded into
//! weights and bias before they come here. Bias, the residual sum and ReLU are part of each convolution:
//! [`Convolution::relu`], [`Convolution::linear`], [`Convolution::add_relu`].
//!
//! - 1×1: a product, `product`, with the micro-kernel of `gemm`;
//! - 3×3 of stride 1: Winograd's F(4×4, 3×3), `winograd`;
//! - 3×3 of stride 2, and the stem's 7×7: windows gathered by `direct`, then the product.
//!
//! Promises: the bits of an image's results depend on the weights, on the image and on the sides of its map, and not on
//! the batch around it, its place there, the number of threads or the set of instructions, as all of them do the same
//! fused multiply-adds in the same order. A call computes on the thread that makes it, or in parts on rayon's; a
//! [`Convolution`] is shared by threads. Slices of a wrong length are the programmer's error, a panic. A number that is
//! not finite passes on, through Winograd to all results of the tiles that see it.
//!
//! [`Isa::detect`] is `None` on other processors: there the caller keeps another way.
//!
//! After Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), and Goto and van de Geijn, "Anatomy
//! of High-Performance Matrix Multiplication" (2008).

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

/// Counts up whenever a change in this module may change a bit of a result.
pub(crate) const VERSION: u32 = 1;

/// What a convolution is, apart from its numbers; its padding is `kernel / 2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Channels of the input.
    pub(crate) inputs: usize,
    /// Channels of the output.
    pub(crate) outputs: usize,
    /// Side of the kernel: 1, 3 or 7.
    pub(crate) kernel: usize,
    /// Pixels from one window to the next, in both directions: 1 or 2.
    pub(crate) stride: usize,
}

/// A convolution with its weights packed for one set of instructions.
#[derive(Debug)]
pub(crate) struct Convolution {
    geometry: Geometry,
    isa: Isa,
    method: Method,
}

/// How the results are computed, with the packed weights.
#[derive(Debug)]
enum Method {
    Product(Panels),
    Winograd(Winograd),
}

impl Convolution {
    /// Packs `weight`, `[O, I, K, K]`. `None` where there are no kernels for the geometry: there are for 1, 3 or 7 at stride
    /// 1 or 2, with outputs in multiples of 64, and inputs in multiples of 16 or the three of an image.
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

    /// Channels of the output.
    pub(crate) fn outputs(&self) -> usize {
        self.geometry.outputs
    }

    /// Number and sides of the maps that `n` maps of `h` × `w` become.
    pub(crate) fn output_shape(&self, [n, h, w]: [usize; 3]) -> [usize; 3] {
        [n, h.div_ceil(self.geometry.stride), w.div_ceil(self.geometry.stride)]
    }

    /// How many numbers that is.
    pub(crate) fn results(&self, shape: [usize; 3]) -> usize {
        self.output_shape(shape).iter().product::<usize>() * self.geometry.outputs
    }

    /// Compares the shapes and computes, a share of the rows on each of the threads.
    fn run(&self, input: &[f32], [n, h, w]: [usize; 3], output: &mut [f32], epilogue: (bool, f32), threads: usize) {
        let Geometry { inputs, outputs, .. } = self.geometry;
        let [_, height, width] = self.output_shape([n, h, w]);
        assert_eq!(input.len(), n * h * w * inputs, "the input has its shape");
        assert_eq!(output.len(), n * height * width * outputs, "the output has its shape");
        // What is not cut between two threads: rows, or rows of tiles.
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

/// [`Convolution::new`] once the instructions are known.
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

/// [`Convolution::run`] once the instructions are known.
struct Run<'a> {
    convolution: &'a Convolution,
    input: &'a [f32],
    sides: [usize; 2],
    /// Where in the output of all maps `output` begins, in pixels.
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
    /// Whether there are kernels for it.
    fn has_kernels(self) -> bool {
        let Self { inputs, outputs, kernel, stride } = self;
        matches!(kernel, 1 | 3 | 7)
            && matches!(stride, 1 | 2)
            && (inputs == 3 || inputs > 0 && inputs.is_multiple_of(16))
            && outputs > 0
            && outputs.is_multiple_of(64)
    }

    /// Whether Winograd's way is taken. It pays for all 3×3 of stride 1 in ResNet-50; for fewer channels its transforms
    /// cost more than they save. Neither the map nor the batch has a say, which would show in the bits.
    fn is_winograd(self) -> bool {
        self.kernel == 3 && self.stride == 1 && self.inputs >= 32 && self.inputs.is_multiple_of(16)
    }
}

#[cfg(test)]
mod tests;
