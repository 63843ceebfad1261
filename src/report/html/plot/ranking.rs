//! How well the probabilities rank: the ROC curve and the precision-recall curve, with the point that was chosen.

use super::chart::{Axis, Chart, Role};
use crate::metrics::curves::Step;
use crate::metrics::{Confusion, Metrics};

/// Share of positives found over share of negatives called positive (Fawcett 2006, Pattern Recognition Letters 27).
pub(in crate::report::html) fn roc(steps: &[Step], metrics: &Metrics) -> Option<String> {
    let area = metrics.roc_auc?.value;
    let place = |counts: &Confusion| {
        let false_positive_rate = counts.false_positive as f64 / counts.negatives() as f64;
        (false_positive_rate, counts.true_positive as f64 / counts.positives() as f64)
    };
    let line: Vec<_> = steps.iter().map(|step| place(&step.confusion)).collect();
    let chart = Chart::new(Axis::share("false positive rate"), Axis::share("sensitivity"))?
        .line(&[(0.0, 0.0), (1.0, 1.0)], Role::Quiet, 3.0)
        .line(&line, Role::Curve, 7.0)
        .dots(&[place(&metrics.confusion)], Role::Dark, 20.0);
    Some(chart.finish(&format!("ROC curve, area {area:.3}")))
}

/// Precision over recall. Between two thresholds nothing is interpolated: the line goes by steps, as its area is counted
/// (Davis and Goadrich 2006).
pub(in crate::report::html) fn precision_recall(steps: &[Step], metrics: &Metrics) -> Option<String> {
    let area = metrics.pr_auc?.value;
    let prevalence = metrics.positives as f64 / metrics.count as f64;
    let place = |counts: &Confusion| {
        let answered = counts.true_positive + counts.false_positive;
        let recall = counts.true_positive as f64 / counts.positives() as f64;
        (answered > 0).then(|| (recall, counts.true_positive as f64 / answered as f64))
    };
    let points: Vec<_> = steps.iter().filter_map(|step| place(&step.confusion)).collect();
    let chosen: Vec<_> = place(&metrics.confusion).into_iter().collect();
    let chart = Chart::new(Axis::share("sensitivity (recall)"), Axis::share("precision"))?
        .line(&[(0.0, prevalence), (1.0, prevalence)], Role::Quiet, 3.0)
        .line(&by_steps(&points), Role::Curve, 7.0)
        .dots(&chosen, Role::Dark, 20.0);
    Some(chart.finish(&format!("Precision-recall curve, area {area:.3}")))
}

/// Each precision holds back to the recall before it.
fn by_steps(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut before = 0.0;
    let mut corners = Vec::with_capacity(points.len() * 2);
    for &(recall, precision) in points {
        corners.extend([(before, precision), (recall, precision)]);
        before = recall;
    }
    corners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_is_not_interpolated() {
        let corners = by_steps(&[(0.5, 1.0), (1.0, 0.6)]);
        assert_eq!(corners, [(0.0, 1.0), (0.5, 1.0), (0.5, 0.6), (1.0, 0.6)]);
    }
}
