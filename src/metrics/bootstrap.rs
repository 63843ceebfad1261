//! Intervals of measures that have no formula: the validation images drawn anew, thousands of times.
//!
//! Stratified: each resample draws, with replacement, as many positive images from the positive ones and as many
//! negative ones from the negative as there are, so that no resample lacks a class. Resample `i` has a random stream
//! of its own, so the result depends on the seed alone, not on the number of threads.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::interval::{Estimate, on_log_scale, on_logit_scale, wilson};
use super::probability::{Bins, brier_of, log_loss_of};
use super::ranking::Ranking;
use super::{Scores, Undefined, probability, ranking};

/// With fewer, the outer 2.5 % are one or two resamples.
pub const LEAST_RESAMPLES: u32 = 100;

/// How often to resample, and the seed that makes it repeatable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Resamples, at least [`LEAST_RESAMPLES`]; 2000 leave the ends of an interval steady to a few hundredths of its
    /// width.
    pub resamples: u32,
    /// Same seed, same intervals.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 2000, seed: 0 }
    }
}

/// Differences below it are those of the order of a sum.
const ROUNDING: f64 = 1e-9;

/// The four measures of this room's bootstrap, from the same resamples.
pub(super) struct Resampled {
    pub(super) average_precision: Result<Estimate, Undefined>,
    pub(super) log_loss: Result<Estimate, Undefined>,
    pub(super) brier: Result<Estimate, Undefined>,
    pub(super) calibration_error: Result<Estimate, Undefined>,
}

impl Resampled {
    pub(super) fn of(scores: &Scores<'_>, bootstrap: Bootstrap) -> Self {
        let [precisions, losses, briers, errors, chance_errors] = resample(scores, bootstrap);
        Self {
            average_precision: ranking::average_precision(scores)
                .map(|value| share(value, &precisions, scores.positives())),
            log_loss: probability::log_loss(scores).map(|value| on_log_scale(value, deviation(&losses))),
            brier: probability::brier(scores).map(|value| share(value, &briers, scores.count())),
            calibration_error: probability::expected_calibration_error(scores)
                .map(|value| mirrored(value, errors, chance_errors)),
        }
    }
}

/// From the deviation over the resamples, on the logit scale: it holds its promise on fewer images than the plain
/// quantiles do. At 0 and 1 every resample says the same; there it is Wilson's interval of so many trials
/// (for the average precision the binomial interval of Boyd, Eng and Page 2013, ECML PKDD).
fn share(value: f64, resamples: &[f64], trials: usize) -> Estimate {
    if value > 0.0 && value < 1.0 {
        return on_logit_scale(value, deviation(resamples));
    }
    let successes = if value > 0.0 { trials } else { 0 };
    wilson(successes, trials).unwrap_or(Estimate { value, low: 0.0, high: 1.0 })
}

/// The middle 95 % of the resamples mirrored at the value (basic bootstrap, Davison and Hinkley 1997, 5.2).
///
/// A calibration error is never negative, so noise alone makes it larger, and a resample has the noise twice. What the
/// resamples gained over the value is taken off it again. Where perfect calibration would give as large a value in
/// 2.5 % of draws (consistency resampling, Bröcker and Smith 2007), the interval begins at 0.
fn mirrored(value: f64, resamples: Vec<f64>, by_chance: Vec<f64>) -> Estimate {
    let [low, high] = tails(resamples);
    let [_, chance] = tails(by_chance);
    let end = |end: f64| (2.0 * value - end).clamp(0.0, 1.0);
    // A few images have few possible values, equal but for the order in which they were summed.
    let low_end = if value <= chance + ROUNDING { 0.0 } else { end(high).min(value) };
    Estimate { value, low: low_end, high: end(low).max(value) }
}

/// The standard deviation over the resamples.
fn deviation(resamples: &[f64]) -> f64 {
    let count = resamples.len() as f64;
    let mean = resamples.iter().sum::<f64>() / count;
    let squares: f64 = resamples.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (count - 1.0)).sqrt()
}

/// The 2.5 % and 97.5 % quantiles, between neighbours by linear interpolation (numpy's default).
fn tails(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    [25, 975].map(|thousandths| {
        let position = values.len().saturating_sub(1) * thousandths;
        let below = values.get(position / 1000).copied().unwrap_or(f64::NAN);
        let above = values.get(position.div_ceil(1000)).copied().unwrap_or(below);
        below + (above - below) * (position % 1000) as f64 / 1000.0
    })
}

/// Average precision, log loss, Brier score and calibration error of each resample, and a calibration error with labels
/// drawn from the probabilities themselves; what is undefined is NaN.
fn resample(scores: &Scores<'_>, bootstrap: Bootstrap) -> [Vec<f64>; 5] {
    // In order of rank: each resample then walks through memory once, and the images' own order does not matter.
    let mut pairs: Vec<(bool, f64)> = scores.pairs().collect();
    pairs.sort_by(|(label, probability), (other_label, other)| {
        other.total_cmp(probability).then(label.cmp(other_label))
    });
    let (labels, probabilities): (Vec<bool>, Vec<f64>) = pairs.into_iter().unzip();
    let scores = &Scores { labels: &labels, probabilities: &probabilities };
    let ranking = Ranking::of(scores);
    let bins = Bins::of(scores);
    let costs: Vec<[f64; 2]> = scores.pairs().map(|(label, p)| [log_loss_of(label, p), brier_of(label, p)]).collect();
    let [negatives, positives] = strata(scores);
    let measure = |times: &mut Vec<u32>, resample: u32| {
        let mut random = ChaCha8Rng::seed_from_u64(bootstrap.seed);
        random.set_stream(u64::from(resample));
        times.fill(0);
        draw(&negatives, times, &mut random);
        draw(&positives, times, &mut random);
        let [loss, brier] = weighted_means(&costs, times);
        let chance = bins.error_by_chance(|probability| random.random::<f64>() < probability);
        [ranking.average_precision(times), loss, brier, bins.error(times), chance]
    };
    let start = || vec![0; scores.count()];
    let rows: Vec<[f64; 5]> = (0..bootstrap.resamples).into_par_iter().map_init(start, measure).collect();
    std::array::from_fn(|column| rows.iter().filter_map(|row| row.get(column).copied()).collect())
}

/// The images of each class.
fn strata(scores: &Scores<'_>) -> [Vec<u32>; 2] {
    let (positives, negatives) = (0..scores.count() as u32).partition(|&image| scores.is_positive(image));
    [negatives, positives]
}

fn draw(stratum: &[u32], times: &mut [u32], random: &mut ChaCha8Rng) {
    for _ in stratum {
        let drawn = stratum.get(random.random_range(0..stratum.len() as u32) as usize);
        if let Some(count) = drawn.and_then(|&image| times.get_mut(image as usize)) {
            *count += 1;
        }
    }
}

fn weighted_means(costs: &[[f64; 2]], times: &[u32]) -> [f64; 2] {
    let mut sums = [0.0; 2];
    for ([loss, brier], &count) in costs.iter().zip(times) {
        sums[0] += loss * f64::from(count);
        sums[1] += brier * f64::from(count);
    }
    sums.map(|sum| sum / costs.len() as f64)
}
