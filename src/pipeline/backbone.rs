//! Where the backbone of a command comes from, and what runs it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tch::Device;

use super::PipelineError;
use crate::backbone::device::DeviceChoice;
use crate::backbone::{Backbone, BackboneError, LazyBackbone, PrecisionChoice, Target};
use crate::features::{Cache, Workload};
use crate::files::{self, ContentHash, FileError, escaped};
use crate::model::Model;
use crate::progress::Progress;
use crate::weights::{self, FetchOptions, Places, WeightsId, WeightsSource};

/// Where the backbone comes from and what runs it.
#[derive(Debug, Clone)]
pub struct BackboneOptions {
    /// The weights; `None` where a model names its own.
    pub weights: Option<WeightsSource>,
    /// The device.
    pub device: DeviceChoice,
    /// The arithmetic; `None` for that of the model's training, or what suits the device where there is no model.
    pub precision: Option<PrecisionChoice>,
    /// Folder of the features of earlier runs; `None` to compute everything anew.
    pub cache: Option<PathBuf>,
    /// Threads at most; `None` for all that the process may use.
    pub threads: Option<usize>,
    /// Images in one batch; `None` for what suits the device.
    pub batch: Option<usize>,
    /// Folders to look for weights in.
    pub places: Places,
    /// Whether and how to fetch missing weights.
    pub fetch: FetchOptions,
}

impl BackboneOptions {
    /// As by default, with torchvision's weights, for a command that reads no model.
    pub(crate) fn pretrained() -> Self {
        Self { weights: Some(WeightsSource::default()), ..Self::default() }
    }
}

impl BackboneOptions {
    /// Finds the weights, fetching them if they are missing and that is allowed; they are loaded when the first photo
    /// needs them.
    pub(super) fn open(
        &self,
        source: &WeightsSource,
        (target, devices): (Target, Vec<Device>),
        cache: Option<&Cache>,
        progress: &dyn Progress,
    ) -> Result<LazyBackbone, PipelineError> {
        let (path, name, entry) = match source {
            WeightsSource::Random(seed) => {
                let seed = *seed;
                progress.warn(&format!(
                    "random weights (seed {seed}): the backbone knows nothing, so the numbers below mean nothing"
                ));
                let id = WeightsId::random(seed);
                return Ok(LazyBackbone::new(id, target, move || Backbone::random(seed, target)).on(devices));
            }
            WeightsSource::Named(name) => {
                let entry = weights::manifest()?.entry(name)?.clone();
                let path = match weights::locate(&entry, &self.places) {
                    Some(path) => path,
                    None => weights::fetch(&entry, &self.places, &self.fetch, progress)?,
                };
                (path, name.clone(), Some(entry))
            }
            WeightsSource::File(path) => {
                let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
                (path.clone(), name, None)
            }
        };
        let sha256 = checksum_of(&path, cache)?;
        // A file is not what its name says because it lies where such files lie.
        if let Some(entry) = entry {
            entry.check(&path, &sha256)?;
        }
        let id = WeightsId { name, sha256 };
        let from_file = id.clone();
        let load = move || Backbone::load(&weights::read(&path)?, &from_file.name, target);
        Ok(LazyBackbone::new(id, target, load).on(devices))
    }

    /// Devices and arithmetic: as asked for, else as the model was trained, where these devices compute so. Where answers are
    /// computed in another arithmetic than the training, that is said.
    pub(super) fn target(
        &self,
        model: Option<&Model>,
        image_size: u32,
        progress: &dyn Progress,
    ) -> Result<(Target, Vec<Device>), PipelineError> {
        let trained_in = model.and_then(|model| model.facts.precision.as_deref());
        let resolve = |precision| Target::resolve(self.device, precision, image_size);
        let of_model = || trained_in.and_then(|name| name.parse().ok()).unwrap_or_default();
        let resolved = match resolve(self.precision.unwrap_or_else(of_model)) {
            // The model comes from a machine that has it.
            Err(BackboneError::NoBf16 | BackboneError::NoFp16 | BackboneError::NoInt8(_))
                if self.precision.is_none() =>
            {
                resolve(PrecisionChoice::Auto)
            }
            resolved => resolved,
        };
        let (target, devices) = resolved?;
        let runs_in = target.precision.to_string();
        if let Some(trained_in) = trained_in.filter(|trained_in| *trained_in != runs_in) {
            progress
                .note(&format!("the model was trained in {trained_in}, and these photos are computed in {runs_in}"));
        }
        Ok((target, devices))
    }

