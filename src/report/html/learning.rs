//! Whether more photos would help.

use super::curves::figure;
use super::page::{LearningCurve, Measure, Page};
use super::text::{Prose, decimal, each, photos};
use super::{Section, plot};

/// What the last stretch of a learning curve says about the next one.
pub(super) struct Outlook {
    /// Whether the last stretch brought more than the half width of the band.
    pub(super) is_rising: bool,
    /// What it brought, in a sentence (markup).
    sentence: String,
}

/// Compares the last point with the one at no more than half as many images: what the last doubling brought.
/// `None` where no two points lie so far apart.
pub(super) fn outlook(curve: &LearningCurve) -> Option<Outlook> {
    let last = curve.points.last()?;
    let before = curve.points.iter().rev().find(|point| point.images * 2 <= last.images)?;
    let (name, gain) = match curve.measure {
        Measure::LogLoss => ("log loss", before.mean - last.mean),
        Measure::RocAuc => ("ROC-AUC", last.mean - before.mean),
    };
    let spread = (last.high - last.low) / 2.0;
    let is_rising = gain > spread;
    let advice = if is_rising {
        "that is more than the spread, so more photos are likely to help"
    } else {
        "that is no more than the spread, so more photos of the same kind are likely to change little"
    };
    let sentence = format!(
        "From {} to {} the {name} went from {} to {} (spread ±{}): {advice}.",
        before.images,
        photos(last.images),
        decimal(before.mean),
        decimal(last.mean),
        decimal(spread)
    );
    gain.is_finite().then_some(Outlook { is_rising, sentence })
}

pub(super) fn section(page: &Page) -> Option<Section> {
    let figures = each(&page.learning_curves, |curve| {
        let title = match curve.measure {
            Measure::LogLoss => "Log loss",
            Measure::RocAuc => "ROC-AUC",
        };
        let mut legend = vec![("line positive", "mean".to_owned())];
        if !curve.band.is_empty() {
            legend.push(("block tint", Prose(&curve.band).to_string()));
        }
        let reading = "Heads trained on fewer photos, each measured on photos it never saw. Where the curve still \
                       bends at its right end, more photos help; where it is flat, they do not.";
        plot::learning_curve(curve).map_or(String::new(), |svg| figure(title, &svg, &legend, reading))
    });
    if figures.is_empty() {
        return None;
    }
    let answer = page
        .learning_curves
        .first()
        .and_then(outlook)
        .map_or(String::new(), |outlook| format!("<p>{}</p>\n", outlook.sentence));
    Section::of(
        "learning-curve",
        "Do I need more photos?",
        format!("{answer}<div class=\"figures\">\n{figures}</div>\n"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::page::LearningPoint;

    fn curve(measure: Measure, means: &[f64]) -> LearningCurve {
        let point = |(place, &mean): (usize, &f64)| LearningPoint {
            images: 50 << place,
            mean,
            low: mean - 0.02,
            high: mean + 0.02,
        };
        LearningCurve { measure, points: means.iter().enumerate().map(point).collect(), band: String::new() }
    }

    #[test]
    fn a_gain_above_the_spread_asks_for_more_photos() {
        assert!(outlook(&curve(Measure::LogLoss, &[0.69, 0.65, 0.58])).unwrap().is_rising);
        assert!(!outlook(&curve(Measure::LogLoss, &[0.69, 0.60, 0.59])).unwrap().is_rising);
        assert!(outlook(&curve(Measure::RocAuc, &[0.6, 0.7, 0.8])).unwrap().is_rising);
        assert!(!outlook(&curve(Measure::RocAuc, &[0.8, 0.7, 0.6])).unwrap().is_rising);
    }

    #[test]
    fn one_point_says_nothing() {
        assert!(outlook(&curve(Measure::LogLoss, &[0.69])).is_none());
        assert!(outlook(&curve(Measure::LogLoss, &[])).is_none());
    }
}
