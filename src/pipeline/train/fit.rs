//! Labelled features in, a head out, with a logit for every image from a head that never saw it.

use tch::Device;

use super::side::Side;
use super::{SolverChoice, TrainOptions};
use crate::dataset::{Label, split};
use crate::head::cross_validation::cross_validate;
use crate::head::exact::{self, ExactOptions};
use crate::head::sgd::{self, SgdOptions};
use crate::head::{self, Examples, Head, L2};
use crate::pipeline::PipelineError;
use crate::progress::Progress;

/// Folds that choose the strength of the L2 penalty, and whose logits the decision rests on.
const FOLDS: usize = 5;

/// A head and how it came about.
pub(super) struct Fitted {
    pub(super) head: Head,
    pub(super) settings: Settings,
    /// In words.
    pub(super) description: String,
    /// Weight of a positive image in the loss.
    pub(super) pos_weight: f64,
    /// Over the images that it was fitted to; `None` where a class has too few of them.
    pub(super) out_of_fold: Option<OutOfFold>,
}

/// What fits the same head again.
#[derive(Debug, Clone)]
pub(super) enum Settings {
    /// This strength.
    Exact { l2: f64 },
    /// So many epochs, whatever the loss does.
    Sgd(SgdOptions),
}

impl Settings {
    pub(super) fn l2(&self) -> Option<f64> {
        match self {
            Self::Exact { l2 } => Some(*l2),
            Self::Sgd(_) => None,
        }
    }

    /// As the model file names it.
    pub(super) fn solver(&self) -> &'static str {
        match self {
            Self::Exact { .. } => "exact",
            Self::Sgd(_) => "sgd",
        }
    }
}

/// Every image's logit from a head that was not fitted to its fold.
#[derive(Debug, Clone)]
pub(super) struct OutOfFold {
    /// `[N]` ids from 0.
    pub(super) folds: Vec<usize>,
    /// `[N]`
    pub(super) logits: Vec<f64>,
}

impl TrainOptions {
    /// Fits the head that is delivered unless the user wants one of all images.
    pub(super) fn fit(
        &self,
        training: &Side,
        validation: &Side,
        device: Device,
        progress: &dyn Progress,
    ) -> Result<Fitted, PipelineError> {
        let pos_weight = head::pos_weight(&training.labels, self.balance);
        let examples = Examples::new(&training.features, &training.labels, pos_weight)?;
        match self.solver {
            SolverChoice::Exact { l2 } => self.fit_exact(&examples, &training.groups, l2, progress),
            SolverChoice::Sgd { epochs, lr, batch_size } => {
                let held_out = Examples::new(&validation.features, &validation.labels, pos_weight).ok();
                let options =
                    SgdOptions { epochs, learning_rate: lr, batch_size, seed: self.seed, ..SgdOptions::default() };
                let fit = sgd::fit(&examples, held_out.as_ref(), &options, device, progress)?;
                let (best, run) = (fit.best_epoch, fit.history.len());
                let settings = Settings::Sgd(SgdOptions { epochs: best, patience: best, ..options });
                let out_of_fold = self.out_of_fold(training, FOLDS, &settings, device, progress)?;
                let description = format!("AdamW, epoch {best} of {run} kept; a positive image weighs {pos_weight:.3}");
                Ok(Fitted { head: fit.head, settings, description, pos_weight, out_of_fold })
            }
        }
    }

    fn fit_exact(
        &self,
        examples: &Examples<'_>,
        groups: &[usize],
        l2: L2,
        progress: &dyn Progress,
    ) -> Result<Fitted, PipelineError> {
        // With too few images of a class there are no folds.
        let folds = split::folds(&labels_of(examples.labels()), groups, FOLDS, self.seed).ok();
        let fit = exact::fit(examples, folds.as_deref(), &ExactOptions { l2 }, progress)?;
        let origin = match (l2, &fit.cross_validation) {
            (L2::Fixed(_), _) => "as given".to_owned(),
            (L2::Auto, Some(chosen)) => format!("chosen by {}-fold cross-validation", chosen.folds),
            (L2::Auto, None) => "too few images to choose it".to_owned(),
        };
        let (strength, pos_weight) = (fit.l2, examples.pos_weight());
        // Three digits, as a person would write them.
        let strength: f64 = format!("{strength:.2e}").parse().unwrap_or(strength);
        let description = format!("exact optimum, L2 {strength} ({origin}); a positive image weighs {pos_weight:.3}");
        let logits = fit.cross_validation.map(|found| found.logits);
        let out_of_fold = folds.zip(logits).map(|(folds, logits)| OutOfFold { folds, logits });
        Ok(Fitted { head: fit.head, settings: Settings::Exact { l2: fit.l2 }, description, pos_weight, out_of_fold })
    }

    /// Out-of-fold logits of training and validation photos together, where they are wanted and can be had.
    pub(super) fn pool_out_of_fold(
        &self,
        pool: &Side,
        fitted: &Fitted,
        device: Device,
        progress: &dyn Progress,
    ) -> Result<Option<OutOfFold>, PipelineError> {
        if self.folds < 2 {
            return Ok(None);
        }
        let found = self.out_of_fold(pool, self.folds, &fitted.settings, device, progress)?;
        if found.is_none() {
            let folds = self.folds;
            progress.note(&format!("no {folds}-fold cross-validation: a class has fewer groups of images than folds"));
        }
        Ok(found)
    }

    /// Logits of heads of the same settings, fold by fold; `None` where a class has fewer groups than there are folds.
    pub(super) fn out_of_fold(
        &self,
        side: &Side,
        count: usize,
        settings: &Settings,
        device: Device,
        progress: &dyn Progress,
    ) -> Result<Option<OutOfFold>, PipelineError> {
        let Ok(folds) = split::folds(&labels_of(&side.labels), &side.groups, count, self.seed) else {
            return Ok(None);
        };
        let logits = match settings {
            Settings::Exact { l2 } => {
                let pos_weight = head::pos_weight(&side.labels, self.balance);
                let examples = Examples::new(&side.features, &side.labels, pos_weight)?;
                cross_validate(&examples, &folds, &[*l2], progress)?.logits
            }
            Settings::Sgd(_) => {
                let mut logits = vec![0.0; side.len()];
                for fold in 0..count {
                    let (held_out, fitted): (Vec<usize>, Vec<usize>) =
                        (0..side.len()).partition(|&row| folds.get(row) == Some(&fold));
                    let fitted = side.select(&fitted);
                    let pos_weight = head::pos_weight(&fitted.labels, self.balance);
                    let head = fit_again(&fitted, settings, pos_weight, device, progress)?;
                    for row in held_out {
                        logits[row] = head.logit(side.features.row(row))?;
                    }
                }
                logits
            }
        };
        Ok(Some(OutOfFold { folds, logits }))
    }
}

/// The same settings on other images.
pub(super) fn fit_again(
    side: &Side,
    settings: &Settings,
    pos_weight: f64,
    device: Device,
    progress: &dyn Progress,
) -> Result<Head, PipelineError> {
    let examples = Examples::new(&side.features, &side.labels, pos_weight)?;
    Ok(match settings {
        Settings::Exact { l2 } => exact::fit(&examples, None, &ExactOptions { l2: L2::Fixed(*l2) }, progress)?.head,
        Settings::Sgd(options) => sgd::fit(&examples, None, options, device, progress)?.head,
    })
}

fn labels_of(labels: &[bool]) -> Vec<Label> {
    labels.iter().map(|&positive| Label::from(positive)).collect()
}
