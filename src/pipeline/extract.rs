//! Photos in, a safetensors file of features out; or one of several machines' part of them.
//!
//! Promises: a shard's classes, positive class, split and positions are those of the whole list; its file appears whole or not
//! at all; one that is there already and was made in the same way is success at once, one that was made otherwise an error,
//! and neither is written over.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use super::outputs::{Inputs, Output, Outputs, weights_file};
use super::photos::{Opened, Photos, Reading};
use super::{BackboneOptions, MaxUnreadable, OnUnreadable, PipelineError};
use crate::backbone::layout::FEATURES;
use crate::backbone::{Pooling, Target, about, device};
use crate::dataset::Unreadable;
use crate::dataset::{Dataset, ReadOptions, Sample};
use crate::features::{FeatureError, Rows};
use crate::files::{self, FileError, escaped};
use crate::pixels::{Limits, PhotoFacts, Preprocess};
use crate::progress::Progress;
use crate::shards::{self, Contents, Entry, List, Manifest, Part, RowEntry, RowType, Setup, Shard, ShardError};
use crate::shards::{UnreadableEntry, path_bytes, path_of};

/// What `extract` needs to know.
#[derive(Debug, Clone)]
pub struct ExtractOptions {
    /// Folder or CSV.
    pub data: PathBuf,
    /// How it is to be read.
    pub read_options: ReadOptions,
    /// The positive class, where it is not the second by name.
    pub positive: Option<String>,
    /// Which photos of the whole list; `None` for all of them.
    pub shard: Option<Shard>,
    /// The features' file; with a shard the folder of its file, which is made.
    pub output: PathBuf,
    /// How rows are stored.
    pub row_type: RowType,
    /// Bytes to crops.
    pub preprocess: Preprocess,
    /// Whether its levels of 16-bit samples are chosen by the photos.
    pub auto_levels: bool,
    /// What a single file may cost.
    pub limits: Limits,
    /// What to do about a photo that cannot be read.
    pub on_unreadable: OnUnreadable,
    /// How many such photos may be left out; more are an error.
    pub max_unreadable: Option<MaxUnreadable>,
    /// The backbone.
    pub backbone: BackboneOptions,
}

impl ExtractOptions {
    /// Writes the features of a folder or CSV to `output`, everything else as the command line does by default.
    pub fn new(data: impl Into<PathBuf>, output: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            read_options: ReadOptions::default(),
            positive: None,
            shard: None,
            output: output.into(),
            row_type: RowType::default(),
            preprocess: Preprocess::default(),
            auto_levels: false,
            limits: Limits::default(),
            on_unreadable: OnUnreadable::default(),
            max_unreadable: None,
            backbone: BackboneOptions::pretrained(),
        }
    }
}

/// What `extract` did.
#[derive(Debug, Clone)]
pub struct ExtractSummary {
    /// Rows written.
    pub images: usize,
    /// Photos that could not be read.
    pub unreadable: Vec<Unreadable>,
    /// How many of the rows were computed in an earlier run.
    pub from_cache: usize,
    /// Images a second; `None` where the file was there already.
    pub images_per_second: Option<f64>,
    /// The features' file.
    pub output: PathBuf,
}

impl fmt::Display for ExtractSummary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (images, unreadable, output) = (self.images, self.unreadable.len(), self.output.display());
        let cached = match self.from_cache {
            0 => String::new(),
            some => format!(", {some} from the cache"),
        };
        match self.images_per_second {
            Some(rate) => writeln!(out, "{images} images, {unreadable} unreadable, {rate:.1} images/s{cached}")?,
            None => writeln!(out, "{images} images, {unreadable} unreadable, made by an earlier run")?,
        }
        writeln!(out, "features [{images}, {FEATURES}] and labels [{images}] are in {output}")
    }
}

