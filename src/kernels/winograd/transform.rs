//! The three transforms of F(4×4, 3×3).
//!
//! After Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), with the points 0, 1, −1, ½, −2
//! and ∞ for the polynomials: their matrices grow less than those of 0, ±1, ±2, which keeps the error of fp32 small. In
//! one dimension, `y = Aᵀ [(G g) ⊙ (Bᵀ d)]` takes six numbers `d` and three weights `g` to four results `y`:
//!
//! ```text
//!      ⎡ 1 −3/2  −2   3/2   1   0 ⎤        ⎡   1     0     0   ⎤
//!      ⎢ 0  −1   1/2  5/2   1   0 ⎥        ⎢  1/3   1/3   1/3  ⎥        ⎡ 1  1   1   1    1  0 ⎤
//! Bᵀ = ⎢ 0   1  −5/2  1/2   1   0 ⎥    G = ⎢ −1/3   1/3  −1/3  ⎥   Aᵀ = ⎢ 0  1  −1  1/2  −2  0 ⎥
//!      ⎢ 0  −2  −1    2     1   0 ⎥        ⎢ −16/15 −8/15 −4/15 ⎥       ⎢ 0  1   1  1/4   4  0 ⎥
//!      ⎢ 0  1/2 −1   −1/2   1   0 ⎥        ⎢  1/15 −2/15  4/15 ⎥        ⎣ 0  1  −1  1/8  −8  1 ⎦
//!      ⎣ 0   1  −3/2 −2    3/2  1 ⎦        ⎣   0     0     1   ⎦
//! ```

use crate::kernels::simd::{Kernel, Simd};

/// The sides of an input tile and of an output tile.
pub(in crate::kernels) const INPUTS: usize = 6;
pub(in crate::kernels) const OUTPUTS: usize = 4;
/// Values of a transformed tile, each computed in its own product.
pub(in crate::kernels) const PLANES: usize = INPUTS * INPUTS;

/// Computes `Bᵀ d`.
#[inline(always)]
fn input<S: Simd>(simd: S, d: [S::V; 6]) -> [S::V; 6] {
    let (half, middle, two) = (simd.splat(0.5), simd.splat(1.5), simd.splat(2.0));
    let (e, f) = (simd.sub(d[3], d[1]), simd.sub(d[4], d[2]));
    [
        simd.mul_add(middle, e, simd.add(simd.sub(d[0], d[2]), f)),
        simd.mul_add(middle, simd.add(d[2], d[3]), simd.add(f, e)),
        simd.mul_add(middle, simd.sub(d[3], d[2]), simd.sub(f, e)),
        simd.mul_add(two, e, f),
        simd.neg_mul_add(half, e, f),
        simd.mul_add(middle, f, simd.sub(simd.sub(d[5], d[3]), e)),
    ]
}

/// Computes `Aᵀ m`.
#[inline(always)]
fn output<S: Simd>(simd: S, m: [S::V; 6]) -> [S::V; 4] {
    let (a, b) = (simd.add(m[1], m[2]), simd.sub(m[1], m[2]));
    [
        simd.add(simd.add(a, m[0]), simd.add(m[3], m[4])),
        simd.mul_add(simd.splat(0.5), m[3], simd.neg_mul_add(simd.splat(2.0), m[4], b)),
        simd.mul_add(simd.splat(0.25), m[3], simd.mul_add(simd.splat(4.0), m[4], a)),
        simd.mul_add(simd.splat(0.125), m[3], simd.neg_mul_add(simd.splat(8.0), m[4], simd.add(b, m[5]))),
    ]
}

/// Computes `G g` for `N` weights side by side.
#[inline(always)]
fn weights<const N: usize>(g: [&[f64; N]; 3]) -> [[f64; N]; 6] {
    let mut u = [[0.0; N]; 6];
    for lane in 0..N {
        let (first, second, third) = (g[0][lane], g[1][lane], g[2][lane]);
        u[0][lane] = first;
        u[1][lane] = (first + second + third) / 3.0;
        u[2][lane] = (second - first - third) / 3.0;
        u[3][lane] = (first + second / 2.0 + third / 4.0) * (-16.0 / 15.0);
        u[4][lane] = (first - second * 2.0 + third * 4.0) / 15.0;
        u[5][lane] = third;
    }
    u
}

/// Columns of the widest panel.
const LARGEST_PANEL: usize = 32;

/// `G g Gᵀ` for one panel of `[P, I, 3, 3]` weights, in float64 and rounded once.
pub(super) struct Weights<'a> {
    pub(super) weight: &'a [f32],
    pub(super) inputs: usize,
    /// `[I, P]` values in each of 36 planes.
    pub(super) planes: &'a mut [f32],
    pub(super) stride: usize,
}

