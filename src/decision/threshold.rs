//! Chooses the decision threshold from a rule and scores.
//!
//! [`choose`] takes out-of-fold probabilities. Every threshold that it chooses lies midway between two neighbouring
//! distinct probabilities (below the lowest, midway to 0; above the highest, midway to 1), so that no image lies on it
//! and rounding has no effect. Among equally good thresholds it takes the one with the widest gap around it, and among
//! those the lowest, which has the highest recall.
//!
//! # What `recall>=R` and `precision>=P` guarantee
//! In at least 95 % of trainings the requirement holds for new images from the same distribution, not only for these.
//!
//! - **Recall.** With n positive images, the fraction of new positives that score below the k-th lowest of them is
//!   `Beta(k, n − k + 1)`, whatever the distribution of scores (Wilks 1941, Annals of Mathematical Statistics 12). So the
//!   threshold goes just below the k-th lowest for the largest k with P(Binomial(n, 1 − R) ≥ k) ≥ 95 %. It follows
//!   that any n with Rⁿ > 5 % is too small for a guarantee. Since only the order counts, the guarantee survives any
//!   calibration, which cannot change the order.
//! - **Precision.** The number of positives among the m highest scores is binomial, since labels do not determine which
//!   those are. Taking the best of many m would be too optimistic, so they are tested from the highest scores down,
//!   on a grid that does not look at labels, by the fallback procedure (Wiens and Dmitrienko 2005, Journal of
//!   Biopharmaceutical Statistics 15): the risk of 5 % is divided among up to four starting points, each passes its part on
//!   as long as the test succeeds, and the probability of any false success stays below 5 %.
//!
//! # Images that belong together
//! Copies of a photo, a burst or a patient are one trial, however many images they have: n and m above count groups. The
//! guarantee is for an image drawn from a new group, all groups being equally likely, and for the fraction of images too:
//! both the mean over the groups of the fraction missed (or wrong) in each and the fraction of all images missed (or wrong)
//! must be as low as required of that many independent images. A part of a group counts as that fraction, which is less
//! dispersed than the outcome of an independent image, so the guarantee is conservative; in simulations with groups of 1 to
//! 20 (`tests/promises.rs`), from copies to unrelated images, the recall holds in at least 95 % of trainings. With
//! groups of one image nothing changes.
//!
//! Both guarantees assume scores of one head. Out-of-fold scores come from several, each fitted to slightly less data than
//! the saved one, so the guarantee is conservative.

mod cuts;

use serde::{Deserialize, Serialize};

use super::binomial::{at_least, fewest_trials, lower_bound};
use super::rule::ThresholdRule;
use crate::metrics::{Confusion, Scores, Undefined};

use cuts::{Cut, Cuts, ROUNDING};

/// The probability that a guarantee fails.
pub(crate) const RISK: f64 = 0.05;

/// With fewer images, or fewer than [`FEW_OF_A_CLASS`] of one class, a chosen threshold is unreliable.
pub(crate) const FEW: usize = 50;

/// See [`FEW`].
pub(crate) const FEW_OF_A_CLASS: usize = 10;

/// The definition of a group, for warnings that use the word.
const GROUP: &str = " (photos that belong together, such as near-duplicates, are one group)";

/// A threshold and its metrics on the scores it was chosen on, which are slightly optimistic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// How it was chosen.
    pub rule: ThresholdRule,
    /// A probability of at least this is positive.
    pub threshold: f64,
    /// The confusion matrix on these scores.
    pub confusion: Confusion,
    /// Recall, if there are positive images.
    pub sensitivity: Option<f64>,
    /// Specificity, if there are negative images.
    pub specificity: Option<f64>,
    /// Precision, if there are positive predictions.
    pub precision: Option<f64>,
    /// Harmonic mean of precision and sensitivity, if there are positive images.
    pub f1: Option<f64>,
    /// Mean cost per image, for [`ThresholdRule::Cost`], at the class balance of these scores.
    pub cost: Option<f64>,
    /// The recall (precision) that new images reach with 95 % confidence, for [`ThresholdRule::Recall`] (for
    /// [`ThresholdRule::Precision`], if it was shown).
    pub assured: Option<f64>,
    /// Why the threshold is less reliable than the rule suggests.
    pub warning: Option<String>,
    /// The minimum number of additional positive images (groups, where images belong together) needed for the guarantee;
    /// `None` if it holds already, or if no number would be enough.
    #[serde(default)]
    pub missing: Option<usize>,
}

