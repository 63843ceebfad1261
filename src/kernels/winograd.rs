//! 3×3 convolutions of stride 1 by Winograd's F(4×4, 3×3): 36 multiplications for 16 results instead of 144.
//!
//! The tiles are processed in blocks, across rows and images: they are transformed to `V[36][tile][I]`; 36 products
//! with the transformed weights follow, `M[36][tile][slab] = V[36] U[slab][36]`, a slab of outputs at a time; and each
//! slab is transformed back. A tile has its own rows throughout, so its bits do not depend on other tiles. Values that
//! are not finite affect the tiles that read them, and no others.

mod transform;

use super::gemm::{self, Epilogue, Rows};
use super::simd::Simd;
use super::workspace::{Aligned, Workspace};
use transform::{INPUTS, Input, OUTPUTS, Output, PLANES, Weights};

/// Rows of the output per row of tiles.
pub(super) const ROWS: usize = OUTPUTS;

/// The largest number of tiles in a block. From 24 to 64 the times of the layers of ResNet-50 differ by a few percent.
const BLOCK: usize = 32;

/// Transformed weights `[O / slab][36][slab / P][I][P]`, and the bias.
#[derive(Debug)]
pub(super) struct Winograd {
    inputs: usize,
    outputs: usize,
    slab: usize,
    weights: Aligned,
    bias: Aligned,
}

/// 36 planes in the workspace, each with a row for each tile of a block.
struct Planes<'a> {
    numbers: &'a mut [f32],
    row: usize,
    plane: usize,
}

impl<'a> Planes<'a> {
    /// Planes with `numbers` values for each of `tiles` tiles; rows and planes are padded by one cache line, so that
    /// they do not map to the same cache sets.
    fn new(memory: &'a mut Aligned, tiles: usize, numbers: usize) -> Self {
        let row = numbers + 16;
        let plane = tiles * row + 16;
        Self { numbers: memory.at_least(PLANES * plane), row, plane }
    }
}

impl Winograd {
    /// Transforms `weight`, `[O, I, 3, 3]`.
    pub(super) fn pack<S: Simd>(simd: S, weight: &[f32], bias: &[f32], inputs: usize) -> Self {
        let outputs = bias.len();
        let slab = if outputs.is_multiple_of(128) { 128 } else { 64 };
        assert!(weight.len() == outputs * inputs * 9 && outputs.is_multiple_of(slab), "the weights fill slabs");
        let mut weights = Aligned::zeros(PLANES * inputs * outputs);
        let slabs = weights.chunks_exact_mut(PLANES * inputs * slab);
        for (packed, weight) in slabs.zip(weight.chunks_exact(slab * inputs * 9)) {
            for (panel, weight) in weight.chunks_exact(S::PANEL * inputs * 9).enumerate() {
                let planes = &mut packed[panel * inputs * S::PANEL..];
                simd.vectorize(Weights { weight, inputs, planes, stride: inputs * slab });
            }
        }
        Self { inputs, outputs, slab, weights, bias: Aligned::from_slice(bias) }
    }

    /// `output = max(floor, bias (+ output) + input ∗ weight)` for maps of `height` × `width`, from pixel `start` of
    /// the whole output on, which must begin a row of tiles.
    pub(super) fn run<S: Simd>(
        &self,
        simd: S,
        input: &[f32],
        [height, width]: [usize; 2],
        (start, output): (usize, &mut [f32]),
        epilogue: (bool, f32),
        workspace: &mut Workspace,
    ) {
        let map = Map { height, width };
        let [start_tile, end] = [start, start + output.len() / self.outputs].map(|pixel| map.tile_of(pixel));
        let tiles = end - start_tile;
        // Blocks of nearly equal size.
        let block = tiles.div_ceil(tiles.div_ceil(BLOCK).max(1)).max(1);
        let Workspace { rows, products, outside } = workspace;
        let mut v = Planes::new(rows, block, self.inputs);
        let mut m = Planes::new(products, block, self.slab);
        let (zeros, unread) = outside.at_least(self.inputs + self.slab).split_at_mut(self.inputs);
        zeros.fill(0.0);
        for first in (start_tile..end).step_by(block) {
            let block = first..(first + block).min(end);
            self.transform_input(simd, input, (map, block.clone()), zeros, &mut v);
            for (slab, weights) in self.weights.chunks_exact(PLANES * self.inputs * self.slab).enumerate() {
                self.multiply(simd, weights, block.len(), &v, &mut m);
                self.transform_output(
                    simd,
                    &m,
                    (map, block.clone()),
                    slab * self.slab,
                    (start, output),
                    epilogue,
                    unread,
                );
            }
        }
    }

