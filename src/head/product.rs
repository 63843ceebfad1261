//! Inner products over feature rows: the inner loops of fitting and predicting, in f64 and in a fixed order.
//!
//! Eight partial sums let the compiler use vector instructions without reordering anything: `pulp` picks the widest
//! ones that the processor has, and none of them fuses or regroups operations, so all give the same bits.

use pulp::{Arch, Simd, WithSimd};

/// The number of partial sums.
const LANES: usize = 8;

/// Σ left·right of two vectors `[D]`, each factor converted to f64 first.
pub(super) fn dot<L: Into<f64> + Copy, R: Into<f64> + Copy>(left: &[L], right: &[R]) -> f64 {
    Arch::new().dispatch(Dot { left, right })
}

/// sum += factor · row, `[D]`.
pub(super) fn add_scaled<R: Into<f64> + Copy>(sum: &mut [f64], factor: f64, row: &[R]) {
    Arch::new().dispatch(AddScaled { sum, factor, row });
}

struct Dot<'a, L, R> {
    left: &'a [L],
    right: &'a [R],
}

impl<L: Into<f64> + Copy, R: Into<f64> + Copy> WithSimd for Dot<'_, L, R> {
    type Output = f64;

    #[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let mut sums = [0.0; LANES];
        let (left_blocks, left_rest) = self.left.as_chunks::<LANES>();
        let (right_blocks, right_rest) = self.right.as_chunks::<LANES>();
        for (left, right) in left_blocks.iter().zip(right_blocks) {
            for lane in 0..LANES {
                sums[lane] += left[lane].into() * right[lane].into();
            }
        }
        let mut total = 0.0;
        for (&left, &right) in left_rest.iter().zip(right_rest) {
            total += left.into() * right.into();
        }
        for sum in sums {
            total += sum;
        }
        total
    }
}

struct AddScaled<'a, R> {
    sum: &'a mut [f64],
    factor: f64,
    row: &'a [R],
}

impl<R: Into<f64> + Copy> WithSimd for AddScaled<'_, R> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (sum, &value) in self.sum.iter_mut().zip(self.row) {
            *sum += self.factor * value.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_after_whole_blocks_counts_too() {
        let left: Vec<f32> = (0_u8..19).map(f32::from).collect();
        let right: Vec<f64> = (0_u8..19).map(|index| f64::from(index) + 0.5).collect();
        let plain: f64 = left.iter().zip(&right).map(|(&left, &right)| f64::from(left) * right).sum();
        assert!((dot(&left, &right) - plain).abs() < 1e-9);
        let mut sum = vec![1.0; 19];
        add_scaled(&mut sum, 2.0, &left);
        assert!((sum[18] - 37.0).abs() < 1e-12);
    }
}
