//! Cross-validation of the L2 penalty on images that the head was not fitted to.
//!
//! For each fold, the features of the other folds are scaled and fitted, and the fitted head computes the logits of the
//! fold's images, so every image gets one out-of-fold logit. The caller assigns the folds, keeping byte-identical
//! photos together and the classes in proportion. Along the grid each fold is warm-started from its previous optimum.
//!
//! From `MANY` images on the first fold alone chooses the penalty; the others are fitted at that penalty only.

use rayon::prelude::*;

use super::coordinates::problem;
use super::newton::{Point, Problem};
use super::objective::log_loss;
use super::scaling::Scaling;
use super::{Examples, HeadError, examples::require_positive};
use crate::progress::{Progress, Unit};

/// Gradient norm ÷ that of the head of zeros at which a fold is fitted: its log loss is then right to about 1e-6.
const TOLERANCE: f64 = 1e-5;

/// Consecutive penalties worse than the best one after which the smaller ones are skipped.
const WORSE_BEFORE_STOP: usize = 2;

/// Number of images from which the first fold alone chooses: a fifth of them are 10,000.
const MANY: usize = 50_000;

/// Number of features that the grid and the prior are made for: those of ResNet-50 with average pooling.
const USUAL_WIDTH: f64 = 2048.0;

/// The L2 penalty that was most often best for average-pooled ResNet-50 features, on seven sets of 32 to 250 photos; it
/// equals that of scikit-learn's `LogisticRegression` with its defaults on 200 of them.
const USUAL_STRENGTH: f64 = 0.18;

/// Standard deviation, in decades, of the prior on the penalty: half a decade costs almost 4 nats of log loss over all
/// images. Folds of a few hundred photos cannot tell such close penalties apart; without it their choice is worse on
/// new photos.
const USUAL_DECADES: f64 = 0.18;

/// The cross-validation score of one L2 penalty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Score {
    /// The L2 penalty X.
    pub l2: f64,
    /// Log loss of the out-of-fold logits, with the class weights of the fit ([`log_loss`]).
    pub log_loss: f64,
    /// `log_loss` plus the prior on the penalty divided by the number of images: the lowest is chosen.
    pub with_prior: f64,
}

/// The result of cross-validation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CrossValidation {
    /// The L2 penalty with the lowest [`Score::with_prior`]; of equal ones the largest.
    pub l2: f64,
    /// The out-of-fold logits of all images at that penalty, `[N]`.
    pub logits: Vec<f64>,
    /// The scores of all penalties that were tried, largest first; from `MANY` images on those of the first fold.
    pub scores: Vec<Score>,
    /// Number of folds.
    pub folds: usize,
}

/// The L2 penalties to try for `width` features, largest first: `USUAL_STRENGTH` and four decades to either side in
/// half-decade steps.
///
/// The logits of scaled features grow with the number of features, and so does the penalty that suits them: above
/// `USUAL_WIDTH` the grid starts correspondingly higher, by two decades for the flattened feature map of 224 pixels.
pub(crate) fn grid(width: usize) -> Vec<f64> {
    let more = (2.0 * (width as f64 / USUAL_WIDTH).log10()).ceil().max(0.0) as i32;
    (-8..=8 + more).rev().map(|halves| USUAL_STRENGTH * 10_f64.powf(f64::from(halves) / 2.0)).collect()
}

/// The default L2 penalty for `width` features, in proportion to their number; used without cross-validation.
pub(crate) fn usual_strength(width: usize) -> f64 {
    USUAL_STRENGTH * width as f64 / USUAL_WIDTH
}

/// The addition of the prior to the mean log loss of N images: (decades from the usual penalty ÷ [`USUAL_DECADES`])² /
/// 2N.
///
/// It is 0 for fewer features than a ResNet-50 has: they come from elsewhere, and no usual penalty is known for them.
fn prior(l2: f64, width: usize, images: usize) -> f64 {
    if (width as f64) < USUAL_WIDTH {
        return 0.0;
    }
    let distance = (l2 / usual_strength(width)).log10() / USUAL_DECADES;
    0.5 * distance * distance / images.max(1) as f64
}

/// Evaluates L2 penalties by cross-validation with the fold ids `folds`, `[N]`.
///
/// The log loss as a function of the penalty has one minimum in practice: after two consecutive penalties that are
/// worse than the best one, the remaining ones are skipped. Large ones are fitted fastest and should come first.
///
/// # Errors
/// [`HeadError::LabelCount`] if there is not one id per image, [`HeadError::FoldWithoutClass`] if a fold leaves only
/// one class to fit (also for a single fold), [`HeadError::InvalidSetting`] for an empty grid or a penalty that is not
/// above 0, [`HeadError::NotConverged`], [`HeadError::Interrupted`].
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

/// Chooses among several penalties by the first fold if there are at least `many` images, and by all folds otherwise.
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

/// Goes along the grid until the held-out log loss of `folds` only rises; images of other folds get a logit of 0.
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

/// One fold: the problem of the other folds' images, and the optimum of the last penalty, the next starting point.
struct Fold<'a> {
    held_out: Vec<usize>,
    problem: Problem<'a>,
    point: Point,
}

/// Builds the problem of every fold, in the order of the ids.
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

/// Fits all folds at one penalty and returns the logits of their held-out images, `[N]`.
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
