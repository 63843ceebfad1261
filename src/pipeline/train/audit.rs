//! What could make the numbers flatter than the truth: doubtful labels, and shortcuts around what the photos show.

use super::decide::Decided;
use super::fit::{Fitted, OutOfFold};
use super::training::Training;
use crate::audit::labels;
use crate::audit::shortcut::{self, Borders, Probe};
use crate::backbone::{Pooling, Readout};
use crate::dataset::fixes::{self, Correction};
use crate::dataset::{split, subset};
use crate::features::{Extractor, FeatureMatrix, border};
use crate::pipeline::PipelineError;
use crate::pipeline::outputs::Outputs;
use crate::pixels::PhotoFacts;
use crate::progress::{Silent, Unit};
use crate::report::{CrossValidationReport, LabelError, Shortcut};

/// What was found.
#[derive(Default)]
pub(super) struct Audited {
    /// Of training and validation photos together.
    pub(super) out_of_fold: Option<OutOfFold>,
    pub(super) cross_validation: Option<CrossValidationReport>,
    /// The most doubtful first; `None` without out-of-fold probabilities.
    pub(super) label_errors: Option<Vec<LabelError>>,
    pub(super) shortcuts: Vec<Shortcut>,
    pub(super) warnings: Vec<String>,
}

impl Training<'_> {
    /// Asks the out-of-fold logits of training and validation photos; nothing is found without them.
    pub(super) fn audit(&self, fitted: &Fitted, decided: &Decided) -> Result<Audited, PipelineError> {
        let Some(out_of_fold) = self.pool_out_of_fold(fitted)? else { return Ok(Audited::default()) };
        let cross_validation = Some(self.cross_validation(&out_of_fold, decided)?);
        let (Self { photos, pool, .. }, OutOfFold { folds, logits }) = (self, &out_of_fold);
        let facts: Vec<&PhotoFacts> = pool.rows.iter().filter_map(|&row| photos.extraction.facts.get(row)).collect();
        let fitted = shortcut::Fitted {
            labels: &pool.labels,
            groups: &pool.groups,
            folds,
            logits,
            balance: self.options.balance,
        };
        let (places, rows) = self.borders()?;
        let borders = Borders {
            places: &places,
            rows: &rows,
            regions: &border::regions(self.options.preprocess.crop),
            classes: [photos.classes.negative_name(), photos.classes.positive_name()],
        };
        let found = shortcut::probe(fitted, &facts, &borders, self.progress)?;
        let shortcuts: Vec<Shortcut> = found.into_iter().map(|found| self.shortcut(found)).collect();
        let found = labels::find(&pool.labels, &decided.probabilities(logits));
        let label_errors = found.map(|found| {
            let error = |suspect: labels::Suspect| self.label_error(suspect);
            found.suspects.into_iter().filter_map(error).collect()
        });
        let warnings = shortcuts.iter().filter_map(|shortcut| shortcut.warning.clone()).collect();
        self.progress.check()?;
        Ok(Audited { out_of_fold: Some(out_of_fold), cross_validation, label_errors, shortcuts, warnings })
    }

    /// The borders of some photos of the pool: their places there, as many of each class, and what the network sees of them
    /// alone; none where a class has too few to tell, or the photos are not at hand. Photos that cannot be read any more are left out.
    fn borders(&self) -> Result<(Vec<usize>, FeatureMatrix), PipelineError> {
        let Self { options, progress, photos, pool, .. } = self;
        let classes: Vec<usize> = pool.labels.iter().map(|&label| usize::from(label)).collect();
        let of_class = pool.positives().min(pool.len() - pool.positives());
        if of_class < shortcut::MIN_PHOTOS || !photos.are_at_hand {
            return Ok((Vec::new(), FeatureMatrix::new(0)));
        }
        let mut places = subset::evenly(&classes, &pool.groups, shortcut::MAX_PHOTOS.min(2 * of_class));
        let sample = |&place: &usize| photos.samples.get(*pool.rows.get(place)?);
        let paths: Vec<_> = places.iter().filter_map(sample).map(|sample| sample.path.clone()).collect();
        // What is wrong with the cache was said when the photos were read.
        let cache = options.backbone.open_cache(&Silent);
        let extractor = Extractor {
            backbone: &photos.backbone,
            preprocess: &options.preprocess,
            limits: &options.limits,
            workload: options.backbone.workload(photos.target.device, Some(paths.len())),
            cache: cache.as_ref(),
            facts: false,
            border: true,
            readout: Readout { pooling: Pooling::Flatten, explain: None },
        };
        let mut rows = FeatureMatrix::new(extractor.width());
        progress.start("borders of the photos", Unit::Images, Some(paths.len() as u64));
        let extracted = extractor.all(&paths, false, &mut rows, *progress);
        progress.finish();
        places = extracted?.rows.iter().filter_map(|&row| places.get(row).copied()).collect();
        Ok((places, rows))
    }

    /// The split and the doubtful labels as tables, where they are wanted.
    pub(super) fn add_tables(&self, audited: &Audited, outputs: &mut Outputs<'_>) -> Result<(), PipelineError> {
        let Self { options, photos, .. } = self;
        if let Some(path) = &options.save_split {
            let table = split::to_csv(path, &photos.samples, &photos.classes)?;
            outputs.add(path, |file| file.write_all(&table))?;
        }
        if let Some(path) = &options.label_errors {
            let is_class = |name: &str| photos.classes.names().iter().any(|class| class == name);
            let found = audited.label_errors.iter().flatten().map(|error| Correction {
                path: &error.path,
                label: &error.given,
                // Of more than two classes the other answer is none of them.
                suggested: if is_class(&error.suggested) { &error.suggested } else { fixes::DROP },
                probability: error.probability,
            });
            let table = fixes::to_csv(path, found)?;
            outputs.add(path, |file| file.write_all(&table))?;
        }
        Ok(())
    }

    fn label_error(&self, suspect: labels::Suspect) -> Option<LabelError> {
        let sample = self.photos.samples.get(*self.pool.rows.get(suspect.index)?)?;
        if self.photos.decided.contains(&sample.path) {
            return None;
        }
        let classes = &self.photos.classes;
        let (suggested, probability) = if suspect.suggested {
            (classes.positive_name(), suspect.probability)
        } else {
            (classes.negative_name(), 1.0 - suspect.probability)
        };
        Some(LabelError {
            path: sample.path.clone(),
            given: classes.names().get(sample.class).cloned().unwrap_or_default(),
            suggested: suggested.to_owned(),
            probability,
        })
    }

    fn shortcut(&self, found: shortcut::Shortcut) -> Shortcut {
        let sees = match found.probe {
            Probe::FileFacts => "file properties alone",
            Probe::Light => "brightness and contrast",
            Probe::Border => "the border of the photos",
        };
        let top_features: Vec<String> =
            found.top_features.iter().map(|(fact, area)| format!("{fact} ({area:.2} by itself)")).collect();
        let sees =
            if top_features.is_empty() { sees.to_owned() } else { format!("{sees}: {}", top_features.join(", ")) };
        let sample = |&place: &usize| self.photos.samples.get(*self.pool.rows.get(place)?);
        let examples: Vec<String> =
            found.examples.iter().filter_map(sample).map(|sample| format!("`{}`", sample.path.display())).collect();
        let warning = found.warning.map(|warning| match examples.as_slice() {
            [] => warning,
            some => format!("{warning}, such as {}", some.join(", ")),
        });
        Shortcut { sees, roc_auc: found.auc.value, model_roc_auc: found.real.value, warning }
    }
}
