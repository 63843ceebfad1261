//! The coordinates of the optimisation problem: one per image (Gram matrix) or one per feature.

use super::Examples;
use super::gram::GramSystem;
use super::newton::{Problem, System};
use super::rows::RowSystem;
use super::scaling::Scaling;

/// The largest number of images for which an `[N, N]` system is factored instead of iterating over the feature rows.
const MAX_IMAGES_FOR_GRAM: usize = 1000;

/// The fit of the images `fitted` as a problem in N or D coordinates, whichever is faster.
pub(super) fn problem<'a>(
    examples: &Examples<'a>,
    scaling: &Scaling,
    fitted: &[usize],
    held_out: &[usize],
) -> Problem<'a> {
    let features = examples.features();
    let system: Box<dyn System + 'a> = if fitted.len() <= features.width().min(MAX_IMAGES_FOR_GRAM) {
        Box::new(GramSystem::new(features, scaling.clone(), fitted, held_out))
    } else {
        Box::new(RowSystem::new(features, scaling.clone(), fitted, held_out))
    };
    let labels = fitted.iter().map(|&row| examples.labels()[row]).collect();
    Problem::new(system, labels, examples.pos_weight())
}
