//! The half that `train` and `extract` share: a folder or CSV becomes labelled feature rows.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::levels::{self, Remedy};
use super::{BackboneOptions, OnUnreadable, PipelineError, memory};
use crate::audit::GroupBy;
use crate::backbone::{LazyBackbone, Pooling, Readout, Target, device};
use crate::dataset::Unreadable;
use crate::dataset::fixes::{self, Fixed};
use crate::dataset::{self, ClassMap, Dataset, Label, ReadOptions, Sample, Split};
use crate::features::{Cache, Extraction, Extractor, Rows};
use crate::files::{ContentHash, escaped, shell_word};
use crate::model::Model;
use crate::pixels::{self, Limits, Preprocess};
use crate::progress::{Progress, Unit};
use crate::report::ClassCount;
use crate::weights::WeightsId;

/// Which photos, and how they become rows.
pub(super) struct Reading<'a> {
    pub(super) data: &'a Path,
    pub(super) read_options: &'a ReadOptions,
    pub(super) positive: Option<&'a str>,
    /// A model whose classes and weights are to be used.
    pub(super) model: Option<(&'a Path, &'a Model)>,
    pub(super) preprocess: &'a Preprocess,
    /// Whether its levels of 16-bit samples are chosen by the photos.
    pub(super) auto_levels: bool,
    pub(super) pooling: Pooling,
    /// How many times all rows will be in memory at once.
    pub(super) copies: u64,
    pub(super) limits: &'a Limits,
    pub(super) on_unreadable: OnUnreadable,
    pub(super) backbone: &'a BackboneOptions,
    /// Whether the facts of the photos are wanted too.
    pub(super) facts: bool,
}

/// What photos are read with.
pub(super) struct Opened {
    pub(super) cache: Option<Cache>,
    pub(super) backbone: LazyBackbone,
}

/// What stands beside the rows, in their order, which is that of the sorted paths.
pub(super) struct Photos {
    /// The readable photos, `[N]`.
    pub(super) samples: Vec<Sample>,
    pub(super) classes: ClassMap,
    /// The photos whose class a person has decided in a table of corrections.
    pub(super) decided: HashSet<PathBuf>,
    /// Hashes `[N]`, and which photos the rows are of.
    pub(super) extraction: Extraction,
    /// What was done to them, with the levels that were chosen.
    pub(super) preprocess: Preprocess,
    pub(super) unreadable: Vec<Unreadable>,
    pub(super) ignored: String,
    pub(super) seconds: f64,
    pub(super) images_per_second: f64,
    /// Whether the files of the photos may be opened once more; rows that were made elsewhere may be here without them.
    pub(super) are_at_hand: bool,
    /// Loaded by now, or when it is first needed.
    pub(super) backbone: LazyBackbone,
    pub(super) weights: WeightsId,
    pub(super) target: Target,
    /// The devices that shared the work, as `--device` names them.
    pub(super) device: String,
}

impl Photos {
    /// `[N]`, true for the positive class.
    pub(super) fn labels(&self) -> Vec<bool> {
        self.samples.iter().map(|sample| self.classes.label(sample.class) == Label::Positive).collect()
    }

    /// The SHA-256 over path and content of every photo, in order: the same photos under the same names have the same.
    pub(super) fn fingerprint(&self) -> String {
        let lines = self.samples.iter().zip(&self.extraction.hashes);
        let lines: Vec<String> =
            lines.map(|(sample, hash)| format!("{hash} {}", escaped::text(&sample.path))).collect();
        ContentHash::new(lines.join("\n").as_bytes()).to_string()
    }

    /// `[N]`, the same number for byte-identical files.
    pub(super) fn groups(&self) -> Vec<usize> {
        let mut first = std::collections::HashMap::new();
        let hashes = self.extraction.hashes.iter().enumerate();
        hashes.map(|(index, hash)| *first.entry(*hash).or_insert(index)).collect()
    }
}

