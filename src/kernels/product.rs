//! Convolutions as a matrix product: 1×1 of stride 1 directly on the map, the others on gathered rows (im2row).
//!
//! `[pixels, depth] × [depth, outputs]` in blocks of [`ROWS`] pixels and [`DEPTH`] steps, so that the rows of a block
//! stay in the L2 cache during the loop over the panels of weights. Each block of depth has a sum of its own, added to
//! the previous ones: the blocks depend on the layer only, and this is more accurate than one long sum.

use std::ops::Range;

use super::direct::{Gather, Window};
use super::gemm::{self, Epilogue, Rows};
use super::packing::Panels;
use super::simd::Simd;
use super::workspace::Aligned;

/// Pixels per block: a multiple of the 14 rows of an AVX-512 tile and, nearly, of the 6 of an AVX2 tile.
const ROWS: usize = 112;
/// The largest number of steps of depth in a block.
const DEPTH: usize = 512;
/// The initial values of the sums after the first block of depth.
const ZEROS: [f32; 64] = [0.0; 64];

/// `output = max(floor, bias (+ output) + windows of input × panels)`, from pixel `start` of the whole output on.
pub(super) fn run<S: Simd>(
    simd: S,
    panels: &Panels,
    window: Window,
    input: &[f32],
    (start, output): (usize, &mut [f32]),
    (accumulate, floor): (bool, f32),
    scratch: &mut Aligned,
) {
    let (outputs, pixels) = (panels.outputs, output.len() / panels.outputs);
    let in_place = window.kernel == 1 && window.stride == 1;
    let rows = pixels.div_ceil(pixels.div_ceil(ROWS).max(1)).max(1);
    for first in (0..pixels).step_by(rows) {
        let count = rows.min(pixels - first);
        let output = &mut output[first * outputs..(first + count) * outputs];
        for steps in blocks_of_depth(panels.depth, window.channels()) {
            let a = if in_place {
                Rows { numbers: &input[(start + first) * panels.depth + steps.start..], stride: panels.depth, count }
            } else {
                gather(simd, window, input, start + first..start + first + count, &steps, scratch)
            };
            let (is_first, is_last) = (steps.start == 0, steps.end == panels.depth);
            for index in 0..panels.count::<S>() {
                let column = index * S::PANEL;
                let epilogue = Epilogue {
                    bias: if is_first { &panels.bias[column..] } else { &ZEROS },
                    accumulate: accumulate || !is_first,
                    floor: if is_last { floor } else { f32::NEG_INFINITY },
                };
                let next = if in_place && is_first && index == 0 {
                    // These rows have not been read yet.
                    &a.numbers[S::ROWS.min(count) * a.stride..count * a.stride]
                } else {
                    panels.panel::<S>((index + 1) % panels.count::<S>(), &steps)
                };
                let panel = panels.panel::<S>(index, &steps);
                gemm::multiply(simd, a, panel, next, epilogue, &mut output[column..], outputs);
            }
        }
    }
}

/// `0..depth` in blocks of at most [`DEPTH`]: whole taps, if at least one fits.
fn blocks_of_depth(depth: usize, channels: usize) -> impl Iterator<Item = Range<usize>> {
    let block = if channels <= DEPTH { DEPTH / channels * channels } else { DEPTH };
    (0..depth).step_by(block).map(move |start| start..(start + block).min(depth))
}

/// The values `steps` of the windows of `pixels`, one row each.
fn gather<'a, S: Simd>(
    simd: S,
    window: Window,
    input: &[f32],
    pixels: Range<usize>,
    steps: &Range<usize>,
    scratch: &'a mut Aligned,
) -> Rows<'a> {
    // Padded by one cache line, so that rows do not map to the same cache sets.
    let stride = steps.len().next_multiple_of(16) + 16;
    let count = pixels.len();
    let rows = scratch.at_least(count * stride);
    simd.vectorize(Gather { window, input, first: pixels.start, steps: steps.clone(), rows, stride });
    Rows { numbers: rows, stride, count }
}