    /// Computes `V` for a block of tiles.
    fn transform_input<S: Simd>(
        &self,
        simd: S,
        input: &[f32],
        (map, block): (Map, std::ops::Range<usize>),
        zeros: &[f32],
        v: &mut Planes,
    ) {
        let last = block.end - 1;
        let pixel = |pixel: Option<usize>| pixel.map_or(zeros, |pixel| &input[pixel * self.inputs..][..self.inputs]);
        let tile = |index: usize| map.pixels::<INPUTS>(index, 1).map(|row| row.map(pixel));
        let mut pixels = tile(block.start);
        for (t, index) in block.enumerate() {
            let next = tile((index + 1).min(last));
            let planes = &mut v.numbers[t * v.row..];
            simd.vectorize(Input { pixels: &pixels, next: &next, planes, stride: v.plane });
            pixels = next;
        }
    }

    /// Computes `M`: the 36 products of `count` tiles with one slab of weights.
    fn multiply<S: Simd>(&self, simd: S, weights: &[f32], count: usize, v: &Planes, m: &mut Planes) {
        let epilogue = Epilogue { bias: &[0.0; 64], accumulate: false, floor: f32::NEG_INFINITY };
        let panels = self.slab / S::PANEL;
        let panel = self.inputs * S::PANEL;
        for (index, weight) in weights.chunks_exact(panel).enumerate() {
            let (plane, column) = (index / panels, index % panels * S::PANEL);
            let rows = Rows { numbers: &v.numbers[plane * v.plane..], stride: v.row, count };
            let next = &weights[(index + 1) * panel % weights.len()..][..panel];
            let out = &mut m.numbers[plane * m.plane + column..];
            gemm::multiply(simd, rows, weight, next, epilogue, out, m.row);
        }
    }

    /// Computes the results of a block of tiles for the slab of outputs that begins at `column`.
    #[expect(clippy::too_many_arguments, reason = "where from, which, and where to")]
    fn transform_output<S: Simd>(
        &self,
        simd: S,
        m: &Planes,
        (map, block): (Map, std::ops::Range<usize>),
        column: usize,
        (start, output): (usize, &mut [f32]),
        (accumulate, floor): (bool, f32),
        unread: &mut [f32],
    ) {
        let bias = &self.bias[column..column + self.slab];
        let (len, output, unread) = (output.len(), output.as_mut_ptr(), unread[..self.slab].as_mut_ptr());
        let pixel = |pixel: Option<usize>| match pixel {
            Some(pixel) => {
                let at = (pixel - start) * self.outputs + column;
                assert!(at + self.slab <= len, "the pixel is in the output");
                output.wrapping_add(at)
            }
            None => unread,
        };
        for (t, index) in block.enumerate() {
            let pixels = map.pixels::<OUTPUTS>(index, 0).map(|row| row.map(pixel));
            let planes = &m.numbers[t * m.row..];
            let tile = Output { planes, stride: m.plane, bias, pixels, accumulate, floor };
            // SAFETY: at each pixel there are `slab` numbers, as many as the bias has, of what is borrowed here alone.
            unsafe { tile.run(simd) };
        }
    }
}

/// The size of a map.
#[derive(Clone, Copy)]
struct Map {
    height: usize,
    width: usize,
}

impl Map {
    /// The number of tiles of one map; those at the right and lower edges extend beyond it.
    fn tiles(self) -> usize {
        self.height.div_ceil(OUTPUTS) * self.width.div_ceil(OUTPUTS)
    }

    /// The tile whose first row begins with this pixel, both counted through the batch.
    fn tile_of(self, pixel: usize) -> usize {
        let row = pixel / self.width;
        row / self.height * self.tiles() + row % self.height / OUTPUTS * self.width.div_ceil(OUTPUTS)
    }

    /// The indices of the `N` × `N` pixels of tile `index`, counted through the batch, from its corner minus `padding`;
    /// `None` for those outside the map.
    fn pixels<const N: usize>(self, index: usize, padding: usize) -> [[Option<usize>; N]; N] {
        let across = self.width.div_ceil(OUTPUTS);
        let (image, tile) = (index / self.tiles(), index % self.tiles());
        let (top, left) = (tile / across * OUTPUTS, tile % across * OUTPUTS);
        let mut pixels = [[None; N]; N];
        for (y, row) in pixels.iter_mut().enumerate() {
            // Negative coordinates wrap around to beyond the far edge.
            let y = (top + y).wrapping_sub(padding);
            if y < self.height {
                let start = (image * self.height + y) * self.width;
                for (x, pixel) in row.iter_mut().enumerate() {
                    let x = (left + x).wrapping_sub(padding);
                    *pixel = (x < self.width).then(|| start + x);
                }
            }
        }
        pixels
    }
}
