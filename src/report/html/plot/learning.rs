//! What more photos brought so far.

use plotters::prelude::*;

use super::{Axis, Ink, picture, thinned};
use crate::report::LearningPoint;
use crate::report::html::learning::Measure;

/// The measure over the number of training images, one standard deviation around it.
pub(in crate::report::html) fn learning_curve(points: &[LearningPoint], measure: Measure) -> Option<String> {
    let at = |side: f64| -> Vec<(f64, f64)> {
        let place = |point: &LearningPoint| {
            let spread = measure.of(point);
            (point.images as f64, spread.mean + side * spread.deviation)
        };
        thinned(points.iter().map(place).collect())
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
    let (before, after) = (measure.of(first).mean, measure.of(last).mean);
    let label = format!("{name} from {} to {} training photos: {before:.3} to {after:.3}", first.images, last.images);
    let axes = (
        Axis { name: "training photos", range: 0.0..last.images as f64, format: |images| format!("{images:.0}") },
        Axis { name, range: least - margin..most + margin, format: |value| format!("{value:.2}") },
    );
    picture(&label, &axes.0, &axes.1, |chart| {
        let band = low.into_iter().chain(high.into_iter().rev()).collect::<Vec<_>>();
        chart.draw_series(std::iter::once(Polygon::new(band, Ink::Curve.tint(0.18))))?;
        chart.draw_series(std::iter::once(PathElement::new(mean.clone(), Ink::Curve.line(7))))?;
        chart.draw_series(mean.into_iter().map(|point| Circle::new(point, 14, Ink::Curve.colour().filled())))?;
        Ok(())
    })
}
