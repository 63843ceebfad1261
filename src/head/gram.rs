//! The system for few images with many features: w = Zᵀ·a, one coordinate an image.
//!
//! At the optimum w lies in the span of the standardised rows Z `[N, D]`, so N coordinates are enough and only the Gram
//! matrix K = Z·Zᵀ `[N, N]` is needed, computed once for all strengths. The Newton step is the Laplace approximation's
//! (Rasmussen & Williams 2006, "Gaussian Processes for Machine Learning", algorithm 3.1) with a free bias: everything
//! goes through B = I + √H·K·√H / X, which is never worse than the identity, so a singular K does no harm.

use ndarray::{Array1, Array2, ArrayView1, s};
use rayon::prelude::*;

use super::HeadError;
use super::cholesky::Cholesky;
use super::newton::{Gradient, Point, StepTask, System};
use super::product::{add_scaled, dot};
use super::standardise::Standardisation;
use crate::features::matrix::FeatureMatrix;
use crate::progress::Progress;

/// Rows of K that one task computes.
const ROWS_PER_TASK: usize = 64;

/// Standardised rows and their inner products.
pub(super) struct GramSystem {
    /// Z of the fitted images, `[N, D]`.
    rows: Array2<f64>,
    /// K, `[N, N]`.
    kernel: Array2<f64>,
    /// Z of the held-out images times Zᵀ, `[M, N]`.
    held_out: Array2<f64>,
}

impl GramSystem {
    /// For the images `fitted`, to be applied to the images `held_out`.
    pub(super) fn new(
        features: &FeatureMatrix,
        standardisation: &Standardisation,
        fitted: &[usize],
        held_out: &[usize],
    ) -> Self {
        let rows = standardised(features, standardisation, fitted);
        let kernel = symmetric_product(&rows);
        let held_out = standardised(features, standardisation, held_out).dot(&rows.t());
        Self { rows, kernel, held_out }
    }

    fn multiply(&self, vector: &[f64]) -> Vec<f64> {
        self.kernel.dot(&ArrayView1::from(vector)).to_vec()
    }
}

/// Z of some images, `[len, D]`.
pub(super) fn standardised(features: &FeatureMatrix, standardisation: &Standardisation, rows: &[usize]) -> Array2<f64> {
    let mut standardised = Array2::zeros((rows.len(), features.width()));
    for (mut target, &row) in standardised.rows_mut().into_iter().zip(rows) {
        target.iter_mut().zip(standardisation.apply(features.row(row))).for_each(|(target, value)| *target = value);
    }
    standardised
}

/// Z·Zᵀ, with half the products.
pub(super) fn symmetric_product(rows: &Array2<f64>) -> Array2<f64> {
    let count = rows.nrows();
    let begins: Vec<usize> = (0..count).step_by(ROWS_PER_TASK).collect();
    let strips: Vec<Array2<f64>> = begins
        .par_iter()
        .map(|&begin| {
            let end = (begin + ROWS_PER_TASK).min(count);
            rows.slice(s![begin..end, ..]).dot(&rows.slice(s![..end, ..]).t())
        })
        .collect();
    let mut product = Array2::zeros((count, count));
    for (&begin, strip) in begins.iter().zip(&strips) {
        let (height, end) = strip.dim();
        product.slice_mut(s![begin..begin + height, ..end]).assign(strip);
        product.slice_mut(s![..end, begin..begin + height]).assign(&strip.t());
    }
    product
}

impl System for GramSystem {
    fn zero(&self) -> Point {
        let count = self.kernel.nrows();
        Point { coordinates: vec![0.0; count], bias: 0.0, products: vec![0.0; count] }
    }

    fn inner(&self, left: &[f64], _right: &[f64], products: &[f64]) -> f64 {
        dot(left, products)
    }

    /// By w it is Zᵀ·u with u = X·a + slopes, so its norm is √(uᵀ·K·u).
    fn gradient(&self, point: &Point, slopes: &[f64], l2: f64) -> Gradient {
        let coordinates: Vec<f64> =
            point.coordinates.iter().zip(slopes).map(|(coordinate, slope)| l2 * coordinate + slope).collect();
        let products = self.multiply(&coordinates);
        let bias: f64 = slopes.iter().sum();
        let norm = (dot(&coordinates, &products).max(0.0) + bias * bias).sqrt();
        Gradient { coordinates, products, bias, norm }
    }

    /// Solves (X·I + H·K)·δa = -u - δb·h with Σ(a + δa) = 0, which a zero gradient by the bias demands.
    ///
    /// With M = (H⁻¹ + K/X)⁻¹ = √H·B⁻¹·√H: X·δa = -(u - M·K·u/X) - δb·M·1.
    fn step(&self, task: &StepTask<'_>, _progress: &dyn Progress) -> Result<Point, HeadError> {
        let &StepTask { point, gradient, curvatures, l2, .. } = task;
        let failed = || HeadError::NotConverged { iterations: 0, gradient_ratio: gradient.norm };
        let roots = Array1::from_iter(curvatures.iter().map(|curvature| curvature.sqrt()));
        let mut matrix = self.kernel.clone();
        for (mut row, root) in matrix.rows_mut().into_iter().zip(&roots) {
            row.zip_mut_with(&roots, |value, other| *value *= root * other / l2);
        }
        matrix.diag_mut().mapv_inplace(|value| value + 1.0);
        let factor = Cholesky::of(matrix).ok_or_else(failed)?;
        let apply = |vector: &[f64]| -> Vec<f64> {
            let scaled: Vec<f64> = vector.iter().zip(&roots).map(|(value, root)| value * root).collect();
            factor.solve(&scaled).iter().zip(&roots).map(|(value, root)| value * root).collect()
        };

        let explained = apply(&gradient.products);
        let ones = apply(&vec![1.0; roots.len()]);
        let mut residual = gradient.coordinates.clone();
        add_scaled(&mut residual, -l2.recip(), &explained);
        let weight: f64 = ones.iter().sum();
        let bias = (l2 * point.coordinates.iter().sum::<f64>() - residual.iter().sum::<f64>()) / weight;
        if !bias.is_finite() {
            return Err(failed());
        }
        let coordinates: Vec<f64> =
            residual.iter().zip(&ones).map(|(residual, one)| -(residual + bias * one) / l2).collect();
        let products = self.multiply(&coordinates);
        Ok(Point { coordinates, bias, products })
    }

    fn held_out_logits(&self, point: &Point) -> Vec<f64> {
        (self.held_out.dot(&ArrayView1::from(&point.coordinates)) + point.bias).to_vec()
    }

    fn weights(&self, point: &Point) -> Vec<f64> {
        self.rows.t().dot(&ArrayView1::from(&point.coordinates)).to_vec()
    }
}
