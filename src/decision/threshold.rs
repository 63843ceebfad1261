//! Where positive begins: a rule and scores → a threshold, and what it reaches.
//!
//! [`choose`] takes out-of-fold probabilities. Every threshold that it chooses lies midway between two neighbouring
//! distinct probabilities (below the lowest, midway to 0; above the highest, midway to 1), so that no image sits on it
//! and rounding decides nothing. Of equally good thresholds it takes the one with the widest gap around it, of those
//! the lowest, which finds the most.
//!
//! # What `recall>=R` and `precision>=P` promise
//! That the demand is met on images to come, drawn as these were, not just on these: in 95 % of all trainings.
//!
//! - **Recall.** With n positive images, the share of positives to come that score below the k-th lowest of them is
//!   `Beta(k, n − k + 1)`, whatever the distribution of scores (Wilks 1941, Annals of Mathematical Statistics 12). So the
//!   threshold goes just below the k-th lowest for the largest k with P(Binomial(n, 1 − R) ≥ k) ≥ 95 %. It follows
//!   that any n with Rⁿ > 5 % is too small to promise anything. Since only the order counts, the promise survives any
//!   calibration, which cannot change it.
//! - **Precision.** The number of right ones among the m highest scores is binomial, since labels do not decide which
//!   those are. Looking at many m and taking the best would be too kind; they are tested from the highest scores down,
//!   on a grid that does not look at labels, by the fallback procedure (Wiens and Dmitrienko 2005, Journal of
//!   Biopharmaceutical Statistics 15): the risk of 5 % is dealt to up to four starting points, each passes its share on
//!   as long as the test succeeds, and the chance of any wrong success stays below 5 %.
//!
//! # Images that belong together
//! Copies of a photo, a burst, a patient are one trial however many images they are: n and m above count groups. The
//! promise is about an image drawn from a group to come, every group as likely as another, and about the share of images
//! too: both the mean over the groups of what is missed (wrong) in each and the share of all images that are missed
//! (wrong) must be as low as so many independent images would have to show. Part of a group counts as that part. Taking
//! the parts for whole images draws them closer together than such images are, which leans to the safe side; by
//! simulation with groups of 1 to 20 (`tests/decision/promises.rs`), from copies to images that have nothing in common,
//! the recall is kept in 95 % of trainings and more. With groups of one image nothing changes.
//!
//! Both hold for scores of one head. Out-of-fold scores are of several, each fitted to a little less than the delivered
//! one, so the promise leans to the safe side.

mod cuts;

use serde::{Deserialize, Serialize};

use super::binomial::{at_least, fewest_trials, lower_bound};
use super::rule::ThresholdRule;
use crate::metrics::{Confusion, Scores, Undefined};

use cuts::{Cut, Cuts, ROUNDING};

/// The chance that a promise fails.
pub const RISK: f64 = 0.05;

/// With fewer images, or fewer than [`FEW_OF_A_CLASS`] of one class, a chosen threshold is little more than chance.
pub const FEW: usize = 50;

/// See [`FEW`].
pub const FEW_OF_A_CLASS: usize = 10;

/// What a group is, for whoever meets the word in a warning.
const GROUP: &str = " (photos that belong together, such as near-duplicates, are one group)";

/// A threshold and what it reaches on the scores that it was chosen on, which is a little better than on others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// How it was chosen.
    pub rule: ThresholdRule,
    /// A probability of at least this is positive.
    pub threshold: f64,
    /// The answers on these scores, counted.
    pub confusion: Confusion,
    /// Share of the positive images that are found (recall), where there are any.
    pub sensitivity: Option<f64>,
    /// Share of the negative images that are left alone, where there are any.
    pub specificity: Option<f64>,
    /// Share of the positive answers that are right, where there are any.
    pub precision: Option<f64>,
    /// Harmonic mean of precision and sensitivity, where there are positive images.
    pub f1: Option<f64>,
    /// Mean cost an image, for [`ThresholdRule::Cost`], at the balance of the classes in these scores.
    pub cost: Option<f64>,
    /// The recall (precision) that images to come reach with 95 % confidence, for [`ThresholdRule::Recall`]
    /// ([`ThresholdRule::Precision`], where its demand was shown).
    pub assured: Option<f64>,
    /// Why the threshold should be trusted less than the rule sounds.
    pub warning: Option<String>,
    /// How many more positive images, groups where images belong together, a demand needs at least before it can be
    /// guaranteed; `None` where it is, and where no number of them would do.
    #[serde(default)]
    pub missing: Option<usize>,
}

