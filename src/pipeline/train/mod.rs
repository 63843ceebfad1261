//! Photos in, a model file and its numbers out.

mod decide;
mod fit;
mod learning_curve;
mod side;

use std::path::PathBuf;

use super::folds;
use super::memory::COPIES_IN_TRAINING;
use super::photos::{Photos, Reading};
use super::{BackboneOptions, OnUnreadable, PipelineError};
use crate::backbone::Pooling;
use crate::dataset::split::{self, Split};
use crate::dataset::{Label, Sample};
use crate::decision::ThresholdRule;
use crate::features::FeatureMatrix;
use crate::files;
use crate::head::{self, Balance, L2};
use crate::metrics::{self, Bootstrap, Metrics};
use crate::model::{FORMAT_VERSION, Facts, Kept, Model, Training};
use crate::neighbours::Neighbours;
use crate::pixels::{Limits, Preprocess};
use crate::progress::Progress;
use crate::report::{ClassCount, TrainReport};

use decide::Decided;
use fit::{Fitted, OutOfFold};
use side::Side;

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
    /// What becomes of the last map; it decides the head's width.
    pub pooling: Pooling,
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
    /// How the threshold is chosen.
    pub threshold: ThresholdRule,
    /// Whether the training photos' features are kept in the model, so that `predict` can name the nearest.
    pub keep_index: bool,
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

/// Trains a head on the photos of a folder and writes the model.
///
/// # Errors
/// [`PipelineError`]; what was at the output is then as it was.
pub fn train(options: &TrainOptions, progress: &dyn Progress) -> Result<TrainReport, PipelineError> {
    files::check_writable(&options.output)?;
    if let Some(path) = &options.save_split {
        files::check_writable(path)?;
    }
    let mut features = FeatureMatrix::new(options.pooling.width(options.preprocess.crop));
    let mut photos = options.reading().run(&mut features, progress)?;
    let split_given = photos.samples.iter().all(|sample| sample.split.is_some());
    let groups = photos.groups();
    split::assign(&mut photos.samples, &photos.classes, &groups, options.val_fraction, options.seed)?;
    warn_of_copies(&photos, progress);

    let side = |is_in: &dyn Fn(Option<Split>) -> bool| Side::of(&photos, &features, &groups, is_in);
    let training = side(&|split| split == Some(Split::Train));
    let validation = side(&|split| split == Some(Split::Validation));
    let device = photos.target.device;
    let fitted = options.fit(&training, &validation, device, progress)?;
    let decided = decide::decide(options.threshold, fitted.out_of_fold.as_ref(), &training.labels)?;
    let measure = |side: &Side| options.measure(&fitted, &decided, side);
    let validation_metrics = measure(&validation)?;
    let test_metrics = measure(&side(&|split| split == Some(Split::Test)))?;

    let pool = side(&|split| split != Some(Split::Test));
    let out_of_fold = options.pool_out_of_fold(&pool, &fitted, device, progress)?;
    let cross_validation = match &out_of_fold {
        Some(found) => {
            let probabilities = decided.probabilities(&found.logits);
            Some(folds::measure(&found.folds, &pool.labels, &probabilities, decided.threshold)?)
        }
        None => None,
    };
    progress.check()?;
    let delivered = options.deliver(&pool, &training, fitted, decided, out_of_fold.as_ref(), device, progress)?;
    for warning in &delivered.decided.warnings {
        progress.warn(warning);
    }

    let model = options.model(&photos, &delivered, &training, &validation, validation_metrics.clone());
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
        device: photos.device,
        precision: photos.target.precision.to_string(),
        image_size: options.preprocess.crop,
        pooling: options.pooling,
        features_from_cache: photos.extraction.from_cache,
        feature_seconds: photos.seconds,
        images_per_second: photos.images_per_second,
        head: delivered.fitted.description,
        l2: delivered.fitted.settings.l2(),
        pos_weight: model.facts.training.pos_weight,
        calibration: delivered.decided.calibrated,
        threshold_rule: options.threshold.to_string(),
        threshold: delivered.decided.threshold,
        threshold_choice: delivered.decided.choice,
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

/// What goes into the model file.
struct Delivered<'a> {
    fitted: Fitted,
    decided: Decided,
    /// The images that the head was fitted to.
    side: &'a Side,
}

