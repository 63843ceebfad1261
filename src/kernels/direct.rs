//! The windows of 3×3, 7×7 and strided convolutions, gathered into rows for a matrix product (im2row).
//!
//! A row is a window `[K, K, I]`: all channels of each of its pixels, as in an NHWC map, with zeros outside the map.

use std::ops::Range;

use super::simd::{Kernel, Simd};

/// The geometry that maps output pixels to input windows.
#[derive(Clone, Copy)]
pub(super) struct Window {
    /// Height, width and channels of the input.
    pub(super) input: [usize; 3],
    /// Height and width of the output.
    pub(super) output: [usize; 2],
    pub(super) kernel: usize,
    pub(super) stride: usize,
}

impl Window {
    /// Channels of the input.
    pub(super) fn channels(&self) -> usize {
        self.input[2]
    }
}

/// Gathers the values `steps` of windows, one window per row.
pub(super) struct Gather<'a> {
    pub(super) window: Window,
    pub(super) input: &'a [f32],
    /// The output pixel of the first row, counted through the batch.
    pub(super) first: usize,
    pub(super) steps: Range<usize>,
    /// Rows at intervals of `stride`, all of which are filled.
    pub(super) rows: &'a mut [f32],
    pub(super) stride: usize,
}

impl Kernel for Gather<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { window, input, first, steps, rows, stride } = self;
        let [height, width] = window.output;
        let map = window.input.iter().product();
        let (mut image, mut y, mut x) = (first / (height * width), first / width % height, first % width);
        let is_stem = window.kernel == 7 && window.channels() == 3 && steps == (0..147);
        for row in rows.chunks_exact_mut(stride) {
            let map = &input[image * map..][..map];
            if is_stem && window.is_inside(x) {
                window.gather_stem(map, y, x, row);
            } else {
                window.gather_taps(map, y, x, &steps, row);
            }
            x += 1;
            if x == width {
                (x, y) = (0, y + 1);
                if y == height {
                    (y, image) = (0, image + 1);
                }
            }
        }
    }
}

impl Window {
    /// Whether the window of column `x` lies horizontally inside the map.
    #[inline(always)]
    fn is_inside(&self, x: usize) -> bool {
        let [_, width, _] = self.input;
        let (left, padding) = (x * self.stride, self.kernel / 2);
        left >= padding && left + padding < width
    }

    /// Gathers the values `steps` of the window of output pixel (`y`, `x`), tap by tap.
    #[inline(always)]
    fn gather_taps(&self, map: &[f32], y: usize, x: usize, steps: &Range<usize>, row: &mut [f32]) {
        let [height, width, channels] = self.input;
        let (padding, mut step) = (self.kernel / 2, steps.start);
        while step < steps.end {
            let (tap, channel) = (step / channels, step % channels);
            let many = (channels - channel).min(steps.end - step);
            let row = &mut row[step - steps.start..][..many];
            // Negative coordinates wrap around to beyond the far edge.
            let y = (y * self.stride + tap / self.kernel).wrapping_sub(padding);
            let x = (x * self.stride + tap % self.kernel).wrapping_sub(padding);
            if y < height && x < width {
                row.copy_from_slice(&map[(y * width + x) * channels + channel..][..many]);
            } else {
                row.fill(0.0);
            }
            step += many;
        }
    }

    /// Gathers all 147 values of a stem window that lies horizontally inside the map: 21 contiguous values per row.
    #[inline(always)]
    fn gather_stem(&self, map: &[f32], y: usize, x: usize, row: &mut [f32]) {
        let [height, width, _] = self.input;
        let (top, left) = (y * self.stride, x * self.stride - 3);
        for (tap, row) in row.as_chunks_mut::<21>().0.iter_mut().take(7).enumerate() {
            let y = (top + tap).wrapping_sub(3);
            let pixels = if y < height { map[(y * width + left) * 3..].first_chunk::<21>() } else { None };
            *row = *pixels.unwrap_or(&[0.0; 21]);
        }
    }
}
