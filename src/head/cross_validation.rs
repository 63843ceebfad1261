//! How well a strength does on images that the head was not fitted to.
//!
//! Fold by fold, the other folds are scaled and fitted and give the fold's images their logits, so every image
//! ends with one logit from a head that never saw it. The folds are given: who makes them keeps byte-identical photos
//! together and the classes in proportion. Along the grid each fold starts from its own last optimum.
//!
//! Of many images the first fold alone chooses the strength: the others are fitted at the chosen one only.

use rayon::prelude::*;

use super::coordinates::problem;
use super::newton::{Point, Problem};
use super::objective::log_loss;
use super::scaling::Scaling;
use super::{Examples, HeadError, examples::require_positive};
use crate::progress::{Progress, Unit};

/// Gradient norm, as a part of its start, at which a fold is fitted: its log loss is then right to about 1e-6.
const TOLERANCE: f64 = 1e-5;

/// Strengths in a row that are worse than the best one before the weaker ones are left out.
const WORSE_BEFORE_STOP: usize = 2;

/// Images from which on the first fold alone chooses: a fifth of them are 10,000.
const MANY: usize = 50_000;

/// Features that the grid from 10³ was made for: those of ResNet-50, averaged.
const USUAL_WIDTH: f64 = 2048.0;

/// The strength that suits averaged features of a ResNet-50 most often, on seven sets of 32 to 250 photos; it is what
/// scikit-learn's `LogisticRegression` comes to as it comes on 200 of them.
const USUAL_STRENGTH: f64 = 0.18;

/// Standard deviation of the prior: half a decade away costs almost four nats of log loss over all images. Folds of a
/// few hundred photos cannot tell strengths as near as that apart; what they choose without it is worse on new photos.
const USUAL_DECADES: f64 = 0.18;

/// One strength and how it did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Score {
    /// The strength X.
    pub l2: f64,
    /// Log loss of the out-of-fold logits, classes weighted as in the fit ([`log_loss`]).
    pub log_loss: f64,
    /// The same with the prior on the strength, shared among the images: the lowest is chosen.
    pub with_prior: f64,
}

/// What cross-validation found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CrossValidation {
    /// The strength with the lowest [`Score::with_prior`], the strongest of equals.
    pub l2: f64,
    /// The out-of-fold logit of every image at that strength, `[N]`.
    pub logits: Vec<f64>,
    /// Every strength that was tried, strongest first; of many images (`MANY`) those of the first fold.
    pub scores: Vec<Score>,
    /// Number of folds.
    pub folds: usize,
}

/// The strengths that are tried for `width` features: `USUAL_STRENGTH` and four decades to either side by halves,
/// strongest first.
///
/// The logits of scaled features grow with their number, and the strength that holds them with it: above
/// `USUAL_WIDTH` the grid begins as much stronger, two decades for the flattened map of 224 pixels.
pub(crate) fn grid(width: usize) -> Vec<f64> {
    let more = (2.0 * (width as f64 / USUAL_WIDTH).log10()).ceil().max(0.0) as i32;
    (-8..=8 + more).rev().map(|halves| USUAL_STRENGTH * 10_f64.powf(f64::from(halves) / 2.0)).collect()
}

/// The strength where nothing speaks for another one, for `width` features: it grows with their number as the [`grid`].
pub(crate) fn usual_strength(width: usize) -> f64 {
    USUAL_STRENGTH * width as f64 / USUAL_WIDTH
}

/// What the prior adds to the mean log loss of `images` images: (decades from the usual strength ÷ [`USUAL_DECADES`])² / 2N.
///
/// Nothing for fewer features than a ResNet-50 has: they are of another kind, and no strength is usual for them.
fn prior(l2: f64, width: usize, images: usize) -> f64 {
    if (width as f64) < USUAL_WIDTH {
        return 0.0;
    }
    let distance = (l2 / usual_strength(width)).log10() / USUAL_DECADES;
    0.5 * distance * distance / images.max(1) as f64
}

/// Evaluates strengths by the folds that `folds` assigns, `[N]` ids.
///
/// The curve of log loss over strength has one valley in practice: once two strengths in a row were worse than the
/// best one, those after them are left out. `strengths` is best ordered from strong to weak, where fits are fast.
///
/// # Errors
/// [`HeadError::LabelCount`] if there is not one id an image, [`HeadError::FoldWithoutClass`] if a fold leaves only one
/// class to fit (also for one fold only), [`HeadError::InvalidSetting`] for an empty grid or a strength that is not above 0,
/// [`HeadError::NotConverged`], [`HeadError::Interrupted`].
pub(crate) fn cross_validate(
    examples: &Examples<'_>,
    folds: &[usize],
    strengths: &[f64],
    progress: &dyn Progress,
) -> Result<CrossValidation, HeadError> {
    strengths.iter().try_for_each(|&l2| require_positive("l2", l2))?;
    let mut folds = prepare(examples, folds)?;
    let task = if strengths.len() == 1 { "cross-validation" } else { "choosing the L2 penalty by cross-validation" };
    progress.start(task, Unit::Steps, Some(strengths.len() as u64));
    let found = choose(examples, &mut folds, strengths, MANY, progress);
    progress.finish();
    found
}

