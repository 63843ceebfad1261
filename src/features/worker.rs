//! One thread's share of the work: chunks of photos from files to features.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Scope;

use crossbeam_channel::{Receiver, Sender};

use super::batch::BatchSize;
use super::{Extractor, FeatureError, Inputs, Photo, Recipe, Unreadable, Workload};
use crate::backbone::{BackboneError, Engine, Pooled, layout};
use crate::files::{self, ContentHash};
use crate::pixels::Crop;
use crate::progress::Progress;

/// A chunk of consecutive photos, done.
pub(super) type Done = Vec<(PathBuf, Result<Photo, Unreadable>)>;

/// Where the workers take their photos from, with the number of the next chunk.
pub(super) struct Source<'a> {
    pub(super) inputs: &'a mut dyn Inputs,
    pub(super) next_chunk: u64,
}

/// What all workers of a run share.
pub(super) struct Shared<'a> {
    pub(super) extractor: &'a Extractor<'a>,
    pub(super) recipe: Recipe,
    pub(super) source: Mutex<Source<'a>>,
    pub(super) stop: AtomicBool,
    /// Whether some worker has asked for the network.
    pub(super) is_loading: AtomicBool,
    /// Whether the cache gave an error, after which it is left alone.
    pub(super) cache_failed: AtomicBool,
    pub(super) batch: BatchSize,
    pub(super) progress: &'a dyn Progress,
}

pub(super) struct Worker<'a> {
    shared: &'a Shared<'a>,
    engine: OnceCell<Engine>,
    tickets: Receiver<()>,
    deliver: Sender<(u64, Result<Done, FeatureError>)>,
}

/// A photo on its way.
enum Read {
    /// Its features were there.
    Known(Photo),
    /// Its crop is the next of the batch.
    Decoded(ContentHash),
}

impl<'a> Worker<'a> {
    pub(super) fn new(
        shared: &'a Shared<'a>,
        tickets: Receiver<()>,
        deliver: Sender<(u64, Result<Done, FeatureError>)>,
    ) -> Self {
        Self { shared, engine: OnceCell::new(), tickets, deliver }
    }

    pub(super) fn run<'scope>(self, scope: &'scope Scope<'scope, '_>)
    where
        'a: 'scope,
    {
        let workload = self.shared.extractor.workload;
        tch::set_num_threads(workload.threads_per_worker);
        while self.tickets.recv().is_ok() && !self.shared.stop.load(Ordering::Relaxed) {
            let Some((number, paths)) = take(&self.shared.source, workload) else {
                return;
            };
            let done = self.shared.progress.check().map_err(Into::into).and_then(|()| self.chunk(paths, scope));
            let failed = done.is_err();
            if self.deliver.send((number, done)).is_err() || failed {
                return;
            }
        }
    }

    fn chunk<'scope>(&self, paths: Vec<PathBuf>, scope: &'scope Scope<'scope, '_>) -> Result<Done, FeatureError>
    where
        'a: 'scope,
    {
        let mut crops = Vec::with_capacity(paths.len());
        let mut read = Vec::with_capacity(paths.len());
        for path in paths {
            let outcome = self.read(&path, &mut crops, scope);
            read.push((path, outcome));
        }
        let features = self.forward(&crops)?.whole;
        let hashes = read.iter().filter_map(|(_, outcome)| match outcome {
            Ok(Read::Decoded(hash)) => Some(*hash),
            Ok(Read::Known(_)) | Err(_) => None,
        });
        self.keep(&hashes.zip(features.chunks_exact(layout::FEATURES)).collect::<Vec<_>>());
        self.shared.progress.advance(read.len() as u64);
        let mut rows = features.chunks_exact(layout::FEATURES);
        let mut photo = |read| match read {
            Read::Known(photo) => photo,
            Read::Decoded(hash) => {
                Photo { hash, features: rows.next().unwrap_or_default().to_vec(), from_cache: false }
            }
        };
        Ok(read.into_iter().map(|(path, outcome)| (path, outcome.map(&mut photo))).collect())
    }

    fn read<'scope>(
        &self,
        path: &Path,
        crops: &mut Vec<Crop>,
        scope: &'scope Scope<'scope, '_>,
    ) -> Result<Read, Unreadable>
    where
        'a: 'scope,
    {
        let Extractor { backbone, limits, preprocess, .. } = *self.shared.extractor;
        let bytes = files::read(path, limits.max_file_bytes)?;
        let hash = ContentHash::of(&bytes);
        if let Some(features) = self.known(&hash) {
            return Ok(Read::Known(Photo { hash, features, from_cache: true }));
        }
        if !self.shared.is_loading.swap(true, Ordering::Relaxed) {
            // The weights load while the first photos are decoded; an error comes back to whoever asks next.
            scope.spawn(move || drop(backbone.engine()));
        }
        crops.push(preprocess.load(&bytes, limits)?);
        Ok(Read::Decoded(hash))
    }

    /// Features of all crops, `[B, 2048]`.
    fn forward(&self, crops: &[Crop]) -> Result<Pooled, FeatureError> {
        if crops.is_empty() {
            return Ok(Pooled::default());
        }
        let Extractor { backbone, preprocess, .. } = *self.shared.extractor;
        if self.engine.get().is_none() {
            let _ = self.engine.set(backbone.engine()?);
        }
        let mut run = |crops: &[Crop]| match self.engine.get() {
            Some(engine) => engine.features(crops, preprocess),
            None => Err(BackboneError::Libtorch("the network is gone".to_owned())),
        };
        Ok(self.shared.batch.forward(crops, &mut run, self.shared.progress)?)
    }

    /// Features of an earlier run.
    fn known(&self, hash: &ContentHash) -> Option<Vec<f32>> {
        let cache = self.shared.extractor.cache?;
        if self.shared.cache_failed.load(Ordering::Relaxed) {
            return None;
        }
        let found = cache.get(hash, &self.shared.recipe);
        self.warn(cache.notices());
        let row = found.unwrap_or_else(|error| {
            self.give_up(&error);
            None
        });
        row.filter(|row| row.len() == layout::FEATURES)
    }

    /// Keeps features for later runs; a cache that fails costs a warning and no photo.
    fn keep(&self, rows: &[(ContentHash, &[f32])]) {
        let Some(cache) = self.shared.extractor.cache else { return };
        if rows.is_empty() || self.shared.cache_failed.load(Ordering::Relaxed) {
            return;
        }
        let kept = cache.put(&self.shared.recipe, rows);
        self.warn(cache.notices());
        if let Err(error) = kept {
            self.give_up(&error);
        }
    }

    fn warn(&self, notices: Vec<String>) {
        for notice in notices {
            self.shared.progress.warn(&notice);
        }
    }

    fn give_up(&self, error: &super::cache::CacheError) {
        if !self.shared.cache_failed.swap(true, Ordering::Relaxed) {
            self.shared.progress.warn(&format!("{error}; going on without the cache"));
        }
    }
}

/// The next chunk and its number, or `None` at the end.
fn take(source: &Mutex<Source<'_>>, workload: Workload) -> Option<(u64, Vec<PathBuf>)> {
    // A poisoned lock means that another worker panicked; that panic is passed on when the scope ends.
    let mut source = source.lock().ok()?;
    let at_most = workload.chunk(source.inputs.left());
    let paths = source.inputs.next(at_most);
    if paths.is_empty() {
        return None;
    }
    let number = source.next_chunk;
    source.next_chunk += 1;
    Some((number, paths))
}
