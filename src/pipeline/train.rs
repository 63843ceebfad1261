//! Photos in, a model file and its numbers out.

use std::path::PathBuf;

use super::folds::{self, Pool, Settings};
use super::photos::{Photos, Reading};
use super::{BackboneOptions, OnUnreadable, PipelineError};
use crate::backbone::device;
use crate::backbone::layout::FEATURES;
use crate::dataset::split::{self, Split};
use crate::dataset::{Label, Sample};
use crate::features::FeatureMatrix;
use crate::files;
use crate::head::L2;
use crate::head::exact::{self, ExactOptions};
use crate::head::sgd::{self, SgdOptions};
use crate::head::{self, Balance, Examples, Head};
use crate::metrics::{self, Bootstrap, Metrics};
use crate::model::{FORMAT_VERSION, Facts, Model, Training};
use crate::pixels::{Limits, Preprocess};
use crate::progress::Progress;
use crate::report::{ClassCount, CrossValidationReport, TrainReport};

/// Folds that choose the strength of the L2 penalty.
const FOLDS: usize = 5;

/// Decision threshold of a fresh model: with balanced classes, the more likely one.
const THRESHOLD: f64 = 0.5;

/// What `train` needs to know.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// Folder or CSV.
    pub data: PathBuf,
    /// The positive class, where it is not the second by name.
    pub positive: Option<String>,
    /// The model file.
    pub output: PathBuf,
    /// Share of the images kept for validation, where the data has no split.
    pub val_fraction: f64,
    /// Seed of the split and of the solver.
    pub seed: u64,
    /// Where to write the split that was used.
    pub save_split: Option<PathBuf>,
    /// Bytes to crops.
    pub preprocess: Preprocess,
    /// What a single file may cost.
    pub limits: Limits,
    /// What to do about a photo that cannot be read.
    pub on_unreadable: OnUnreadable,
    /// The backbone.
    pub backbone: BackboneOptions,
    /// Whether both classes weigh the same.
    pub balance: Balance,
    /// How the head is fitted.
    pub solver: SolverChoice,
    /// Folds of the cross-validation that is reported; 0 for none.
    pub folds: usize,
    /// Whether the delivered head is fitted to all images, after the numbers are taken.
    pub refit: bool,
}

/// How the head is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SolverChoice {
    /// To the optimum of the regularised problem.
    Exact {
        /// Strength of the penalty.
        l2: L2,
    },
    /// AdamW in mini-batches with early stopping.
    Sgd {
        /// Most passes over the features.
        epochs: usize,
        /// Step size.
        lr: f64,
        /// Rows in a step.
        batch_size: usize,
    },
}

/// A head and how it came about.
struct Fitted {
    head: Head,
    solver: &'static str,
    l2: Option<f64>,
    description: String,
}

/// The rows of one side of the split.
struct Side {
    features: FeatureMatrix,
    labels: Vec<bool>,
    groups: Vec<usize>,
}

/// Trains a head on the photos of a folder and writes the model.
///
/// # Errors
/// [`PipelineError`]; what was at the output is then as it was.
pub fn train(options: &TrainOptions, progress: &dyn Progress) -> Result<TrainReport, PipelineError> {
    files::check_writable(&options.output)?;
    if let Some(path) = &options.save_split {
        files::check_writable(path)?;
    }
    let mut features = FeatureMatrix::new(FEATURES);
    let mut photos = options.reading().run(&mut features, progress)?;
    let split_given = photos.samples.iter().all(|sample| sample.split.is_some());
    let groups = photos.groups();
    split::assign(&mut photos.samples, &photos.classes, &groups, options.val_fraction, options.seed)?;
    warn_of_copies(&photos, progress);

    let training = photos.side(&features, Split::Train);
    let validation = photos.side(&features, Split::Validation);
    let pos_weight = head::pos_weight(&training.labels, options.balance);
    let fitted = options.fit(&training, &validation, pos_weight, photos.target.device, progress)?;
    let measure = |side: &Side| options.measure(&fitted.head, side);
    let validation_metrics = measure(&validation)?;
    let test_metrics = measure(&photos.side(&features, Split::Test))?;
    let pool = photos.rows_where(&features, |split| split != Some(Split::Test));
    let cross_validation = options.cross_validate(&pool, fitted.l2, progress)?;
    progress.check()?;
    let fitted = if options.refit { options.refit(&pool, fitted, photos.target.device, progress)? } else { fitted };

    let model = options.model(&photos, &fitted, pos_weight, &training, &validation, validation_metrics.clone());
    model.write(&options.output)?;
    if let Some(path) = &options.save_split {
        split::write_csv(path, &photos.samples, &photos.classes)?;
    }
    Ok(TrainReport {
        data: options.data.clone(),
        classes: photos.class_counts(),
        positive: model.facts.positive,
        negative: model.facts.negative,
        passed_over: photos.passed_over,
        split_given,
        val_fraction: options.val_fraction,
        seed: options.seed,
        weights: model.facts.weights,
        device: device::name(photos.target.device),
        precision: photos.target.precision.to_string(),
        image_size: options.preprocess.crop,
        features_from_cache: photos.extraction.from_cache,
        feature_seconds: photos.seconds,
        images_per_second: photos.images_per_second,
        head: fitted.description,
        l2: fitted.l2,
        pos_weight,
        cross_validation,
        refitted: options.refit,
        validation: validation_metrics,
        test: test_metrics,
        model_bytes: std::fs::metadata(&options.output).map_or(0, |metadata| metadata.len()),
        model: options.output.clone(),
        example: photos.samples.first().map(|sample| sample.path.clone()),
        unreadable: photos.unreadable,
    })
}