/// Chooses the threshold by the rule on out-of-fold scores, in O(n log n).
///
/// # Errors
/// [`Undefined`] where the rule is about images that are not there: positive ones for [`ThresholdRule::F1`],
/// [`ThresholdRule::Recall`] and [`ThresholdRule::Precision`], both for [`ThresholdRule::Youden`], any for
/// [`ThresholdRule::Cost`]. A fixed threshold needs none.
pub fn choose(rule: ThresholdRule, scores: &Scores<'_>) -> Result<Choice, Undefined> {
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

/// What a rule comes to.
struct Found {
    threshold: f64,
    assured: Option<f64>,
    warning: Option<String>,
    missing: Option<usize>,
}

impl Found {
    /// A threshold that keeps what its rule demands.
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
        // Times both counts, so that equal values are equal numbers.
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

/// Just below the k-th lowest positive score, for the largest k that keeps the promise; see the module.
fn with_recall(share: f64, cuts: &Cuts) -> Found {
    let positives = cuts.positive_groups;
    let keeps = |rank: usize| at_least(rank, positives, 1.0 - share) >= 1.0 - RISK;
    // The largest rank that keeps it, by halving: the tail falls as the rank grows, and rank 0 always keeps it.
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
            format!("it needs at least {fewest}{unit}, for fewer could all be found by luck{meaning}")
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

/// The most images that any of the tested grid of answers promises the precision for; see the module.
fn with_precision(share: f64, cuts: &Cuts) -> Found {
    let starts = starts(share, cuts.everything.answered_groups);
    let portion = RISK / starts.len() as f64;
    let mut starts = starts.into_iter().peekable();
    let (mut passed, mut level, mut answered) = (None, 0.0, 0);
    loop {
        if level == 0.0 {
            // Nothing is left to risk before the next start.
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

/// From how many positive answers on the precision is tested: the fewest that could show it, and doublings of that, so
/// that a mistake or two among the very highest scores do not decide about all the others.
fn starts(share: f64, images: usize) -> Vec<usize> {
    const MAX: usize = 4;
    let starts = |count: usize| -> Option<Vec<usize>> {
        let fewest = fewest_trials(share, RISK / count as f64)?;
        let starts: Vec<usize> = (0..count).map_while(|doublings| fewest.checked_mul(1 << doublings)).collect();
        starts.last().is_some_and(|&last| last <= images).then_some(starts)
    };
    (1..=MAX).rev().find_map(starts).unwrap_or_default()
}

/// Where the precision cannot be promised: the threshold whose precision has the highest lower bound.
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
                "it needs at least {fewest} {groups_of}positive predictions, all of them right, or more with mistakes, for \
                 fewer could be right by luck{meaning}"
            )
        },
    );
    let warning = format!(
        "{rule} cannot be guaranteed: at the best threshold {right} of {answered} positive predictions are \
         right{in_groups}; {needed}",
        rule = ThresholdRule::Precision(share),
        right = best.right,
        answered = best.answered,
    );
    // Where there are enough and some are wrong, how many more it needs depends on those to come.
    let missing = fewest.and_then(|fewest| fewest.checked_sub(best.answered_groups)).filter(|&missing| missing > 0);
    Found { warning: Some(warning), missing, ..Found::with(best.threshold, None) }
}

/// What to say of a threshold that so few images chose.
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
            "the threshold was chosen on {positives} positive and {negatives} negative images{in_groups}: below {FEW} \
             {units}, or {FEW_OF_A_CLASS} of a class, it is little more than chance"
        )
    })
}