/// Chooses among several strengths by the first fold where there are so `many` images, and by all folds otherwise.
fn choose(
    examples: &Examples<'_>,
    folds: &mut [Fold<'_>],
    strengths: &[f64],
    many: usize,
    progress: &dyn Progress,
) -> Result<CrossValidation, HeadError> {
    let [first, _, ..] = &mut *folds else { return descend(examples, folds, strengths, progress) };
    if strengths.len() < 2 || examples.labels().len() < many {
        return descend(examples, folds, strengths, progress);
    }
    let CrossValidation { l2, scores, .. } = descend(examples, std::slice::from_mut(first), strengths, progress)?;
    Ok(CrossValidation { scores, ..descend(examples, folds, &[l2], progress)? })
}

/// Goes along the grid until it only gets worse on the images of some folds; those of others have a logit of 0.
fn descend(
    examples: &Examples<'_>,
    folds: &mut [Fold<'_>],
    strengths: &[f64],
    progress: &dyn Progress,
) -> Result<CrossValidation, HeadError> {
    let mut measured: Vec<usize> = folds.iter().flat_map(|fold| &fold.held_out).copied().collect();
    measured.sort_unstable();
    let labels: Vec<bool> = measured.iter().map(|&row| examples.labels()[row]).collect();
    let mut scores: Vec<Score> = Vec::with_capacity(strengths.len());
    let mut best: Option<(Score, Vec<f64>)> = None;
    let mut worse = 0;
    for &l2 in strengths {
        let logits = out_of_fold_logits(examples.labels().len(), folds, l2, progress)?;
        let of_measured: Vec<f64> = measured.iter().map(|&row| logits[row]).collect();
        let log_loss = log_loss(&of_measured, &labels, examples.pos_weight());
        let prior = prior(l2, examples.features().width(), examples.labels().len());
        let score = Score { l2, log_loss, with_prior: log_loss + prior };
        scores.push(score);
        progress.advance(1);
        if best.as_ref().is_none_or(|(best, _)| score.with_prior < best.with_prior) {
            best = Some((score, logits));
            worse = 0;
        } else {
            worse += 1;
        }
        if worse == WORSE_BEFORE_STOP {
            break;
        }
    }
    let Some((Score { l2, .. }, logits)) = best else {
        return Err(HeadError::InvalidSetting {
            name: "l2",
            value: "an empty grid".to_owned(),
            expected: "an L2 penalty",
        });
    };
    Ok(CrossValidation { l2, logits, scores, folds: folds.len() })
}

/// One fold: a problem without its images, and where the last strength ended.
struct Fold<'a> {
    held_out: Vec<usize>,
    problem: Problem<'a>,
    point: Point,
}

/// Sets the problem of every fold up, in the order of the ids.
fn prepare<'a>(examples: &Examples<'a>, ids: &[usize]) -> Result<Vec<Fold<'a>>, HeadError> {
    let labels = examples.labels();
    if ids.len() != labels.len() {
        return Err(HeadError::LabelCount { labels: ids.len(), rows: labels.len() });
    }
    let mut distinct = ids.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    for &fold in &distinct {
        for (class, name) in [(true, "positive"), (false, "negative")] {
            if !ids.iter().zip(labels).any(|(&id, &label)| id != fold && label == class) {
                return Err(HeadError::FoldWithoutClass { fold, class: name });
            }
        }
    }
    Ok(distinct
        .par_iter()
        .map(|&fold| {
            let (held_out, fitted): (Vec<usize>, Vec<usize>) = (0..ids.len()).partition(|&row| ids[row] == fold);
            let scaling = Scaling::new(examples.features(), &fitted);
            let problem = problem(examples, &scaling, &fitted, &held_out);
            let point = problem.system.zero();
            Fold { held_out, problem, point }
        })
        .collect())
}

/// Fits all folds at one strength and collects the logits of their images, `[N]`.
fn out_of_fold_logits(
    count: usize,
    folds: &mut [Fold<'_>],
    l2: f64,
    progress: &dyn Progress,
) -> Result<Vec<f64>, HeadError> {
    folds.par_iter_mut().try_for_each(|fold| -> Result<(), HeadError> {
        fold.point = fold.problem.minimise(l2, fold.point.clone(), TOLERANCE, progress)?.point;
        Ok(())
    })?;
    let mut logits = vec![0.0; count];
    for fold in folds {
        let held_out = fold.problem.system.held_out_logits(&fold.point);
        fold.held_out.iter().zip(held_out).for_each(|(&row, logit)| logits[row] = logit);
    }
    Ok(logits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::FeatureMatrix;
    use crate::progress::Silent;

    #[test]
    fn of_many_images_the_first_fold_chooses_and_all_have_a_logit() {
        let noise = |seed: usize| (((seed * 7919) % 1009) as f32 / 1009.0 - 0.5) * 4.0;
        let labels: Vec<bool> = (0..60).map(|image| image % 2 == 0).collect();
        let value = |place: usize| noise(place) + if labels[place / 3] { 1.0 } else { 0.0 };
        let features = FeatureMatrix::from_values(3, (0..180).map(value).collect()).unwrap();
        let examples = Examples::new(&features, &labels, 1.0).unwrap();
        let ids: Vec<usize> = (0..60).map(|image| image % 5).collect();
        let chosen = |many| choose(&examples, &mut prepare(&examples, &ids).unwrap(), &grid(3), many, &Silent).unwrap();
        let (by_all, by_one) = (chosen(61), chosen(60));
        assert_eq!(by_all, cross_validate(&examples, &ids, &grid(3), &Silent).unwrap());
        let at_its_strength = cross_validate(&examples, &ids, &[by_one.l2], &Silent).unwrap();
        let apart = by_one.logits.iter().zip(&at_its_strength.logits).map(|(one, other)| (one - other).abs());
        assert!(apart.fold(0.0, f64::max) < 1e-3 && by_one.folds == 5 && by_one.scores.len() > 1);
        assert!(by_one.scores.iter().zip(&by_all.scores).all(|(one, all)| (one.log_loss - all.log_loss).abs() > 1e-9));
    }
}