impl TrainOptions {
    fn reading(&self) -> Reading<'_> {
        Reading {
            data: &self.data,
            positive: self.positive.as_deref(),
            model: None,
            preprocess: &self.preprocess,
            pooling: self.pooling,
            copies: COPIES_IN_TRAINING,
            limits: &self.limits,
            on_unreadable: self.on_unreadable,
            backbone: &self.backbone,
            asides: true,
        }
    }

    /// Out-of-fold logits of training and validation images together, where they are wanted and can be had.
    fn pool_out_of_fold(
        &self,
        pool: &Side,
        fitted: &Fitted,
        device: tch::Device,
        progress: &dyn Progress,
    ) -> Result<Option<OutOfFold>, PipelineError> {
        if self.folds < 2 {
            return Ok(None);
        }
        let found = self.out_of_fold(pool, self.folds, &fitted.settings, device, progress)?;
        if found.is_none() {
            progress.note(&format!("no {}-fold cross-validation: a class has fewer images than folds", self.folds));
        }
        Ok(found)
    }

    /// The head of the training images, or with `--refit` one of the same settings on all images, which then decides
    /// by the out-of-fold logits of all.
    #[expect(clippy::too_many_arguments, reason = "each is a stage of the story, used once")]
    fn deliver<'a>(
        &self,
        pool: &'a Side,
        training: &'a Side,
        fitted: Fitted,
        decided: Decided,
        out_of_fold: Option<&OutOfFold>,
        device: tch::Device,
        progress: &dyn Progress,
    ) -> Result<Delivered<'a>, PipelineError> {
        if !self.refit {
            return Ok(Delivered { fitted, decided, side: training });
        }
        let head = self.fit_again(pool, &fitted.settings, device, progress)?;
        let decided = match out_of_fold {
            Some(_) => decide::decide(self.threshold, out_of_fold, &pool.labels)?,
            None => decided,
        };
        Ok(Delivered { fitted: Fitted { head, ..fitted }, decided, side: pool })
    }

    /// Metrics at the threshold; `None` where the side is empty.
    fn measure(&self, fitted: &Fitted, decided: &Decided, side: &Side) -> Result<Option<Metrics>, PipelineError> {
        if side.len() == 0 {
            return Ok(None);
        }
        let probabilities = decided.probabilities(&fitted.head.logits(&side.features)?);
        let bootstrap = Bootstrap { seed: self.seed, ..Bootstrap::default() };
        Ok(Some(metrics::evaluate(&side.labels, &probabilities, decided.threshold, bootstrap)?))
    }

    fn model(
        &self,
        photos: &Photos,
        delivered: &Delivered<'_>,
        training: &Side,
        validation: &Side,
        metrics: Option<Metrics>,
    ) -> Model {
        let Delivered { fitted, decided, side } = delivered;
        let facts = Facts {
            format_version: FORMAT_VERSION,
            created_by: concat!("resnet-binary ", env!("CARGO_PKG_VERSION")).to_owned(),
            classes: photos.classes.names().to_vec(),
            positive: photos.classes.positive_name().to_owned(),
            negative: photos.classes.negative_name().to_owned(),
            threshold: decided.threshold,
            threshold_rule: self.threshold,
            calibration: decided.calibration.clone(),
            preprocess: self.preprocess.clone(),
            pooling: self.pooling,
            weights: photos.weights.clone(),
            training: Training {
                images: training.len(),
                positives: training.positives(),
                validation_images: validation.len(),
                validation_positives: validation.positives(),
                seed: self.seed,
                solver: fitted.settings.solver().to_owned(),
                l2: fitted.settings.l2(),
                pos_weight: head::pos_weight(&side.labels, self.balance),
                refitted: self.refit,
            },
            validation: metrics,
            neighbours: self.keep_index.then(|| photos.kept(&side.rows)),
        };
        let neighbours = self.keep_index.then(|| Neighbours::of(&side.features));
        Model { head: fitted.head.clone(), neighbours, facts }
    }
}

impl Photos {
    /// What the model file says of the photos whose features it keeps.
    fn kept(&self, rows: &[usize]) -> Vec<Kept> {
        let samples = rows.iter().filter_map(|&row| self.samples.get(row));
        let class = |sample: &Sample| self.classes.names().get(sample.class).cloned().unwrap_or_default();
        samples.map(|sample| Kept { path: sample.path.clone(), class: class(sample) }).collect()
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
