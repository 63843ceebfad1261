//! A cheap approximation of the Hessian, so that conjugate gradients need few passes over many images.
//!
//! The Hessian is X·I + Zᵀ·H·Z; here a sample S of the rows, with weights increased accordingly, replaces all rows. The
//! result is a low-rank matrix plus a multiple of I, whose inverse needs one Cholesky factor of the size of the sample
//! (Woodbury's identity). The directions of largest curvature, which slow conjugate gradients down, are approximated
//! well by a sample. The preconditioner changes the speed of convergence, not the optimum.

use ndarray::Array2;

use super::cholesky::Cholesky;
use super::gram::{scaled, symmetric_product};
use super::product::{add_scaled, dot};
use super::scaling::Scaling;
use crate::features::matrix::FeatureMatrix;

/// The largest number of rows in the sample.
const SAMPLE: usize = 512;

/// The largest number of values in the sample, 8 bytes each: flatten heads have long rows, and each fold a sample.
const SAMPLE_NUMBERS: usize = 1 << 24;

/// Curvature of directions outside the sample, as a fraction of the mean over all directions of scaled features.
/// Without it those directions would count as flat; values from 0.1 to 1 hardly differ.
const UNSEEN: f64 = 0.3;

/// The sample: every k-th of the fitted rows, scaled, and their Gram matrix.
pub(super) struct Sample {
    /// Indices into the fitted rows, `[M]`.
    members: Vec<usize>,
    /// The scaled rows, `[M, D]`.
    rows: Array2<f64>,
    /// The Gram matrix, `[M, M]`.
    kernel: Array2<f64>,
    /// Fitted rows per row of the sample.
    share: f64,
}

impl Sample {
    /// A sample of the images `fitted`.
    pub(super) fn new(features: &FeatureMatrix, scaling: &Scaling, fitted: &[usize]) -> Self {
        let width = features.width();
        let size = SAMPLE.min(fitted.len()).min(width).min((SAMPLE_NUMBERS / width.max(1)).max(1));
        let members: Vec<usize> = (0..size).map(|index| index * fitted.len() / size).collect();
        let chosen: Vec<usize> = members.iter().map(|&member| fitted[member]).collect();
        let rows = scaled(features, scaling, &chosen, 0..features.width());
        let kernel = symmetric_product(&rows);
        Self { members, rows, kernel, share: fitted.len() as f64 / size.max(1) as f64 }
    }

    /// The preconditioner for the curvatures `[N]` of the fitted images; `None` if rounding prevents the factorisation.
    pub(super) fn preconditioner(&self, curvatures: &[f64], l2: f64) -> Option<Preconditioner<'_>> {
        let roots: Vec<f64> = self.members.iter().map(|&member| (curvatures[member] * self.share).sqrt()).collect();
        let floor = l2 + UNSEEN * curvatures.iter().sum::<f64>();
        let mut matrix = self.kernel.clone();
        for ((row, column), value) in matrix.indexed_iter_mut() {
            *value *= roots[row] * roots[column] / floor;
        }
        matrix.diag_mut().mapv_inplace(|value| value + 1.0);
        Some(Preconditioner { sample: self, roots, factor: Cholesky::new(matrix)?, floor })
    }
}

/// The approximate Hessian with respect to w, factorised.
pub(super) struct Preconditioner<'a> {
    sample: &'a Sample,
    roots: Vec<f64>,
    factor: Cholesky,
    /// Curvature of every direction outside the sample.
    floor: f64,
}

impl Preconditioner<'_> {
    /// The inverse times v `[D]`: `(v - Zᵀ·R·(I + R·K·R/f)⁻¹·R·Z·v / f) / f` with Z, K of the sample, f the floor.
    pub(super) fn apply(&self, vector: &[f64]) -> Vec<f64> {
        let Sample { rows, .. } = self.sample;
        let width = vector.len();
        let rows = || rows.as_slice().unwrap_or_default().chunks_exact(width.max(1));
        let seen = rows().map(|row| dot(row, vector));
        let scaled: Vec<f64> = seen.zip(&self.roots).map(|(value, root)| value * root / self.floor).collect();
        let solved = self.factor.solve(&scaled);
        let mut result = vector.to_vec();
        for (row, (value, root)) in rows().zip(solved.iter().zip(&self.roots)) {
            add_scaled(&mut result, -value * root, row);
        }
        for value in &mut result {
            *value /= self.floor;
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_of_all_rows_inverts_the_hessian_up_to_the_floor() {
        let values: Vec<f32> = (0_u16..60).map(|index| (f32::from(index) * 1.7).sin()).collect();
        let features = FeatureMatrix::from_values(12, values).unwrap();
        let all: Vec<usize> = (0..5).collect();
        let scaling = Scaling::new(&features, &all);
        let sample = Sample::new(&features, &scaling, &all);
        let curvatures = [0.05, 0.03, 0.01, 0.04, 0.02];
        let preconditioner = sample.preconditioner(&curvatures, 0.2).unwrap();
        let vector: Vec<f64> = (0_u8..12).map(|index| f64::from(index).cos()).collect();
        let mut hessian: Vec<f64> = vector.iter().map(|value| value * preconditioner.floor).collect();
        for (row, curvature) in features.rows().zip(curvatures) {
            let row: Vec<f64> = scaling.apply(row, 0..12).collect();
            add_scaled(&mut hessian, curvature * dot(&row, &vector), &row);
        }
        let back = preconditioner.apply(&hessian);
        assert!(back.iter().zip(&vector).all(|(found, expected)| (found - expected).abs() < 1e-12));
    }
}
