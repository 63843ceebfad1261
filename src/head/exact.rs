//! The exact solver: the unique optimum of L2-regularised logistic regression, to convergence.
//!
//! Features are scaled, the objective is minimised by `newton` in whichever coordinates are fewer, and the scaling is
//! folded back. The gradient norm is guaranteed to be below 1e-6 of that of the head of zeros, measured on the weights
//! and reported in the [`Fit`]; otherwise the fit is an error. The solver is deterministic: same input, same bytes.

use super::coordinates::problem;
use super::cross_validation::{CrossValidation, cross_validate, grid, usual_strength};
use super::error::REQUIRED_RATIO;
use super::newton::{Minimum, Problem};
use super::rows::RowSystem;
use super::scaling::Scaling;
use super::{Examples, Head, HeadError, examples::require_positive};
use crate::progress::{Progress, Unit};

/// Far below [`REQUIRED_RATIO`]: Newton's last steps are cheap, and the stored f32 head is then the rounded optimum.
const TOLERANCE: f64 = 1e-8;

/// The L2 penalty: X in X/2 · ‖w‖², on the weights of the scaled features.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum L2 {
    /// The penalty with the best cross-validation score. The default.
    #[default]
    Auto,
    /// A fixed penalty, above 0.
    Fixed(f64),
}

/// Options of the exact solver.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct ExactOptions {
    /// The L2 penalty. Default: [`L2::Auto`].
    pub l2: L2,
}

/// A fitted head with the evidence that it is the optimum.
#[derive(Debug, Clone)]
pub(crate) struct Fit {
    /// The head on unscaled features, in f32.
    pub head: Head,
    /// The L2 penalty of the fit.
    pub l2: f64,
    /// The objective at the optimum, see [`super::objective`]; for the tests, which compare it with scikit-learn's.
    #[cfg_attr(not(test), expect(dead_code))]
    pub objective: f64,
    /// Gradient norm ÷ that of the head of zeros, both with respect to the scaled weights and the bias: below 1e-6.
    #[cfg_attr(not(test), expect(dead_code))]
    pub gradient_ratio: f64,
    /// The cross-validation of the penalty; `None` without folds.
    pub cross_validation: Option<CrossValidation>,
}

/// Fits a head to all `examples`.
///
/// `folds` assigns each image a fold id, `[N]`: [`L2::Auto`] chooses the penalty by cross-validation
/// ([`cross_validate`] over [`super::cross_validation::grid`]), [`L2::Fixed`] only evaluates its own. Without folds
/// (too few images of a class), [`L2::Auto`] is [`usual_strength`].
///
/// # Errors
/// [`HeadError::InvalidSetting`] for a penalty that is not above 0, [`HeadError::FoldWithoutClass`],
/// [`HeadError::NotConverged`], [`HeadError::Interrupted`].
pub(crate) fn fit(
    examples: &Examples<'_>,
    folds: Option<&[usize]>,
    options: &ExactOptions,
    progress: &dyn Progress,
) -> Result<Fit, HeadError> {
    if let L2::Fixed(l2) = options.l2 {
        require_positive("l2", l2)?;
    }
    let cross_validation = match (folds, options.l2) {
        (Some(folds), L2::Auto) => Some(cross_validate(examples, folds, &grid(examples.features().width()), progress)?),
        (Some(folds), L2::Fixed(l2)) => Some(cross_validate(examples, folds, &[l2], progress)?),
        (None, _) => None,
    };
    let l2 = match (&cross_validation, options.l2) {
        (_, L2::Fixed(l2)) => l2,
        (Some(chosen), L2::Auto) => chosen.l2,
        (None, L2::Auto) => usual_strength(examples.features().width()),
    };
    // Without cross-validation the fit is one step of a longer task.
    if cross_validation.is_none() {
        return fit_at(examples, l2, progress);
    }
    progress.start("fitting the head", Unit::Steps, None);
    let fit = fit_at(examples, l2, progress);
    progress.finish();
    Ok(Fit { cross_validation, ..fit? })
}

/// Fits with one L2 penalty.
fn fit_at(examples: &Examples<'_>, l2: f64, progress: &dyn Progress) -> Result<Fit, HeadError> {
    let all: Vec<usize> = (0..examples.labels().len()).collect();
    let scaling = Scaling::new(examples.features(), &all);
    let problem = problem(examples, &scaling, &all, &[]);
    let Minimum { point, steps } = problem.minimise(l2, problem.system.zero(), TOLERANCE, progress)?;
    let head = scaling.fold_back(&problem.system.weights(&point), point.bias);

    // The evidence is computed from the weights and the features, independently of the coordinates of the optimisation.
    let rows = RowSystem::new(examples.features(), scaling, &all, &[]);
    let found = rows.point(problem.system.weights(&point), point.bias);
    let (objective, gradient_ratio) =
        Problem::new(Box::new(rows), examples.labels().to_vec(), examples.pos_weight()).evaluate(&found, l2);
    if gradient_ratio.is_nan() || gradient_ratio > REQUIRED_RATIO {
        return Err(HeadError::NotConverged { iterations: steps, gradient_ratio });
    }
    Ok(Fit { head, l2, objective, gradient_ratio, cross_validation: None })
}
