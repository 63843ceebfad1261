//! How well the probabilities put positive images above negative ones, whatever the threshold.

use super::groups::{Design, sums};
use super::interval::{Estimate, newcombe_auc, on_logit_scale};
use super::{MIN_GROUPS, Scores, Undefined};

/// The probability that a positive image scores above a negative one, ties counting half: area under the ROC curve.
///
/// # Errors
/// [`Undefined`] where a class has no images.
pub(crate) fn roc_auc(scores: &Scores<'_>) -> Result<f64, Undefined> {
    Ok(Placements::new(scores)?.area())
}

/// [`roc_auc`] with its interval: `DeLong`'s variance on the logit scale (Pepe 2003, The Statistical Evaluation of
/// Medical Tests, 5.2.4), which keeps its promise near 1 better than on the plain scale; where that variance is 0
/// (perfect separation), Newcombe's ([`newcombe_auc`]). None where a class has fewer than [`MIN_GROUPS`].
///
/// # Errors
/// [`Undefined`] where a class has no images.
pub(crate) fn roc_auc_interval(scores: &Scores<'_>) -> Result<Estimate, Undefined> {
    let placements = Placements::new(scores)?;
    let area = placements.area();
    let (Some(positives), Some(negatives)) = (Design::new(&placements.positives), Design::new(&placements.negatives))
    else {
        return Ok(Estimate::without_interval(area));
    };
    if positives.groups.min(negatives.groups) < MIN_GROUPS {
        return Ok(Estimate::without_interval(area));
    }
    Ok(match placements.variance() {
        Some(variance) if variance > 0.0 && area > 0.0 && area < 1.0 => on_logit_scale(area, variance.sqrt()),
        _ => newcombe_auc(area, positives.least_trials, negatives.least_trials),
    })
}

/// The precision at each positive image, averaged: Σ (Rₖ − Rₖ₋₁) Pₖ over the distinct probabilities from high to low.
/// Area under the precision-recall curve without interpolation, which would be too kind (Davis and Goadrich 2006).
///
/// # Errors
/// [`Undefined`] where a class has no images.
pub(crate) fn average_precision(scores: &Scores<'_>) -> Result<f64, Undefined> {
    scores.both_classes()?;
    let ranking = Ranking::new(scores);
    let once = vec![1; scores.count()];
    Ok(ranking.average_precision(&once))
}

/// The images from the highest probability to the lowest.
pub(super) struct Ranking<'a> {
    scores: &'a Scores<'a>,
    order: Vec<u32>,
}

impl<'a> Ranking<'a> {
    pub(super) fn new(scores: &'a Scores<'a>) -> Self {
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

/// For each image the share of the other class that it is rightly ranked against, ties counting half, and its group.
pub(super) struct Placements {
    positives: Vec<(f64, usize)>,
    negatives: Vec<(f64, usize)>,
}

impl Placements {
    /// By one sort, as Sun and Xu (2014, IEEE Signal Processing Letters 21) do, so that 100,000 images are no matter.
    pub(super) fn new(scores: &Scores<'_>) -> Result<Self, Undefined> {
        let (m, n) = scores.both_classes()?;
        let ranking = Ranking::new(scores);
        let mut placements = Self { positives: Vec::with_capacity(m), negatives: Vec::with_capacity(n) };
        let (mut positives_above, mut negatives_above) = (0, 0);
        for tied in ranking.tied() {
            let positives = tied.iter().filter(|&&image| scores.is_positive(image)).count();
            let negatives = tied.len() - positives;
            let negatives_below = (n - negatives_above - negatives) as f64 + negatives as f64 / 2.0;
            let beaten_by = positives_above as f64 + positives as f64 / 2.0;
            for &image in tied {
                let group = scores.group(image as usize);
                if scores.is_positive(image) {
                    placements.positives.push((negatives_below / n as f64, group));
                } else {
                    placements.negatives.push((beaten_by / m as f64, group));
                }
            }
            positives_above += positives;
            negatives_above += negatives;
        }
        Ok(placements)
    }

    fn area(&self) -> f64 {
        self.positives.iter().map(|(placement, _)| placement).sum::<f64>() / self.positives.len() as f64
    }

    /// `DeLong`'s variance of the ROC-AUC; `None` where a class has fewer than two groups of images.
    ///
    /// `DeLong` et al. (1988), Biometrics 44: S₁₀ / m + S₀₁ / n, the variances of the means of the two kinds of placements.
    /// Groups make each larger by its design effect, and those that hold both classes add twice the covariance of the two
    /// means, as in Obuchowski (1997), Biometrics 53; where it is negative, nothing.
    pub(super) fn variance(&self) -> Option<f64> {
        let (positives, negatives) = (Design::new(&self.positives)?, Design::new(&self.negatives)?);
        Some(positives.variance? + negatives.variance? + self.shared_groups().max(0.0))
    }

    /// Twice the covariance of the two means by the groups that hold both classes.
    fn shared_groups(&self) -> f64 {
        let area = self.area();
        let of_negatives = sums(&self.negatives, area);
        let both = sums(&self.positives, area);
        let both = both.iter().filter_map(|(group, (sum, _))| Some(sum * of_negatives.get(group)?.0));
        2.0 * both.sum::<f64>() / (self.positives.len() * self.negatives.len()) as f64
    }
}
