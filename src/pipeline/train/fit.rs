//! Labelled features in, a head out, with a logit for every image from a head that never saw it.

use super::SolverChoice;
use super::subset::Subset;
use super::training::Training;
use crate::dataset::Label;
use crate::dataset::split::{self, Split};
use crate::head::cross_validation::cross_validate;
use crate::head::exact::{self, ExactOptions};
use crate::head::sgd::{self, SgdOptions};
use crate::head::{self, Examples, Head, L2};
use crate::pipeline::PipelineError;

/// Folds that choose the strength of the L2 penalty, and whose logits the decision rests on; fewer where a class has fewer
/// groups of images.
const FOLDS: usize = 5;

/// Divisions into folds that the decision rests on where a fit takes milliseconds: the mean logit of several is less the
/// luck of one, and a calibration that would only follow that luck is not taken.
const DIVISIONS: u64 = 4;

/// Images up to which there are several.
const MAX_DIVIDED_AGAIN: usize = 500;

/// Share of the training photos by which the steps of SGD are stopped.
const SET_ASIDE: f64 = 0.2;

/// A head and how it came about.
pub(super) struct Fitted {
    pub(super) head: Head,
    pub(super) settings: Settings,
    /// In words.
    pub(super) description: String,
    /// Weight of a positive image in the loss.
    pub(super) pos_weight: f64,
    /// Over the images that it was fitted to; `None` where a class has one group of them only.
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

impl Training<'_> {
    /// Fits the head that is delivered unless the user wants one of all images.
    pub(super) fn fit(&self) -> Result<Fitted, PipelineError> {
        let training = &self.training;
        let pos_weight = self.pos_weight(training);
        let examples = Examples::new(&training.features, &training.labels, pos_weight)?;
        examples.require_difference()?;
        match self.options.solver {
            SolverChoice::Exact { l2 } => self.fit_exact(&examples, l2),
            SolverChoice::Sgd { epochs, lr, batch_size } => {
                let seed = self.options.seed;
                let options = SgdOptions { epochs, learning_rate: lr, batch_size, seed, ..SgdOptions::default() };
                self.fit_sgd(pos_weight, &options)
            }
        }
    }

    /// What a positive image weighs.
    fn pos_weight(&self, side: &Subset) -> f64 {
        head::pos_weight(&side.labels, self.options.balance)
    }

    /// Finds the number of epochs on a part of the training photos, then takes as many over all of them: the validation
    /// photos have no say, so what is measured on them is on photos that nothing has seen.
    fn fit_sgd(&self, pos_weight: f64, options: &SgdOptions) -> Result<Fitted, PipelineError> {
        let (epochs, origin) = match self.set_aside() {
            None => (options.epochs, "the maximum, for there are too few images to stop by".to_owned()),
            Some([fitted, set_aside]) => {
                let examples = Examples::new(&fitted.features, &fitted.labels, pos_weight)?;
                let held_out = Examples::new(&set_aside.features, &set_aside.labels, pos_weight)?;
                let device = self.photos.target.device;
                let fit = sgd::fit(&examples, Some(&held_out), options, device, self.progress)?;
                let (run, count) = (fit.history.len(), set_aside.len());
                (fit.best_epoch, format!("the best of {run} on {count} training images set aside"))
            }
        };
        let settings = Settings::Sgd(SgdOptions { epochs, patience: epochs, ..options.clone() });
        let head = self.fit_again(&self.training, &settings, pos_weight)?;
        let out_of_fold = self.out_of_fold(&self.training, FOLDS, &settings)?;
        let description = format!("AdamW, {epochs} epochs ({origin})");
        Ok(Fitted { head, settings, description, pos_weight, out_of_fold })
    }

    /// Training photos to fit to and some to stop by, no group on both sides; `None` where a class has one group only.
    fn set_aside(&self) -> Option<[Subset; 2]> {
        let training = &self.training;
        let labels = labels_of(&training.labels);
        let splits = split::stratified(&labels, &training.groups, SET_ASIDE, self.options.seed).ok()?;
        let of = |wanted| {
            let rows = splits.iter().enumerate().filter(|(_, split)| **split == wanted);
            training.select(&rows.map(|(row, _)| row).collect::<Vec<_>>())
        };
        Some([of(Split::Train), of(Split::Validation)])
    }

