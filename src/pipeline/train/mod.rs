//! Photos in, a model file and its numbers out.
//!
//! [`prepare`] reads the photos and divides them, [`fit`] and [`decide`] make head and decision from the training side,
//! [`measure`] takes the numbers on what neither saw, [`audit`] asks what could make them flatter, [`model`] writes the
//! file, and [`page`] shows it all.

mod audit;
mod decide;
mod fit;
mod learning_curve;
mod measure;
mod model;
mod page;
mod photo_groups;
mod prepare;
mod subset;

use std::path::PathBuf;

use super::outputs::{Inputs, Output, Outputs, weights_file};
use super::photos::Photos;
use super::{BackboneOptions, OnUnreadable, PageOptions, PipelineError};
use crate::audit::GroupBy;
use crate::backbone::Pooling;
use crate::dataset::split::{self, Split};
use crate::dataset::{ReadOptions, Sample, fixes};
use crate::decision::ThresholdRule;
use crate::head::{Balance, L2};
use crate::model::{self as model_file, Model};
use crate::pixels::{Limits, Preprocess};
use crate::progress::Progress;
use crate::report::html::Warning;
use crate::report::{FewPhotos, TrainReport, html};
use crate::weights::WeightsSource;

use measure::Measured;
use page::Material;
use prepare::Prepared;

/// What `train` needs to know.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// Folder or CSV.
    pub data: PathBuf,
    /// How it is to be read.
    pub read_options: ReadOptions,
    /// The positive class, where it is not the second by name.
    pub positive: Option<String>,
    /// The model file.
    pub output: PathBuf,
    /// Share of the images kept for validation, where the data has no split; `None` for
    /// [`TrainOptions::VAL_FRACTION`].
    pub val_fraction: Option<f64>,
    /// Seed of the split and of the solver.
    pub seed: u64,
    /// Where to write the split that was used.
    pub save_split: Option<PathBuf>,
    /// What of a photo's path says which photos belong together.
    pub group_by: Option<GroupBy>,
    /// Corrections on top of the labels.
    pub fixes: Option<PathBuf>,
    /// Where to write the photos whose label is doubtful.
    pub label_errors: Option<PathBuf>,
    /// Where to write the page.
    pub page: Option<PageOptions>,
    /// Bytes to crops.
    pub preprocess: Preprocess,
    /// Whether its levels of 16-bit samples are chosen by the photos that are trained on.
    pub auto_levels: bool,
    /// What becomes of the last map; it decides the head's width.
    pub pooling: Pooling,
    /// What a single file may cost.
    pub limits: Limits,
    /// What to do about a photo that cannot be read.
    pub on_unreadable: OnUnreadable,
    /// The backbone.
    pub backbone: BackboneOptions,
    /// Whether the weights go into the model file too.
    pub bundle: bool,
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
}

