//! Inner products over feature rows: the inner loops of fitting and predicting, in f64 and in a fixed order.
//!
//! Eight running sums let the compiler use vector instructions without reordering anything: `pulp` picks the widest
//! ones that the processor has, and none of them fuses or regroups operations, so every one gives the same bits.

use pulp::{Arch, Simd, WithSimd};

/// Running sums side by side.
const LANES: usize = 8;

/// Rows that are multiplied at once: each addition to a running sum would otherwise wait for the one before.
pub(super) const ROWS: usize = 4;

/// Σ left·right of two vectors `[D]`, each factor taken to f64 first.
pub(super) fn dot<L: Into<f64> + Copy, R: Into<f64> + Copy>(left: &[L], right: &[R]) -> f64 {
    Arch::new().dispatch(Dot { left, right })
}

/// sum += factor · row, `[D]`.
pub(super) fn add_scaled<R: Into<f64> + Copy>(sum: &mut [f64], factor: f64, row: &[R]) {
    Arch::new().dispatch(AddScaled { sum, factor, row });
}

/// [`dot`] of several rows with one vector, the same numbers.
pub(super) fn dots<L: Into<f64> + Copy>(rows: [&[L]; ROWS], right: &[f64]) -> [f64; ROWS] {
    Arch::new().dispatch(Dots { rows, right })
}

/// [`add_scaled`] of several rows, one after the other, the same numbers.
pub(super) fn add_all_scaled<R: Into<f64> + Copy>(sum: &mut [f64], factors: [f64; ROWS], rows: [&[R]; ROWS]) {
    Arch::new().dispatch(AddAllScaled { sum, factors, rows });
}

struct Dots<'a, L> {
    rows: [&'a [L]; ROWS],
    right: &'a [f64],
}

impl<L: Into<f64> + Copy> WithSimd for Dots<'_, L> {
    type Output = [f64; ROWS];

    #[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f64; ROWS] {
        let mut sums = [[0.0; LANES]; ROWS];
        let (right_blocks, right_rest) = self.right.as_chunks::<LANES>();
        let [a, b, c, d] = self.rows.map(|row| row.as_chunks::<LANES>());
        for ((((right, a), b), c), d) in right_blocks.iter().zip(a.0).zip(b.0).zip(c.0).zip(d.0) {
            for (sums, left) in sums.iter_mut().zip([a, b, c, d]) {
                for lane in 0..LANES {
                    sums[lane] += left[lane].into() * right[lane];
                }
            }
        }
        let mut totals = [0.0; ROWS];
        for ((total, sums), (_, left_rest)) in totals.iter_mut().zip(sums).zip([a, b, c, d]) {
            for (&left, &right) in left_rest.iter().zip(right_rest) {
                *total += left.into() * right;
            }
            for sum in sums {
                *total += sum;
            }
        }
        totals
    }
}

struct AddAllScaled<'a, R> {
    sum: &'a mut [f64],
    factors: [f64; ROWS],
    rows: [&'a [R]; ROWS],
}

impl<R: Into<f64> + Copy> WithSimd for AddAllScaled<'_, R> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { sum, factors: [by_a, by_b, by_c, by_d], rows: [a, b, c, d] } = self;
        for ((((sum, &a), &b), &c), &d) in sum.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *sum = *sum + by_a * a.into() + by_b * b.into() + by_c * c.into() + by_d * d.into();
        }
    }
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

    #[test]
    fn several_rows_at_once_give_the_bits_of_one_after_the_other() {
        let number = |index: usize| (index as f64 * 1.7).sin();
        let rows: Vec<Vec<f32>> =
            (0..ROWS).map(|row| (0..203).map(|column| number(row * 203 + column) as f32).collect()).collect();
        let rows: [&[f32]; ROWS] = std::array::from_fn(|row| &*rows[row]);
        let vector: Vec<f64> = (0..203).map(|column| number(7 * column)).collect();
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&dots(rows, &vector)), bits(&rows.map(|row| dot(row, &vector))));
        let (mut at_once, mut one_by_one) = (vector.clone(), vector);
        let factors = [0.3, -1.1, 2.7, 0.01];
        add_all_scaled(&mut at_once, factors, rows);
        rows.iter().zip(factors).for_each(|(row, factor)| add_scaled(&mut one_by_one, factor, row));
        assert_eq!(bits(&at_once), bits(&one_by_one));
    }
}
