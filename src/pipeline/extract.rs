//! Photos in, a safetensors file of features out.

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use super::outputs::{Inputs, Output, Outputs, weights_file};
use super::photos::Reading;
use super::{BackboneOptions, OnUnreadable, PipelineError};
use crate::backbone::Pooling;
use crate::backbone::layout::FEATURES;
use crate::dataset::ReadOptions;
use crate::features::{FeatureError, Rows};
use crate::files::{self, FileError, Kind, escaped};
use crate::model;
use crate::pixels::{Limits, Preprocess};
use crate::progress::Progress;
use crate::report::Skipped;

/// How a file of features is known among other files; a model's description begins otherwise.
const KIND: Kind = Kind {
    name: "file of features",
    is_one: |head| {
        let header = head.get(8..).unwrap_or_default();
        header.starts_with(br#"{"__metadata__":{"resnet_binary":"#) && !(model::KIND.is_one)(head)
    },
};

/// What `extract` needs to know.
#[derive(Debug, Clone)]
pub struct ExtractOptions {
    /// Folder or CSV.
    pub data: PathBuf,
    /// How it is to be read.
    pub read_options: ReadOptions,
    /// The positive class, where it is not the second by name.
    pub positive: Option<String>,
    /// The features' file.
    pub output: PathBuf,
    /// Bytes to crops.
    pub preprocess: Preprocess,
    /// Whether its levels of 16-bit samples are chosen by the photos.
    pub auto_levels: bool,
    /// What a single file may cost.
    pub limits: Limits,
    /// What to do about a photo that cannot be read.
    pub on_unreadable: OnUnreadable,
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
            output: output.into(),
            preprocess: Preprocess::default(),
            auto_levels: false,
            limits: Limits::default(),
            on_unreadable: OnUnreadable::default(),
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
    pub unreadable: Vec<Skipped>,
    /// How many of the rows were computed in an earlier run.
    pub from_cache: usize,
    /// Images a second.
    pub images_per_second: f64,
    /// The features' file.
    pub output: PathBuf,
}

impl fmt::Display for ExtractSummary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (images, unreadable, rate) = (self.images, self.unreadable.len(), self.images_per_second);
        let cached = match self.from_cache {
            0 => String::new(),
            some => format!(", {some} from the cache"),
        };
        writeln!(out, "{images} images, {unreadable} unreadable, {rate:.1} images/s{cached}")?;
        writeln!(out, "features [{images}, {FEATURES}] and labels [{images}] are in {}", self.output.display())
    }
}

/// Writes `features` f32 `[N, 2048]` and `labels` i64 `[N]`, in the order of the sorted paths, with `paths`, `classes`,
/// `positive` and `weights` as JSON in the metadata.
///
/// # Errors
/// [`PipelineError`]; the output is then as it was.
pub fn extract(options: &ExtractOptions, progress: &dyn Progress) -> Result<ExtractSummary, PipelineError> {
    let data = ("the table of `--data`", options.data.as_path());
    let inputs = Inputs::new([data].into_iter().chain(weights_file(options.backbone.weights.as_ref())));
    let output = Output { option: "--output", path: &options.output, kind: KIND };
    let mut outputs = Outputs::new(vec![output], inputs)?;
    let reading = Reading {
        data: &options.data,
        read_options: &options.read_options,
        positive: options.positive.as_deref(),
        model: None,
        preprocess: &options.preprocess,
        auto_levels: options.auto_levels,
        pooling: Pooling::Average,
        // They wait in a file.
        copies: 0,
        limits: &options.limits,
        on_unreadable: options.on_unreadable,
        backbone: &options.backbone,
        facts: false,
    };
    let mut rows = Spool { path: &options.output, file: BufWriter::new(files::scratch(&options.output)?) };
    let photos = reading.run(&mut rows, progress)?;
    let paths: Vec<_> = photos.samples.iter().map(|sample| escaped::text(&sample.path)).collect();
    let labels: Vec<i64> = photos.labels().iter().map(|&positive| i64::from(positive)).collect();
    let facts = serde_json::json!({
        "paths": paths,
        "classes": photos.classes.names(),
        "positive": photos.classes.positive_name(),
        "weights": photos.weights,
        "preprocess": photos.preprocess,
        "precision": photos.target.precision.to_string(),
    });
    rows.write(&labels, &facts.to_string(), &mut outputs)?;
    outputs.finish(progress)?;
    Ok(ExtractSummary {
        images: labels.len(),
        from_cache: photos.extraction.from_cache,
        unreadable: photos.unreadable,
        images_per_second: photos.images_per_second,
        output: options.output.clone(),
    })
}

/// Rows on their way into a safetensors file, whose header needs their number first: they wait in a file of their own,
/// so that memory does not grow with it.
struct Spool<'a> {
    path: &'a Path,
    file: BufWriter<File>,
}

impl Rows for Spool<'_> {
    fn push(&mut self, row: &[f32]) -> Result<(), FeatureError> {
        let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
        Ok(self.file.write_all(&bytes).map_err(|error| FileError::new("write", self.path, error))?)
    }
}

impl Spool<'_> {
    fn write(self, labels: &[i64], facts: &str, outputs: &mut Outputs<'_>) -> Result<(), FileError> {
        let fail = |error| FileError::new("write", self.path, error);
        let mut rows = self.file.into_inner().map_err(|error| fail(error.into_error()))?;
        rows.rewind().map_err(fail)?;
        let header = header(labels.len(), facts);
        outputs.add(self.path, |file| {
            file.write_all(&(header.len() as u64).to_le_bytes())?;
            file.write_all(header.as_bytes())?;
            std::io::copy(&mut rows, file)?;
            labels.iter().try_for_each(|label| file.write_all(&label.to_le_bytes()))
        })
    }
}

/// The safetensors header of the rows and their labels, padded so that the numbers lie at multiples of 8.
fn header(images: usize, facts: &str) -> String {
    let features = images * FEATURES * size_of::<f32>();
    let labels = features + images * size_of::<i64>();
    let mut header = serde_json::json!({
        // One entry only, as in the model file.
        "__metadata__": { "resnet_binary": facts },
        "features": { "dtype": "F32", "shape": [images, FEATURES], "data_offsets": [0, features] },
        "labels": { "dtype": "I64", "shape": [images], "data_offsets": [features, labels] },
    })
    .to_string();
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
    header
}
