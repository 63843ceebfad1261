//! The linear system for many images: w itself, and passes over the feature rows in memory.
//!
//! The features are not copied: the scaling is applied to the vectors that they are multiplied with. The Newton step is
//! found by conjugate gradients, one pass per iteration, and only as accurately as the outer iteration can use (Nocedal
//! & Wright 2006, "Numerical Optimization", algorithm 7.1); [`super::preconditioner`] keeps the passes few.

use std::sync::OnceLock;

use rayon::prelude::*;

use super::HeadError;
use super::newton::{Gradient, Point, StepTask, System};
use super::preconditioner::Sample;
use super::product::{add_scaled, dot};
use super::scaling::Scaling;
use crate::features::matrix::FeatureMatrix;
use crate::progress::Progress;

/// Rows per task; fixed, so that sums do not depend on the number of threads.
const ROWS_PER_TASK: usize = 256;

/// The largest number of conjugate-gradient iterations per Newton step; a truncated step is a descent direction too.
const MAX_ITERATIONS: usize = 1000;

/// The features and the indices of the fitted and held-out rows.
pub(super) struct RowSystem<'a> {
    features: &'a FeatureMatrix,
    scaling: Scaling,
    fitted: Vec<usize>,
    held_out: Vec<usize>,
    /// The sample for the preconditioner, created at the first step: a system that only evaluates needs none.
    sample: OnceLock<Sample>,
}

impl<'a> RowSystem<'a> {
    /// A system that is fitted to the images `fitted` and applied to the images `held_out`.
    pub(super) fn new(features: &'a FeatureMatrix, scaling: Scaling, fitted: &[usize], held_out: &[usize]) -> Self {
        Self { features, scaling, fitted: fitted.to_vec(), held_out: held_out.to_vec(), sample: OnceLock::new() }
    }

    /// The point with these weights on the scaled features.
    pub(super) fn point(&self, weights: Vec<f64>, bias: f64) -> Point {
        Point { products: self.products(&weights, &self.fitted), coordinates: weights, bias }
    }

    /// The weights on unscaled features, `[D]`, and the shift of the logits by the means.
    fn folded(&self, weights: &[f64]) -> (Vec<f64>, f64) {
        let folded: Vec<f64> = weights.iter().zip(&self.scaling.scale).map(|(weight, scale)| weight * scale).collect();
        let shift = -dot(&folded, &self.scaling.mean);
        (folded, shift)
    }

    /// Z·w for some images, `[len]`.
    fn products(&self, weights: &[f64], rows: &[usize]) -> Vec<f64> {
        let (folded, shift) = self.folded(weights);
        rows.par_iter().with_min_len(64).map(|&row| dot(self.features.row(row), &folded) + shift).collect()
    }

    /// Zᵀ·s `[D]` and Σ s, where `factor` gives the s of each fitted image from its index and its features.
    fn transposed(&self, factor: impl Fn(usize, &[f32]) -> f64 + Sync) -> (Vec<f64>, f64) {
        let parts: Vec<(Vec<f64>, f64)> = self
            .fitted
            .par_chunks(ROWS_PER_TASK)
            .enumerate()
            .map(|(task, rows)| {
                let mut sums = vec![0.0; self.features.width()];
                let mut total = 0.0;
                for (index, &row) in (task * ROWS_PER_TASK..).zip(rows) {
                    let row = self.features.row(row);
                    let factor = factor(index, row);
                    add_scaled(&mut sums, factor, row);
                    total += factor;
                }
                (sums, total)
            })
            .collect();
        let mut sums = vec![0.0; self.features.width()];
        let mut total = 0.0;
        for (part, factors) in &parts {
            add_scaled(&mut sums, 1.0, part);
            total += factors;
        }
        let Scaling { mean, scale } = &self.scaling;
        for ((sum, mean), scale) in sums.iter_mut().zip(mean).zip(scale) {
            *sum = (*sum - mean * total) * scale;
        }
        (sums, total)
    }

