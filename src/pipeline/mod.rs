//! The stories that the commands tell: train, predict, extract. The only library room that names every other.

mod error;
mod extract;
mod inputs;
mod photos;
mod predict;
mod train;

use std::path::Path;

use tch::Device;

use crate::backbone::Backbone;
use crate::backbone::device::DeviceChoice;
use crate::features::{Extractor, Workload};
use crate::files::ContentHash;
use crate::progress::Progress;
use crate::weights::{self, FetchOptions, Places, WeightsId, WeightsSource};

pub use error::PipelineError;
pub use extract::{ExtractOptions, ExtractSummary, extract};
pub use inputs::{Argument, Arguments};
pub use predict::{Answer, PredictOptions, Prediction, predict};
pub use train::{SolverChoice, TrainOptions, train};

/// Where the backbone comes from and what runs it.
#[derive(Debug, Clone)]
pub struct BackboneOptions {
    /// The weights; `None` where a model names its own.
    pub weights: Option<WeightsSource>,
    /// The device.
    pub device: DeviceChoice,
    /// Threads at most; `None` for all that the process may use.
    pub threads: Option<usize>,
    /// Images in one batch; `None` for what suits the device.
    pub batch: Option<usize>,
    /// Folders to look for weights in.
    pub places: Places,
    /// Whether and how to fetch missing weights.
    pub fetch: FetchOptions,
}

/// What to do about a photo that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnreadable {
    /// Report it and go on.
    Skip,
    /// Stop at the first.
    Fail,
}

impl BackboneOptions {
    /// Loads the backbone onto its device, fetching the weights if they are missing and that is allowed.
    fn load(&self, source: &WeightsSource, device: Device, progress: &dyn Progress) -> Result<Backbone, PipelineError> {
        match source {
            WeightsSource::Random(seed) => {
                progress.warn(&format!(
                    "random weights (seed {seed}): the backbone knows nothing, so the numbers below mean nothing"
                ));
                Ok(Backbone::random(*seed, device)?)
            }
            WeightsSource::Named(name) => {
                let entry = weights::manifest()?.entry(name)?.clone();
                let path = match weights::locate(&entry, &self.places) {
                    Some(path) => path,
                    None => weights::fetch(&entry, &self.places, &self.fetch, progress)?,
                };
                load_file(&path, Some(name), device)
            }
            WeightsSource::File(path) => load_file(path, None, device),
        }
    }

    fn workload(&self, device: Device, photos: Option<usize>) -> Workload {
        Workload::choose(device, photos, self.threads, self.batch)
    }
}

/// Reads, compares and loads a weights file; it is called `name`, or by its own file name.
fn load_file(path: &Path, name: Option<&str>, device: Device) -> Result<Backbone, PipelineError> {
    let arrays = weights::read(path)?;
    let sha256 = ContentHash::of_file(path)?.to_string();
    let own_name = || path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let id = WeightsId { name: name.map_or_else(own_name, str::to_owned), sha256 };
    Ok(Backbone::load(&arrays, id, device)?)
}
