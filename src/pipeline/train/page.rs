//! The page of a training: everything that was found, with the photos that it is about.

use std::collections::HashMap;
use std::path::PathBuf;

use super::found::Found;
use super::learning_curve;
use super::measure::Measured;
use super::training::Training;
use crate::decision::Choice;
use crate::model::Model;
use crate::pipeline::PipelineError;
use crate::pipeline::outputs::Outputs;
use crate::pipeline::scored::{self, ScoredSubset, warning_of_few};
use crate::pipeline::thumbnails::Thumbnails;
use crate::progress::Unit;
use crate::report::html::{Data, Decision, Network, Page, Picture, Seen, Warning};
use crate::report::{LearningPoint, TrainReport};

/// Pairs of copies and doubtful labels that are shown with their photos.
const MAX_PICTURES: usize = 12;

impl Training<'_> {
    /// The page as HTML, where it is wanted. It shows what was measured: with `--refit`, the head before it.
    pub(super) fn add_page(
        &self,
        found: &Found<'_>,
        model: Model,
        report: &TrainReport,
        outputs: &mut Outputs<'_>,
    ) -> Result<(), PipelineError> {
        let Self { options, progress, photos, .. } = self;
        let Some(wanted) = &options.page else { return Ok(()) };
        let model = &Model { head: found.fitted.head.clone(), ..model };
        let learning_curve = self.learning_curve(found)?;
        let thumbnails = Thumbnails { photos, model, limits: &options.limits, backbone: &options.backbone };
        progress.start("photos for the report", Unit::Steps, None);
        let warnings = self.warnings(found).into_iter().chain(options.doubtful_positive(&photos.classes));
        let page = page(report, warnings.collect(), &thumbnails);
        progress.finish();
        let mut page = Page {
            command: wanted.command.clone(),
            learning_curve,
            repeat: Some(scored::repeat(photos, model, options.seed)),
            ..page
        };
        for measured in &found.measured {
            let seen = measured.leak.as_ref().map_or(Seen::Nothing, |leak| Seen::Related(leak.images));
            page.measured.push(measured.scored().measured(measured.name, seen, &thumbnails, *progress)?);
        }
        let html = scored::render(&options.data, page, *progress);
        outputs.add(&wanted.path, |file| file.write_all(html.as_bytes()))?;
        Ok(())
    }

    fn learning_curve(&self, found: &Found<'_>) -> Result<Vec<LearningPoint>, PipelineError> {
        let (Some(out_of_fold), Some(l2)) = (&found.audited.out_of_fold, found.fitted.settings.l2()) else {
            return Ok(Vec::new());
        };
        let (balance, seed) = (self.options.balance, self.options.seed);
        let settings = learning_curve::Settings { folds: &out_of_fold.folds, l2, balance, seed };
        learning_curve::measure(&self.pool, &settings, self.progress)
    }
}

impl Measured<'_> {
    pub(super) fn scored(&self) -> ScoredSubset<'_> {
        let Self { side, probabilities, metrics, .. } = self;
        ScoredSubset { rows: &side.rows, labels: &side.labels, groups: &side.groups, probabilities, metrics }
    }
}

/// All that the report says already.
fn page(report: &TrainReport, warnings: Vec<Warning>, thumbnails: &Thumbnails<'_>) -> Page {
    Page {
        title: format!("{} or {}", report.negative, report.positive),
        negative: report.negative.clone(),
        positive: report.positive.clone(),
        warnings: report.few_photos.iter().map(warning_of_few).chain(warnings).collect(),
        samples: thumbnails.samples(),
        refit: report.refit_in_words(),
        data: Some(Data {
            source: report.data.clone(),
            classes: report.classes.clone(),
            split: report.split_in_words(),
            unreadable: report.unreadable.clone(),
            ignored: report.ignored.clone(),
        }),
        network: Some(Network {
            backbone: "ResNet-50, frozen".to_owned(),
            weights: report.weights.name.clone(),
            precision: report.precision.clone(),
            device: report.device.clone(),
            image_size: report.image_size,
            head: report.head.clone(),
        }),
        model: report.model.clone(),
        label_table: report.label_table.clone(),
        cross_validation: report.cross_validation.clone(),
        decision: Some(Decision {
            rule: report.threshold_rule.clone(),
            threshold: report.threshold,
            warning: report.threshold_choice.as_ref().and_then(|choice| warning_of_choice(choice, report)),
            cost: report.threshold_cost.as_ref().map(|cost| cost.in_words([&report.negative, &report.positive])),
            calibration: report.calibration.map(|calibration| calibration.to_string()),
        }),
        photo_groups: Some(report.photo_groups.clone()),
        leaks: report.leaks.clone(),
        label_errors: report.label_errors.clone(),
        shortcuts: report.shortcuts.clone(),
        splits: thumbnails.splits_of(&report.photo_groups.near_duplicates),
        thumbnails: pictures(report, thumbnails),
        ..Page::default()
    }
}

/// Of the first near-duplicates and of the most doubtful labels.
fn pictures(report: &TrainReport, thumbnails: &Thumbnails<'_>) -> HashMap<PathBuf, Picture> {
    let pairs = report.photo_groups.near_duplicates.iter().take(MAX_PICTURES);
    let doubtful = report.label_errors.iter().flatten().take(MAX_PICTURES).map(|error| &error.path);
    let shown = pairs.flat_map(|pair| [&pair.first, &pair.second]).chain(doubtful);
    shown.filter_map(|path| Some((path.clone(), thumbnails.thumbnail(path)?))).collect()
}

/// What a threshold does not guarantee, and what would let it.
fn warning_of_choice(choice: &Choice, report: &TrainReport) -> Option<Warning> {
    let sentence = choice.warning.clone()?;
    let class = &report.positive;
    // A part of the photos that are added goes to validation where the split is made here.
    let training = if report.split_given { 1.0 } else { 1.0 - report.val_fraction };
    let step = choice.missing.map_or_else(
        || "Add photos of both classes, or choose a threshold that demands less".to_owned(),
        |missing| {
            let more = (missing as f64 / training).ceil();
            let share = 100.0 * report.val_fraction;
            let to = if report.split_given {
                " to the training photos, for the guarantee".to_owned()
            } else {
                format!(" for the guarantee; {share:.0} % of them go to validation, by which no threshold is chosen")
            };
            format!("Add at least {more:.0} photos of `{class}`, none a near-duplicate of another,{to}")
        },
    );
    Some(Warning { sentence, step: Some(step) })
}
