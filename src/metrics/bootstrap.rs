//! Bootstrap intervals of the metrics without a closed formula, by thousands of resamples of the validation images.
//!
//! The bootstrap is stratified: each resample draws, with replacement, as many positive images from the positives and
//! as many negatives from the negatives as there are, so that no resample lacks a class. Groups of images are drawn as
//! a whole; those with both classes are a stratum of their own. Resample `i` has its own random stream, so the result
//! depends on the seed only, not on the number of threads.
//!
//! If a few images are all classified correctly, no resample shows what a mistake costs. So the standard deviation of a
//! loss is at least that of labels drawn from the predicted probabilities.

use std::collections::{BTreeMap, HashMap};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::interval::{Estimate, on_log_scale, on_logit_scale, score_interval};
use super::probability::{Bins, MAX_LOG_LOSS, brier_of, log_loss_of};
use super::ranking::Ranking;
use super::{Answers, MIN_GROUPS, MIN_GROUPS_OF_BINS, MIN_GROUPS_OF_LOSSES, Scores, Undefined, probability, ranking};

/// With fewer, each 2.5 % tail has one or two resamples.
pub(crate) const MIN_RESAMPLES: u32 = 100;

/// The number of bootstrap resamples, and the seed that makes them reproducible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// The number of resamples, at least 100; with 2000 the ends of an interval vary by a few hundredths of its width.
    pub resamples: u32,
    /// The seed of the random streams.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 2000, seed: 0 }
    }
}

/// Differences below it come from the order of a sum.
const ROUNDING: f64 = 1e-9;

/// The estimates of the four metrics with bootstrap intervals, from the same resamples.
pub(super) struct Resampled {
    pub(super) average_precision: Result<Estimate, Undefined>,
    pub(super) log_loss: Result<Estimate, Undefined>,
    pub(super) brier: Result<Estimate, Undefined>,
    pub(super) calibration_error: Result<Estimate, Undefined>,
}

impl Resampled {
    pub(super) fn new(scores: &Scores<'_>, answers: &Answers, bootstrap: Bootstrap) -> Self {
        let groups = scores.fewest_groups();
        let alone = |value: Result<f64, Undefined>| value.map(Estimate::without_interval);
        let average_precision = ranking::average_precision(scores);
        let (log_loss, brier) = (probability::log_loss(scores), probability::brier(scores));
        let calibration_error = probability::expected_calibration_error(scores);
        if groups < MIN_GROUPS {
            return Self {
                average_precision: alone(average_precision),
                log_loss: alone(log_loss),
                brier: alone(brier),
                calibration_error: alone(calibration_error),
            };
        }
        let Columns { precisions, losses, briers, errors, chance_errors } = resample(scores, bootstrap);
        // The variance of resamples of n groups is too small by the factor (n − 1) / n.
        let few = (groups as f64 / (groups - 1) as f64).sqrt();
        let larger = |resampled: &[f64], cost: fn(bool, f64) -> f64| {
            few * deviation(resampled).max(deviation_by_chance(scores, cost))
        };
        let [positive_trials, trials] = scores.least_trials();
        let losses_are_known = groups >= MIN_GROUPS_OF_LOSSES;
        Self {
            average_precision: average_precision.map(|value| share(value, deviation(&precisions), positive_trials)),
            log_loss: if losses_are_known {
                log_loss.map(|value| on_log_scale(value, larger(&losses, log_loss_of)).within(0.0, MAX_LOG_LOSS))
            } else {
                alone(log_loss)
            },
            brier: if losses_are_known {
                brier.map(|value| share(value, larger(&briers, brier_of), trials))
            } else {
                alone(brier)
            },
            calibration_error: if groups < MIN_GROUPS_OF_BINS {
                alone(calibration_error)
            } else {
                calibration_error.map(|value| mirrored(value, errors, chance_errors, unseen_errors(answers)))
            },
        }
    }
}

