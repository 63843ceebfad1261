//! Newton's method with a line search on the objective of [`super::objective`], in any coordinates of w.
//!
//! A [`System`] supplies the linear algebra: [`super::gram`] writes w as a combination of the images (few images),
//! [`super::rows`] uses w itself (many images). Convergence to the optimum is guaranteed from any start: the objective
//! is convex, and strictly so in w, so every step decreases it and the gradient goes to 0.

use super::objective;
use super::{HeadError, error::REQUIRED_RATIO, objective::derivatives};
use crate::progress::Progress;

/// The largest number of steps of a fit; about ten are usual.
const MAX_STEPS: usize = 200;

/// Lower bound of the initial gradient norm, which is about 1 for scaled features that differ between the classes.
const MIN_START: f64 = 1e-8;

/// A head in the coordinates of a system, or a difference of two heads.
#[derive(Debug, Clone)]
pub(super) struct Point {
    /// w in the coordinates of the system.
    pub(super) coordinates: Vec<f64>,
    /// The bias, which is not penalised.
    pub(super) bias: f64,
    /// Z·w, the logits of the fitted images without the bias, `[N]`.
    pub(super) products: Vec<f64>,
}

impl Point {
    fn logits(&self) -> Vec<f64> {
        self.products.iter().map(|product| product + self.bias).collect()
    }

    fn advance(&mut self, step: &Self, length: f64) {
        super::product::add_scaled(&mut self.coordinates, length, &step.coordinates);
        super::product::add_scaled(&mut self.products, length, &step.products);
        self.bias += length * step.bias;
    }
}

/// The gradient of the objective in the form that the system needs.
#[derive(Debug)]
pub(super) struct Gradient {
    /// The gradient with respect to w (rows), or u of the gradient Zᵀ·u (gram).
    pub(super) coordinates: Vec<f64>,
    /// K times `coordinates` (gram); empty (rows).
    pub(super) products: Vec<f64>,
    /// The derivative with respect to the bias.
    pub(super) bias: f64,
    /// The Euclidean norm in the space of (w, bias), the same in every system.
    pub(super) norm: f64,
}

/// The linear algebra that Newton's method needs, for N fitted images.
pub(super) trait System: Send + Sync {
    /// The head of zeros.
    fn zero(&self) -> Point;
    /// The inner product of two w; `products` are Z times the second one.
    fn inner(&self, left: &[f64], right: &[f64], products: &[f64]) -> f64;
    /// The gradient of the objective at `point`; `slopes` are the derivatives of the mean loss by the logits.
    fn gradient(&self, point: &Point, slopes: &[f64], l2: f64) -> Gradient;
    /// The step to the minimum of the quadratic model, exact or up to the relative residual `forcing`.
    fn step(&self, task: &StepTask<'_>, progress: &dyn Progress) -> Result<Point, HeadError>;
    /// The logits of the held-out images.
    fn held_out_logits(&self, point: &Point) -> Vec<f64>;
    /// w on the scaled features, `[D]`.
    fn weights(&self, point: &Point) -> Vec<f64>;
}

/// The input of one Newton step.
pub(super) struct StepTask<'a> {
    pub(super) point: &'a Point,
    pub(super) gradient: &'a Gradient,
    /// Second derivatives of the mean loss with respect to the logits, `[N]`.
    pub(super) curvatures: &'a [f64],
    pub(super) l2: f64,
    pub(super) forcing: f64,
}

/// The result of a minimisation.
#[derive(Debug)]
pub(super) struct Minimum {
    pub(super) point: Point,
    pub(super) steps: usize,
}

/// A problem to be solved for one or several L2 penalties.
pub(super) struct Problem<'a> {
    pub(super) system: Box<dyn System + 'a>,
    labels: Vec<bool>,
    pos_weight: f64,
    start_norm: f64,
}

impl<'a> Problem<'a> {
    /// A problem with the `labels` of the fitted images.
    pub(super) fn new(system: Box<dyn System + 'a>, labels: Vec<bool>, pos_weight: f64) -> Self {
        let mut problem = Self { system, labels, pos_weight, start_norm: 0.0 };
        // The L2 penalty does not matter at the head of zeros.
        let zero = problem.system.zero();
        let (slopes, _) = problem.derivatives(&zero);
        let norm = problem.system.gradient(&zero, &slopes, 0.0).norm;
        // If the features do not separate the classes, the norm is rounding error and the head of zeros the optimum.
        problem.start_norm = norm.max(MIN_START);
        problem
    }