    /// The backbone that a model was trained on: from the user's file, the known places, or its seed.
    pub(super) fn open_for(
        &self,
        path: &Path,
        model: &Model,
        cache: Option<&Cache>,
        progress: &dyn Progress,
    ) -> Result<LazyBackbone, PipelineError> {
        let expected = &model.facts.weights;
        let target = self.target(Some(model), model.facts.preprocess.crop, progress)?;
        if let (None, Some(bytes)) = (&self.weights, &model.backbone) {
            return Self::open_bundled(path, expected, Arc::clone(bytes), target);
        }
        let source = match &self.weights {
            Some(source) => source.clone(),
            None => source_of(expected, model.facts.weights_path.as_deref(), path, &self.places, cache)?,
        };
        let backbone = self.open(&source, target, cache, progress)?;
        if backbone.id().sha256 == expected.sha256 {
            return Ok(backbone);
        }
        let describe = |id: &WeightsId| format!("`{}` ({})", id.name, id.sha256.get(..8).unwrap_or(&id.sha256));
        Err(PipelineError::OtherWeights {
            model: path.to_path_buf(),
            expected: describe(expected),
            given: describe(backbone.id()),
        })
    }

    /// The weights that a model brings along, if they are those that it was trained on.
    pub(super) fn open_bundled(
        path: &Path,
        id: &WeightsId,
        bytes: Arc<[u8]>,
        (target, devices): (Target, Vec<Device>),
    ) -> Result<LazyBackbone, PipelineError> {
        if ContentHash::new(&bytes).to_string() != id.sha256 {
            return Err(PipelineError::Bundle { model: path.to_path_buf() });
        }
        let (from_file, file) = (id.clone(), path.display().to_string());
        let load = move || Backbone::load(&weights::parse(&bytes, &file)?, &from_file.name, target);
        Ok(LazyBackbone::new(id.clone(), target, load).on(devices))
    }

    /// The weights file that is to go into a bundle; `None` for random weights, which are no file.
    pub(super) fn weights_bytes(&self, id: &WeightsId) -> Result<Option<Arc<[u8]>>, PipelineError> {
        let path = match self.weights.clone().unwrap_or_default() {
            WeightsSource::Random(_) => return Ok(None),
            WeightsSource::File(path) => Some(path),
            WeightsSource::Named(name) => weights::locate(weights::manifest()?.entry(&name)?, &self.places),
        };
        let path = path.unwrap_or_default();
        let bytes = files::read(&path, weights::SIZE_LIMIT)?;
        if ContentHash::new(&bytes).to_string() == id.sha256 {
            Ok(Some(bytes.into()))
        } else {
            Err(FileError::new("bundle", &path, io::Error::other("it has changed since it was read")).into())
        }
    }

    /// The cache, if it is wanted and can be used; else a warning.
    pub(super) fn open_cache(&self, progress: &dyn Progress) -> Option<Cache> {
        let mut folder = self.cache.clone()?;
        if let Some(kind) = files::network_file_system(&folder) {
            let node = files::node_folder();
            progress.note(&instead_of_network(&folder, &kind, node.as_deref()));
            folder = node?;
        }
        let cache = Cache::open(&folder).inspect_err(|error| {
            progress.warn(&format!("{error}; going on without the cache"));
        });
        let cache = cache.ok()?;
        for notice in cache.notices() {
            progress.warn(&notice);
        }
        Some(cache)
    }

    /// The file of the weights, if they are one, in full.
    pub(crate) fn weights_path(&self) -> Option<String> {
        let Some(WeightsSource::File(path)) = &self.weights else { return None };
        Some(escaped::text(&std::path::absolute(path).ok()?).into_owned())
    }

    pub(super) fn workload(&self, device: Device, photos: Option<usize>) -> Workload {
        Workload::choose(device, photos, self.threads, self.batch)
    }
}

impl Default for BackboneOptions {
    /// The best device and precision of this machine, the user's cache folder, weights fetched where they are missing
    /// unless the environment says offline.
    fn default() -> Self {
        Self {
            weights: None,
            device: DeviceChoice::Auto,
            precision: None,
            cache: Some(files::cache_folder()),
            threads: None,
            batch: None,
            places: Places::from_environment(),
            fetch: FetchOptions::from_environment(false),
        }
    }
}

