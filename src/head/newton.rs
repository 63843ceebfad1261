//! Newton's method with a line search on the objective of [`super::objective`], whatever coordinates w is written in.
//!
//! A [`System`] supplies the linear algebra: [`super::gram`] writes w as a combination of the images (few images),
//! [`super::rows`] as itself (many images). The promise is the optimum: from any start, since the objective is convex
//! and strictly so in w, every step decreases it and the gradient goes to 0.

use super::objective;
use super::{HeadError, error::REQUIRED_RATIO, objective::derivatives};
use crate::progress::Progress;

/// Steps after which a fit is given up; about ten are usual.
const MAX_STEPS: usize = 200;

/// The least gradient norm that a start is taken to have: scaled features make it about 1 where they tell anything.
const MIN_START: f64 = 1e-8;

/// A head in the coordinates of a system, or a difference of two.
#[derive(Debug, Clone)]
pub(super) struct Point {
    /// w, in whatever coordinates the system uses.
    pub(super) coordinates: Vec<f64>,
    /// The free bias.
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

/// The gradient of the objective in a system's own form.
#[derive(Debug)]
pub(super) struct Gradient {
    /// By the coordinates (rows) or by the images (gram).
    pub(super) coordinates: Vec<f64>,
    /// K times the former where the system needs it.
    pub(super) products: Vec<f64>,
    /// By the bias.
    pub(super) bias: f64,
    /// Its Euclidean norm in the space of (w, bias), the same in every system.
    pub(super) norm: f64,
}

/// The linear algebra that Newton's method needs, for N fitted images.
pub(super) trait System: Send + Sync {
    /// The head of zeros.
    fn zero(&self) -> Point;
    /// The inner product of two w; `products` are Z times the second.
    fn inner(&self, left: &[f64], right: &[f64], products: &[f64]) -> f64;
    /// Gradient of the objective at `point`, `slopes` being the derivatives of the mean loss by the logits.
    fn gradient(&self, point: &Point, slopes: &[f64], l2: f64) -> Gradient;
    /// The step to the minimum of the quadratic model, or close enough to it for `forcing` (relative residual).
    fn step(&self, task: &StepTask<'_>, progress: &dyn Progress) -> Result<Point, HeadError>;
    /// Logits of the images that are held out.
    fn held_out_logits(&self, point: &Point) -> Vec<f64>;
    /// w on the scaled features, `[D]`.
    fn weights(&self, point: &Point) -> Vec<f64>;
}

/// One Newton step to find.
pub(super) struct StepTask<'a> {
    pub(super) point: &'a Point,
    pub(super) gradient: &'a Gradient,
    /// Second derivatives of the mean loss by the logits, `[N]`.
    pub(super) curvatures: &'a [f64],
    pub(super) l2: f64,
    pub(super) forcing: f64,
}

/// Where a minimisation ended.
#[derive(Debug)]
pub(super) struct Minimum {
    pub(super) point: Point,
    pub(super) steps: usize,
}

/// A problem to be solved for one strength or several.
pub(super) struct Problem<'a> {
    pub(super) system: Box<dyn System + 'a>,
    labels: Vec<bool>,
    pos_weight: f64,
    start_norm: f64,
}

impl<'a> Problem<'a> {
    /// `labels` are those of the fitted images.
    pub(super) fn new(system: Box<dyn System + 'a>, labels: Vec<bool>, pos_weight: f64) -> Self {
        let mut problem = Self { system, labels, pos_weight, start_norm: 0.0 };
        // The strength does not matter at the head of zeros.
        let zero = problem.system.zero();
        let (slopes, _) = problem.derivatives(&zero);
        let norm = problem.system.gradient(&zero, &slopes, 0.0).norm;
        // Where the features do not tell the classes apart only rounding is left of it: the head of zeros is the optimum.
        problem.start_norm = norm.max(MIN_START);
        problem
    }

    /// Goes from `start` to where the gradient norm is `tolerance` times that of the head of zeros.
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
            // A fit that rounding stops below the required ratio is as good as converged.
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

    /// First and second derivatives of the mean loss by the logits, `[N]` each.
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

    /// The longest of 1, 1/2, 1/4, … that decreases the objective enough (Armijo's rule), if there is one.
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
        // Near the optimum the decrease is smaller than the rounding of the objective, which must not stop it.
        let rounding = 1e-13 * here.abs();
        (0..60).map(|halvings| 0.5_f64.powi(halvings)).find(|&length| {
            let value = value_at(length);
            value.is_finite() && value <= here + 1e-4 * length * descent.min(0.0) + rounding
        })
    }
}