    /// Minimises from `start` until the gradient norm is `tolerance` times that of the head of zeros.
    pub(super) fn minimise(
        &self,
        l2: f64,
        start: Point,
        tolerance: f64,
        progress: &dyn Progress,
    ) -> Result<Minimum, HeadError> {
        let mut point = start;
        let mut smallest = f64::INFINITY;
        for steps in 0..=MAX_STEPS {
            progress.check()?;
            let (slopes, curvatures) = self.derivatives(&point);
            let gradient = self.system.gradient(&point, &slopes, l2);
            let ratio = gradient.norm / self.start_norm;
            // A fit below the required ratio that rounding keeps from improving counts as converged.
            let at_the_floor = ratio <= REQUIRED_RATIO && ratio >= 0.5 * smallest;
            if ratio <= tolerance || at_the_floor {
                return Ok(Minimum { point, steps });
            }
            smallest = smallest.min(ratio);
            let forcing = ratio.sqrt().min(0.1);
            let task = StepTask { point: &point, gradient: &gradient, curvatures: &curvatures, l2, forcing };
            let step = self.system.step(&task, progress)?;
            let Some(length) = self.line_search(&point, &step, &slopes, l2) else {
                return Err(HeadError::NotConverged { iterations: steps, gradient_ratio: ratio });
            };
            point.advance(&step, length);
        }
        Err(HeadError::NotConverged { iterations: MAX_STEPS, gradient_ratio: smallest })
    }

    /// The objective at `point`, and the gradient norm there ÷ that of the head of zeros.
    pub(super) fn evaluate(&self, point: &Point, l2: f64) -> (f64, f64) {
        let (slopes, _) = self.derivatives(point);
        let square = self.system.inner(&point.coordinates, &point.coordinates, &point.products);
        let loss = objective::log_loss(&point.logits(), &self.labels, self.pos_weight);
        let norm = self.system.gradient(point, &slopes, l2).norm;
        (loss + 0.5 * l2 * square, norm / self.start_norm)
    }

    /// First and second derivatives of the mean loss with respect to the logits, `[N]` each.
    fn derivatives(&self, point: &Point) -> (Vec<f64>, Vec<f64>) {
        let total = objective::total_weight(&self.labels, self.pos_weight).max(f64::MIN_POSITIVE);
        point
            .logits()
            .iter()
            .zip(&self.labels)
            .map(|(&logit, &label)| derivatives(logit, label, self.pos_weight))
            .map(|(slope, curvature)| (slope / total, curvature / total))
            .unzip()
    }

    /// The largest step length of 1, 1/2, 1/4, … that satisfies the Armijo condition, if there is one.
    fn line_search(&self, point: &Point, step: &Point, slopes: &[f64], l2: f64) -> Option<f64> {
        let inner =
            |left: &Point, right: &Point| self.system.inner(&left.coordinates, &right.coordinates, &right.products);
        let (square, cross, step_square) = (inner(point, point), inner(point, step), inner(step, step));
        let logits = point.logits();
        let changes: Vec<f64> = step.products.iter().map(|product| product + step.bias).collect();
        let value_at = |length: f64| {
            let moved: Vec<f64> = logits.iter().zip(&changes).map(|(logit, change)| logit + length * change).collect();
            let penalty = square + 2.0 * length * cross + length * length * step_square;
            objective::log_loss(&moved, &self.labels, self.pos_weight) + 0.5 * l2 * penalty
        };
        let here = value_at(0.0);
        let descent = super::product::dot(slopes, &changes) + l2 * cross;
        // Near the optimum the decrease is below the rounding error of the objective, which must not stop the search.
        let rounding = 1e-13 * here.abs();
        (0..60).map(|halvings| 0.5_f64.powi(halvings)).find(|&length| {
            let value = value_at(length);
            value.is_finite() && value <= here + 1e-4 * length * descent.min(0.0) + rounding
        })
    }
}
