//! The linear system for few images with many features: w = Zᵀ·a, one coordinate per image.
//!
//! At the optimum w lies in the span of the scaled rows Z `[N, D]`, so N coordinates are enough and only the Gram
//! matrix K = Z·Zᵀ `[N, N]` is needed, computed once for all penalties. The Newton step is that of the Laplace
//! approximation (Rasmussen & Williams 2006, "Gaussian Processes for Machine Learning", algorithm 3.1) with a free
//! bias: it inverts only B = I + √H·K·√H / X, whose eigenvalues are at least 1, so a singular K does no harm.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView1, s};
use rayon::prelude::*;

use super::HeadError;
use super::cholesky::Cholesky;
use super::newton::{Gradient, Point, StepTask, System};
use super::product::{add_scaled, dot};
use super::scaling::Scaling;
use crate::features::matrix::FeatureMatrix;
use crate::progress::Progress;

/// Rows of K that one task computes.
const ROWS_PER_TASK: usize = 64;

/// Columns of Z that are in memory at a time: all features of a flatten head, in f64 and for five folds at once, would
/// take gigabytes.
const COLUMNS: usize = 2048;

/// The Gram matrix of the scaled rows, and their products with the held-out rows.
pub(super) struct GramSystem<'a> {
    features: &'a FeatureMatrix,
    scaling: Scaling,
    fitted: Vec<usize>,
    /// K, `[N, N]`.
    kernel: Array2<f64>,
    /// Z of the held-out images times Zᵀ, `[M, N]`.
    held_out: Array2<f64>,
}

impl<'a> GramSystem<'a> {
    /// A system that is fitted to the images `fitted` and applied to the images `held_out`.
    pub(super) fn new(features: &'a FeatureMatrix, scaling: Scaling, fitted: &[usize], held_out: &[usize]) -> Self {
        let mut kernel = Array2::zeros((fitted.len(), fitted.len()));
        let mut products = Array2::zeros((held_out.len(), fitted.len()));
        for columns in blocks(features.width()) {
            let rows = scaled(features, &scaling, fitted, columns.clone());
            add_symmetric_product(&mut kernel, &rows);
            products += &scaled(features, &scaling, held_out, columns).dot(&rows.t());
        }
        Self { features, scaling, fitted: fitted.to_vec(), kernel, held_out: products }
    }

    fn multiply(&self, vector: &[f64]) -> Vec<f64> {
        self.kernel.dot(&ArrayView1::from(vector)).to_vec()
    }
}

/// Ranges of at most [`COLUMNS`] columns that cover `width`.
fn blocks(width: usize) -> impl Iterator<Item = Range<usize>> {
    (0..width).step_by(COLUMNS).map(move |begin| begin..(begin + COLUMNS).min(width))
}

/// Some columns of Z for some images, `[len, columns]`.
pub(super) fn scaled(
    features: &FeatureMatrix,
    scaling: &Scaling,
    rows: &[usize],
    columns: Range<usize>,
) -> Array2<f64> {
    let mut scaled = Array2::zeros((rows.len(), columns.len()));
    for (mut target, &row) in scaled.rows_mut().into_iter().zip(rows) {
        let values = scaling.apply(features.row(row), columns.clone());
        target.iter_mut().zip(values).for_each(|(target, value)| *target = value);
    }
    scaled
}

/// Adds Z·Zᵀ for some columns, computing half of the symmetric product.
fn add_symmetric_product(product: &mut Array2<f64>, rows: &Array2<f64>) {
    let count = rows.nrows();
    let begins: Vec<usize> = (0..count).step_by(ROWS_PER_TASK).collect();
    let strips: Vec<Array2<f64>> = begins
        .par_iter()
        .map(|&begin| {
            let end = (begin + ROWS_PER_TASK).min(count);
            rows.slice(s![begin..end, ..]).dot(&rows.slice(s![..end, ..]).t())
        })
        .collect();
    for (&begin, strip) in begins.iter().zip(&strips) {
        let (height, end) = strip.dim();
        let mut below = product.slice_mut(s![begin..begin + height, ..end]);
        below += strip;
        // The diagonal blocks are complete already.
        let mut above = product.slice_mut(s![..begin, begin..begin + height]);
        above += &strip.slice(s![.., ..begin]).t();
    }
}

/// Z·Zᵀ.
pub(super) fn symmetric_product(rows: &Array2<f64>) -> Array2<f64> {
    let mut product = Array2::zeros((rows.nrows(), rows.nrows()));
    add_symmetric_product(&mut product, rows);
    product
}

impl System for GramSystem<'_> {
    fn zero(&self) -> Point {
        let count = self.kernel.nrows();
        Point { coordinates: vec![0.0; count], bias: 0.0, products: vec![0.0; count] }
    }

    fn inner(&self, left: &[f64], _right: &[f64], products: &[f64]) -> f64 {
        dot(left, products)
    }

    /// The gradient with respect to w is Zᵀ·u with u = X·a + slopes, so its norm is √(uᵀ·K·u).
    fn gradient(&self, point: &Point, slopes: &[f64], l2: f64) -> Gradient {
        let coordinates: Vec<f64> =
            point.coordinates.iter().zip(slopes).map(|(coordinate, slope)| l2 * coordinate + slope).collect();
        let products = self.multiply(&coordinates);
        let bias: f64 = slopes.iter().sum();
        let norm = (dot(&coordinates, &products).max(0.0) + bias * bias).sqrt();
        Gradient { coordinates, products, bias, norm }
    }

    /// Solves (X·I + H·K)·δa = -u - δb·h with Σ(a + δa) = 0, since the gradient by the bias becomes 0.
    ///
    /// With M = (H⁻¹ + K/X)⁻¹ = √H·B⁻¹·√H: X·δa = -(u - M·K·u/X) - δb·M·1.
    fn step(&self, task: &StepTask<'_>, _progress: &dyn Progress) -> Result<Point, HeadError> {
        let &StepTask { point, gradient, curvatures, l2, .. } = task;
        let roots = Array1::from_iter(curvatures.iter().map(|curvature| curvature.sqrt()));
        let mut matrix = self.kernel.clone();
        for (mut row, root) in matrix.rows_mut().into_iter().zip(&roots) {
            row.zip_mut_with(&roots, |value, other| *value *= root * other / l2);
        }
        matrix.diag_mut().mapv_inplace(|value| value + 1.0);
        let factor = Cholesky::new(matrix).ok_or(HeadError::Factorisation)?;
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
            return Err(HeadError::Factorisation);
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
        let coordinates = ArrayView1::from(&point.coordinates);
        let of_block = |columns| scaled(self.features, &self.scaling, &self.fitted, columns).t().dot(&coordinates);
        blocks(self.features.width()).flat_map(of_block).collect()
    }
}
