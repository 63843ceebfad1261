//! Whether a probability means what it says.

use plotters::prelude::*;

use super::{Axis, LETTERS, Role, letters, picture};
use crate::metrics::Metrics;
use crate::metrics::curves::CalibrationBin;

/// Room below the axis for the counts.
const BELOW: f64 = 0.11;

/// The share of positive images over the mean probability of each bin, with Wilson's interval and the number of images
/// (Niculescu-Mizil and Caruana 2005).
pub(in crate::report::html) fn reliability(bins: &[CalibrationBin], metrics: &Metrics) -> Option<String> {
    let error = metrics.expected_calibration_error?.value;
    let label = format!("Calibration curve, expected calibration error {error:.3}");
    let axes = (Axis::share("predicted probability"), Axis { range: -BELOW..1.0, ..Axis::share("fraction positive") });
    picture(&label, &axes.0, &axes.1, |chart| {
        let perfect = [(0.0, 0.0), (1.0, 1.0)];
        chart.draw_series(std::iter::once(PathElement::new(perfect, Role::Quiet.line(3))))?;
        let filled = || bins.iter().filter(|bin| bin.images > 0);
        let place = |bin: &CalibrationBin| (bin.mean_probability, bin.positives as f64 / bin.images as f64);
        chart.draw_series(filled().filter_map(|bin| {
            let [low, high] = bin.share?.interval()?;
            let x = bin.mean_probability;
            Some(PathElement::new([(x, low), (x, high)], Role::Curve.line(4)))
        }))?;
        let line: Vec<(f64, f64)> = filled().map(place).collect();
        chart.draw_series(std::iter::once(PathElement::new(line.clone(), Role::Curve.line(7))))?;
        chart.draw_series(line.into_iter().map(|point| Circle::new(point, 14, Role::Curve.colour().filled())))?;
        let width = 1.0 / bins.len() as f64;
        chart.draw_series(bins.iter().enumerate().filter(|(_, bin)| bin.images > 0).map(|(place, bin)| {
            let middle = (place as f64 + 0.5) * width;
            letters(brief(bin.images), (middle, -BELOW / 2.0), Role::Quiet, LETTERS * 0.85)
        }))?;
        Ok(())
    })
}

/// A count in at most four letters.
fn brief(count: usize) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..1_000_000 => format!("{}k", count / 1000),
        _ => format!("{}M", count / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_fits_its_bin() {
        assert_eq!([brief(7), brief(9999), brief(123_456), brief(4_200_000)], ["7", "9999", "123k", "4M"]);
    }
}
