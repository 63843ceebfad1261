//! Photos in, one answer each out, in input order, as they arrive.

use std::ops::ControlFlow;
use std::path::PathBuf;

use super::{Arguments, BackboneOptions, Extractor, OnUnreadable, PipelineError};
use crate::features::{FeatureError, Photo};
use crate::head::{self, HeadError};
use crate::model::Model;
use crate::pixels::Limits;
use crate::progress::{Progress, Unit};

/// What `predict` needs to know.
#[derive(Debug, Clone)]
pub struct PredictOptions {
    /// The model file.
    pub model: PathBuf,
    /// Replaces the model's threshold.
    pub threshold: Option<f64>,
    /// What a single file may cost.
    pub limits: Limits,
    /// What to do about a photo that cannot be read.
    pub on_unreadable: OnUnreadable,
    /// The backbone; its weights default to the model's own.
    pub backbone: BackboneOptions,
}

/// What came of one input.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The photo.
    pub path: PathBuf,
    /// The answer, or why there is none.
    pub outcome: Result<Answer, String>,
}

/// The answer for one photo.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The class that it was given.
    pub label: String,
    /// The class whose probability this is.
    pub positive: String,
    /// The other class.
    pub negative: String,
    /// Probability of the positive class.
    pub probability: f64,
    /// The head's output before the sigmoid.
    pub logit: f64,
}

/// Gives every input's prediction to `sink`, which ends the work quietly by breaking; returns how many were unreadable.
///
/// # Errors
/// [`PipelineError`] if the model or its weights are missing or do not fit, before the first photo is read.
pub fn predict(
    options: &PredictOptions,
    inputs: &mut Arguments,
    progress: &dyn Progress,
    sink: &mut dyn FnMut(Prediction) -> ControlFlow<()>,
) -> Result<usize, PipelineError> {
    let model = Model::read(&options.model)?;
    let cache = options.backbone.open_cache(progress);
    let backbone = options.backbone.open_for(&options.model, &model, cache.as_ref(), progress)?;
    let count = inputs.count();
    let extractor = Extractor {
        backbone: &backbone,
        preprocess: &model.facts.preprocess,
        limits: &options.limits,
        workload: options.backbone.workload(backbone.target().device, count),
        cache: cache.as_ref(),
    };
    let threshold = options.threshold.unwrap_or(model.facts.threshold);
    let (mut seen, mut unreadable) = (0_usize, 0_usize);
    let mut failure: Option<PipelineError> = None;
    progress.start("predicting", Unit::Images, count.map(|count| count as u64));
    let streamed = extractor.stream(inputs, progress, &mut |path, outcome| {
        seen += 1;
        if let (Err(error), OnUnreadable::Fail) = (&outcome, options.on_unreadable) {
            failure = Some(FeatureError::Unreadable { path, reason: error.reason() }.into());
            return ControlFlow::Break(());
        }
        let outcome = match outcome.map(|photo| answer(&model, threshold, &photo)) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                failure = Some(error.into());
                return ControlFlow::Break(());
            }
            Err(error) => Err(error.reason()),
        };
        unreadable += usize::from(outcome.is_err());
        sink(Prediction { path, outcome })
    });
    progress.finish();
    match failure {
        Some(error) => return Err(error),
        None => streamed?,
    }
    progress.check()?;
    if seen == 0 {
        return Err(PipelineError::NoInputs("what was given".to_owned()));
    }
    Ok(unreadable)
}

fn answer(model: &Model, threshold: f64, photo: &Photo) -> Result<Answer, HeadError> {
    let logit = model.head.logit(&photo.features)?;
    let probability = head::probability(logit);
    let facts = &model.facts;
    let label = if probability >= threshold { &facts.positive } else { &facts.negative };
    let (label, positive, negative) = (label.clone(), facts.positive.clone(), facts.negative.clone());
    Ok(Answer { label, positive, negative, probability, logit })
}