impl Reading<'_> {
    /// Finds the photos, says what it found, and runs each through the backbone once; `rows` takes the features.
    pub(super) fn run(&self, rows: &mut dyn Rows, progress: &dyn Progress) -> Result<Photos, PipelineError> {
        let (photos, _) = self.run_fixed(&[], None, rows, progress)?;
        if !photos.ignored.is_empty() {
            progress.note(&format!("ignored: {}", photos.ignored));
        }
        Ok(photos)
    }

    /// As [`Reading::run`], with the corrections of some tables on top of the labels, one after the other; what is dropped is
    /// not read. A pattern that says nothing about the photos is refused before they are read.
    pub(super) fn run_fixed(
        &self,
        fixes: &[PathBuf],
        group_by: Option<&GroupBy>,
        rows: &mut dyn Rows,
        progress: &dyn Progress,
    ) -> Result<(Photos, Option<Fixed>), PipelineError> {
        let (found, fixed) = self.find(fixes, group_by, progress)?;
        let photos = self.read(&found, self.open(progress)?, rows, progress)?;
        if self.model.is_none() {
            photos.check_classes(&found.samples)?;
        }
        Ok((photos, fixed))
    }

    /// The labelled photos, with the corrections of a CSV on top of the labels.
    pub(super) fn find(
        &self,
        fixes: &[PathBuf],
        group_by: Option<&GroupBy>,
        progress: &dyn Progress,
    ) -> Result<(Dataset, Option<Fixed>), PipelineError> {
        // A device that is not there is said before a folder of any size is listed.
        device::resolve(self.backbone.device)?;
        let mut found = match self.model {
            None => dataset::open(self.data, self.read_options, self.positive, &pixels::looks_like_image, progress)?,
            Some((_, Model { facts, .. })) => {
                let classes = ClassMap::new(&facts.classes, &facts.positive)?;
                dataset::open_for(self.data, self.read_options, &classes, &pixels::looks_like_image, progress)?
            }
        };
        let fixed = correct(&mut found, self.data, fixes, progress)?;
        check_groups(&found, group_by, self.data, progress)?;
        let (positive, negative) = (found.classes.positive_name(), found.classes.negative_name());
        let is_by_default = self.positive.is_none() && self.model.is_none();
        let other = if is_by_default {
            format!(" (the other way round: `--positive {}`)", shell_word(negative))
        } else {
            String::new()
        };
        let count = found.samples.len();
        progress.note(&format!("{count} images; positive is `{positive}`, negative is `{negative}`{other}"));
        Ok((found, fixed))
    }

    /// The network, which is loaded when the first photo needs it, and the cache.
    pub(super) fn open(&self, progress: &dyn Progress) -> Result<Opened, PipelineError> {
        let cache = self.backbone.open_cache(progress);
        let backbone = match self.model {
            None => {
                let source = self.backbone.weights.clone().unwrap_or_default();
                let target = self.backbone.target(None, self.preprocess.crop, progress)?;
                self.backbone.open(&source, target, cache.as_ref(), progress)?
            }
            Some((path, model)) => self.backbone.open_for(path, model, cache.as_ref(), progress)?,
        };
        Ok(Opened { cache, backbone })
    }

    /// Runs each of these photos through the backbone once; `rows` takes the features.
    pub(super) fn read(
        &self,
        found: &Dataset,
        Opened { cache, backbone }: Opened,
        rows: &mut dyn Rows,
        progress: &dyn Progress,
    ) -> Result<Photos, PipelineError> {
        let mut preprocess = self.preprocess.clone();
        if self.auto_levels {
            preprocess.levels = levels::choose(&found.samples, self.limits, progress)?;
        }
        let target = backbone.target();
        let paths: Vec<PathBuf> = found.samples.iter().map(|sample| sample.path.clone()).collect();
        let extractor = Extractor {
            backbone: &backbone,
            preprocess: &preprocess,
            limits: self.limits,
            workload: self.backbone.workload(target.device, Some(paths.len())),
            cache: cache.as_ref(),
            facts: self.facts,
            border: false,
            readout: Readout { pooling: self.pooling, explain: None },
        };
        memory::warn_if_short(paths.len(), extractor.width(), self.copies, progress);
        let started = Instant::now();
        progress.start("features", Unit::Images, Some(paths.len() as u64));
        let extraction = extractor.all(&paths, self.on_unreadable == OnUnreadable::Fail, rows, progress);
        progress.finish();
        let extraction = extraction?;
        let seconds = started.elapsed().as_secs_f64();
        let unreadable = extraction.unreadable.iter().map(|(index, error)| Unreadable {
            path: paths.get(*index).cloned().unwrap_or_default(),
            reason: error.reason(),
        });
        let not_listed =
            found.unreadable.iter().cloned().map(|item| Unreadable { path: item.path, reason: item.reason });
        let unreadable: Vec<_> = not_listed.chain(unreadable).collect();
        for skipped in &unreadable {
            progress.warn(&format!("left out `{}`: {}", escaped::text(&skipped.path), skipped.reason));
        }
        let remedy = if self.model.is_none() { Remedy::Choose } else { Remedy::TrainAgain };
        levels::say(&extraction.noticed, preprocess.levels, remedy, progress);
        let samples = extraction.rows.iter().filter_map(|&row| found.samples.get(row).cloned()).collect();
        Ok(Photos {
            images_per_second: paths.len() as f64 / seconds.max(1e-9),
            seconds,
            samples,
            decided: found.decided.clone(),
            classes: found.classes.clone(),
            extraction,
            preprocess,
            unreadable,
            ignored: found.ignored.to_string(),
            weights: backbone.id().clone(),
            device: device::name(backbone.devices()),
            are_at_hand: true,
            backbone,
            target,
        })
    }
}

