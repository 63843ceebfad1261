//! Centring and scaling of the features for the solvers, and folding the scaling back into the head.
//!
//! All columns are divided by the same number, the root of their mean variance, so that an L2 penalty means the same
//! for any features while the columns keep their relative scale: the channels of a trained network that vary most are
//! the most informative. On five sets of photos, dividing each row by its length was no better, nor was dividing each
//! column by the root of its standard deviation; dividing it by the standard deviation was clearly worse on three. The
//! statistics are those of the fitted rows, never of held-out rows. A column that is constant over the fitted rows
//! becomes zeros and gets weight 0, whatever its values in other images.

use std::ops::Range;

use rayon::prelude::*;

use super::{Head, product};
use crate::features::matrix::FeatureMatrix;

/// Rows per task; fixed, so that sums do not depend on the number of threads.
const ROWS_PER_TASK: usize = 256;

/// Mean and scale of every column, `[D]` each; the scale is the same for all columns that vary and 0 for the others.
#[derive(Debug, Clone)]
pub(super) struct Scaling {
    pub(super) mean: Vec<f64>,
    pub(super) scale: Vec<f64>,
}

impl Scaling {
    /// The scaling by some rows of `features`: the mean variance of the D columns becomes 1.
    pub(super) fn new(features: &FeatureMatrix, rows: &[usize]) -> Self {
        let count = rows.len().max(1) as f64;
        let mut mean = column_sums(features, rows, |sums, row| product::add_scaled(sums, 1.0, row));
        for sum in &mut mean {
            *sum /= count;
        }
        // Squares around the mean, in a second pass: plain sums of squares would cancel where the mean is large.
        let squares = column_sums(features, rows, |sums, row| {
            for ((sum, &value), mean) in sums.iter_mut().zip(row).zip(&mean) {
                let distance = f64::from(value) - mean;
                *sum += distance * distance;
            }
        });
        let variances: Vec<f64> =
            squares.iter().zip(&mean).map(|(sum, &mean)| without_rounding(sum / count, mean, count)).collect();
        let total: f64 = variances.iter().sum();
        let common = if total > 0.0 { (variances.len() as f64 / total).sqrt() } else { 0.0 };
        let scale = variances.iter().map(|&variance| if variance > 0.0 { common } else { 0.0 }).collect();
        Self { mean, scale }
    }

    /// Some columns of one row, scaled.
    pub(super) fn apply<'a>(&'a self, row: &'a [f32], columns: Range<usize>) -> impl Iterator<Item = f64> + 'a {
        let values = row[columns.clone()].iter().zip(&self.mean[columns.clone()]).zip(&self.scale[columns]);
        values.map(|((&value, mean), scale)| (f64::from(value) - mean) * scale)
    }

    /// The head on unscaled features that is equivalent to `weights` `[D]` and `bias` on scaled ones.
    pub(super) fn fold_back(&self, weights: &[f64], bias: f64) -> Head {
        let weight: Vec<f32> = weights.iter().zip(&self.scale).map(|(weight, scale)| (weight * scale) as f32).collect();
        // Computed from the rounded weights: their rounding then does not shift the logit of the mean image.
        let shift = product::dot(&weight, &self.mean);
        Head { weight, bias: (bias - shift) as f32 }
    }
}

/// The variance of a column, or 0 if it is within rounding error (the bound of scikit-learn's `StandardScaler`).
fn without_rounding(variance: f64, mean: f64, count: f64) -> f64 {
    let rounding = count * f64::EPSILON * variance + (count * mean * f64::EPSILON).powi(2);
    if variance > rounding { variance } else { 0.0 }
}

/// Column sums over rows, `[D]`, added up in order from tasks of fixed size.
pub(super) fn column_sums(
    features: &FeatureMatrix,
    rows: &[usize],
    add: impl Fn(&mut [f64], &[f32]) + Sync,
) -> Vec<f64> {
    let parts: Vec<Vec<f64>> = rows
        .par_chunks(ROWS_PER_TASK)
        .map(|rows| {
            let mut sums = vec![0.0; features.width()];
            for &row in rows {
                add(&mut sums, features.row(row));
            }
            sums
        })
        .collect();
    let mut total = vec![0.0; features.width()];
    for part in &parts {
        product::add_scaled(&mut total, 1.0, part);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix() -> FeatureMatrix {
        FeatureMatrix::from_values(3, vec![1.0, 0.1, 5.0, 3.0, 0.1, 5.0, 5.0, 0.1, -7.0]).unwrap()
    }

    #[test]
    fn columns_get_mean_0_and_one_scale_and_constant_ones_zeros() {
        let features = matrix();
        let scaling = Scaling::new(&features, &[0, 1, 2]);
        let rows: Vec<Vec<f64>> = features.rows().map(|row| scaling.apply(row, 0..3).collect()).collect();
        // Variances 8/3, 0 and 32: their mean becomes 1.
        let deviation = ((8.0 / 3.0 + 32.0) / 3.0_f64).sqrt();
        assert!((rows[0][0] + 2.0 / deviation).abs() < 1e-12 && (rows[2][2] + 8.0 / deviation).abs() < 1e-12);
        assert!(rows.iter().all(|row| row[1] == 0.0));
    }

    #[test]
    fn only_the_given_rows_count() {
        let scaling = Scaling::new(&matrix(), &[0, 1]);
        assert!((scaling.mean[0] - 2.0).abs() < 1e-15);
        assert!(scaling.scale[2].abs() < f64::MIN_POSITIVE);
    }

    #[test]
    fn the_folded_head_gives_the_logits_of_the_scaled_one() {
        let features = matrix();
        let scaling = Scaling::new(&features, &[0, 1, 2]);
        let weights = [0.7, -3.0, 0.2];
        let head = scaling.fold_back(&weights, 0.4);
        for row in features.rows() {
            let scaled: Vec<f64> = scaling.apply(row, 0..3).collect();
            let expected = product::dot(&scaled, &weights) + 0.4;
            assert!((head.logit(row).unwrap() - expected).abs() < 1e-6);
        }
    }
}