/// The interval on the logit scale by the standard deviation of the resamples: its coverage with few images is better
/// than that of the plain quantiles. At 0 and 1 all resamples are equal; there it is Wilson's interval of `trials` (for
/// the average precision the binomial interval of Boyd, Eng and Page 2013, ECML PKDD).
fn share(value: f64, deviation: f64, trials: f64) -> Estimate {
    if value > 0.0 && value < 1.0 { on_logit_scale(value, deviation) } else { score_interval(value, trials) }
}

/// The distance from the error rate to the upper end of its interval.
fn unseen_errors(answers: &Answers) -> f64 {
    let accuracy = answers.accuracy().ok();
    accuracy.and_then(|accuracy| Some(accuracy.value - accuracy.low?)).unwrap_or(0.0)
}

/// The basic bootstrap interval: the middle 95 % of the resamples mirrored at the value (Davison and Hinkley 1997,
/// 5.2).
///
/// A calibration error is never negative, so noise increases it, twice in a resample; mirroring subtracts that
/// increase. If perfect calibration gives as large a value in 2.5 % of draws (consistency resampling, Bröcker and Smith
/// 2007), the interval starts at 0. Errors that the few images do not show would add to the value in full, by `unseen`
/// at most, so the upper end is at least `value + unseen`.
fn mirrored(value: f64, resamples: Vec<f64>, by_chance: Vec<f64>, unseen: f64) -> Estimate {
    let [low, high] = tails(resamples);
    let [_, chance] = tails(by_chance);
    let end = |end: f64| (2.0 * value - end).clamp(0.0, 1.0);
    // Few images have few possible values, which differ only by the order of summation.
    let low_end = if value <= chance + ROUNDING { 0.0 } else { end(high).min(value) };
    Estimate::new(value, low_end, end(low).max((value + unseen).min(1.0)))
}

/// The standard deviation over the resamples.
fn deviation(resamples: &[f64]) -> f64 {
    let count = resamples.len() as f64;
    let mean = resamples.iter().sum::<f64>() / count;
    let squares: f64 = resamples.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (count - 1.0)).sqrt()
}

/// The 2.5 % and 97.5 % quantiles, linearly interpolated (numpy's default).
fn tails(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    [25, 975].map(|thousandths| {
        let position = values.len().saturating_sub(1) * thousandths;
        let below = values.get(position / 1000).copied().unwrap_or(f64::NAN);
        let above = values.get(position.div_ceil(1000)).copied().unwrap_or(below);
        below + (above - below) * (position % 1000) as f64 / 1000.0
    })
}

/// The standard deviation of a mean cost if labels are drawn from the probabilities, once for all images of a group:
/// copies of one photo have the same label.
fn deviation_by_chance(scores: &Scores<'_>, cost: fn(bool, f64) -> f64) -> f64 {
    let of_image = |probability: f64| {
        (probability * (1.0 - probability)).sqrt() * (cost(true, probability) - cost(false, probability)).abs()
    };
    let mut groups = BTreeMap::new();
    for ((_, probability), group) in scores.pairs().zip(scores.groups()) {
        *groups.entry(group).or_insert(0.0) += of_image(probability);
    }
    groups.values().map(|deviation: &f64| deviation.powi(2)).sum::<f64>().sqrt() / scores.count() as f64
}

/// The metrics of all resamples; `chance_errors` with labels drawn from the probabilities. Undefined values are NaN.
#[derive(Default)]
struct Columns {
    precisions: Vec<f64>,
    losses: Vec<f64>,
    briers: Vec<f64>,
    errors: Vec<f64>,
    chance_errors: Vec<f64>,
}

