//! Photos and a model in, its numbers on them out.

use std::path::{Path, PathBuf};

use super::copies::Copies;
use super::levels::Remedy;
use super::memory::COPIES_IN_EVALUATION;
use super::outputs::{Inputs, Output, Outputs, weights_file};
use super::photos::{Photos, Reading};
use super::scored::{self, ScoredSubset, warning_of_few};
use super::stored::{Stored, Wanted};
use super::thumbnails::Thumbnails;
use super::{BackboneOptions, OnUnreadable, PageOptions, PipelineError};
use crate::dataset::split::Split;
use crate::dataset::{ClassMap, ReadOptions};
use crate::decision::ThresholdRule;
use crate::features::FeatureMatrix;
use crate::metrics::{self, Bootstrap, Scores};
use crate::model::Model;
use crate::pixels::Limits;
use crate::progress::Progress;
use crate::report::html::{self, Data, Decision, Network, Page, Seen, Unfamiliar};
use crate::report::{EvaluateReport, FewPhotos};

/// What `evaluate` needs to know.
#[derive(Debug, Clone)]
pub struct EvaluateOptions {
    /// Folder or CSV; not looked at where there are features.
    pub data: PathBuf,
    /// Rows that `extract` made, in place of photos: a folder of shards, a pattern such as `DIR/*.safetensors`, or one file.
    pub features: Option<PathBuf>,
    /// How it is to be read.
    pub read_options: ReadOptions,
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
    /// Where to write the page.
    pub page: Option<PageOptions>,
    /// The backbone; its weights default to the model's own.
    pub backbone: BackboneOptions,
}

impl EvaluateOptions {
    /// Measures a model file on a folder or CSV by the threshold that it holds: on the test photos where there are any,
    /// else the validation photos, else all.
    pub fn new(data: impl Into<PathBuf>, model: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            features: None,
            read_options: ReadOptions::default(),
            model: model.into(),
            threshold: None,
            split: None,
            seed: 0,
            limits: Limits::default(),
            on_unreadable: OnUnreadable::default(),
            page: None,
            backbone: BackboneOptions::default(),
        }
    }
}

/// What numbers on training photos are not.
const ONLY_TRAINED_ON: &str = "all of these photos were trained on: the numbers say how well the model remembers them, and \
                               nothing about new photos";

/// Measures a model on labelled photos that it was not trained on, known by their content; where there are none but such
/// that it was trained on, on those, and says so.
///
/// # Errors
/// [`PipelineError`] if the data does not hold the model's classes, or nothing can be measured.
pub fn evaluate(options: &EvaluateOptions, progress: &dyn Progress) -> Result<EvaluateReport, PipelineError> {
    let page = options.page.as_ref().map(|page| Output { option: "--report", path: &page.path, kind: html::KIND });
    let given =
        [("the table of `--data`", options.data.as_path()), ("the model of `--model`", options.model.as_path())];
    let inputs = Inputs::new(given.into_iter().chain(weights_file(options.backbone.weights.as_ref())));
    let mut outputs = Outputs::new(page.into_iter().collect(), inputs)?;
    let model = Model::read(&options.model)?;
    let (photos, features) = match options.features.as_deref() {
        None => {
            let mut features = FeatureMatrix::new(model.head.weight.len());
            (options.reading(&model).run(&mut features, progress)?, features)
        }
        Some(place) => options.stored(place, &model, progress)?,
    };
    let split = options.split.or_else(|| photos.most_independent());
    let asked_for = photos.rows_of(split);
    if asked_for.is_empty() {
        let what = split.map_or("what was given".to_owned(), |split| format!("the {split} split"));
        return Err(PipelineError::NoInputs(what));
    }
    let was_trained_on =
        |row: &usize| photos.extraction.hashes.get(*row).is_some_and(|hash| model.trained_on.has(hash));
    let (known, new): (Vec<usize>, Vec<usize>) = asked_for.into_iter().partition(was_trained_on);
    let trained_on = known.len();
    // On photos that it was trained on a model is right for another reason; where there are no others, that is said.
    let only_trained_on = new.is_empty();
    let rows = if only_trained_on { known } else { new };
    let all_labels = photos.labels();
    let labels: Vec<bool> = rows.iter().filter_map(|&row| all_labels.get(row).copied()).collect();
    let all_groups = Copies::find(&photos, &features).groups;
    let groups: Vec<usize> = rows.iter().filter_map(|&row| all_groups.get(row).copied()).collect();
    let features = features.select(&rows);
    let logits = model.head.logits(&features)?;
    let probabilities: Vec<f64> = logits.iter().map(|&logit| model.facts.calibration.apply(logit)).collect();
    let threshold = options.threshold.unwrap_or(model.facts.threshold);
    let bootstrap = Bootstrap { seed: options.seed, ..Bootstrap::default() };
    let scores = Scores::new(&labels, &probabilities)?.in_groups(&groups)?;
    let metrics = metrics::evaluate(&scores, threshold, bootstrap)?;
    let [negatives, positives] = metrics.groups;
    let few_photos = FewPhotos::new([
        (&model.facts.negative, metrics.count - metrics.positives, negatives),
        (&model.facts.positive, metrics.positives, positives),
    ]);
    let scored = ScoredSubset {
        rows: &rows,
        labels: &labels,
        groups: &groups,
        probabilities: &probabilities,
        metrics: &metrics,
    };
    let rule = options.rule(&model);
    let report = EvaluateReport {
        data: options.source().to_path_buf(),
        model: options.model.clone(),
        positive: model.facts.positive.clone(),
        negative: model.facts.negative.clone(),
        split: split.map(|split| split.to_string()),
        trained_on,
        only_trained_on,
        noticed: photos.extraction.noticed.clone(),
        unfamiliar: model.unfamiliar_among(&features),
        threshold_cost: scored.threshold_cost(rule, "measured"),
        metrics: metrics.clone(),
        few_photos,
        features_from_cache: photos.extraction.from_cache,
        page: options.page.as_ref().map(|page| page.path.clone()),
        unreadable: photos.unreadable.clone(),
    };
    if only_trained_on {
        progress.warn(ONLY_TRAINED_ON);
    }
    if let Some(page) = &options.page {
        let html = options.page(page, &photos, &model, &report, &scored, progress)?;
        outputs.add(&page.path, |file| file.write_all(html.as_bytes()))?;
    }
    outputs.finish(progress)?;
    Ok(report)
}