/// What is said where the folder of the cache is on a network file system.
fn instead_of_network(folder: &Path, kind: &str, node: Option<&Path>) -> String {
    let why = format!("`{}` is on a network file system ({kind}), where its journal is not safe", folder.display());
    match node {
        Some(node) => format!("the cache is in `{}` on this machine: {why}", node.display()),
        None => format!("no cache: {why}; `--cache DIR` takes a folder on a disk of this machine"),
    }
}

/// The SHA-256 of a file in hexadecimal, which the cache keeps for as long as the file stays the same.
fn checksum_of(path: &Path, cache: Option<&Cache>) -> Result<String, PipelineError> {
    Ok(match cache {
        Some(cache) => cache.checksum_of(path)?,
        None => ContentHash::from_file(path)?.to_string(),
    })
}

/// Where the weights that a model names can be had. A file is looked for by its name and checksum in the current folder,
/// beside the model and where weights lie, and by its checksum where it lay at training.
fn source_of(
    id: &WeightsId,
    lay_at: Option<&str>,
    model: &Path,
    places: &Places,
    cache: Option<&Cache>,
) -> Result<WeightsSource, PipelineError> {
    if let Some(seed) = id.seed() {
        return Ok(WeightsSource::Random(seed));
    }
    if weights::manifest()?.entry(&id.name).is_ok() {
        return Ok(WeightsSource::Named(id.name.clone()));
    }
    // The model may be a stranger's: a name with folders in it leads nowhere.
    let name = Path::new(&id.name).file_name().filter(|name| *name == id.name.as_str());
    let beside = model.parent().unwrap_or(Path::new("")).to_path_buf();
    let folders = [PathBuf::new(), beside].into_iter().chain(places.folders());
    let is_it = |path: &PathBuf| path.is_file() && checksum_of(path, cache).is_ok_and(|sha256| sha256 == id.sha256);
    let named: Vec<PathBuf> = name.map(|name| folders.map(|folder| folder.join(name)).collect()).unwrap_or_default();
    let found = named.into_iter().chain(lay_at.map(escaped::path)).find(is_it);
    found.map(WeightsSource::File).ok_or_else(|| PipelineError::WeightsOfModel {
        model: model.to_path_buf(),
        name: id.name.clone(),
        sha256: id.sha256.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_found_by_name_and_checksum_beside_the_model_and_where_they_lay() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places { read_only: Vec::new(), cache: dir.path().join("cache") };
        let model = dir.path().join("models").join("m");
        let sha256 = ContentHash::new(b"weights").to_string();
        let id = |name: &str| WeightsId { name: name.to_owned(), sha256: sha256.clone() };
        let source = |name: &str| source_of(&id(name), None, &model, &places, None);
        assert_eq!(source("random:3").unwrap(), WeightsSource::Random(3));
        assert_eq!(source("imagenet-v1").unwrap(), WeightsSource::default());
        let error = source("mine.pth").unwrap_err();
        assert!(error.hint().unwrap().contains("--weights FILE"), "{error}");
        let put = |folder: &str, content: &[u8]| {
            let folder = dir.path().join(folder);
            files::make_folder(&folder).unwrap();
            files::write(&folder.join("mine.pth"), |file| file.write_all(content)).unwrap();
            WeightsSource::File(folder.join("mine.pth"))
        };
        // One of the same name that is another file, such as the model itself, is passed over.
        put("models", b"others");
        let in_cache = put("cache", b"weights");
        assert_eq!(source("mine.pth").unwrap(), in_cache);
        let beside = put("models", b"weights");
        assert_eq!(source("mine.pth").unwrap(), beside);
        for name in ["../cache/mine.pth", "./mine.pth", "..", "", "mine.pth/"] {
            assert!(source(name).is_err(), "{name}");
        }
        // Where it lay at training it is known by its checksum, whatever it is called.
        let WeightsSource::File(lay_at) = put("elsewhere", b"weights") else { unreachable!() };
        let lay_at = escaped::text(&lay_at).into_owned();
        let found = |name: &str| source_of(&id(name), Some(&lay_at), &model, &places, None);
        assert_eq!(found("gone.pth").unwrap(), put("elsewhere", b"weights"));
        put("elsewhere", b"others");
        assert!(found("gone.pth").is_err());
    }
}
