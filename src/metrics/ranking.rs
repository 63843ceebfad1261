//! How well the probabilities put positive images above negative ones, whatever the threshold.

use super::interval::{Estimate, newcombe_auc, on_logit_scale};
use super::{Scores, Undefined};

/// The probability that a positive image scores above a negative one, ties counting half: area under the ROC curve.
///
/// # Errors
/// [`Undefined`] where a class has no images.
pub fn roc_auc(scores: &Scores<'_>) -> Result<f64, Undefined> {
    Ok(Placements::of(scores)?.area())
}

/// [`roc_auc`] with its interval: `DeLong`'s variance on the logit scale (Pepe 2003, The Statistical Evaluation of
/// Medical Tests, 5.2.4), which keeps its promise near 1 better than on the plain scale; where that variance is 0 or
/// cannot be had (perfect separation, one image of a class), Newcombe's ([`newcombe_auc`]).
///
/// # Errors
/// [`Undefined`] where a class has no images.
pub fn roc_auc_interval(scores: &Scores<'_>) -> Result<Estimate, Undefined> {
    let placements = Placements::of(scores)?;
    let area = placements.area();
    Ok(match placements.variance() {
        Some(variance) if variance > 0.0 && area > 0.0 && area < 1.0 => on_logit_scale(area, variance.sqrt()),
        _ => newcombe_auc(area, placements.positives.len(), placements.negatives.len()),
    })
}

/// `DeLong`'s variance of the ROC-AUC; it takes two images of each class.
///
/// `DeLong` et al. (1988), Biometrics 44: S₁₀ / m + S₀₁ / n, the sample variances of the two kinds of placements.
///
/// # Errors
/// [`Undefined`] where a class has fewer than two images.
pub fn delong_variance(scores: &Scores<'_>) -> Result<f64, Undefined> {
    Placements::of(scores)?.variance().ok_or(Undefined::TooFewImages)
}

/// The precision at each positive image, averaged: Σ (Rₖ − Rₖ₋₁) Pₖ over the distinct probabilities from high to low.
/// Area under the precision-recall curve without interpolation, which would be too kind (Davis and Goadrich 2006).
///
/// # Errors
/// [`Undefined`] where a class has no images.
pub fn average_precision(scores: &Scores<'_>) -> Result<f64, Undefined> {
    scores.both_classes()?;
    let ranking = Ranking::of(scores);
    let once = vec![1; scores.count()];
    Ok(ranking.average_precision(&once))
}

/// The images from the highest probability to the lowest.
pub(super) struct Ranking<'a> {
    scores: &'a Scores<'a>,
    order: Vec<u32>,
}

impl<'a> Ranking<'a> {
    pub(super) fn of(scores: &'a Scores<'a>) -> Self {
        let mut order: Vec<u32> = (0..scores.count() as u32).collect();
        order.sort_by(|&a, &b| scores.probability(b).total_cmp(&scores.probability(a)));
        Self { scores, order }
    }

    /// The images from the highest probability to the lowest, those of one probability together.
    pub(super) fn tied(&self) -> impl Iterator<Item = &[u32]> {
        let same = |a: &u32, b: &u32| self.scores.probability(*a).total_cmp(&self.scores.probability(*b)).is_eq();
        self.order.chunk_by(same)
    }

    /// Average precision where image `i` counts `times[i]` times; some positive image counts.
    pub(super) fn average_precision(&self, times: &[u32]) -> f64 {
        let (mut area, mut found, mut answered, mut found_before) = (0.0, 0u64, 0u64, 0u64);
        let mut rest = self.order.iter().peekable();
        while let Some(&image) = rest.next() {
            let count = u64::from(times.get(image as usize).copied().unwrap_or(0));
            answered += count;
            if self.scores.is_positive(image) {
                found += count;
            }
            let here = self.scores.probability(image);
            // A threshold cannot tell tied images apart: they enter together.
            let is_tied = rest.peek().is_some_and(|&&next| self.scores.probability(next).total_cmp(&here).is_eq());
            if !is_tied && found > found_before {
                area += (found - found_before) as f64 * (found as f64 / answered as f64);
                found_before = found;
            }
        }
        area / found as f64
    }
}

/// For each image the share of the other class that it is rightly ranked against, ties counting half.
struct Placements {
    positives: Vec<f64>,
    negatives: Vec<f64>,
}

impl Placements {
    /// By one sort, as Sun and Xu (2014, IEEE Signal Processing Letters 21) do, so that 100,000 images are no matter.
    fn of(scores: &Scores<'_>) -> Result<Self, Undefined> {
        let (m, n) = scores.both_classes()?;
        let ranking = Ranking::of(scores);
        let mut placements = Self { positives: Vec::with_capacity(m), negatives: Vec::with_capacity(n) };
        let (mut positives_above, mut negatives_above) = (0, 0);
        for tied in ranking.tied() {
            let positives = tied.iter().filter(|&&image| scores.is_positive(image)).count();
            let negatives = tied.len() - positives;
            let negatives_below = (n - negatives_above - negatives) as f64 + negatives as f64 / 2.0;
            let beaten_by = positives_above as f64 + positives as f64 / 2.0;
            placements.positives.extend(std::iter::repeat_n(negatives_below / n as f64, positives));
            placements.negatives.extend(std::iter::repeat_n(beaten_by / m as f64, negatives));
            positives_above += positives;
            negatives_above += negatives;
        }
        Ok(placements)
    }

    fn area(&self) -> f64 {
        mean(&self.positives)
    }

    fn variance(&self) -> Option<f64> {
        let part = |placements: &[f64]| Some(sample_variance(placements)? / placements.len() as f64);
        Some(part(&self.positives)? + part(&self.negatives)?)
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn sample_variance(values: &[f64]) -> Option<f64> {
    let centre = mean(values);
    let squares: f64 = values.iter().map(|value| (value - centre).powi(2)).sum();
    (values.len() > 1).then(|| squares / (values.len() - 1) as f64)
}