/// Chooses the threshold by the rule on out-of-fold scores, in O(n log n).
///
/// # Errors
/// [`Undefined`] if images that the rule needs are missing: positive ones for [`ThresholdRule::F1`],
/// [`ThresholdRule::Recall`] and [`ThresholdRule::Precision`], both for [`ThresholdRule::Youden`], any for
/// [`ThresholdRule::Cost`]. A fixed threshold needs none.
pub(crate) fn choose(rule: ThresholdRule, scores: &Scores<'_>) -> Result<Choice, Undefined> {
    let found = match rule {
        ThresholdRule::Fixed(threshold) => Found::with(threshold, None),
        _ => search(rule, &Cuts::new(scores)?)?,
    };
    let confusion = Confusion::at(scores, found.threshold);
    let cost = match rule {
        ThresholdRule::Cost { false_positive, false_negative } => {
            let total =
                false_positive * confusion.false_positive as f64 + false_negative * confusion.false_negative as f64;
            Some(total / confusion.count() as f64)
        }
        _ => None,
    };
    Ok(Choice {
        rule,
        threshold: found.threshold,
        confusion,
        sensitivity: confusion.sensitivity().ok(),
        specificity: confusion.specificity().ok(),
        precision: confusion.precision().ok(),
        f1: confusion.f1().ok(),
        cost,
        assured: found.assured,
        warning: found.warning,
        missing: found.missing,
    })
}

/// The result of a rule.
struct Found {
    threshold: f64,
    assured: Option<f64>,
    warning: Option<String>,
    missing: Option<usize>,
}

impl Found {
    /// A threshold that meets its rule's requirement.
    fn with(threshold: f64, assured: Option<f64>) -> Self {
        Self { threshold, assured, warning: None, missing: None }
    }
}

fn search(rule: ThresholdRule, cuts: &Cuts) -> Result<Found, Undefined> {
    let needs_positives = !matches!(rule, ThresholdRule::Cost { .. });
    if needs_positives && cuts.positives == 0 {
        return Err(Undefined::NoPositives);
    }
    let best = |value: &dyn Fn(&Cut) -> f64| Found {
        warning: few_images(cuts),
        ..Found::with(cuts.best(value).threshold, None)
    };
    let (positives, negatives) = (cuts.positives as f64, cuts.negatives as f64);
    match rule {
        ThresholdRule::Fixed(threshold) => Ok(Found::with(threshold, None)),
        ThresholdRule::F1 => Ok(best(&|cut| 2.0 * cut.right as f64 / (positives + cut.answered as f64))),
        ThresholdRule::Youden if cuts.negatives == 0 => Err(Undefined::NoNegatives),
        // Multiplied by both counts, so that equal values compare equal.
        ThresholdRule::Youden => {
            Ok(best(&|cut| cut.right as f64 * negatives - (cut.answered - cut.right) as f64 * positives))
        }
        ThresholdRule::Cost { false_positive, false_negative } => Ok(best(&|cut| {
            let missed = positives - cut.right as f64;
            -(false_positive * (cut.answered - cut.right) as f64 + false_negative * missed)
        })),
        ThresholdRule::Recall(share) => Ok(with_recall(share, cuts)),
        ThresholdRule::Precision(share) => Ok(with_precision(share, cuts)),
    }
}

/// Just below the k-th lowest positive score, for the largest k that keeps the guarantee; see the module.
fn with_recall(share: f64, cuts: &Cuts) -> Found {
    let positives = cuts.positive_groups;
    let keeps = |rank: usize| at_least(rank, positives, 1.0 - share) >= 1.0 - RISK;
    // The largest rank that keeps it, by bisection: the tail decreases with the rank, and rank 0 always keeps it.
    let (mut low, mut high) = (0, positives + 1);
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        if keeps(middle) { low = middle } else { high = middle }
    }
    let rank = low.max(1);
    let needed_right = positives + 1 - rank;
    let misses_few = |cut: &Cut| {
        let of_all_images = (cuts.positives - cut.right) * positives <= (rank - 1) * cuts.positives;
        of_all_images && cut.found_groups + ROUNDING >= needed_right as f64
    };
    let cut = cuts.first(misses_few).unwrap_or(cuts.everything);
    let assured = lower_bound(needed_right, positives, RISK);
    if low > 0 {
        return Found::with(cut.threshold, Some(assured));
    }
    let is_grouped = positives < cuts.positives;
    let fewest = fewest_trials(share, RISK);
    let needed = fewest.map_or_else(
        || "no number of images is enough".to_owned(),
        |fewest| {
            let [unit, meaning] = if is_grouped { [" groups", GROUP] } else { [""; 2] };
            format!("it needs at least {fewest}{unit}, because all of fewer could be found by chance{meaning}")
        },
    );
    let groups = if is_grouped { format!(" in {positives} groups") } else { String::new() };
    let warning = format!(
        "{rule} cannot be guaranteed with {images} positives{groups}, {needed}; the threshold finds all of them, which \
         guarantees a recall of {assured:.3} with 95 % confidence",
        rule = ThresholdRule::Recall(share),
        images = cuts.positives,
    );
    let missing = fewest.map(|fewest| fewest.saturating_sub(positives));
    Found { warning: Some(warning), missing, ..Found::with(cut.threshold, Some(assured)) }
}