impl TrainOptions {
    fn reading(&self) -> Reading<'_> {
        Reading {
            data: &self.data,
            positive: self.positive.as_deref(),
            model: None,
            preprocess: &self.preprocess,
            limits: &self.limits,
            on_unreadable: self.on_unreadable,
            backbone: &self.backbone,
        }
    }

    fn fit(
        &self,
        training: &Side,
        validation: &Side,
        pos_weight: f64,
        device: tch::Device,
        progress: &dyn Progress,
    ) -> Result<Fitted, PipelineError> {
        let examples = Examples::new(&training.features, &training.labels, pos_weight)?;
        match self.solver {
            SolverChoice::Exact { l2 } => self.fit_exact(&examples, &training.groups, l2, progress),
            SolverChoice::Sgd { epochs, lr, batch_size } => {
                let held_out = Examples::new(&validation.features, &validation.labels, pos_weight).ok();
                let options =
                    SgdOptions { epochs, learning_rate: lr, batch_size, seed: self.seed, ..SgdOptions::default() };
                let fit = sgd::fit(&examples, held_out.as_ref(), &options, device, progress)?;
                let (best, run) = (fit.best_epoch, fit.history.len());
                let description = format!("AdamW, epoch {best} of {run} kept; a positive image weighs {pos_weight:.3}");
                Ok(Fitted { head: fit.head, solver: "sgd", l2: None, description })
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
        let labels: Vec<Label> = examples.labels().iter().map(|&positive| Label::from(positive)).collect();
        // A fixed strength needs no folds; with too few images of a class there are none.
        let folds = match l2 {
            L2::Auto => split::folds(&labels, groups, FOLDS, self.seed).ok(),
            L2::Fixed(_) => None,
        };
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
        Ok(Fitted { head: fit.head, solver: "exact", l2: Some(fit.l2), description })
    }

    /// How heads of the same strength do fold by fold; AdamW has no strength and would take as long for each fold.
    fn cross_validate(
        &self,
        pool: &Side,
        l2: Option<f64>,
        progress: &dyn Progress,
    ) -> Result<Option<CrossValidationReport>, PipelineError> {
        let (Some(l2), 2..) = (l2, self.folds) else { return Ok(None) };
        let settings = Settings { folds: self.folds, seed: self.seed, balance: self.balance, l2, threshold: THRESHOLD };
        let pool = Pool { features: &pool.features, labels: &pool.labels, groups: &pool.groups };
        let found = folds::measure(&pool, &settings, progress)?;
        if found.is_none() {
            progress.note(&format!("no {}-fold cross-validation: a class has fewer images than folds", self.folds));
        }
        Ok(found)
    }

    /// The same settings on all images; the strength is the one already chosen.
    fn refit(
        &self,
        pool: &Side,
        fitted: Fitted,
        device: tch::Device,
        progress: &dyn Progress,
    ) -> Result<Fitted, PipelineError> {
        let pos_weight = head::pos_weight(&pool.labels, self.balance);
        let again = match (self.solver, fitted.l2) {
            (SolverChoice::Exact { .. }, Some(l2)) => {
                Self { solver: SolverChoice::Exact { l2: L2::Fixed(l2) }, ..self.clone() }
            }
            _ => self.clone(),
        };
        // AdamW stops early on held-out images, of which there are none now: it takes all of its epochs.
        let nothing = Side { features: FeatureMatrix::new(FEATURES), labels: Vec::new(), groups: Vec::new() };
        let whole = again.fit(pool, &nothing, pos_weight, device, progress)?;
        Ok(Fitted { head: whole.head, ..fitted })
    }

    /// Metrics at the threshold; `None` where the side is empty.
    fn measure(&self, head: &Head, side: &Side) -> Result<Option<Metrics>, PipelineError> {
        if side.labels.is_empty() {
            return Ok(None);
        }
        let probabilities: Vec<f64> = head.logits(&side.features)?.into_iter().map(head::probability).collect();
        let bootstrap = Bootstrap { seed: self.seed, ..Bootstrap::default() };
        Ok(Some(metrics::evaluate(&side.labels, &probabilities, THRESHOLD, bootstrap)?))
    }

    fn model(
        &self,
        photos: &Photos,
        fitted: &Fitted,
        pos_weight: f64,
        training: &Side,
        validation: &Side,
        metrics: Option<Metrics>,
    ) -> Model {
        let facts = Facts {
            format_version: FORMAT_VERSION,
            created_by: concat!("resnet-binary ", env!("CARGO_PKG_VERSION")).to_owned(),
            classes: photos.classes.names().to_vec(),
            positive: photos.classes.positive_name().to_owned(),
            negative: photos.classes.negative_name().to_owned(),
            threshold: THRESHOLD,
            preprocess: self.preprocess.clone(),
            weights: photos.weights.clone(),
            training: Training {
                images: training.labels.len(),
                positives: training.positives(),
                validation_images: validation.labels.len(),
                validation_positives: validation.positives(),
                seed: self.seed,
                solver: fitted.solver.to_owned(),
                l2: fitted.l2,
                pos_weight,
            },
            validation: metrics,
        };
        Model { head: fitted.head.clone(), facts }
    }
}

impl Side {
    fn positives(&self) -> usize {
        self.labels.iter().filter(|&&label| label).count()
    }
}

impl Photos {
    fn side(&self, features: &FeatureMatrix, split: Split) -> Side {
        self.rows_where(features, |given| given == Some(split))
    }

    fn rows_where(&self, features: &FeatureMatrix, is_in: impl Fn(Option<Split>) -> bool) -> Side {
        let samples = self.samples.iter().enumerate();
        let rows: Vec<usize> = samples.filter(|(_, sample)| is_in(sample.split)).map(|(row, _)| row).collect();
        let pick = |from: &[usize]| rows.iter().filter_map(|&row| from.get(row).copied()).collect();
        let labels = self.labels();
        Side {
            features: features.select(&rows),
            labels: rows.iter().filter_map(|&row| labels.get(row).copied()).collect(),
            groups: pick(&self.groups()),
        }
    }

    fn class_counts(&self) -> Vec<ClassCount> {
        let names = self.classes.names().iter().enumerate();
        names
            .map(|(class, name)| {
                let count = |split| {
                    let is_counted = |sample: &&Sample| sample.class == class && sample.split == Some(split);
                    self.samples.iter().filter(is_counted).count()
                };
                ClassCount {
                    name: name.clone(),
                    positive: self.classes.label(class) == Label::Positive,
                    train: count(Split::Train),
                    validation: count(Split::Validation),
                    test: count(Split::Test),
                }
            })
            .collect()
    }
}

/// Says where byte-identical files carry both labels, or stand on both sides of a split that came with the data.
fn warn_of_copies(photos: &Photos, progress: &dyn Progress) {
    let labels = photos.labels();
    let (mut contradictions, mut leaks) = (0_usize, 0_usize);
    let mut example = None;
    for (index, first) in photos.groups().into_iter().enumerate().filter(|(index, first)| index != first) {
        let pair = (photos.samples.get(index), photos.samples.get(first));
        let (Some(copy), Some(original)) = pair else { continue };
        let contradicts = labels.get(index) != labels.get(first);
        let leaks_here = copy.split != original.split;
        contradictions += usize::from(contradicts);
        leaks += usize::from(leaks_here);
        if contradicts || leaks_here {
            example.get_or_insert_with(|| format!("`{}` is `{}`", copy.path.display(), original.path.display()));
        }
    }
    let example = example.unwrap_or_default();
    if contradictions > 0 {
        progress.warn(&format!("{contradictions} byte-identical files carry both labels, such as: {example}"));
    }
    if leaks > 0 {
        progress.warn(&format!(
            "{leaks} files of one split stand in another too, so the numbers flatter, such as: {example}"
        ));
    }
}
