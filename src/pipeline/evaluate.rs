//! Photos and a model in, its numbers on them out.

use std::path::PathBuf;

use super::memory::COPIES_IN_EVALUATION;
use super::photos::{Photos, Reading};
use super::{BackboneOptions, OnUnreadable, PipelineError};
use crate::dataset::split::Split;
use crate::features::FeatureMatrix;
use crate::metrics::{self, Bootstrap};
use crate::model::Model;
use crate::pixels::Limits;
use crate::progress::Progress;
use crate::report::EvaluateReport;

/// What `evaluate` needs to know.
#[derive(Debug, Clone)]
pub struct EvaluateOptions {
    /// Folder or CSV.
    pub data: PathBuf,
    /// The model file.
    pub model: PathBuf,
    /// Replaces the model's threshold.
    pub threshold: Option<f64>,
    /// The images to measure; `None` for the test images where there are any, else the validation images, else all.
    pub split: Option<Split>,
    /// Seed of the bootstrap intervals.
    pub seed: u64,
    /// What a single file may cost.
    pub limits: Limits,
    /// What to do about a photo that cannot be read.
    pub on_unreadable: OnUnreadable,
    /// The backbone; its weights default to the model's own.
    pub backbone: BackboneOptions,
}

/// Measures a model on labelled photos that it was not trained on.
///
/// # Errors
/// [`PipelineError`] if the data does not hold the model's classes, or nothing can be measured.
pub fn evaluate(options: &EvaluateOptions, progress: &dyn Progress) -> Result<EvaluateReport, PipelineError> {
    let model = Model::read(&options.model)?;
    let mut features = FeatureMatrix::new(model.head.weight.len());
    let reading = Reading {
        data: &options.data,
        positive: None,
        model: Some((&options.model, &model)),
        preprocess: &model.facts.preprocess,
        pooling: model.facts.pooling,
        copies: COPIES_IN_EVALUATION,
        limits: &options.limits,
        on_unreadable: options.on_unreadable,
        backbone: &options.backbone,
        asides: true,
    };
    let photos = reading.run(&mut features, progress)?;
    let split = options.split.or_else(|| photos.most_independent());
    let rows = photos.rows_of(split);
    if rows.is_empty() {
        let what = split.map_or("what was given".to_owned(), |split| format!("the {split} split"));
        return Err(PipelineError::NoInputs(what));
    }
    let all_labels = photos.labels();
    let labels: Vec<bool> = rows.iter().filter_map(|&row| all_labels.get(row).copied()).collect();
    let logits = model.head.logits(&features.select(&rows))?;
    let probabilities: Vec<f64> = logits.iter().map(|&logit| model.facts.calibration.apply(logit)).collect();
    let threshold = options.threshold.unwrap_or(model.facts.threshold);
    let bootstrap = Bootstrap { seed: options.seed, ..Bootstrap::default() };
    let metrics = metrics::evaluate(&labels, &probabilities, threshold, bootstrap)?;
    Ok(EvaluateReport {
        data: options.data.clone(),
        model: options.model.clone(),
        positive: model.facts.positive,
        negative: model.facts.negative,
        split: split.map(|split| split.to_string()),
        metrics,
        features_from_cache: photos.extraction.from_cache,
        unreadable: photos.unreadable,
    })
}

impl Photos {
    /// The split that says most about photos to come.
    fn most_independent(&self) -> Option<Split> {
        let has = |split| self.samples.iter().any(|sample| sample.split == Some(split));
        [Split::Test, Split::Validation].into_iter().find(|&split| has(split))
    }

    /// The rows of a split, or all.
    pub(super) fn rows_of(&self, split: Option<Split>) -> Vec<usize> {
        let is_in = |row: &usize| split.is_none() || self.samples.get(*row).is_some_and(|sample| sample.split == split);
        (0..self.samples.len()).filter(is_in).collect()
    }
}