/// How the head is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SolverChoice {
    /// To the optimum of the regularised problem.
    Exact {
        /// Strength of the penalty.
        l2: L2,
    },
    /// AdamW in mini-batches, stopped early by a part of the training photos.
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
/// [`PipelineError`]; what was at the outputs is then as it was.
pub fn train(options: &TrainOptions, progress: &dyn Progress) -> Result<TrainReport, PipelineError> {
    let mut outputs = options.outputs()?;
    let prepared = options.prepare(progress)?;
    let Prepared { photos, training, validation, test, pool, .. } = &prepared;
    let device = photos.target.device;

    let fitted = options.fit(training, device, progress)?;
    let decided = decide::decide(options.threshold, fitted.out_of_fold.as_ref(), training, fitted.pos_weight)?;
    let measured = [("validation", validation), ("test", test)]
        .into_iter()
        .filter(|(_, side)| side.len() > 0)
        .map(|(name, side)| options.measure(name, side, &fitted, &decided))
        .collect::<Result<Vec<_>, _>>()?;
    let leaks = measured.iter().map(|measured| options.leak(measured, &prepared)).collect::<Result<Vec<_>, _>>()?;

    let out_of_fold = options.pool_out_of_fold(pool, &fitted, device, progress)?;
    let cross_validation = out_of_fold.as_ref().map(|found| measure::folds(found, pool, &decided)).transpose()?;
    let audited = options.audit(&prepared, out_of_fold.as_ref(), &decided, progress)?;
    progress.check()?;
    let missed = |measured: &Measured<'_>| measured.missed(&prepared, &decided);
    let missed: Vec<Warning> = measured.iter().filter(|_| !decided.misses_a_class).filter_map(missed).collect();

    let delivered = options.deliver(&prepared, &fitted, progress)?;
    let fitted_images = delivered.1.len();
    let metrics = measured.first().map(|measured| measured.metrics.clone());
    let model = options.model(&prepared, &fitted, &decided, delivered, metrics);
    let warnings: Vec<Warning> = missed.into_iter().chain(decided.warnings.iter().cloned()).collect();
    let of_choice = decided.choice.iter().filter_map(|choice| choice.warning.clone());
    let said = warnings.iter().map(ToString::to_string).chain(of_choice).chain(audited.warnings.iter().cloned());
    let said: Vec<String> = said.collect();
    let backbone = if options.bundle { options.backbone.weights_bytes(&photos.weights)? } else { None };
    let bytes = Model { backbone, ..model.clone() }.to_bytes(&options.output)?;
    outputs.add(&options.output, |file| file.write_all(&bytes))?;
    options.add_tables(&prepared, &audited, &mut outputs)?;
    let metrics_of =
        |name| measured.iter().find(|measured| measured.name == name).map(|measured| measured.metrics.clone());
    let report = TrainReport {
        data: options.data.clone(),
        classes: photos.class_counts(),
        positive: model.facts.positive.clone(),
        negative: model.facts.negative.clone(),
        ignored: photos.ignored.clone(),
        noticed: photos.extraction.noticed.clone(),
        levels: photos.preprocess.levels,
        fixes: prepared.fixes,
        split_given: prepared.split_given,
        val_fraction: options.val_fraction.unwrap_or(TrainOptions::VAL_FRACTION),
        seed: options.seed,
        photo_groups: prepared.photo_groups.report(photos),
        leaks: leaks.into_iter().flatten().collect(),
        weights: model.facts.weights.clone(),
        device: photos.device.clone(),
        precision: photos.target.precision.to_string(),
        image_size: options.preprocess.crop,
        pooling: options.pooling,
        features_from_cache: photos.extraction.from_cache,
        feature_seconds: photos.seconds,
        images_per_second: photos.images_per_second,
        head: format!("{}; class weight ({}) {:.3}", fitted.description, model.facts.positive, fitted.pos_weight),
        l2: fitted.settings.l2(),
        pos_weight: model.facts.training.pos_weight,
        calibration: decided.calibrated,
        threshold_rule: options.threshold.to_string(),
        threshold: decided.threshold,
        threshold_choice: decided.choice.clone(),
        cross_validation,
        refitted: options.refit,
        fitted_images,
        validation: metrics_of("validation"),
        test: metrics_of("test"),
        label_errors: audited.label_errors,
        shortcuts: audited.shortcuts,
        few_photos: FewPhotos::new(prepared.class_groups()),
        warnings: said,
        model_bytes: bytes.len() as u64,
        model: options.output.clone(),
        label_table: options.label_errors.clone(),
        page: options.page.as_ref().map(|page| page.path.clone()),
        example: options.unseen(photos),
        unreadable: photos.unreadable.clone(),
    };
    // The page shows what was measured: with `--refit`, the head before it.
    let model = Model { head: fitted.head.clone(), ..model };
    let material =
        Material { prepared: &prepared, model: &model, report: &report, measured: &measured, warnings: &warnings };
    if let Some(page) = &options.page {
        let html = options.page(page, &material, out_of_fold.as_ref(), progress)?;
        outputs.add(&page.path, |file| file.write_all(html.as_bytes()))?;
    }
    outputs.finish(progress)?;
    Ok(report)
}

impl TrainOptions {
    /// Share of the images that are kept for validation where the data has no split.
    pub const VAL_FRACTION: f64 = 0.2;
    /// Folds of the cross-validation that is reported.
    pub const FOLDS: usize = 5;

    /// Trains on a folder or CSV and writes the model to `output`, everything else as the command line does by default:
    /// torchvision's ResNet-50, average pooling, the exact solver, a threshold of 0.5, seed 0.
    pub fn new(data: impl Into<PathBuf>, output: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            read_options: ReadOptions::default(),
            positive: None,
            output: output.into(),
            val_fraction: None,
            seed: 0,
            save_split: None,
            group_by: None,
            fixes: None,
            label_errors: None,
            page: None,
            preprocess: Preprocess::default(),
            auto_levels: false,
            pooling: Pooling::Average,
            limits: Limits::default(),
            on_unreadable: OnUnreadable::default(),
            backbone: BackboneOptions { weights: Some(WeightsSource::default()), ..BackboneOptions::default() },
            bundle: false,
            balance: Balance::Auto,
            solver: SolverChoice::Exact { l2: L2::Auto },
            folds: Self::FOLDS,
            refit: false,
            threshold: ThresholdRule::default(),
        }
    }

    /// A photo to try the model on that its head was not fitted to; any, where there is none.
    fn unseen(&self, photos: &Photos) -> Option<PathBuf> {
        let is_unseen = |sample: &&Sample| match sample.split {
            Some(Split::Test) => true,
            Some(Split::Validation) => !self.refit,
            _ => false,
        };
        let sample = photos.samples.iter().find(is_unseen).or(photos.samples.first());
        sample.map(|sample| sample.path.clone())
    }

    /// Every file that is written, and what it may not be written over.
    fn outputs(&self) -> Result<Outputs<'_>, PipelineError> {
        let output = |option, path, kind| Output { option, path, kind };
        let page = self.page.as_ref().map(|page| output("--report", &page.path, html::KIND));
        let split = self.save_split.as_ref().map(|path| output("--save-split", path, split::KIND));
        let label_errors = self.label_errors.as_ref().map(|path| output("--label-errors", path, fixes::KIND));
        let all = [output("--output", &self.output, model_file::KIND)]
            .into_iter()
            .chain(split)
            .chain(label_errors)
            .chain(page);
        let fixes = self.fixes.as_ref().map(|path| ("the table of `--fixes`", path.as_path()));
        let given = [("the table of `--data`", self.data.as_path())].into_iter().chain(fixes);
        Outputs::new(all.collect(), Inputs::new(given.chain(weights_file(self.backbone.weights.as_ref()))))
    }
}