/// Writes `features` `[N, 2048]` and `labels` i64 `[N]`, in the order of the sorted paths, with the description of the shard.
///
/// # Errors
/// [`PipelineError`]; the output is then as it was.
pub fn extract(options: &ExtractOptions, progress: &dyn Progress) -> Result<ExtractSummary, PipelineError> {
    let shard = options.shard.unwrap_or(Shard::WHOLE);
    if options.auto_levels && shard.count > 1 {
        return Err(ShardError::AutoLevels.into());
    }
    let path = match options.shard {
        Some(shard) => {
            files::make_folder(&options.output)?;
            options.output.join(shard.file_name())
        }
        None => options.output.clone(),
    };
    let data = ("the table of `--data`", options.data.as_path());
    let inputs = Inputs::new([data].into_iter().chain(weights_file(options.backbone.weights.as_ref())));
    let output = Output { option: "--output", path: &path, kind: shards::KIND };
    let mut outputs = Outputs::new(vec![output], inputs)?;
    let reading = options.reading();
    let (mut found, _) = reading.find(&[], None, progress)?;
    let list = List::new(&options.data, &found);
    let opened = reading.open(progress)?;
    let setup = options.setup(list, &opened);
    if let Some(summary) = options.already_there(&path, &setup)? {
        return Ok(summary);
    }
    found.samples = shard.take(found.samples);
    if options.shard.is_some() {
        progress.note(&format!("shard {shard}: {} of them", found.samples.len()));
    }
    let mut rows = Spool::new(&path, options.row_type)?;
    let photos = reading.read(&found, opened, &mut rows, progress)?;
    if options.shard.is_none() {
        photos.check_classes(&found.samples)?;
    }
    MaxUnreadable::check(options.max_unreadable, &photos.unreadable, photos.samples.len())?;
    let manifest = options.manifest(setup, shard, &photos);
    rows.write(&manifest, &found, &photos, &mut outputs)?;
    // Another machine may have been faster with the same shard.
    if let Some(summary) = options.already_there(&path, &manifest.setup)? {
        return Ok(summary);
    }
    outputs.finish(progress)?;
    Ok(ExtractSummary {
        images: photos.samples.len(),
        from_cache: photos.extraction.from_cache,
        unreadable: photos.unreadable,
        images_per_second: Some(photos.images_per_second),
        output: path,
    })
}

impl ExtractOptions {
    pub(super) fn reading(&self) -> Reading<'_> {
        Reading {
            data: &self.data,
            read_options: &self.read_options,
            positive: self.positive.as_deref(),
            model: None,
            preprocess: &self.preprocess,
            auto_levels: self.auto_levels,
            pooling: Pooling::Average,
            // They wait in a file.
            copies: 0,
            limits: &self.limits,
            on_unreadable: self.on_unreadable,
            backbone: &self.backbone,
            facts: true,
        }
    }

    fn setup(&self, list: List, Opened { backbone, .. }: &Opened) -> Setup {
        Setup {
            created_by: concat!("resnet-binary ", env!("CARGO_PKG_VERSION")).to_owned(),
            libtorch: about::version(),
            computation: Target::computation(),
            list,
            preprocess: self.preprocess.clone(),
            pixels: self.preprocess.id(),
            weights: backbone.id().clone(),
            precision: backbone.target().precision.to_string(),
            row_type: self.row_type,
        }
    }

    fn manifest(&self, setup: Setup, shard: Shard, photos: &Photos) -> Manifest {
        let unreadable = photos.extraction.unreadable.len();
        let not_listed = photos.unreadable.iter().take(photos.unreadable.len() - unreadable);
        Manifest {
            features_version: shards::VERSION,
            shard,
            rows: photos.samples.len(),
            unreadable,
            // Levels that the photos chose are known only now.
            setup: Setup { preprocess: photos.preprocess.clone(), pixels: photos.preprocess.id(), ..setup },
            noticed: photos.extraction.noticed.clone(),
            ignored: photos.ignored.clone(),
            not_listed: not_listed
                .map(|skipped| (escaped::text(&skipped.path).into_owned(), skipped.reason.clone()))
                .collect(),
            weights_path: self.backbone.weights_path(),
            device: device::name(photos.backbone.devices()),
            processor: photos.target.computed_on(),
        }
    }

    /// What the file of a shard says that an earlier run made in the same way; `None` where there is no file.
    fn already_there(&self, path: &Path, setup: &Setup) -> Result<Option<ExtractSummary>, PipelineError> {
        let Some(shard) = self.shard.filter(|_| path.exists()) else { return Ok(None) };
        let part = Part::open(path)?;
        let manifest = part.manifest();
        if manifest.shard != shard {
            let (there, here) = (manifest.shard.to_string(), shard.to_string());
            return Err(ShardError::There { path: path.to_path_buf(), what: "the shard", there, here }.into());
        }
        if let Some((what, there, here)) = manifest.setup.difference(setup) {
            return Err(ShardError::There { path: path.to_path_buf(), what, there, here }.into());
        }
        let unreadable = (0..manifest.unreadable).filter_map(|place| part.unreadable(place));
        let unreadable: Vec<Unreadable> = unreadable.map(|entry| skipped(&entry)).collect();
        MaxUnreadable::check(self.max_unreadable, &unreadable, manifest.rows)?;
        let (images, output) = (manifest.rows, path.to_path_buf());
        Ok(Some(ExtractSummary { images, unreadable, from_cache: 0, images_per_second: None, output }))
    }
}

