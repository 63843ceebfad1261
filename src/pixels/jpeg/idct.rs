//! Coefficients of a block to its 8 × 8 samples, to the bit as libjpeg's `jpeg_idct_islow`, which Pillow, torchvision and
//! nearly everyone else decode with: its algorithm (Loeffler, Ligtenberg and Moschytz 1989, 13-bit constants), its order
//! of the passes and its roundings.

use pulp::{Simd, WithSimd};

use super::frame::Steps;

/// Bits behind the point of the constants, and of the samples between the two passes.
const CONSTANT_BITS: i32 = 13;
const BETWEEN_BITS: i32 = 2;

/// Eight numbers that the same is done to.
type Lanes = [i32; 8];

/// One block, written to the top left corner of `samples`.
pub(super) struct Idct<'a> {
    /// By rows.
    pub(super) coefficients: &'a [i16; 64],
    pub(super) steps: &'a Steps,
    /// Whether all coefficients but the mean are 0.
    pub(super) is_flat: bool,
    pub(super) samples: &'a mut [u8],
    /// Samples in a line of the plane.
    pub(super) line: usize,
}

impl WithSimd for Idct<'_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { coefficients, steps, is_flat, samples, line } = self;
        let lines = samples.chunks_mut(line);
        if is_flat {
            let mean = i32::from(coefficients[0]).wrapping_mul(i32::from(steps[0]));
            let level = level(mean.wrapping_add(4) >> 3);
            for row in lines.take(8) {
                if let Some(row) = row.first_chunk_mut::<8>() {
                    *row = [level; 8];
                }
            }
            return;
        }
        let mut rows = [[0; 8]; 8];
        for (row, (numbers, steps)) in
            rows.iter_mut().zip(coefficients.as_chunks::<8>().0.iter().zip(steps.as_chunks::<8>().0))
        {
            for lane in 0..8 {
                row[lane] = i32::from(numbers[lane]).wrapping_mul(i32::from(steps[lane]));
            }
        }
        let columns = transposed(&pass::<{ CONSTANT_BITS - BETWEEN_BITS }>(&rows));
        let rows = transposed(&pass::<{ CONSTANT_BITS + BETWEEN_BITS + 3 }>(&columns));
        for (line, row) in lines.zip(&rows) {
            if let Some(line) = line.first_chunk_mut::<8>() {
                for lane in 0..8 {
                    line[lane] = level(row[lane]);
                }
            }
        }
    }
}

#[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
#[inline(always)]
#[expect(clippy::cast_sign_loss, reason = "it is clamped")]
fn level(sample: i32) -> u8 {
    sample.wrapping_add(128).clamp(0, 255) as u8
}

#[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
#[inline(always)]
fn transposed(rows: &[Lanes; 8]) -> [Lanes; 8] {
    std::array::from_fn(|row| std::array::from_fn(|column| rows[column][row]))
}

/// Eight one-dimensional transforms side by side, down the rows. Damaged files may overflow, sound ones cannot.
#[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
#[inline(always)]
fn pass<const SHIFT: i32>(rows: &[Lanes; 8]) -> [Lanes; 8] {
    let mut result = [[0; 8]; 8];
    for lane in 0..8 {
        let row = |index: usize| rows[index][lane];
        let times = |number: i32, constant: i32| number.wrapping_mul(constant);
        let sum = |left: i32, right: i32| left.wrapping_add(right);
        // Even part; the constants are those of libjpeg times 2^13.
        let turned = times(sum(row(2), row(6)), 4433);
        let low = sum(turned, times(row(6), -15137));
        let high = sum(turned, times(row(2), 6270));
        let first = sum(row(0), row(4)) << CONSTANT_BITS;
        let second = row(0).wrapping_sub(row(4)) << CONSTANT_BITS;
        let even = [sum(first, high), sum(second, low), second.wrapping_sub(low), first.wrapping_sub(high)];
        // Odd part.
        let (a, b, c, d) = (row(7), row(5), row(3), row(1));
        let both = times(sum(sum(a, c), sum(b, d)), 9633);
        let ad = times(sum(a, d), -7373);
        let bc = times(sum(b, c), -20995);
        let ac = sum(times(sum(a, c), -16069), both);
        let bd = sum(times(sum(b, d), -3196), both);
        let odd = [
            sum(times(d, 12299), sum(ad, bd)),
            sum(times(c, 25172), sum(bc, ac)),
            sum(times(b, 16819), sum(bc, bd)),
            sum(times(a, 2446), sum(ad, ac)),
        ];
        for index in 0..4 {
            let half = 1 << (SHIFT - 1);
            result[index][lane] = sum(sum(even[index], odd[index]), half) >> SHIFT;
            result[7 - index][lane] = sum(even[index].wrapping_sub(odd[index]), half) >> SHIFT;
        }
    }
    result
}