/// The largest tested number of positive predictions for which the precision is guaranteed; see the module.
fn with_precision(share: f64, cuts: &Cuts) -> Found {
    let starts = starts(share, cuts.everything.answered_groups);
    let portion = RISK / starts.len() as f64;
    let mut starts = starts.into_iter().peekable();
    let (mut passed, mut level, mut answered) = (None, 0.0, 0);
    loop {
        if level == 0.0 {
            // No risk is left before the next starting point.
            let Some(&start) = starts.peek() else {
                break;
            };
            answered = answered.max(start);
        }
        let Some(cut) = cuts.first(|cut| cut.answered_groups >= answered) else {
            break;
        };
        while starts.next_if(|&start| start <= cut.answered_groups).is_some() {
            level += portion;
        }
        if at_least(cut.right_groups(), cut.answered_groups, share) <= level {
            passed = Some(cut);
        } else {
            level = 0.0;
        }
        answered = cut.answered_groups + (cut.answered_groups / 50).max(1);
    }
    match passed {
        Some(cut) => Found::with(cut.threshold, Some(share)),
        None => best_precision(share, cuts),
    }
}

/// The numbers of positive predictions from which the precision is tested: the fewest that could show it, and doublings of
/// that, so that one or two mistakes among the very highest scores do not decide everything.
fn starts(share: f64, images: usize) -> Vec<usize> {
    const MAX: usize = 4;
    let starts = |count: usize| -> Option<Vec<usize>> {
        let fewest = fewest_trials(share, RISK / count as f64)?;
        let starts: Vec<usize> = (0..count).map_while(|doublings| fewest.checked_mul(1 << doublings)).collect();
        starts.last().is_some_and(|&last| last <= images).then_some(starts)
    };
    (1..=MAX).rev().find_map(starts).unwrap_or_default()
}

/// If the precision cannot be guaranteed: the threshold whose precision has the highest lower bound.
fn best_precision(share: f64, cuts: &Cuts) -> Found {
    let (mut best, mut bound) = (cuts.everything, 0.0);
    for cut in &cuts.cuts {
        let (right, answered) = (cut.right_groups(), cut.answered_groups);
        let could_be = right as f64 > bound * answered as f64;
        if could_be && at_least(right, answered, bound) < RISK {
            bound = lower_bound(right, answered, RISK);
            best = *cut;
        }
    }
    let is_grouped = best.answered_groups < best.answered;
    let (in_groups, groups_of, meaning) = if is_grouped {
        (format!(", in {} groups", best.answered_groups), "groups of ", GROUP)
    } else {
        (String::new(), "", "")
    };
    let fewest = fewest_trials(share, RISK);
    let needed = fewest.map_or_else(
        || "no number of images is enough".to_owned(),
        |fewest| {
            format!(
                "it needs at least {fewest} {groups_of}positive predictions if all are correct, and more otherwise, because \
                 fewer could be correct by chance{meaning}"
            )
        },
    );
    let warning = format!(
        "{rule} cannot be guaranteed: at the best threshold {right} of {answered} positive predictions are \
         correct{in_groups}; {needed}",
        rule = ThresholdRule::Precision(share),
        right = best.right,
        answered = best.answered,
    );
    // If there are enough but some are wrong, the number needed depends on future predictions.
    let missing = fewest.and_then(|fewest| fewest.checked_sub(best.answered_groups)).filter(|&missing| missing > 0);
    Found { warning: Some(warning), missing, ..Found::with(best.threshold, None) }
}

/// A warning for a threshold that was chosen on few images.
fn few_images(cuts: &Cuts) -> Option<String> {
    let Cuts { positives, negatives, positive_groups, negative_groups, everything, .. } = *cuts;
    let groups = everything.answered_groups;
    let is_few = groups < FEW || positive_groups.min(negative_groups) < FEW_OF_A_CLASS;
    let (in_groups, units) = if groups < positives + negatives {
        (format!(" in {positive_groups} and {negative_groups} groups"), "groups")
    } else {
        (String::new(), "images")
    };
    is_few.then(|| {
        format!(
            "the threshold was chosen on {positives} positive and {negatives} negative images{in_groups}: with fewer than {FEW} \
             {units}, or {FEW_OF_A_CLASS} of a class, it is unreliable"
        )
    })
}
