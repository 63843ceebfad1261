//! Do more photos help? Heads fitted to growing parts of the images, each measured on a fold that it never saw.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::subset::Subset;
use crate::head::exact::{self, ExactOptions};
use crate::head::{self, Balance, Examples, L2};
use crate::metrics::{Scores, probability, ranking};
use crate::pipeline::PipelineError;
use crate::progress::{Progress, Unit};
use crate::report::{LearningPoint, MeanStd};

/// Parts of a fold's training images: each step about as much more on a log scale.
const PARTS: [f64; 6] = [0.1, 0.18, 0.32, 0.56, 0.75, 1.0];

/// Fewest images of a class that a head is fitted to here.
const MIN_OF_A_CLASS: usize = 2;

/// How to fit and divide.
pub(super) struct Settings<'a> {
    /// `[N]` fold ids, those of the cross-validation.
    pub(super) folds: &'a [usize],
    pub(super) l2: f64,
    pub(super) balance: Balance,
    pub(super) seed: u64,
}

/// Mean and deviation over the folds for every size, fewest images first; empty where there are too few images.
pub(super) fn measure(
    pool: &Subset,
    settings: &Settings<'_>,
    progress: &dyn Progress,
) -> Result<Vec<LearningPoint>, PipelineError> {
    let count = settings.folds.iter().max().map_or(0, |last| last + 1);
    progress.start("learning curve", Unit::Steps, Some((PARTS.len() * count) as u64));
    let points = PARTS.iter().map(|&part| at(pool, settings, part, count, progress)).collect::<Result<Vec<_>, _>>();
    progress.finish();
    Ok(points?.into_iter().flatten().collect())
}

/// One size: every fold once.
fn at(
    pool: &Subset,
    settings: &Settings<'_>,
    part: f64,
    folds: usize,
    progress: &dyn Progress,
) -> Result<Option<LearningPoint>, PipelineError> {
    let (mut sizes, mut areas, mut losses) = (0, Vec::new(), Vec::new());
    for fold in 0..folds {
        progress.check()?;
        let Some(rows) = part_of(pool, settings, fold, part) else { return Ok(None) };
        let fitted = pool.select(&rows);
        let weight = head::pos_weight(&fitted.labels, settings.balance);
        let examples = Examples::new(&fitted.features, &fitted.labels, weight)?;
        let options = ExactOptions { l2: L2::Fixed(settings.l2) };
        let head = exact::fit(&examples, None, &options, progress)?.head;
        let held_out: Vec<usize> = (0..pool.len()).filter(|&row| settings.folds.get(row) == Some(&fold)).collect();
        let held_out = pool.select(&held_out);
        let probabilities: Vec<f64> = head.logits(&held_out.features)?.into_iter().map(head::probability).collect();
        let scores = Scores::new(&held_out.labels, &probabilities)?;
        areas.extend(ranking::roc_auc(&scores).ok());
        losses.extend(probability::log_loss(&scores).ok());
        sizes += rows.len();
        progress.advance(1);
    }
    let (Some(roc_auc), Some(log_loss)) = (MeanStd::new(&areas), MeanStd::new(&losses)) else { return Ok(None) };
    Ok(Some(LearningPoint { images: sizes / folds.max(1), roc_auc, log_loss }))
}

/// The same share of both classes of the images outside a fold; a larger part holds every smaller one.
fn part_of(pool: &Subset, settings: &Settings<'_>, fold: usize, part: f64) -> Option<Vec<usize>> {
    let mut rows = Vec::new();
    for class in [false, true] {
        let mut of_class: Vec<usize> = (0..pool.len())
            .filter(|&row| pool.labels.get(row) == Some(&class) && settings.folds.get(row) != Some(&fold))
            .collect();
        let mut random = ChaCha8Rng::seed_from_u64(settings.seed);
        random.set_stream(fold as u64);
        of_class.shuffle(&mut random);
        #[expect(clippy::cast_sign_loss, reason = "a share of a count")]
        let wanted = (of_class.len() as f64 * part).round() as usize;
        if wanted < MIN_OF_A_CLASS {
            return None;
        }
        rows.extend(of_class.into_iter().take(wanted));
    }
    rows.sort_unstable();
    Some(rows)
}