    fn fit_exact(&self, examples: &Examples<'_>, l2: L2) -> Result<Fitted, PipelineError> {
        let folds = divide(&self.training, FOLDS, self.options.seed);
        let fit = exact::fit(examples, folds.as_deref(), &ExactOptions { l2 }, self.progress)?;
        let origin = match (l2, &fit.cross_validation) {
            (L2::Fixed(_), _) => "as given".to_owned(),
            (L2::Auto, Some(chosen)) => format!("chosen by {}-fold cross-validation", chosen.folds),
            (L2::Auto, None) => "the usual one, for there are too few images to choose it".to_owned(),
        };
        let (strength, pos_weight) = (fit.l2, examples.pos_weight());
        // Three digits, as a person would write them.
        let strength: f64 = format!("{strength:.2e}").parse().unwrap_or(strength);
        let description = format!("logistic regression solved exactly, L2 penalty {strength} ({origin})");
        let out_of_fold = match folds.zip(fit.cross_validation) {
            Some((folds, found)) => {
                let logits = self.averaged_over_divisions(examples, found.logits, fit.l2)?;
                Some(OutOfFold { folds, logits })
            }
            None => None,
        };
        Ok(Fitted { head: fit.head, settings: Settings::Exact { l2: fit.l2 }, description, pos_weight, out_of_fold })
    }

    /// The out-of-fold logits `[N]` of one division and those of others, averaged.
    fn averaged_over_divisions(
        &self,
        examples: &Examples<'_>,
        mut logits: Vec<f64>,
        l2: f64,
    ) -> Result<Vec<f64>, PipelineError> {
        if logits.len() > MAX_DIVIDED_AGAIN {
            return Ok(logits);
        }
        let seeds = (1..DIVISIONS).map(|division| self.options.seed.wrapping_add(division));
        for folds in seeds.filter_map(|seed| divide(&self.training, FOLDS, seed)) {
            let others = cross_validate(examples, &folds, &[l2], self.progress)?.logits;
            logits.iter_mut().zip(others).for_each(|(sum, logit)| *sum += logit);
        }
        // Folds depend on labels and groups alone, so where one division could be made all could.
        Ok(logits.into_iter().map(|sum| sum / DIVISIONS as f64).collect())
    }

    /// Out-of-fold logits of training and validation photos together, where they are wanted and can be had.
    ///
    /// Where nothing could be held out of the training photos there are none either: what the head decides by was not
    /// chosen as that of these heads would be, so their numbers would not be its numbers.
    pub(super) fn pool_out_of_fold(&self, fitted: &Fitted) -> Result<Option<OutOfFold>, PipelineError> {
        let folds = self.options.folds;
        if folds < 2 || fitted.out_of_fold.is_none() {
            return Ok(None);
        }
        self.out_of_fold(&self.pool, folds, &fitted.settings)
    }

    /// Logits of heads of the same settings, fold by fold; `None` where a class has one group only.
    fn out_of_fold(&self, side: &Subset, most: usize, settings: &Settings) -> Result<Option<OutOfFold>, PipelineError> {
        let Some(folds) = divide(side, most, self.options.seed) else { return Ok(None) };
        let count = folds.iter().max().map_or(0, |last| last + 1);
        let logits = match settings {
            Settings::Exact { l2 } => {
                let examples = Examples::new(&side.features, &side.labels, self.pos_weight(side))?;
                cross_validate(&examples, &folds, &[*l2], self.progress)?.logits
            }
            Settings::Sgd(_) => {
                let mut logits = vec![0.0; side.len()];
                for fold in 0..count {
                    let (held_out, fitted): (Vec<usize>, Vec<usize>) =
                        (0..side.len()).partition(|&row| folds.get(row) == Some(&fold));
                    let fitted = side.select(&fitted);
                    let head = self.fit_again(&fitted, settings, self.pos_weight(&fitted))?;
                    for row in held_out {
                        logits[row] = head.logit(side.features.row(row))?;
                    }
                }
                logits
            }
        };
        Ok(Some(OutOfFold { folds, logits }))
    }

    /// The same settings on other images.
    pub(super) fn fit_again(&self, side: &Subset, settings: &Settings, pos_weight: f64) -> Result<Head, PipelineError> {
        let examples = Examples::new(&side.features, &side.labels, pos_weight)?;
        let (device, progress) = (self.photos.target.device, self.progress);
        Ok(match settings {
            Settings::Exact { l2 } => exact::fit(&examples, None, &ExactOptions { l2: L2::Fixed(*l2) }, progress)?.head,
            Settings::Sgd(options) => sgd::fit(&examples, None, options, device, progress)?.head,
        })
    }
}

/// Folds of whole groups, `[N]` ids from 0: `most` of them, or as many as the class with fewer groups has; `None` where that
/// has one.
fn divide(side: &Subset, most: usize, seed: u64) -> Option<Vec<usize>> {
    let labels = labels_of(&side.labels);
    (2..=most).rev().find_map(|count| split::folds(&labels, &side.groups, count, seed).ok())
}

fn labels_of(labels: &[bool]) -> Vec<Label> {
    labels.iter().map(|&positive| Label::from(positive)).collect()
}