fn resample(scores: &Scores<'_>, bootstrap: Bootstrap) -> Columns {
    // Sorted by rank: each resample then reads memory sequentially, and the order of the images does not matter.
    let mut images: Vec<((bool, f64), usize)> = scores.pairs().zip(scores.groups()).collect();
    images.sort_by(|((label, probability), _), ((other_label, other), _)| {
        other.total_cmp(probability).then(label.cmp(other_label))
    });
    let (pairs, groups): (Vec<(bool, f64)>, Vec<usize>) = images.into_iter().unzip();
    let (labels, probabilities): (Vec<bool>, Vec<f64>) = pairs.into_iter().unzip();
    let groups = members(&groups);
    let scores = &Scores { labels: &labels, probabilities: &probabilities, groups: None };
    let ranking = Ranking::new(scores);
    let bins = Bins::new(scores);
    let costs: Vec<[f64; 2]> = scores.pairs().map(|(label, p)| [log_loss_of(label, p), brier_of(label, p)]).collect();
    let strata = strata(scores, &groups);
    let measure = |(times, by_chance): &mut (Vec<u32>, Vec<bool>), resample: u32| {
        let mut random = ChaCha8Rng::seed_from_u64(bootstrap.seed);
        random.set_stream(u64::from(resample));
        times.fill(0);
        for stratum in &strata {
            draw(stratum, times, &mut random);
        }
        let all: f64 = times.iter().map(|&count| f64::from(count)).sum();
        let weighted = costs.iter().zip(&*times).map(|(cost, &count)| cost.map(|cost| cost * f64::from(count)));
        let [loss, brier] = sum(weighted).map(|sum| sum / all);
        for group in &groups {
            // One draw per group: copies of one photo have the same label.
            let drawn: f64 = random.random();
            for &image in group {
                if let Some(label) = by_chance.get_mut(image as usize) {
                    *label = drawn < scores.probability(image);
                }
            }
        }
        [ranking.average_precision(times), loss, brier, bins.error(times), bins.error_with(by_chance)]
    };
    let start = || (vec![0; scores.count()], vec![false; scores.count()]);
    let rows: Vec<[f64; 5]> = (0..bootstrap.resamples).into_par_iter().map_init(start, measure).collect();
    let mut columns = Columns::default();
    for [precision, loss, brier, error, chance_error] in rows {
        columns.precisions.push(precision);
        columns.losses.push(loss);
        columns.briers.push(brier);
        columns.errors.push(error);
        columns.chance_errors.push(chance_error);
    }
    columns
}

/// The images of each group, in the order of the groups' first images.
fn members(groups: &[usize]) -> Vec<Vec<u32>> {
    let mut places = HashMap::new();
    let mut members: Vec<Vec<u32>> = Vec::new();
    for (image, group) in groups.iter().enumerate() {
        let place = *places.entry(group).or_insert(members.len());
        if place == members.len() {
            members.push(Vec::new());
        }
        if let Some(group) = members.get_mut(place) {
            group.push(image as u32);
        }
    }
    members
}

/// The groups of negative images, of positive ones, and those that contain both.
fn strata<'a>(scores: &Scores<'_>, groups: &'a [Vec<u32>]) -> [Vec<&'a [u32]>; 3] {
    let mut strata: [Vec<&[u32]>; 3] = Default::default();
    let [negatives, positives, both] = &mut strata;
    for group in groups {
        let found = group.iter().filter(|&&image| scores.is_positive(image)).count();
        let stratum = if found == 0 {
            &mut *negatives
        } else if found == group.len() {
            &mut *positives
        } else {
            &mut *both
        };
        stratum.push(group);
    }
    strata
}

fn draw(stratum: &[&[u32]], times: &mut [u32], random: &mut ChaCha8Rng) {
    for _ in stratum {
        let drawn = stratum.get(random.random_range(0..stratum.len() as u32) as usize);
        for &image in drawn.copied().unwrap_or_default() {
            if let Some(count) = times.get_mut(image as usize) {
                *count += 1;
            }
        }
    }
}

fn sum(costs: impl Iterator<Item = [f64; 2]>) -> [f64; 2] {
    costs.fold([0.0; 2], |[loss, brier], [other_loss, other_brier]| [loss + other_loss, brier + other_brier])
}
