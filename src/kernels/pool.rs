//! The max pooling after the stem.

use super::parts;
use super::simd::{Isa, Kernel, Simd};

/// 3×3 max pooling of stride 2 with a padding of 1: `[n, h, w, channels]` to `[n, ⌈h/2⌉, ⌈w/2⌉, channels]`. A NaN may
/// propagate or not.
pub(crate) fn max_pool_3x3_s2(
    isa: Isa,
    input: &[f32],
    [n, h, w]: [usize; 3],
    channels: usize,
    output: &mut [f32],
    threads: usize,
) {
    let (height, width) = (h.div_ceil(2), w.div_ceil(2));
    assert_eq!(input.len(), n * h * w * channels, "the input has its shape");
    assert_eq!(output.len(), n * height * width * channels, "the output has its shape");
    assert!(channels > 0 && channels.is_multiple_of(16), "channels fill vectors");
    let row = width * channels;
    parts::run(
        output,
        (threads, n * height),
        |unit| unit * row,
        |start, output| {
            for (number, output) in output.chunks_exact_mut(row.max(1)).enumerate() {
                let number = start / row + number;
                let (image, y) = (number / height, number % height * 2);
                let row = |y: usize| &input[(image * h + y) * w * channels..][..w * channels];
                isa.vectorize(Row {
                    rows: [row(y.saturating_sub(1)), row(y), row((y + 1).min(h - 1))],
                    channels,
                    output,
                });
            }
        },
    );
}

/// One row of the output from three rows of the input; at the edges a missing one is replaced by its neighbour.
struct Row<'a> {
    rows: [&'a [f32]; 3],
    channels: usize,
    output: &'a mut [f32],
}

impl Kernel for Row<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { rows, channels, output } = self;
        let width = rows[0].len() / channels;
        for (x, output) in output.chunks_exact_mut(channels).enumerate() {
            let columns = [(2 * x).saturating_sub(1), 2 * x, (2 * x + 1).min(width - 1)].map(|x| x * channels);
            for c in (0..channels).step_by(S::LANES) {
                let mut largest = simd.splat(f32::NEG_INFINITY);
                for row in rows {
                    for column in columns {
                        let pixel = &row[column + c..][..S::LANES];
                        // SAFETY: a slice of `LANES` numbers.
                        largest = simd.max(largest, unsafe { simd.load(pixel.as_ptr()) });
                    }
                }
                let pixel = &mut output[c..][..S::LANES];
                // SAFETY: a slice of `LANES` numbers.
                unsafe { simd.store(pixel.as_mut_ptr(), largest) };
            }
        }
    }
}