impl EvaluateOptions {
    /// What chose the threshold.
    fn rule(&self, model: &Model) -> ThresholdRule {
        self.threshold.map_or(model.facts.threshold_rule, ThresholdRule::Fixed)
    }

    /// Where the photos or their features are.
    fn source(&self) -> &Path {
        self.features.as_ref().unwrap_or(&self.data)
    }

    /// The photos whose rows are at `place`, and the rows.
    fn stored(
        &self,
        place: &Path,
        model: &Model,
        progress: &dyn Progress,
    ) -> Result<(Photos, FeatureMatrix), PipelineError> {
        let stored = Stored::open(place, progress)?;
        stored.check(&self.model, model)?;
        let wanted = Wanted {
            classes: ClassMap::new(&model.facts.classes, &model.facts.positive)?,
            fixes: &[],
            group_by: None,
            copies: COPIES_IN_EVALUATION,
            device: self.backbone.device,
            remedy: Remedy::TrainAgain,
        };
        let (photos, features, _) = stored.photos(&wanted, progress)?;
        Ok((photos, features))
    }

    fn reading<'a>(&'a self, model: &'a Model) -> Reading<'a> {
        Reading {
            data: &self.data,
            read_options: &self.read_options,
            positive: None,
            model: Some((&self.model, model)),
            preprocess: &model.facts.preprocess,
            auto_levels: false,
            pooling: model.facts.pooling,
            copies: COPIES_IN_EVALUATION,
            limits: &self.limits,
            on_unreadable: self.on_unreadable,
            backbone: &self.backbone,
            // Copies are told by their thumbnails.
            facts: true,
        }
    }

    /// The page as HTML.
    fn page(
        &self,
        options: &PageOptions,
        photos: &Photos,
        model: &Model,
        report: &EvaluateReport,
        scored: &ScoredSubset<'_>,
        progress: &dyn Progress,
    ) -> Result<String, PipelineError> {
        let thumbnails = Thumbnails { photos, model, limits: &self.limits, backbone: &self.backbone };
        let asked_for = report.split.clone().unwrap_or_else(|| "all photos".to_owned());
        let measured = format!("measured: {asked_for}{}", report.exception());
        let name = if report.only_trained_on { "training" } else { &asked_for };
        let seen = if report.only_trained_on { Seen::Everything } else { Seen::Nothing };
        let page = Page {
            title: format!("{} or {}", report.negative, report.positive),
            command: options.command.clone(),
            negative: report.negative.clone(),
            positive: report.positive.clone(),
            model: report.model.clone(),
            data: Some(Data {
                source: report.data.clone(),
                classes: photos.class_counts(),
                split: measured,
                unreadable: report.unreadable.clone(),
                ignored: photos.ignored.clone(),
            }),
            network: Some(Network {
                backbone: "ResNet-50, frozen".to_owned(),
                weights: model.facts.weights.name.clone(),
                precision: photos.target.precision.to_string(),
                device: photos.device.clone(),
                image_size: model.facts.preprocess.crop,
                head: format!("{} of `{}`", model.facts.training.solver, self.model.display()),
            }),
            warnings: report.few_photos.iter().map(warning_of_few).collect(),
            samples: thumbnails.samples(),
            measured: vec![scored.measured(name, seen, &thumbnails, progress)?],
            decision: Some(Decision {
                rule: self.rule(model).to_string(),
                threshold: report.metrics.threshold,
                cost: report.threshold_cost.as_ref().map(|cost| cost.in_words([&report.negative, &report.positive])),
                calibration: Some(model.facts.calibration.kind().to_owned()),
                ..Decision::default()
            }),
            unfamiliar: report.unfamiliar.map(|images| Unfamiliar { images, of: scored.labels.len() }),
            repeat: Some(scored::repeat(photos, model, self.seed)),
            ..Page::default()
        };
        Ok(scored::render(self.source(), page, progress))
    }
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
