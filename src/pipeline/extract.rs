//! Photos in, a safetensors file of features out.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::photos::Reading;
use super::{BackboneOptions, OnUnreadable, PipelineError};
use crate::backbone::layout::FEATURES;
use crate::files;
use crate::model::ModelError;
use crate::pixels::{Limits, Preprocess};
use crate::progress::Progress;
use crate::report::Skipped;

/// What `extract` needs to know.
#[derive(Debug, Clone)]
pub struct ExtractOptions {
    /// Folder or CSV.
    pub data: PathBuf,
    /// The positive class, where it is not the second by name.
    pub positive: Option<String>,
    /// The features' file.
    pub output: PathBuf,
    /// Bytes to crops.
    pub preprocess: Preprocess,
    /// What a single file may cost.
    pub limits: Limits,
    /// What to do about a photo that cannot be read.
    pub on_unreadable: OnUnreadable,
    /// The backbone.
    pub backbone: BackboneOptions,
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
    files::check_writable(&options.output)?;
    let reading = Reading {
        data: &options.data,
        positive: options.positive.as_deref(),
        preprocess: &options.preprocess,
        limits: &options.limits,
        on_unreadable: options.on_unreadable,
        backbone: &options.backbone,
    };
    let photos = reading.run(progress)?;
    let paths: Vec<_> = photos.samples.iter().map(|sample| sample.path.to_string_lossy()).collect();
    let labels: Vec<i64> = photos.labels().iter().map(|&positive| i64::from(positive)).collect();
    let facts = serde_json::json!({
        "paths": paths,
        "classes": photos.classes.names(),
        "positive": photos.classes.positive_name(),
        "weights": photos.weights,
        "preprocess": options.preprocess,
    });
    write(&options.output, photos.extraction.features.values(), &labels, facts.to_string())?;
    Ok(ExtractSummary {
        images: labels.len(),
        from_cache: photos.extraction.from_cache,
        unreadable: photos.unreadable,
        images_per_second: photos.images_per_second,
        output: options.output.clone(),
    })
}

fn write(path: &Path, features: &[f32], labels: &[i64], facts: String) -> Result<(), PipelineError> {
    let failed = |error: safetensors::SafeTensorError| {
        PipelineError::from(ModelError::NotSafetensors { file: path.display().to_string(), reason: error.to_string() })
    };
    let feature_bytes: Vec<u8> = features.iter().flat_map(|value| value.to_le_bytes()).collect();
    let label_bytes: Vec<u8> = labels.iter().flat_map(|value| value.to_le_bytes()).collect();
    let tensors = [
        ("features", TensorView::new(Dtype::F32, vec![labels.len(), FEATURES], &feature_bytes).map_err(failed)?),
        ("labels", TensorView::new(Dtype::I64, vec![labels.len()], &label_bytes).map_err(failed)?),
    ];
    // One entry only: the order of a map with several would differ from run to run.
    let metadata = HashMap::from([("resnet_binary".to_owned(), facts)]);
    let bytes = safetensors::serialize(tensors, Some(metadata)).map_err(failed)?;
    Ok(files::write(path, |file| file.write_all(&bytes))?)
}
