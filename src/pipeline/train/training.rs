//! A training from its first photo to its last output.

use std::path::PathBuf;

use super::TrainOptions;
use super::audit::Audited;
use super::certify;
use super::decide::Decided;
use super::fit::Fitted;
use super::measure::Measured;
use super::photo_groups::PhotoGroups;
use super::subset::Subset;
use crate::dataset::Sample;
use crate::dataset::fixes::Fixed;
use crate::dataset::split::Split;
use crate::metrics::Certificate;
use crate::model::Model;
use crate::pipeline::PipelineError;
use crate::pipeline::photos::Photos;
use crate::pipeline::stored::Stored;
use crate::progress::Progress;
use crate::report::html::Warning;
use crate::report::{FewPhotos, TrainReport};

/// What is trained on: all photos, read and divided.
pub(super) struct Training<'a> {
    pub(super) options: &'a TrainOptions,
    pub(super) progress: &'a dyn Progress,
    pub(super) photos: Photos,
    pub(super) photo_groups: PhotoGroups,
    pub(super) fixes: Option<Fixed>,
    /// Whether the split came with the data.
    pub(super) split_given: bool,
    pub(super) training: Subset,
    pub(super) validation: Subset,
    pub(super) test: Subset,
    /// Training and validation together.
    pub(super) pool: Subset,
}

/// What came of it.
pub(super) struct Found<'a> {
    pub(super) fitted: Fitted,
    pub(super) decided: Decided,
    /// Test and validation, as far as there are photos.
    pub(super) measured: Vec<Measured<'a>>,
    pub(super) audited: Audited,
    /// What int8 costs; `None` in any other arithmetic.
    pub(super) certificate: Option<Certificate>,
}

/// Trains a head on the photos of a folder, or on features of them, and writes the model.
///
/// # Errors
/// [`PipelineError`]; what was at the outputs is then as it was.
pub fn train(options: &TrainOptions, progress: &dyn Progress) -> Result<TrainReport, PipelineError> {
    let stored = options.features.as_deref().map(|place| Stored::open(place, progress)).transpose()?;
    let settled = stored.as_ref().map(|stored| stored.train_options(options)).transpose()?;
    let options = settled.as_ref().unwrap_or(options);
    let mut outputs = options.outputs(stored.as_ref())?;
    let training = Training::prepare(options, stored.as_ref(), progress)?;
    let fitted = training.fit()?;
    let decided = training.decide(&fitted)?;
    let measured = training.measure(&fitted, &decided)?;
    let audited = training.audit(&fitted, &decided)?;
    let certificate = training.certify(&fitted, &decided)?;
    let found = Found { fitted, decided, measured, audited, certificate };
    let model = training.deliver(&found)?;
    let model_bytes = training.add_model(&model, &mut outputs)?;
    training.add_tables(&found.audited, &mut outputs)?;
    let report = training.report(&found, &model, model_bytes);
    training.add_page(&found, model, &report, &mut outputs)?;
    outputs.finish(progress)?;
    Ok(report)
}

impl Training<'_> {
    fn report(&self, found: &Found<'_>, model: &Model, model_bytes: u64) -> TrainReport {
        let Self { options, .. } = self;
        let Found { fitted, decided, measured, audited, certificate } = found;
        let warnings = self.warnings(found);
        let of_choice = decided.choice.iter().filter_map(|choice| choice.warning.clone());
        let said = warnings.iter().map(ToString::to_string).chain(of_choice).chain(audited.warnings.iter().cloned());
        let metrics_of =
            |name| measured.iter().find(|measured| measured.name == name).map(|measured| measured.metrics.clone());
        TrainReport {
            data: options.data.clone(),
            classes: self.photos.class_counts(),
            positive: model.facts.positive.clone(),
            negative: model.facts.negative.clone(),
            ignored: self.photos.ignored.clone(),
            noticed: self.photos.extraction.noticed.clone(),
            levels: self.photos.preprocess.levels,
            fixes: self.fixes,
            split_given: self.split_given,
            val_fraction: options.val_fraction.unwrap_or(TrainOptions::VAL_FRACTION),
            seed: options.seed,
            photo_groups: self.photo_groups.report(&self.photos),
            leaks: measured.iter().filter_map(|measured| measured.leak.clone()).collect(),
            weights: model.facts.weights.clone(),
            device: self.photos.device.clone(),
            precision: self.photos.target.precision.to_string(),
            int8: *certificate,
            image_size: options.preprocess.crop,
            pooling: options.pooling,
            features_from_cache: self.photos.extraction.from_cache,
            feature_seconds: self.photos.seconds,
            images_per_second: self.photos.images_per_second,
            head: format!("{}; class weight ({}) {:.3}", fitted.description, model.facts.positive, fitted.pos_weight),
            l2: fitted.settings.l2(),
            pos_weight: model.facts.training.pos_weight,
            calibration: decided.calibrated,
            threshold_rule: options.threshold.to_string(),
            threshold: decided.threshold,
            threshold_choice: decided.choice.clone(),
            threshold_cost: measured
                .first()
                .and_then(|measured| measured.scored().threshold_cost(options.threshold, measured.name)),
            cross_validation: audited.cross_validation.clone(),
            refitted: options.refit,
            fitted_images: self.delivered().len(),
            validation: metrics_of("validation"),
            test: metrics_of("test"),
            label_errors: audited.label_errors.clone(),
            shortcuts: audited.shortcuts.clone(),
            few_photos: FewPhotos::new(self.class_groups()),
            warnings: said.collect(),
            model_bytes,
            model: options.output.clone(),
            label_table: options.label_errors.clone(),
            page: options.page.as_ref().map(|page| page.path.clone()),
            example: self.unseen(),
            unreadable: self.photos.unreadable.clone(),
        }
    }

    /// What to know of the numbers: a class that is missed, what was said when the threshold was chosen, what int8 costs.
    pub(super) fn warnings(&self, found: &Found<'_>) -> Vec<Warning> {
        let Found { decided, measured, certificate, .. } = found;
        let missed = measured.iter().filter(|_| !decided.misses_a_class);
        let missed = missed.filter_map(|measured| measured.missed(self, decided));
        missed.chain(decided.warnings.iter().cloned()).chain(certificate.as_ref().and_then(certify::warning)).collect()
    }

    /// A photo to try the model on that its head was not fitted to; any, where there is none.
    fn unseen(&self) -> Option<PathBuf> {
        let is_unseen = |sample: &&Sample| match sample.split {
            Some(Split::Test) => true,
            Some(Split::Validation) => !self.options.refit,
            _ => false,
        };
        let sample = self.photos.samples.iter().find(is_unseen).or(self.photos.samples.first());
        sample.map(|sample| sample.path.clone())
    }
}
