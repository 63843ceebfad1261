//! Where the probabilities of both classes lie, and on which side of the threshold.

use super::chart::{Axis, Chart, Role, Unit};
use crate::metrics::Metrics;

/// Columns of the histogram.
const COLUMNS: usize = 20;

/// Positive images upwards, negative ones downwards: neither hides the other.
pub(in crate::report::html) fn histogram(labels: &[bool], probabilities: &[f64], metrics: &Metrics) -> Option<String> {
    let [negatives, positives] = heights(labels, probabilities);
    let highest = negatives.iter().chain(&positives).copied().max().filter(|&highest| highest > 0)? as f64 * 1.08;
    let right = metrics.confusion.true_positive + metrics.confusion.true_negative;
    let label =
        format!("Probabilities of both classes; {right} of {} on the right side of the threshold", metrics.count);
    let y = Axis { name: "images", range: -highest..highest, unit: Unit::Count };
    let mut chart = Chart::new(Axis::share("predicted probability"), y)?;
    for (heights, sign, role) in [(positives, 1.0, Role::Positive), (negatives, -1.0, Role::Negative)] {
        for (place, height) in heights.into_iter().enumerate().filter(|&(_, height)| height > 0) {
            let edge = |place: usize| place as f64 / COLUMNS as f64;
            let gap = 0.003;
            chart = chart.bar((edge(place) + gap, 0.0), (edge(place + 1) - gap, sign * height as f64), role);
        }
    }
    let threshold = metrics.threshold.clamp(0.0, 1.0);
    let chart = chart.line(&[(0.0, 0.0), (1.0, 0.0)], Role::Quiet, 2.0);
    Some(chart.line(&[(threshold, -highest), (threshold, highest)], Role::Dark, 5.0).finish(&label))
}

/// Negative and positive images in each column.
fn heights(labels: &[bool], probabilities: &[f64]) -> [[usize; COLUMNS]; 2] {
    let mut heights = [[0; COLUMNS]; 2];
    for (&is_positive, &probability) in labels.iter().zip(probabilities) {
        // The cast of a probability from 0 to 1, times 20; 1 itself belongs to the last column.
        #[expect(clippy::cast_sign_loss, reason = "a probability is not negative")]
        let column = ((probability * COLUMNS as f64) as usize).min(COLUMNS - 1);
        if let Some(height) = heights.get_mut(usize::from(is_positive)).and_then(|class| class.get_mut(column)) {
            *height += 1;
        }
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_stands_in_one_column() {
        let [negatives, positives] = heights(&[true, true, false, true], &[0.0, 1.0, 0.5, 0.999]);
        assert_eq!((positives[0], positives[19], negatives[10]), (1, 2, 1));
        assert_eq!(positives.iter().chain(&negatives).sum::<usize>(), 4);
    }
}
