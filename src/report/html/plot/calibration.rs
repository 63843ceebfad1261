//! Whether a probability means what it says.

use super::chart::{Axis, Chart, Role, TEXT};
use crate::metrics::Metrics;
use crate::metrics::curves::CalibrationBin;

/// Room below the axis for the counts.
const BELOW: f64 = 0.11;

/// The share of positive images over the mean probability of each bin, with Wilson's interval and the number of images
/// (Niculescu-Mizil and Caruana 2005).
pub(in crate::report::html) fn reliability(bins: &[CalibrationBin], metrics: &Metrics) -> Option<String> {
    let error = metrics.expected_calibration_error?.value;
    let label = format!("Calibration curve, expected calibration error {error:.3}");
    let (x, y) =
        (Axis::share("predicted probability"), Axis { range: -BELOW..1.0, ..Axis::share("fraction positive") });
    let mut chart = Chart::new(x, y)?.line(&[(0.0, 0.0), (1.0, 1.0)], Role::Quiet, 3.0);
    let width = 1.0 / bins.len() as f64;
    let mut line = Vec::with_capacity(bins.len());
    for (place, bin) in bins.iter().enumerate().filter(|(_, bin)| bin.images > 0) {
        let x = bin.mean_probability;
        line.push((x, bin.positives as f64 / bin.images as f64));
        if let Some([low, high]) = bin.share.and_then(|share| share.interval()) {
            chart = chart.line(&[(x, low), (x, high)], Role::Curve, 4.0);
        }
        let below = ((place as f64 + 0.5) * width, -BELOW / 2.0);
        chart = chart.text(below, &brief(bin.images), Role::Quiet, TEXT * 0.85);
    }
    Some(chart.line(&line, Role::Curve, 7.0).dots(&line, Role::Curve, 14.0).finish(&label))
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
