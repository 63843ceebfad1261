//! The page of a training: everything that was found, with the photos that it is about.

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
use crate::report::html::{
    Copies, CopyPair, Data, Decision, LabelError, Leak, Network, Page, Probe, Seen, Shortcuts, Warning,
};
use crate::report::{self, LearningPoint, NearDuplicate, TrainReport};

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
            review: None,
        }),
        copies: Some(copies(report, thumbnails)),
        label_errors: report.label_errors.as_ref().map(|found| label_errors(found, thumbnails)),
        shortcuts: report
            .shortcuts
            .first()
            .map(|first| Shortcuts { real: first.model_roc_auc, probes: report.shortcuts.iter().map(probe).collect() }),
        ..Page::default()
    }
}

fn copies(report: &TrainReport, thumbnails: &Thumbnails<'_>) -> Copies {
    let pairs = report.photo_groups.near_duplicates.iter().enumerate();
    let leak = report.leaks.iter().find_map(|leak| {
        let with = leak.accuracy_with?;
        Some(Leak { images: leak.images, measure: "accuracy".to_owned(), with, without: leak.accuracy_without })
    });
    let pairs = pairs.map(|(number, pair)| copy_pair(pair, thumbnails, number < MAX_PICTURES)).collect();
    Copies { pairs, set_aside: report.photo_groups.set_aside, leak }
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

fn label_errors(found: &[report::LabelError], thumbnails: &Thumbnails<'_>) -> Vec<LabelError> {
    let shown = |(number, error): (usize, &report::LabelError)| LabelError {
        path: error.path.clone(),
        given: error.given.clone(),
        suggested: error.suggested.clone(),
        probability: error.probability,
        thumbnail: (number < MAX_PICTURES).then(|| thumbnails.thumbnail(&error.path)).flatten(),
    };
    found.iter().enumerate().map(shown).collect()
}

fn copy_pair(pair: &NearDuplicate, thumbnails: &Thumbnails<'_>, with_pictures: bool) -> CopyPair {
    let split = |path| thumbnails.split_of(path).map(|split| split.to_string()).unwrap_or_default();
    let pictures = || Some([thumbnails.thumbnail(&pair.first)?, thumbnails.thumbnail(&pair.second)?]);
    CopyPair {
        kind: pair.kind.to_owned(),
        first: pair.first.clone(),
        second: pair.second.clone(),
        first_split: split(&pair.first),
        second_split: split(&pair.second),
        contradict: pair.contradict,
        thumbnails: with_pictures.then(pictures).flatten(),
    }
}

fn probe(shortcut: &report::Shortcut) -> Probe {
    Probe { sees: shortcut.sees.clone(), roc_auc: shortcut.roc_auc, warning: shortcut.warning.clone() }
}
