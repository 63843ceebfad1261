//! What more photos brought so far.

use super::chart::{Axis, Chart, Role, Unit};
use crate::report::{LearningPoint, MeanStd};

/// What is measured over the number of training images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report::html) enum Measure {
    /// Lower is better; it sees every change of a probability, so it decides.
    LogLoss,
    /// Higher is better.
    RocAuc,
}

impl Measure {
    pub(in crate::report::html) fn get(self, point: &LearningPoint) -> MeanStd {
        match self {
            Self::LogLoss => point.log_loss,
            Self::RocAuc => point.roc_auc,
        }
    }

    /// The smallest and the largest value that it can have.
    pub(in crate::report::html) fn ends(self) -> [f64; 2] {
        match self {
            Self::LogLoss => [0.0, f64::INFINITY],
            Self::RocAuc => [0.0, 1.0],
        }
    }
}

/// The measure over the number of training images, one standard deviation around it.
pub(in crate::report::html) fn learning_curve(points: &[LearningPoint], measure: Measure) -> Option<String> {
    let [smallest, largest] = measure.ends();
    let at = |side: f64| -> Vec<(f64, f64)> {
        let place = |point: &LearningPoint| {
            let spread = measure.get(point);
            (point.images as f64, (spread.mean + side * spread.std).clamp(smallest, largest))
        };
        points.iter().map(place).collect()
    };
    let (low, mean, high) = (at(-1.0), at(0.0), at(1.0));
    let is_drawable = points.len() > 1 && low.iter().chain(&high).all(|(_, value)| value.is_finite());
    let (first, last) = (points.first()?, points.last().filter(|_| is_drawable)?);
    let least = low.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let most = high.iter().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
    let margin = ((most - least) * 0.1).max(0.005);
    let name = match measure {
        Measure::LogLoss => "log loss (lower is better)",
        Measure::RocAuc => "ROC-AUC (higher is better)",
    };
    let (before, after) = (measure.get(first).mean, measure.get(last).mean);
    let label = format!("{name} from {} to {} training photos: {before:.3} to {after:.3}", first.images, last.images);
    let x = Axis { name: "training photos", range: 0.0..last.images as f64, unit: Unit::Count };
    let y = Axis { name, range: (least - margin).max(smallest)..(most + margin).min(largest), unit: Unit::Decimal };
    let band: Vec<_> = low.into_iter().chain(high.into_iter().rev()).collect();
    let chart = Chart::new(x, y)?.band(&band, Role::Curve).line(&mean, Role::Curve, 7.0);
    Some(chart.dots(&mean, Role::Curve, 14.0).finish(&label))
}

#[cfg(test)]
mod tests {
    use super::super::chart::TEXT;
    use super::*;
    use crate::report::MeanStd;

    #[test]
    fn the_band_ends_where_the_measure_does() {
        let point = |images, mean| {
            let spread = MeanStd { mean, std: 0.03 };
            LearningPoint { images, roc_auc: spread, log_loss: spread }
        };
        let points = [point(40, 0.98), point(80, 0.99)];
        let svg = learning_curve(&points, Measure::RocAuc).unwrap();
        let heights = |from: &str| -> Vec<f64> {
            let (_, shape) = svg.split_once(from).unwrap();
            let corners = shape.split_once("points=\"").unwrap().1.split('"').next().unwrap();
            corners.split_whitespace().map(|corner| corner.split_once(',').unwrap().1.parse().unwrap()).collect()
        };
        let top = |heights: Vec<f64>| heights.into_iter().fold(f64::INFINITY, f64::min);
        // The axes end at 1, and that is where the margin above them begins.
        assert!((top(heights("<polygon")) - TEXT * 1.9).abs() <= 1.0, "{svg}");
        assert!(svg.contains(">1.00<") && !svg.contains(">1.0<"), "{svg}");
    }
}