/// The `place`-th photo of a shard.
fn entry(shard: Shard, place: usize, sample: &Sample) -> Entry<'_> {
    let position = shard.position(place);
    Entry { position, path: path_bytes(&sample.path), class: sample.class, split: sample.split }
}

/// A photo that could not be read, as reports name it.
pub(super) fn skipped(entry: &UnreadableEntry<'_>) -> Unreadable {
    Unreadable { path: path_of(entry.photo.path), reason: String::from_utf8_lossy(entry.reason).into_owned() }
}

/// Rows on their way into a safetensors file, whose header needs their number first: they wait in a file of their own,
/// so that memory does not grow with it.
struct Spool<'a> {
    path: &'a Path,
    row_type: RowType,
    file: BufWriter<File>,
}

impl Rows for Spool<'_> {
    fn push(&mut self, row: &[f32]) -> Result<(), FeatureError> {
        let bytes: Vec<u8> = match self.row_type {
            RowType::F32 => row.iter().flat_map(|value| value.to_le_bytes()).collect(),
            RowType::F16 => row.iter().flat_map(|&value| half::f16::from_f32(value).to_le_bytes()).collect(),
        };
        Ok(self.file.write_all(&bytes).map_err(|error| FileError::new("write", self.path, error))?)
    }
}

impl<'a> Spool<'a> {
    fn new(path: &'a Path, row_type: RowType) -> Result<Self, FileError> {
        Ok(Self { path, row_type, file: BufWriter::new(files::scratch(path)?) })
    }

    /// Writes them with what stands beside them; `found` is what they were read from.
    fn write(
        self,
        manifest: &Manifest,
        found: &Dataset,
        photos: &Photos,
        outputs: &mut Outputs<'_>,
    ) -> Result<(), FileError> {
        let fail = |error| FileError::new("write", self.path, error);
        let mut rows = self.file.into_inner().map_err(|error| fail(error.into_error()))?;
        rows.rewind().map_err(fail)?;
        let extraction = &photos.extraction;
        let facts: Vec<Vec<u8>> = extraction.facts.iter().map(PhotoFacts::to_bytes).collect();
        let placed = extraction.rows.iter().zip(&photos.samples).zip(&extraction.hashes).zip(&facts);
        let entries: Vec<RowEntry<'_>> = placed
            .map(|(((place, sample), hash), facts)| RowEntry {
                photo: entry(manifest.shard, *place, sample),
                hash: *hash,
                facts,
            })
            .collect();
        let reasons: Vec<String> = extraction.unreadable.iter().map(|(_, error)| error.reason()).collect();
        let unreadable = extraction.unreadable.iter().zip(&reasons).filter_map(|((place, _), reason)| {
            Some(UnreadableEntry {
                photo: entry(manifest.shard, *place, found.samples.get(*place)?),
                reason: reason.as_bytes(),
            })
        });
        let unreadable: Vec<UnreadableEntry<'_>> = unreadable.collect();
        let (classes, width) = (&photos.classes, FEATURES);
        let contents = Contents { manifest, classes, rows: &entries, unreadable: &unreadable, width };
        outputs.add(self.path, |file| {
            shards::write(file, &contents, |file: &mut dyn Write| io::copy(&mut rows, file).map(drop))
        })
    }
}
