//! Photos in, one answer each out, in input order, as they arrive.

use std::ops::ControlFlow;
use std::path::PathBuf;

use super::levels::{self, Remedy};
use super::maps::{Maps, PHOTO};
use super::outputs::{Inputs, weights_file};
use super::sorted::{Sorted, UNREADABLE};
use super::{Arguments, BackboneOptions, MapOutput, MaxUnreadable, OnUnreadable, PipelineError};
use crate::backbone::{ActivationMap, Linear, Readout};
use crate::decision::{self, Decision, Review};
use crate::features::{Extractor, FeatureError, Noticed, Photo};
use crate::files::escaped;
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
    /// Between which probabilities a person should look.
    pub review: Option<Review>,
    /// How many training photos to name for each photo, of those that the model remembers.
    pub explain: Option<usize>,
    /// Where the class activation maps go, if they are wanted.
    pub cam: Option<MapOutput>,
    /// A new folder for links to the photos, sorted by answer, if it is wanted.
    pub sort: Option<PathBuf>,
    /// What a single file may cost.
    pub limits: Limits,
    /// What to do about a photo that cannot be read.
    pub on_unreadable: OnUnreadable,
    /// How many such photos there may be; more are an error, once all are answered.
    pub max_unreadable: Option<MaxUnreadable>,
    /// The backbone; its weights default to the model's own.
    pub backbone: BackboneOptions,
}

impl PredictOptions {
    /// Answers with a model file by the threshold that it holds, and nothing besides.
    pub fn new(model: impl Into<PathBuf>) -> Self {
        Self {
            model: model.into(),
            threshold: None,
            review: None,
            explain: None,
            cam: None,
            sort: None,
            limits: Limits::default(),
            on_unreadable: OnUnreadable::default(),
            max_unreadable: None,
            backbone: BackboneOptions::default(),
        }
    }
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
    /// The class that it was given, or that a person should look.
    pub label: Verdict,
    /// The class whose probability this is.
    pub positive: String,
    /// The other class.
    pub negative: String,
    /// Probability of the positive class.
    pub probability: f64,
    /// The head's output, before the calibration.
    pub logit: f64,
    /// A probability of at least this is the positive class.
    pub threshold: f64,
    /// Pages or frames of the file, of which the first was looked at.
    pub pages: usize,
    /// Whether it is unlike the training photos; `None` where the model does not know.
    pub unfamiliar: Option<bool>,
    /// The training photos most like it, most alike first; `None` unless asked for.
    pub nearest: Option<Vec<Similar>>,
    /// The class activation map, if it is wanted.
    pub cam: Option<Cam>,
    /// Whether the model was trained on it: the answer then says nothing about new photos.
    pub trained_on: bool,
}

/// What a photo is answered to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A class, by name.
    Class(String),
    /// A person should look.
    Review,
}

impl Verdict {
    /// The word for a `label` column; no class is called `review`.
    pub fn word(&self) -> &str {
        match self {
            Self::Class(name) => name,
            Self::Review => "review",
        }
    }
}

/// A training photo that looks like another to the network.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Similar {
    /// Where it lay at training.
    #[serde(with = "escaped")]
    pub path: PathBuf,
    /// What it was said to show.
    pub class: String,
    /// Cosine of the angle between the features, 1 for the same photo.
    pub similarity: f64,
}

/// A class activation map and its picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Cam {
    /// The picture.
    pub path: PathBuf,
    /// The numbers.
    pub map: ActivationMap,
}

