//! Whether more photos would help.

use super::Section;
use super::curves::figure;
use super::page::Page;
use super::plot::{self, Measure};
use super::text::{decimal, each, photos};
use crate::report::LearningPoint;

/// What the last doubling of the learning curve suggests about more photos.
pub(super) struct Outlook {
    /// Whether it improved the log loss by more than the standard deviation over the folds.
    pub(super) is_rising: bool,
    /// The improvement as a sentence (markup).
    sentence: String,
}

/// The effect of the last doubling of the images; `None` if the curve does not reach back that far.
pub(super) fn outlook(points: &[LearningPoint]) -> Option<Outlook> {
    let last = points.last()?;
    let half = last.images / 2;
    let before = log_loss_at(points, half)?;
    let gain = before - last.log_loss.mean;
    let deviation = last.log_loss.std;
    let is_rising = gain > deviation;
    let advice = if is_rising {
        "this is more than the std over the folds, so more photos are likely to make the model better"
    } else {
        "this is no more than the std over the folds, so more photos of the same kind are unlikely to make the model better"
    };
    let sentence = format!(
        "The last doubling, from {} to {}, changed the log loss from {} to {} (std {}): {advice}.",
        half,
        photos(last.images),
        decimal(before),
        decimal(last.log_loss.mean),
        decimal(deviation)
    );
    gain.is_finite().then_some(Outlook { is_rising, sentence })
}

/// Interpolates linearly over the logarithm of the number of images.
fn log_loss_at(points: &[LearningPoint], images: usize) -> Option<f64> {
    let above = points.iter().position(|point| point.images >= images)?;
    let (above, below) = (points.get(above)?, points.get(above.saturating_sub(1))?);
    if images == 0 || below.images > images {
        return None;
    }
    let place = |images: usize| (images as f64).ln();
    let stretch = place(above.images) - place(below.images);
    let share = if stretch > 0.0 { (place(images) - place(below.images)) / stretch } else { 0.0 };
    Some(below.log_loss.mean + share * (above.log_loss.mean - below.log_loss.mean))
}

pub(super) fn section(page: &Page) -> Option<Section> {
    let figures = each([(Measure::LogLoss, "Log loss"), (Measure::RocAuc, "ROC-AUC")], |(measure, title)| {
        let legend = [
            ("line curve", "mean over the folds".to_owned()),
            ("block tint", "one standard deviation (std) over the folds".to_owned()),
        ];
        let reading = "The same head trained on fewer photos, measured by cross-validation. Where the curve still \
                       bends at its right end, more photos make the model better; where it is flat, they do not.";
        plot::learning_curve(&page.learning_curve, measure)
            .map_or(String::new(), |svg| figure(title, &svg, &legend, reading))
    });
    if figures.is_empty() {
        return None;
    }
    let answer =
        outlook(&page.learning_curve).map_or(String::new(), |outlook| format!("<p>{}</p>\n", outlook.sentence));
    let body = format!("{answer}<div class=\"figures\">\n{figures}</div>\n");
    Section::new("learning-curve", "Do I need more photos?", body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::MeanStd;

    fn outlook_of(losses: &[f64]) -> Option<Outlook> {
        let spread = |mean| MeanStd { mean, std: 0.02 };
        let point = |(place, &loss): (usize, &f64)| LearningPoint {
            images: 50 << place,
            roc_auc: spread(0.8),
            log_loss: spread(loss),
        };
        outlook(&losses.iter().enumerate().map(point).collect::<Vec<_>>())
    }

    #[test]
    fn a_gain_above_the_deviation_asks_for_more_photos() {
        assert!(outlook_of(&[0.69, 0.65, 0.58]).unwrap().is_rising);
        assert!(!outlook_of(&[0.69, 0.60, 0.59]).unwrap().is_rising);
        assert!(!outlook_of(&[0.59, 0.60, 0.69]).unwrap().is_rising);
    }

    #[test]
    fn half_the_images_are_found_between_two_points() {
        let point = |images, mean| {
            let spread = MeanStd { mean, std: 0.0 };
            LearningPoint { images, roc_auc: spread, log_loss: spread }
        };
        let points = [point(25, 0.7), point(100, 0.5), point(200, 0.4)];
        let at = |images| log_loss_at(&points, images).unwrap();
        assert!((at(50) - 0.6).abs() < 1e-12 && (at(100) - 0.5).abs() < 1e-12 && (at(25) - 0.7).abs() < 1e-12);
        assert!(log_loss_at(&points, 24).is_none() && log_loss_at(&points, 201).is_none());
    }

    #[test]
    fn one_point_gives_no_outlook() {
        assert!(outlook_of(&[0.69]).is_none() && outlook_of(&[]).is_none());
    }
}
