//! All distinct thresholds on some scores with their counts, by image and by group.

use std::collections::HashMap;

use crate::metrics::{Scores, Undefined};

/// One threshold: probabilities at or above it are positive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) threshold: f64,
    /// Midway between the probabilities on either side.
    pub(super) gap: f64,
    /// Number of positive predictions.
    pub(super) answered: usize,
    /// Number of correct ones among them.
    pub(super) right: usize,
    /// Number of groups with a positive prediction.
    pub(super) answered_groups: usize,
    /// The fraction of positive predictions that are correct, summed over those groups.
    pub(super) right_in_groups: f64,
    /// The fraction of positive images that are found, summed over the groups that have some.
    pub(super) found_groups: f64,
}

/// Tolerance for rounding errors in sums of fractions.
pub(super) const ROUNDING: f64 = 1e-9;

impl Cut {
    /// The number of correct [`Cut::answered_groups`]: the sum of fractions, at most what the fraction over all predictions
    /// gives.
    #[expect(clippy::cast_sign_loss, reason = "a sum of shares")]
    pub(super) fn right_groups(&self) -> usize {
        let of_answers = (self.answered_groups * self.right) as f64 / self.answered.max(1) as f64;
        (self.right_in_groups.min(of_answers) + ROUNDING).floor() as usize
    }
}

/// All distinct thresholds, from the highest to the lowest; at the last all predictions are positive.
pub(super) struct Cuts {
    pub(super) cuts: Vec<Cut>,
    /// The last one.
    pub(super) everything: Cut,
    pub(super) positives: usize,
    pub(super) negatives: usize,
    /// Numbers of groups with positive images, and with negative ones.
    pub(super) positive_groups: usize,
    pub(super) negative_groups: usize,
}

/// An image: its label, probability and group.
type Image = ((bool, f64), usize);

impl Cuts {
    pub(super) fn new(scores: &Scores<'_>) -> Result<Self, Undefined> {
        let mut all: Vec<Image> = scores.pairs().zip(scores.groups()).collect();
        all.sort_by(|((_, probability), _), ((_, other), _)| other.total_cmp(probability));
        // Not by `total_cmp`: 0.0 and -0.0 are one probability.
        let tied: Vec<&[Image]> = all.chunk_by(|((_, above), _), ((_, below), _)| above <= below).collect();
        let height = |images: Option<&&[Image]>| images.and_then(|images| images.first()).map(|image| image.0.1);
        let [negative_groups, positive_groups, _] = scores.count_groups();
        let mut so_far = Answered::new(&all);
        let mut cuts = Vec::with_capacity(tied.len() + 1);
        if let Some(highest) = height(tied.first()).filter(|&highest| highest < 1.0) {
            cuts.push(so_far.cut(highest, 1.0));
        }
        for (place, images) in tied.iter().enumerate() {
            for image in *images {
                so_far.add(image);
            }
            let above = height(Some(images)).unwrap_or(0.0);
            let below = height(tied.get(place + 1)).unwrap_or(0.0);
            cuts.push(so_far.cut(below, above));
        }
        let everything = cuts.last().copied().ok_or(Undefined::NoImages)?;
        let (positives, negatives) = (everything.right, everything.answered - everything.right);
        Ok(Self { cuts, everything, positives, negatives, positive_groups, negative_groups })
    }

    /// The highest threshold that satisfies a condition which also holds for all lower ones.
    pub(super) fn first(&self, holds: impl Fn(&Cut) -> bool) -> Option<Cut> {
        self.cuts.get(self.cuts.partition_point(|cut| !holds(cut))).copied()
    }

    /// The threshold with the largest value; among equals the one with the widest gap, then the lowest.
    pub(super) fn best(&self, value: &dyn Fn(&Cut) -> f64) -> Cut {
        let mut best = self.everything;
        for cut in self.cuts.iter().rev() {
            let by_value = value(cut).total_cmp(&value(&best));
            if by_value.then(cut.gap.total_cmp(&best.gap)).is_gt() {
                best = *cut;
            }
        }
        best
    }
}

/// The images with the highest probabilities, up to some index.
struct Answered {
    cut: Cut,
    /// Positive images of each group, of all.
    positives: HashMap<usize, usize>,
    /// Images of each group among these, and the positive ones among them.
    groups: HashMap<usize, (usize, usize)>,
}

impl Answered {
    /// None yet.
    fn new(all: &[Image]) -> Self {
        let mut positives = HashMap::new();
        for ((_, _), group) in all.iter().filter(|((is_positive, _), _)| *is_positive) {
            *positives.entry(*group).or_insert(0) += 1;
        }
        let cut = Cut {
            threshold: 0.0,
            gap: 0.0,
            answered: 0,
            right: 0,
            answered_groups: 0,
            right_in_groups: 0.0,
            found_groups: 0.0,
        };
        Self { cut, positives, groups: HashMap::new() }
    }

    fn add(&mut self, ((is_positive, _), group): &Image) {
        let share = |right: usize, of: usize| right as f64 / of.max(1) as f64;
        let (answered, right) = self.groups.entry(*group).or_insert((0, 0));
        let before = share(*right, *answered);
        self.cut.answered_groups += usize::from(*answered == 0);
        *answered += 1;
        self.cut.answered += 1;
        if *is_positive {
            *right += 1;
            self.cut.right += 1;
            self.cut.found_groups += share(1, self.positives.get(group).copied().unwrap_or(1));
        }
        self.cut.right_in_groups += share(*right, *answered) - before;
    }

    /// The threshold between two neighbouring probabilities.
    fn cut(&self, below: f64, above: f64) -> Cut {
        Cut { threshold: midway(below, above), gap: above - below, ..self.cut }
    }
}

/// Midway between two probabilities, and above the lower one even if no number lies between them.
fn midway(low: f64, high: f64) -> f64 {
    let middle = f64::midpoint(low, high);
    // Removes the sign of -0.0.
    if middle > low { middle } else { high + 0.0 }
}
