//! The network as a table, and a file compared with it; nothing is loaded that is not named.

use std::path::{Path, PathBuf};

use super::PipelineError;
use crate::backbone::shapes::{HeadSpec, Shapes};
use crate::backbone::{Pooling, layout};
use crate::files::ContentHash;
use crate::model::Model;
use crate::pixels::Preprocess;
use crate::report::{InspectReport, ModelFit, WeightsFit};
use crate::weights::{self, Places, WeightsId, WeightsSource};

/// What `inspect` needs to know.
#[derive(Debug, Clone)]
pub(crate) struct InspectOptions {
    /// Side of the input; `None` for the model's own, or 224.
    pub image_size: Option<u32>,
    /// What stands in front of the head; `None` for nothing, which shows why that does not fit. A model has its own.
    pub pooling: Option<Pooling>,
    /// Weights to compare with the table.
    pub weights: Option<WeightsSource>,
    /// A model whose head is to be the last stage.
    pub model: Option<PathBuf>,
    /// Folders to look for weights in.
    pub places: Places,
}

/// Lays the table out and compares the files that were named with it. A head that does not fit is in the report.
///
/// # Errors
/// [`PipelineError`] if a file cannot be read, or does not fit the network.
pub(crate) fn inspect(options: &InspectOptions) -> Result<InspectReport, PipelineError> {
    let model = options.model.as_deref().map(Model::read).transpose()?;
    let own_size = model.as_ref().map_or(Preprocess::default().crop, |model| model.facts.preprocess.crop);
    let image_size = options.image_size.unwrap_or(own_size);
    let head = match (&model, options.pooling) {
        (Some(model), _) => HeadSpec { pooling: Some(model.facts.pooling), inputs: model.head.weight.len() },
        (None, Some(pooling)) => HeadSpec::fitting(pooling, image_size),
        (None, None) => HeadSpec::NONE,
    };
    let mut report = InspectReport::new(Shapes::new(image_size, head));
    report.weights = options.weights.as_ref().map(|source| compare(source, &options.places)).transpose()?;
    report.model = model.as_ref().zip(options.model.as_ref()).map(|(model, path)| describe(model, path));
    Ok(report)
}

fn describe(Model { facts, .. }: &Model, path: &Path) -> ModelFit {
    ModelFit {
        path: path.to_path_buf(),
        head: facts.pooling.to_string(),
        image_size: facts.preprocess.crop,
        positive: facts.positive.clone(),
        negative: facts.negative.clone(),
        weights: facts.weights.name.clone(),
    }
}

/// The tensors of a weights file beside those of the network.
pub(super) fn compare(source: &WeightsSource, places: &Places) -> Result<WeightsFit, PipelineError> {
    let path = match source {
        WeightsSource::Random(seed) => {
            let WeightsId { name, sha256 } = WeightsId::random(*seed);
            return Ok(WeightsFit { path: None, name, sha256, tensors: layout::tensors().len(), left_out: Vec::new() });
        }
        WeightsSource::Named(name) => weights::find(weights::manifest()?.entry(name)?, places)?,
        WeightsSource::File(path) => path.clone(),
    };
    let arrays = weights::read(&path)?;
    let found: Vec<_> = arrays.iter().map(|(name, array)| (name, array.shape(), array.dtype())).collect();
    layout::compare(&path.display().to_string(), &found)?;
    let is_counter = |name: &str| name.ends_with(".num_batches_tracked");
    let left_out = found.iter().filter(|(name, ..)| layout::is_ignored(name) && !is_counter(name));
    Ok(WeightsFit {
        name: source.to_string(),
        sha256: ContentHash::from_file(&path)?.to_string(),
        tensors: layout::tensors().len(),
        left_out: left_out.map(|(name, shape, _)| format!("{name} {shape:?}")).collect(),
        path: Some(path),
    })
}
