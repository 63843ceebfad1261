//! Rows that `extract` made, in place of photos that are read: for `train` and `evaluate`.
//!
//! Promises: what comes of it is what [`super::photos`] would give on the same list, in the same order, whatever machines and
//! shards the rows are from. Only the photos' files are not opened: what would need them is left out.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::extract::skipped;
use super::levels::{self, Remedy};
use super::photos::{Photos, check_groups, correct};
use super::{PipelineError, TrainOptions, memory};
use crate::audit::GroupBy;
use crate::backbone::device::{self, DeviceChoice};
use crate::backbone::layout::FEATURES;
use crate::backbone::{BackboneError, LazyBackbone, Pooling, Precision, Target};
use crate::dataset::Unreadable;
use crate::dataset::fixes::Fixed;
use crate::dataset::{ClassMap, Dataset, DatasetError, Ignored, Sample};
use crate::features::{Extraction, FeatureMatrix, PhotoError, RowSource, Rows};
use crate::files::escaped;
use crate::model::Model;
use crate::pixels::PhotoFacts;
use crate::progress::{Progress, Unit};
use crate::shards::{Entry, Manifest, ShardError, Whole, path_of};
use crate::weights::{self, WeightsId, WeightsSource};

/// A whole of rows and what it says of itself.
pub(super) struct Stored {
    place: PathBuf,
    whole: Arc<Whole>,
    manifest: Manifest,
}

/// Rows where they lie: read by the system as they are needed, and dropped where memory is short.
struct InFiles {
    whole: Arc<Whole>,
    /// The file of each, and its place there.
    places: Vec<(usize, usize)>,
}

impl RowSource for InFiles {
    fn row(&self, index: usize) -> &[f32] {
        self.places.get(index).and_then(|&(part, row)| self.whole.row_in_place(part, row)).unwrap_or_default()
    }
}

/// What is wanted of the rows.
pub(super) struct Wanted<'a> {
    pub(super) classes: ClassMap,
    /// Corrections on top of the labels.
    pub(super) fixes: &'a [PathBuf],
    /// A pattern that must say something about the photos.
    pub(super) group_by: Option<&'a GroupBy>,
    /// How many times all rows will be in memory at once.
    pub(super) copies: u64,
    /// Where a head is fitted.
    pub(super) device: DeviceChoice,
    /// What to say of photos with 16 bits.
    pub(super) remedy: Remedy,
}

impl Stored {
    /// Opens the files at a place (a folder, a pattern or one file), and checks that they are complete and consistent.
    pub(super) fn open(place: &Path, progress: &dyn Progress) -> Result<Self, PipelineError> {
        let whole = Whole::open(place, progress)?;
        let nothing = || ShardError::NoParts { place: place.to_path_buf() };
        let manifest = whole.manifest().ok_or_else(nothing)?;
        if whole.width() != FEATURES {
            let reason = format!("its rows have {} numbers, and those of the network {FEATURES}", whole.width());
            return Err(ShardError::NotFeatures { path: place.to_path_buf(), reason }.into());
        }
        whole.warning().iter().for_each(|warning| progress.warn(warning));
        let files = if whole.parts() == 1 { "1 file".to_owned() } else { format!("{} files", whole.parts()) };
        progress.note(&format!(
            "features of {} photos in {files}, computed in {} on {}; the photos themselves are not opened, so their border \
             is not looked at and a page has no pictures",
            manifest.rows,
            manifest.setup.precision,
            manifest.device
        ));
        Ok(Self { place: place.to_path_buf(), whole: Arc::new(whole), manifest })
    }