impl Kernel for Weights<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        const N: usize = 8;
        const BLOCK: usize = 8;
        let Self { weight, inputs, planes, stride } = self;
        assert!(inputs.is_multiple_of(BLOCK) && S::PANEL <= LARGEST_PANEL, "a block fits");
        // The transposed weights of a block of inputs, `[BLOCK, 3, 3, P]`.
        let mut turned = [0.0_f32; BLOCK * 9 * LARGEST_PANEL];
        for first in (0..inputs).step_by(BLOCK) {
            for (output, weight) in weight.chunks_exact(inputs * 9).enumerate() {
                let weight = &weight[first * 9..][..BLOCK * 9];
                for (row, &weight) in turned.chunks_exact_mut(S::PANEL).zip(weight) {
                    row[output] = weight;
                }
            }
            // All outputs of an input at once: otherwise the cache lines of the 36 planes would be loaded repeatedly.
            for (input, turned) in (first..first + BLOCK).zip(turned.chunks_exact(9 * S::PANEL)) {
                for group in (0..S::PANEL).step_by(N) {
                    let mut g = [[0.0; N]; 9];
                    for tap in 0..9 {
                        for lane in 0..N {
                            g[tap][lane] = f64::from(turned[tap * S::PANEL + group + lane]);
                        }
                    }
                    let columns = [0, 1, 2].map(
                        #[inline(always)]
                        |x| weights([&g[x], &g[3 + x], &g[6 + x]]),
                    );
                    for y in 0..INPUTS {
                        let row = weights([&columns[0][y], &columns[1][y], &columns[2][y]]);
                        for x in 0..INPUTS {
                            let at = (y * INPUTS + x) * stride + input * S::PANEL + group;
                            for (to, &from) in planes[at..at + N].iter_mut().zip(&row[x]) {
                                *to = from as f32;
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `Bᵀ d B` for all channels of one tile.
pub(super) struct Input<'a> {
    /// The `[6][6]` pixels of the tile, all channels of each.
    pub(super) pixels: &'a [[&'a [f32]; INPUTS]; INPUTS],
    /// The pixels of the next tile, which are prefetched.
    pub(super) next: &'a [[&'a [f32]; INPUTS]; INPUTS],
    /// One row of channels in each of 36 planes.
    pub(super) planes: &'a mut [f32],
    pub(super) stride: usize,
}

impl Kernel for Input<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { pixels, next, planes, stride } = self;
        let channels = pixels[0][0].len();
        assert!(pixels.as_flattened().iter().all(|pixel| pixel.len() == channels), "all pixels have the same channels");
        assert!(channels.is_multiple_of(S::LANES) && planes.len() >= (PLANES - 1) * stride + channels);
        let planes = planes.as_mut_ptr();
        for c in (0..channels).step_by(S::LANES) {
            for row in next {
                // The first two columns are the last two of this tile.
                for pixel in &row[2..] {
                    simd.prefetch(pixel.as_ptr().wrapping_add(c));
                }
            }
            let mut columns = [[simd.splat(0.0); 6]; 6];
            for x in 0..6 {
                let mut column = columns[x];
                for y in 0..6 {
                    // SAFETY: `c + LANES ≤ channels`, the length of each pixel.
                    column[y] = unsafe { simd.load(pixels[y][x].as_ptr().add(c)) };
                }
                columns[x] = input(simd, column);
            }
            for y in 0..6 {
                let mut row = [simd.splat(0.0); 6];
                for x in 0..6 {
                    row[x] = columns[x][y];
                }
                row = input(simd, row);
                for x in 0..6 {
                    // SAFETY: the last plane has a place for all channels, as was asserted.
                    unsafe { simd.store(planes.add(c).add((y * 6 + x) * stride), row[x]) };
                }
            }
        }
    }
}

/// `Aᵀ M A`, bias and floor for a slab of outputs of one tile.
pub(super) struct Output<'a> {
    /// One row of outputs in each of 36 planes.
    pub(super) planes: &'a [f32],
    pub(super) stride: usize,
    /// One value per output.
    pub(super) bias: &'a [f32],
    /// The destinations of the `[4][4]` pixels: as many values as `bias` has can be read and written at each.
    pub(super) pixels: [[*mut f32; OUTPUTS]; OUTPUTS],
    pub(super) accumulate: bool,
    pub(super) floor: f32,
}

impl Output<'_> {
    /// Transforms the tile.
    ///
    /// # Safety
    /// Each of `pixels` has as many numbers as `bias`, to which nothing else has access during the call.
    #[inline(always)]
    pub(super) unsafe fn run<S: Simd>(self, simd: S) {
        simd.vectorize(Promised(self));
    }
}

/// The output transform, with the requirements of [`Output::run`] guaranteed by its caller.
struct Promised<'a>(Output<'a>);

impl Kernel for Promised<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Output { planes, stride, bias, pixels, accumulate, floor } = self.0;
        let channels = bias.len();
        assert!(channels.is_multiple_of(S::LANES) && planes.len() >= (PLANES - 1) * stride + channels);
        let floor = simd.splat(floor);
        for c in (0..channels).step_by(S::LANES) {
            let mut columns = [[simd.splat(0.0); 4]; 6];
            for x in 0..6 {
                let mut column = [simd.splat(0.0); 6];
                for y in 0..6 {
                    // SAFETY: `c + LANES ≤ channels`, and the last plane has as many numbers, as was asserted.
                    column[y] = unsafe { simd.load(planes.as_ptr().add(c).add((y * 6 + x) * stride)) };
                }
                columns[x] = output(simd, column);
            }
            // SAFETY: `c + LANES ≤ channels`, the length of the bias.
            let bias = unsafe { simd.load(bias.as_ptr().add(c)) };
            for y in 0..4 {
                let mut row = [bias; 6];
                for x in 0..6 {
                    row[x] = columns[x][y];
                }
                let row = output(simd, row);
                for x in 0..4 {
                    // SAFETY: `Output::run` was promised `channels` numbers at each pixel.
                    unsafe {
                        let at = pixels[y][x].add(c);
                        let mut sum = simd.add(row[x], bias);
                        if accumulate {
                            sum = simd.add(sum, simd.load(at));
                        }
                        simd.store(at, simd.max(floor, sum));
                    }
                }
            }
        }
    }
}
