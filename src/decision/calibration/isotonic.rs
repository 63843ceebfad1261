//! Isotonic calibration: a non-decreasing curve through the fractions of positive images.

use super::{Calibration, MAX_KNOTS};

/// Neighbouring images with one common value.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: f64,
    last: f64,
    positives: u64,
    images: u64,
}

impl Block {
    /// Whether the fraction of positives is at least that of a later block, which a non-decreasing curve must merge.
    fn is_at_least(&self, next: &Self) -> bool {
        u128::from(self.positives) * u128::from(next.images) >= u128::from(next.positives) * u128::from(self.images)
    }

    fn with(&self, next: &Self) -> Self {
        Self {
            first: self.first,
            last: next.last,
            positives: self.positives + next.positives,
            images: self.images + next.images,
        }
    }
}

pub(super) fn fit(logits: &[f64], labels: &[bool]) -> Option<Calibration> {
    let mut pairs: Vec<(f64, bool)> = logits.iter().map(|logit| logit + 0.0).zip(labels.iter().copied()).collect();
    pairs.sort_by(|(logit, _), (other, _)| logit.total_cmp(other));
    let mut blocks: Vec<Block> = Vec::new();
    // Equal logits form one block from the start, because the curve has one value there.
    for tied in pairs.chunk_by(|(left, _), (right, _)| left.total_cmp(right).is_eq()) {
        let positives = tied.iter().filter(|(_, label)| *label).count() as u64;
        let logit = tied.first()?.0;
        let mut block = Block { first: logit, last: logit, positives, images: tied.len() as u64 };
        while let Some(before) = blocks.pop_if(|before| before.is_at_least(&block)) {
            block = before.with(&block);
        }
        blocks.push(block);
    }
    let limit = 1.0 / (pairs.len() as f64 + 2.0);
    let mut knots = Vec::with_capacity(2 * blocks.len());
    for block in blocks {
        let share = (block.positives as f64 / block.images as f64).clamp(limit, 1.0 - limit);
        knots.push([block.first, share]);
        if block.last > block.first {
            knots.push([block.last, share]);
        }
    }
    thin(&mut knots);
    (!knots.is_empty()).then_some(Calibration::Isotonic { knots })
}

/// Repeatedly removes the knot whose removal changes the curve least, the first among equals. The remaining knots lie on the
/// old curve, so the new one is non-decreasing too.
fn thin(knots: &mut Vec<[f64; 2]>) {
    while knots.len() > MAX_KNOTS {
        let change = |knots: &[[f64; 2]]| match knots {
            [left, knot, right] => (between(&[*left, *right], knot[0]) - knot[1]).abs(),
            _ => f64::INFINITY,
        };
        let changes = knots.windows(3).map(change).enumerate();
        let Some((least, _)) = changes.min_by(|(_, change), (_, other)| change.total_cmp(other)) else {
            return;
        };
        knots.remove(least + 1);
    }
}

/// The curve at a logit: constant outside the knots, 0.5 without knots.
pub(super) fn between(knots: &[[f64; 2]], logit: f64) -> f64 {
    let above = knots.partition_point(|knot| knot[0] <= logit);
    let below = above.checked_sub(1).and_then(|place| knots.get(place));
    match (below, knots.get(above)) {
        (Some(left), Some(right)) => {
            // Halved, because the difference of two large numbers may overflow.
            let part = (logit / 2.0 - left[0] / 2.0) / (right[0] / 2.0 - left[0] / 2.0);
            (left[1] + (right[1] - left[1]) * part).max(left[1]).min(right[1])
        }
        (Some(end), None) | (None, Some(end)) => end[1],
        (None, None) => 0.5,
    }
}
