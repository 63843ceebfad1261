//! All that a training found, and the report of it.

use std::path::PathBuf;

use super::TrainOptions;
use super::audit::Audited;
use super::certify;
use super::decide::Decided;
use super::fit::Fitted;
use super::measure::Measured;
use super::training::Training;
use crate::dataset::Sample;
use crate::dataset::split::Split;
use crate::metrics::Certificate;
use crate::model::Model;
use crate::report::html::Warning;
use crate::report::{FewPhotos, TrainReport};

/// What came of the steps of a training.
pub(super) struct Found<'a> {
    pub(super) fitted: Fitted,
    pub(super) decided: Decided,
    /// Test and validation, as far as there are photos.
    pub(super) measured: Vec<Measured<'a>>,
    pub(super) audited: Audited,
    /// What int8 costs; `None` in any other arithmetic.
    pub(super) certificate: Option<Certificate>,
}

impl Training<'_> {
    /// The report of what was found, with the model that it is delivered in.
    pub(super) fn report(&self, found: &Found<'_>, model: &Model, model_bytes: u64) -> TrainReport {
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