/// Lays the corrections of a CSV over the labels, and says what there is to say of the data.
pub(super) fn correct(
    found: &mut Dataset,
    data: &Path,
    fixes: &[PathBuf],
    progress: &dyn Progress,
) -> Result<Option<Fixed>, PipelineError> {
    let mut fixed = None;
    for file in fixes {
        let by_this = fixes::apply(found, data, file, &pixels::looks_like_image, progress)?;
        fixed = Some(fixed.unwrap_or_default() + by_this);
    }
    found.warnings.iter().for_each(|warning| progress.warn(warning));
    found.notes.iter().for_each(|note| progress.note(note));
    Ok(fixed)
}

/// Refuses a pattern that says nothing about the photos.
pub(super) fn check_groups(
    found: &Dataset,
    group_by: Option<&GroupBy>,
    data: &Path,
    progress: &dyn Progress,
) -> Result<(), PipelineError> {
    let Some(pattern) = group_by else { return Ok(()) };
    let photos: Vec<_> = found.samples.iter().map(|sample| (sample.path.as_path(), found.answer(sample))).collect();
    pattern.check(&photos, data)?.iter().for_each(|warning| progress.warn(warning));
    Ok(())
}

impl Photos {
    /// Each class with its readable photos in each split.
    pub(super) fn class_counts(&self) -> Vec<ClassCount> {
        let names = self.classes.names().iter().enumerate();
        names
            .map(|(class, name)| {
                let count = |split| {
                    let is_counted = |sample: &&Sample| sample.class == class && sample.split == split;
                    self.samples.iter().filter(is_counted).count()
                };
                ClassCount {
                    name: name.clone(),
                    positive: self.classes.label(class) == Label::Positive,
                    train: count(Some(Split::Train)),
                    validation: count(Some(Split::Validation)),
                    test: count(Some(Split::Test)),
                    undivided: count(None),
                }
            })
            .collect()
    }

    /// Both classes must have survived the reading of all samples.
    pub(super) fn check_classes(&self, all: &[Sample]) -> Result<(), PipelineError> {
        let labels = self.labels();
        let names = [(Label::Positive, self.classes.positive_name()), (Label::Negative, self.classes.negative_name())];
        let Some((label, class)) = names.into_iter().find(|(label, _)| !labels.contains(&(*label == Label::Positive)))
        else {
            return Ok(());
        };
        let first = self.extraction.unreadable.iter().find_map(|(index, error)| {
            let sample = all.get(*index).filter(|sample| self.classes.label(sample.class) == label)?;
            Some(format!("`{}`: {}", sample.path.display(), error.reason()))
        });
        Err(PipelineError::NothingReadable {
            class: class.to_owned(),
            unreadable: self.unreadable.len(),
            total: all.len(),
            first: first.unwrap_or_default(),
        })
    }
}
