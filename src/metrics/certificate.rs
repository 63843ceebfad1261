//! The cost of reduced precision: the same photos in reduced precision and in fp32, compared.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::interval::wilson;
use super::{Estimate, MetricsError, Scores, ranking};

/// The largest fall of the ROC-AUC that does not count as a loss.
const MAX_FALL: f64 = 0.002;

/// The results of some photos in one precision, `[N]` each.
#[derive(Debug, Clone)]
pub(crate) struct Answered<'a> {
    /// The features, each `[D]`.
    pub rows: Vec<&'a [f32]>,
    /// The logits of the head.
    pub logits: Vec<f64>,
    /// The probabilities of the positive class.
    pub probabilities: Vec<f64>,
}

/// The comparison of some photos in reduced precision and in fp32, with the same head.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// The number of photos.
    pub photos: usize,
    /// The lowest cosine between a photo's features in the two precisions.
    pub least_cosine: f64,
    /// The median of these cosines.
    pub median_cosine: f64,
    /// The largest absolute difference between a photo's two logits.
    pub largest_logit_change: f64,
    /// The number of photos whose answer differs from that in fp32.
    pub answers_changed: usize,
    /// The fraction of such photos, with Wilson's interval.
    pub share_changed: Estimate,
    /// ROC-AUC minus that in fp32; `None` if a class has no photo.
    pub roc_auc_change: Option<f64>,
}

impl Certificate {
    /// Compares `[N]` photos with these labels at one threshold; `None` for no photos.
    ///
    /// # Errors
    /// [`MetricsError`] for different lengths, and for values that are not probabilities.
    pub(crate) fn new(
        labels: &[bool],
        threshold: f64,
        cheaper: &Answered<'_>,
        fp32: &Answered<'_>,
    ) -> Result<Option<Self>, MetricsError> {
        let sides = [cheaper, fp32].map(|side| Scores::new(labels, &side.probabilities));
        let [cheaper_scores, fp32_scores] = sides;
        let (cheaper_scores, fp32_scores) = (cheaper_scores?, fp32_scores?);
        let mut cosines: Vec<f64> = cheaper.rows.iter().zip(&fp32.rows).map(|(a, b)| cosine(a, b)).collect();
        cosines.sort_by(f64::total_cmp);
        let (Some(&least_cosine), Some(&median_cosine)) = (cosines.first(), cosines.get(cosines.len() / 2)) else {
            return Ok(None);
        };
        let changes = cheaper.logits.iter().zip(&fp32.logits).map(|(a, b)| (a - b).abs());
        let pairs = cheaper.probabilities.iter().zip(&fp32.probabilities);
        let answers_changed = pairs.filter(|(a, b)| (**a >= threshold) != (**b >= threshold)).count();
        let photos = labels.len();
        let areas = ranking::roc_auc(&cheaper_scores).ok().zip(ranking::roc_auc(&fp32_scores).ok());
        Ok(wilson(answers_changed, photos).map(|share_changed| Self {
            photos,
            least_cosine,
            median_cosine,
            largest_logit_change: changes.fold(0.0, f64::max),
            answers_changed,
            share_changed,
            roc_auc_change: areas.map(|(cheaper, fp32)| cheaper - fp32),
        }))
    }

    /// The losses that a user should know before using the model; `None` if there are none.
    pub(crate) fn loss(&self) -> Option<String> {
        let Self { photos, answers_changed, .. } = *self;
        let are = if answers_changed == 1 { "is" } else { "are" };
        let answers =
            (answers_changed > 0).then(|| format!("{answers_changed} of {photos} photos {are} answered otherwise"));
        let fall = self.roc_auc_change.filter(|change| *change < -MAX_FALL);
        let fall = fall.map(|change| format!("ROC-AUC falls by {:.4}", -change));
        let parts: Vec<String> = answers.into_iter().chain(fall).collect();
        (!parts.is_empty()).then(|| parts.join(" and "))
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { photos, least_cosine, median_cosine, largest_logit_change, answers_changed, .. } = *self;
        let answers = if answers_changed == 1 { "answer" } else { "answers" };
        write!(
            out,
            "{photos} photos beside fp32: cosine of the features {median_cosine:.4} in the median and {least_cosine:.4} at \
             least, logits at most {largest_logit_change:.2} apart, {answers_changed} {answers} changed"
        )?;
        if let Some([low, high]) = self.share_changed.interval() {
            write!(out, " (95 % interval {:.0} to {:.0} %)", 100.0 * low, 100.0 * high)?;
        }
        match self.roc_auc_change {
            Some(change) => write!(out, ", ROC-AUC {change:+.4}"),
            None => Ok(()),
        }
    }
}

/// The cosine of two rows `[D]`; for a row of zeros 1 with itself, otherwise 0.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let lengths = (product(a, a) * product(b, b)).sqrt();
    if lengths > 0.0 { product(a, b) / lengths } else { f64::from(u8::from(a == b)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [bool; 4] = [false, false, true, true];
    const ROWS: [[f32; 2]; 3] = [[1.0, 0.0], [3.0, 4.0], [0.0, 0.0]];

    fn answered(rows: [usize; 4], logits: [f64; 4]) -> Answered<'static> {
        let probabilities = logits.iter().map(|logit: &f64| 1.0 / (1.0 + (-logit).exp())).collect();
        let rows = rows.into_iter().map(|row| ROWS[row].as_slice()).collect();
        Answered { rows, logits: logits.to_vec(), probabilities }
    }

    fn certificate(cheaper: &Answered<'_>) -> Certificate {
        let fp32 = answered([0, 1, 2, 0], [-2.0, -0.5, 0.5, 2.0]);
        Certificate::new(&LABELS, 0.5, cheaper, &fp32).unwrap().unwrap()
    }

    #[test]
    fn the_same_numbers_lose_nothing_and_few_photos_promise_little() {
        let same = certificate(&answered([0, 1, 2, 0], [-2.0, -0.5, 0.5, 2.0]));
        assert_eq!((same.answers_changed, same.roc_auc_change, same.loss()), (0, Some(0.0), None));
        assert!((same.least_cosine - 1.0).abs() < 1e-12 && same.share_changed.high.unwrap() > 0.4);
        assert_eq!(
            same.to_string(),
            "4 photos beside fp32: cosine of the features 1.0000 in the median and 1.0000 at least, logits at most 0.00 \
             apart, 0 answers changed (95 % interval 0 to 49 %), ROC-AUC +0.0000"
        );
    }

    #[test]
    fn an_answer_that_changes_and_a_falling_roc_auc_are_said() {
        let other = certificate(&answered([0, 0, 2, 0], [-2.0, 0.75, 0.5, 2.0]));
        assert!((other.least_cosine - 0.6).abs() < 1e-12 && (other.largest_logit_change - 1.25).abs() < 1e-12);
        assert_eq!(other.roc_auc_change, Some(-0.25));
        assert_eq!(other.loss().unwrap(), "1 of 4 photos is answered otherwise and ROC-AUC falls by 0.2500");
        assert_eq!(
            Certificate::new(
                &[],
                0.5,
                &Answered { rows: vec![], logits: vec![], probabilities: vec![] },
                &Answered { rows: vec![], logits: vec![], probabilities: vec![] }
            )
            .unwrap(),
            None
        );
    }
}
