//! What more photos brought so far.

use plotters::prelude::*;

use super::{Axis, Ink, picture, thinned};
use crate::report::html::page::{LearningCurve, Measure};

/// The measure over the number of training images, and the band around it.
pub(in crate::report::html) fn learning_curve(curve: &LearningCurve) -> Option<String> {
    let is_drawable = curve.points.len() > 1
        && curve.points.iter().all(|point| [point.mean, point.low, point.high].iter().all(|value| value.is_finite()));
    let (first, last) = (curve.points.first()?, curve.points.last().filter(|_| is_drawable)?);
    let low = curve.points.iter().map(|point| point.low).fold(f64::INFINITY, f64::min);
    let high = curve.points.iter().map(|point| point.high).fold(f64::NEG_INFINITY, f64::max);
    let margin = ((high - low) * 0.1).max(0.005);
    let name = match curve.measure {
        Measure::LogLoss => "log loss (lower is better)",
        Measure::RocAuc => "ROC-AUC (higher is better)",
    };
    let label = format!(
        "{name} from {} to {} training photos: {:.3} to {:.3}",
        first.images, last.images, first.mean, last.mean
    );
    let most = last.images as f64;
    let axes = (
        Axis { name: "training photos", range: 0.0..most, format: |images| format!("{images:.0}") },
        Axis { name, range: low - margin..high + margin, format: |value| format!("{value:.2}") },
    );
    picture(&label, &axes.0, &axes.1, |chart| {
        let side = |value: fn(&crate::report::html::page::LearningPoint) -> f64| {
            thinned(curve.points.iter().map(|point| (point.images as f64, value(point))).collect())
        };
        let mut band = side(|point| point.low);
        band.extend(side(|point| point.high).into_iter().rev());
        chart.draw_series(std::iter::once(Polygon::new(band, Ink::Positive.tint(0.18))))?;
        let line = side(|point| point.mean);
        chart.draw_series(std::iter::once(PathElement::new(line.clone(), Ink::Positive.line(7))))?;
        chart.draw_series(line.into_iter().map(|point| Circle::new(point, 14, Ink::Positive.colour().filled())))?;
        Ok(())
    })
}
