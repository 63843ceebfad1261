//! Features centred and brought to one scale for the solvers, and taken back into the head afterwards.
//!
//! All columns are divided by the same number, the root of their mean variance, so a strength of the penalty means the
//! same on any features while the columns keep their differences: the channels of a trained network that vary most say
//! most. Over five sets of photos dividing each row by its length did no better, nor did dividing each column by the root of
//! its standard deviation; by the standard deviation itself was clearly worse on three. The statistics are those of the rows that are
//! fitted, never of rows that are held out. A column that does not vary there carries nothing: it becomes zeros and
//! gets weight 0, whatever it holds in other images.

use std::ops::Range;

use rayon::prelude::*;

use super::{Head, product};
use crate::features::matrix::FeatureMatrix;

/// Rows summed by one task; fixed, so that sums do not depend on the number of threads.
const ROWS_PER_TASK: usize = 256;

/// Mean and scale of every column, `[D]` each; the scale is the same for all that vary and 0 for those that do not.
#[derive(Debug, Clone)]
pub(super) struct Scaling {
    pub(super) mean: Vec<f64>,
    pub(super) scale: Vec<f64>,
}

impl Scaling {
    /// Of some rows of `features`: the mean variance of the D columns becomes 1.
    pub(super) fn new(features: &FeatureMatrix, rows: &[usize]) -> Self {
        let count = rows.len().max(1) as f64;
        let mut mean = column_sums(features, rows, |sums, row| product::add_scaled(sums, 1.0, row));
        for sum in &mut mean {
            *sum /= count;
        }
        // Around the mean in a second pass: sums of squares would cancel where the mean is large.
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

    /// The head on plain features that equals `weights` `[D]` and `bias` on scaled ones.
    pub(super) fn fold_back(&self, weights: &[f64], bias: f64) -> Head {
        let weight: Vec<f32> = weights.iter().zip(&self.scale).map(|(weight, scale)| (weight * scale) as f32).collect();
        // From the weights as they are stored: their rounding then costs nothing for the average image.
        let shift = product::dot(&weight, &self.mean);
        Head { weight, bias: (bias - shift) as f32 }
    }
}

/// The variance of a column, 0 where only rounding moves it (the bound of scikit-learn's `StandardScaler`).
fn without_rounding(variance: f64, mean: f64, count: f64) -> f64 {
    let rounding = count * f64::EPSILON * variance + (count * mean * f64::EPSILON).powi(2);
    if variance > rounding { variance } else { 0.0 }
}

/// Sums over rows, `[D]`, in tasks of fixed size added up in order.
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