    /// The Hessian of the objective times (w, bias).
    fn hessian_product(&self, direction: &Direction, curvatures: &[f64], l2: f64) -> Direction {
        let (folded, shift) = self.folded(&direction.weights);
        let shift = shift + direction.bias;
        let (mut weights, bias) = self.transposed(|index, row| curvatures[index] * (dot(row, &folded) + shift));
        add_scaled(&mut weights, l2, &direction.weights);
        Direction { weights, bias }
    }
}

/// A vector in the space of (w, bias).
#[derive(Clone)]
struct Direction {
    weights: Vec<f64>,
    bias: f64,
}

impl Direction {
    fn inner(&self, other: &Self) -> f64 {
        dot(&self.weights, &other.weights) + self.bias * other.bias
    }

    fn add(&mut self, factor: f64, other: &Self) {
        add_scaled(&mut self.weights, factor, &other.weights);
        self.bias += factor * other.bias;
    }
}

impl System for RowSystem<'_> {
    fn zero(&self) -> Point {
        Point { coordinates: vec![0.0; self.features.width()], bias: 0.0, products: vec![0.0; self.fitted.len()] }
    }

    fn inner(&self, left: &[f64], right: &[f64], _products: &[f64]) -> f64 {
        dot(left, right)
    }

    fn gradient(&self, point: &Point, slopes: &[f64], l2: f64) -> Gradient {
        let (mut coordinates, bias) = self.transposed(|index, _| slopes[index]);
        add_scaled(&mut coordinates, l2, &point.coordinates);
        let norm = (dot(&coordinates, &coordinates) + bias * bias).sqrt();
        Gradient { coordinates, products: Vec::new(), bias, norm }
    }

    fn step(&self, task: &StepTask<'_>, progress: &dyn Progress) -> Result<Point, HeadError> {
        let &StepTask { gradient, curvatures, l2, .. } = task;
        let sample = self.sample.get_or_init(|| Sample::new(self.features, &self.scaling, &self.fitted));
        let preconditioner = sample.preconditioner(curvatures, l2);
        let total_curvature: f64 = curvatures.iter().sum();
        let precondition = |residual: &Direction| match &preconditioner {
            Some(preconditioner) => Direction {
                weights: preconditioner.apply(&residual.weights),
                bias: residual.bias / total_curvature.max(f64::MIN_POSITIVE),
            },
            None => residual.clone(),
        };
        let mut residual =
            Direction { weights: gradient.coordinates.iter().map(|value| -value).collect(), bias: -gradient.bias };
        let target = residual.inner(&residual) * task.forcing * task.forcing;
        let mut solution = Direction { weights: vec![0.0; residual.weights.len()], bias: 0.0 };
        let mut conditioned = precondition(&residual);
        let mut search = conditioned.clone();
        let mut product = residual.inner(&conditioned);
        for _ in 0..MAX_ITERATIONS {
            progress.check()?;
            let image = self.hessian_product(&search, curvatures, l2);
            let curvature = search.inner(&image);
            if curvature <= 0.0 {
                break; // Only rounding makes it so: the objective is convex.
            }
            solution.add(product / curvature, &search);
            residual.add(-product / curvature, &image);
            if residual.inner(&residual) <= target {
                break;
            }
            conditioned = precondition(&residual);
            let previous = std::mem::replace(&mut product, residual.inner(&conditioned));
            let mut next = conditioned;
            next.add(product / previous, &search);
            search = next;
        }
        let products = self.products(&solution.weights, &self.fitted);
        Ok(Point { coordinates: solution.weights, bias: solution.bias, products })
    }

    fn held_out_logits(&self, point: &Point) -> Vec<f64> {
        let products = self.products(&point.coordinates, &self.held_out);
        products.iter().map(|product| product + point.bias).collect()
    }

    fn weights(&self, point: &Point) -> Vec<f64> {
        point.coordinates.clone()
    }
}
