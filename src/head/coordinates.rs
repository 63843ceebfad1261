//! The coordinates in which a head is looked for: one number an image, or one a feature, whichever are fewer.

use super::Examples;
use super::gram::GramSystem;
use super::newton::{Problem, System};
use super::rows::RowSystem;
use super::scaling::Scaling;

/// Most images for which an `[N, N]` system is factored rather than the features passed over again and again.
const MAX_IMAGES_FOR_GRAM: usize = 1000;

/// The images `fitted` as a problem in N or D coordinates, whichever is the faster.
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