/// Gives every input's prediction to `sink`, which ends the work quietly by breaking: a folder of `--sort` is not made then.
/// Returns how many were unreadable.
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
    let decision = Decision::new(options.threshold.unwrap_or(model.facts.threshold), options.review)?;
    if let Some(few) = model.facts.few_photos() {
        progress.warn(&few);
    }
    if !decision.is_even() {
        let (positive, threshold) = (&model.facts.positive, decision.threshold());
        progress.note(&format!("the answer is `{positive}` if the probability is at least {threshold:.4}"));
    }
    let cache = options.backbone.open_cache(progress);
    let backbone = options.backbone.open_for(&options.model, &model, cache.as_ref(), progress)?;
    let mut maps =
        options.cam.as_ref().map(|output| Maps::new(output, &model.facts, options.inputs(inputs))).transpose()?;
    let mut sorted = options.sort.as_ref().map(|folder| Sorted::new(folder, &options.inputs(inputs))).transpose()?;
    let (count, may_be_empty) = (inputs.count(), inputs.may_be_empty());
    let head = Linear { weight: &model.head.weight, bias: model.head.bias };
    let extractor = Extractor {
        backbone: &backbone,
        preprocess: &model.facts.preprocess,
        limits: &options.limits,
        workload: options.backbone.workload(backbone.target().device, count),
        cache: cache.as_ref(),
        facts: false,
        border: false,
        readout: Readout { pooling: model.facts.pooling, explain: maps.is_some().then_some(head) },
    };
    let (mut seen, mut unreadable, mut trained_on, mut first) = (0_usize, 0_usize, 0_usize, None);
    let mut is_whole = true;
    let (mut noticed, levels) = (Noticed::default(), model.facts.preprocess.levels);
    let mut failure: Option<PipelineError> = None;
    progress.start("predicting", Unit::Images, count.map(|count| count as u64));
    let streamed = extractor.stream(inputs, progress, &mut |path, outcome| {
        seen += 1;
        if let (Err(error), OnUnreadable::Fail) = (&outcome, options.on_unreadable) {
            failure = Some(FeatureError::Unreadable { path, reason: error.reason() }.into());
            return ControlFlow::Break(());
        }
        let answered = outcome.map(|photo| {
            noticed.add(&photo, levels);
            let mut answer = answer(&model, &decision, options.explain, &photo)?;
            if let (Some(maps), Some(explained)) = (maps.as_mut(), &photo.explained) {
                answer.cam = Some(Cam { path: maps.write(&path, explained, &answer)?, map: explained.map.clone() });
            }
            Ok(answer)
        });
        let outcome = match answered {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                failure = Some(error);
                return ControlFlow::Break(());
            }
            Err(error) => Err(error.reason()),
        };
        if let Err(reason) = &outcome {
            unreadable += 1;
            first.get_or_insert_with(|| format!("`{}`: {reason}", path.display()));
        }
        let answer = outcome.as_ref().map_or(UNREADABLE, |answer| answer.label.word());
        if let Some(error) = sorted.as_mut().and_then(|sorted| sorted.add(&path, answer).err()) {
            failure = Some(error.into());
            return ControlFlow::Break(());
        }
        trained_on += usize::from(outcome.as_ref().is_ok_and(|answer| answer.trained_on));
        let flow = sink(Prediction { path, outcome });
        is_whole = flow.is_continue();
        flow
    });
    progress.finish();
    match failure {
        Some(error) => return Err(error),
        None => streamed?,
    }
    let ignored = match inputs.no_photos() {
        0 => None,
        1 => Some("1 file is not a photo and was ignored".to_owned()),
        count => Some(format!("{count} files are not photos and were ignored")),
    };
    progress.check()?;
    if seen == 0 && !may_be_empty {
        let beside = ignored.map(|files| format!("; {files}")).unwrap_or_default();
        return Err(PipelineError::NoInputs(format!("what was given{beside}")));
    }
    if let (Some(limit), Some(first)) = (options.max_unreadable, first) {
        limit.check_count(unreadable, seen, first)?;
    }
    if let Some(sorted) = sorted.filter(|_| is_whole) {
        sorted.finish()?;
    }
    levels::say(&noticed, levels, Remedy::TrainAgain, progress);
    if let Some(files) = ignored {
        progress.note(&files);
    }
    if trained_on > 0 {
        progress.warn(&memory_of_training(trained_on, seen));
    }
    Ok(unreadable)
}

/// What answers on training photos are not.
fn memory_of_training(trained_on: usize, all: usize) -> String {
    match (trained_on, all) {
        (1, 1) => "this photo was used for training: its answer says nothing about new photos".to_owned(),
        (1, _) => format!("1 of these {all} photos was used for training: its answer says nothing about new photos"),
        _ => format!(
            "{trained_on} of these {all} photos were used for training: their answers say nothing about new photos"
        ),
    }
}

impl PredictOptions {
    /// What no map may be written over.
    fn inputs(&self, photos: &Arguments) -> Inputs {
        let model = ("the model", self.model.as_path());
        let photos = photos.paths().map(|path| (PHOTO, path));
        Inputs::new(photos.chain([model]).chain(weights_file(self.backbone.weights.as_ref())))
    }
}

fn answer(model: &Model, decision: &Decision, explain: Option<usize>, photo: &Photo) -> Result<Answer, PipelineError> {
    let (logit, probability) = model.score(&photo.features)?;
    let facts = &model.facts;
    let label = match decision.answer(probability) {
        decision::Answer::Positive => Verdict::Class(facts.positive.clone()),
        decision::Answer::Negative => Verdict::Class(facts.negative.clone()),
        decision::Answer::Review => Verdict::Review,
    };
    let nearest = explain.map(|count| {
        let similar = model.nearest(&photo.features, count).into_iter();
        similar
            .map(|(kept, similarity)| Similar { path: kept.path.clone(), class: kept.class.clone(), similarity })
            .collect()
    });
    let (positive, negative) = (facts.positive.clone(), facts.negative.clone());
    Ok(Answer {
        label,
        positive,
        negative,
        probability,
        logit,
        threshold: decision.threshold(),
        pages: photo.pages,
        unfamiliar: model.is_unfamiliar(&photo.features),
        nearest,
        cam: None,
        trained_on: model.trained_on.has(&photo.hash),
    })
}