    /// The files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.whole.paths()
    }

    /// The folder or table that the photos are from.
    pub(super) fn data(&self) -> PathBuf {
        escaped::path(&self.manifest.setup.list.data)
    }

    /// The options of a training on the photos themselves.
    pub(super) fn train_options(&self, options: &TrainOptions) -> Result<TrainOptions, PipelineError> {
        let mut options = TrainOptions { data: self.data(), pooling: Pooling::Average, ..options.clone() };
        options.preprocess = self.manifest.setup.preprocess.clone();
        options.auto_levels = false;
        options.backbone.weights = Some(self.weights()?);
        Ok(options)
    }

    /// The classes, with another positive one where that is given.
    pub(super) fn classes(&self, positive: Option<&str>) -> Result<ClassMap, PipelineError> {
        Ok(self.manifest.setup.list.class_map(positive)?)
    }

    /// Refuses rows that a model's head cannot be given.
    pub(super) fn check(&self, path: &Path, model: &Model) -> Result<(), PipelineError> {
        let (setup, facts) = (&self.manifest.setup, &model.facts);
        let short = |id: &WeightsId| format!("`{}` ({})", id.name, id.sha256.get(..8).unwrap_or(&id.sha256));
        let differ = |what, first_is, second_is| {
            let (first, second) = (path.to_path_buf(), self.place.clone());
            Err(ShardError::Differ { first, second, what, first_is, second_is }.into())
        };
        if setup.weights.sha256 != facts.weights.sha256 {
            return differ("the weights file", short(&facts.weights), short(&setup.weights));
        }
        if setup.preprocess != facts.preprocess {
            return differ("the preprocessing", facts.preprocess.id(), setup.preprocess.id());
        }
        if facts.pooling != Pooling::Average {
            return differ("the width of a row", model.head.weight.len().to_string(), self.whole.width().to_string());
        }
        Ok(())
    }

    fn weights(&self) -> Result<WeightsSource, PipelineError> {
        let (id, path) = (&self.manifest.setup.weights, self.manifest.weights_path.as_deref());
        Ok(match (id.seed(), path) {
            (Some(seed), _) => WeightsSource::Random(seed),
            (None, Some(path)) => WeightsSource::File(escaped::path(path)),
            (None, None) => WeightsSource::Named(weights::manifest()?.entry(&id.name)?.name.clone()),
        })
    }

    /// Every photo with its row, which stays in its file where it can.
    pub(super) fn photos(
        &self,
        wanted: &Wanted<'_>,
        progress: &dyn Progress,
    ) -> Result<(Photos, FeatureMatrix, Option<Fixed>), PipelineError> {
        let started = Instant::now();
        let mut found = self.dataset(&wanted.classes)?;
        let fixed = correct(&mut found, &self.data(), wanted.fixes, progress)?;
        check_groups(&found, wanted.group_by, &self.data(), progress)?;
        // What a correction dropped is not there any more, so places do not say which is which.
        let by_path: Option<HashMap<&Path, &Sample>> =
            fixed.map(|_| found.samples.iter().map(|sample| (sample.path.as_path(), sample)).collect());
        let is_kept = |path: &Path| by_path.as_ref().is_none_or(|by_path| by_path.contains_key(path));
        let unreadable: Vec<(usize, Unreadable)> =
            self.unreadable().filter(|(_, skipped)| is_kept(&skipped.path)).collect();
        let manifest = &self.manifest;
        let in_place = self.whole.is_in_place();
        let (mut features, mut places) = (FeatureMatrix::new(FEATURES), Vec::new());
        if in_place {
            places.reserve(manifest.rows);
        } else {
            memory::warn_if_short(manifest.rows, FEATURES, wanted.copies, progress);
            features.expect(manifest.rows)?;
        }
        let mut samples = Vec::with_capacity(manifest.rows);
        let mut extraction = Extraction {
            hashes: Vec::with_capacity(manifest.rows),
            rows: Vec::with_capacity(manifest.rows),
            facts: Vec::with_capacity(manifest.rows),
            from_cache: 0,
            noticed: manifest.noticed.clone(),
            unreadable: unreadable
                .iter()
                .map(|(place, skipped)| (*place, PhotoError::Noted(skipped.reason.clone())))
                .collect(),
        };
        progress.start("features", Unit::Images, Some(manifest.rows as u64));
        for (entry, part, row) in self.whole.rows() {
            let Entry { position, path, .. } = entry.photo;
            let sample = match &by_path {
                None => found.samples.get(position),
                Some(by_path) => by_path.get(path_of(path).as_path()).copied(),
            };
            let Some(sample) = sample else { continue };
            let Some(facts) = PhotoFacts::from_bytes(entry.facts) else {
                let reason = "the facts of its photos are of another version".to_owned();
                let path = part.path().to_path_buf();
                return Err(ShardError::NotFeatures { path, reason }.into());
            };
            if in_place {
                places.push((position % self.whole.parts(), row));
            } else {
                features.push(&part.features(row).unwrap_or_default())?;
            }
            samples.push(sample.clone());
            extraction.hashes.push(entry.hash);
            extraction.rows.push(position);
            extraction.facts.push(facts);
            progress.advance(1);
            if extraction.rows.len().is_multiple_of(1024) {
                progress.check()?;
            }
        }
        progress.finish();
        if in_place {
            let (rows, whole) = (places.len(), Arc::clone(&self.whole));
            features = FeatureMatrix::elsewhere(FEATURES, rows, Arc::new(InFiles { whole, places }));
        }
        levels::say(&extraction.noticed, manifest.setup.preprocess.levels, wanted.remedy, progress);
        let seconds = started.elapsed().as_secs_f64();
        let photos = Photos {
            images_per_second: samples.len() as f64 / seconds.max(1e-9),
            seconds,
            samples,
            classes: wanted.classes.clone(),
            decided: found.decided,
            extraction,
            preprocess: manifest.setup.preprocess.clone(),
            unreadable: self.not_listed().chain(unreadable.into_iter().map(|(_, skipped)| skipped)).collect(),
            ignored: manifest.ignored.clone(),
            are_at_hand: false,
            backbone: self.backbone(wanted.device)?,
            weights: manifest.setup.weights.clone(),
            target: self.target(wanted.device)?,
            device: manifest.device.clone(),
        };
        Ok((photos, features, fixed))
    }

    /// The whole list as it was found, its classes by the names that are wanted.
    fn dataset(&self, classes: &ClassMap) -> Result<Dataset, PipelineError> {
        let class_of = |name: &String| classes.names().iter().position(|known| known == name);
        let names = &self.manifest.setup.list.classes;
        let places: Vec<Option<usize>> = names.iter().map(class_of).collect();
        let sample = |entry: Entry<'_>| {
            let path = path_of(entry.path);
            match places.get(entry.class).copied().flatten() {
                Some(class) => Ok(Sample { path, class, split: entry.split }),
                None => Err(DatasetError::UnknownClass {
                    class: names.get(entry.class).cloned().unwrap_or_default(),
                    path,
                    known: classes.names().to_vec(),
                }),
            }
        };
        let samples = self.whole.entries().map(sample).collect::<Result<Vec<_>, _>>()?;
        Ok(Dataset {
            samples,
            classes: classes.clone(),
            ignored: Ignored::default(),
            unreadable: Vec::new(),
            warnings: Vec::new(),
            notes: Vec::new(),
            decided: HashSet::new(),
        })
    }

    fn unreadable(&self) -> impl Iterator<Item = (usize, Unreadable)> {
        self.whole.unreadable().map(|entry| (entry.photo.position, skipped(&entry)))
    }

    fn not_listed(&self) -> impl Iterator<Item = Unreadable> {
        let listed = self.manifest.not_listed.iter();
        listed.map(|(path, reason)| Unreadable { path: escaped::path(path), reason: reason.clone() })
    }

    /// Where a head is fitted; the arithmetic is that of the rows.
    fn target(&self, choice: DeviceChoice) -> Result<Target, PipelineError> {
        let device = device::resolve(choice)?.first().copied().unwrap_or(Target::CPU.device);
        let known = [Precision::Fp32, Precision::Bf16, Precision::Fp16, Precision::Int8];
        let named = |precision: &Precision| precision.to_string() == self.manifest.setup.precision;
        let precision = known.into_iter().find(named).unwrap_or(Precision::Fp32);
        Ok(Target { device, precision, image_size: self.manifest.setup.preprocess.crop })
    }

    /// The identity of the network that made the rows. It is never run: the photos are not at hand.
    fn backbone(&self, choice: DeviceChoice) -> Result<LazyBackbone, PipelineError> {
        let not_here = || Err(BackboneError::Libtorch("no photo is read where features are given".to_owned()));
        Ok(LazyBackbone::new(self.manifest.setup.weights.clone(), self.target(choice)?, not_here))
    }
}
