//! The work of one thread: chunks of photos, from files to features.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Scope;

use crossbeam_channel::{Receiver, Sender};

use super::batch::BatchSize;
use super::cache::Entry;
use super::throughput::Throughput;
use super::{CacheKey, Explained, Extractor, FeatureError, Inputs, Photo, PhotoError, Workload, border};
use crate::backbone::{ActivationMap, BackboneError, Engine, Pooled, Readout, layout};
use crate::files::{self, ContentHash};
use crate::pixels::{self, Crop, DecodeError, Kind, PhotoFacts};
use crate::progress::Progress;

/// A finished chunk of consecutive photos.
pub(super) type Done = Vec<(PathBuf, Result<Photo, PhotoError>)>;

/// The source of the photos, with the number of the next chunk.
pub(super) struct Source<'a> {
    pub(super) inputs: &'a mut dyn Inputs,
    pub(super) next_chunk: u64,
}

/// The state that all workers of a run share.
pub(super) struct Shared<'a> {
    pub(super) extractor: &'a Extractor<'a>,
    pub(super) key: CacheKey,
    pub(super) source: Mutex<Source<'a>>,
    pub(super) stop: AtomicBool,
    /// Whether a worker has requested the network.
    pub(super) is_loading: AtomicBool,
    /// Whether the cache returned an error; it is not used afterwards.
    pub(super) cache_failed: AtomicBool,
    pub(super) batch: BatchSize,
    pub(super) clock: Throughput,
    pub(super) progress: &'a dyn Progress,
}

/// A chunk of consecutive photos, read and decoded.
pub(super) struct Chunk {
    /// The index of the chunk in input order.
    pub(super) number: u64,
    read: Vec<(PathBuf, Result<Read, PhotoError>)>,
    /// The crops of the photos that must go through the network, in order.
    pub(super) crops: Vec<Crop>,
}

/// The executor of the network for a worker's crops.
pub(super) enum Network {
    /// The worker itself.
    Own(OnceCell<Engine>),
    /// Whichever batcher takes the chunk first.
    Feeders(Sender<Chunk>),
}

pub(super) struct Worker<'a> {
    shared: &'a Shared<'a>,
    network: Network,
    permits: Receiver<()>,
    deliver: Sender<(u64, Result<Done, FeatureError>)>,
}

/// A photo before the network.
enum Read {
    /// Its features were cached.
    Known(Photo),
    /// Its crop is the next of the chunk.
    Decoded(ContentHash, PhotoFacts, usize),
}

impl<'a> Worker<'a> {
    pub(super) fn new(
        shared: &'a Shared<'a>,
        network: Network,
        permits: Receiver<()>,
        deliver: Sender<(u64, Result<Done, FeatureError>)>,
    ) -> Self {
        Self { shared, network, permits, deliver }
    }

    pub(super) fn run<'scope>(self, scope: &'scope Scope<'scope, '_>)
    where
        'a: 'scope,
    {
        let workload = self.shared.extractor.workload;
        tch::set_num_threads(workload.threads_per_worker);
        let clock = &self.shared.clock;
        while clock.waiting(|| self.permits.recv()).is_ok() && !self.shared.is_stopped() {
            let Some((number, paths)) = take(&self.shared.source, workload) else {
                return;
            };
            if let Err(interrupted) = self.shared.progress.check() {
                let _ = self.deliver.send((number, Err(interrupted.into())));
                return;
            }
            let chunk = self.decode(number, paths, scope);
            let goes_on = match &self.network {
                Network::Own(engine) => {
                    let pooled = self.forward(engine, &chunk.crops);
                    let failed = pooled.is_err();
                    let done = pooled.map(|pooled| self.shared.finish(chunk, pooled));
                    self.deliver.send((number, done)).is_ok() && !failed
                }
                Network::Feeders(feeders) => clock.waiting(|| feeders.send(chunk)).is_ok(),
            };
            if !goes_on {
                return;
            }
        }
    }

    fn decode<'scope>(&self, number: u64, paths: Vec<PathBuf>, scope: &'scope Scope<'scope, '_>) -> Chunk
    where
        'a: 'scope,
    {
        let mut crops = Vec::with_capacity(paths.len());
        let mut read = Vec::with_capacity(paths.len());
        for path in paths {
            let outcome = self.read(&path, &mut crops, scope);
            read.push((path, outcome));
        }
        Chunk { number, read, crops }
    }

    fn read<'scope>(
        &self,
        path: &Path,
        crops: &mut Vec<Crop>,
        scope: &'scope Scope<'scope, '_>,
    ) -> Result<Read, PhotoError>
    where
        'a: 'scope,
    {
        let Extractor { backbone, limits, preprocess, .. } = *self.shared.extractor;
        if let Some(kind) = large_other_kind(path) {
            return Err(DecodeError::OtherKind(kind).into());
        }
        let bytes = files::read_within(path, limits.max_file_bytes, limits.max_time)?;
        let hash = ContentHash::new(&bytes);
        let pages = pixels::pages(&bytes);
        if let Some((features, facts)) = self.shared.known(&hash, pixels::is_sixteen_bit(&bytes)) {
            // The limits hold for cached photos too: the result must not depend on the limits of an earlier run.
            pixels::check_limits(&bytes, limits)?;
            return Ok(Read::Known(Photo { hash, features, facts, pages, from_cache: true, explained: None }));
        }
        if !self.shared.is_loading.swap(true, Ordering::Relaxed) {
            // Loads the weights while the first photos are decoded; `backbone` returns an error to the next caller. If
            // no thread can be started, the weights load when they are needed.
            let _ = std::thread::Builder::new().spawn_scoped(scope, move || drop(backbone.engine()));
        }
        let loaded = preprocess.load_with_facts(&bytes, limits);
        let (mut crop, facts) = loaded.map_err(|error| error.of_file(path))?;
        if let Some(border) = self.shared.extractor.border_width() {
            preprocess.blank_middle(&mut crop, border);
        }
        crops.push(crop);
        Ok(Read::Decoded(hash, facts, pages))
    }

    /// Runs the network on all crops, `[B, D]`.
    fn forward(&self, engine: &OnceCell<Engine>, crops: &[Crop]) -> Result<Pooled, FeatureError> {
        if crops.is_empty() {
            return Ok(Pooled::default());
        }
        let Extractor { backbone, preprocess, readout, .. } = *self.shared.extractor;
        if engine.get().is_none() {
            let _ = engine.set(backbone.engine()?.reading(readout)?);
        }
        let mut run = |crops: &[Crop]| match engine.get() {
            Some(engine) => engine.features(crops, preprocess),
            None => Err(BackboneError::Libtorch("the network is gone".to_owned())),
        };
        Ok(self.shared.batch.forward(crops, &mut run, self.shared.progress)?)
    }
}

impl Shared<'_> {
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Combines a decoded chunk with the network's output `[B, D]`, caches the features and advances the progress.
    pub(super) fn finish(&self, chunk: Chunk, pooled: Pooled) -> Done {
        let Pooled { whole, cells } = pooled;
        let Extractor { readout, preprocess, border, .. } = *self.extractor;
        let mut rows = whole
            .chunks_exact(readout.pooling.width(preprocess.crop))
            .map(|row| if border { border::averaged(row, layout::map_side(preprocess.crop)) } else { row.to_vec() });
        let mut explained = self.explained(chunk.crops, &cells).into_iter();
        let mut photo = |read| match read {
            Read::Known(photo) => photo,
            Read::Decoded(hash, facts, pages) => {
                let features = rows.next().unwrap_or_default();
                Photo { hash, features, facts: Some(facts), pages, from_cache: false, explained: explained.next() }
            }
        };
        let done: Done = chunk.read.into_iter().map(|(path, outcome)| (path, outcome.map(&mut photo))).collect();
        self.keep(&done);
        self.progress.advance(done.len() as u64);
        done
    }

    /// The crops with the head's contributions of their cells, `[B]`; empty if there is no head to explain.
    fn explained(&self, crops: Vec<Crop>, cells: &[f32]) -> Vec<Explained> {
        let Readout { pooling, explain: Some(head) } = self.extractor.readout else { return Vec::new() };
        let of_one = cells.len() / crops.len().max(1);
        let maps = cells.chunks_exact(of_one.max(1)).map(|cells| ActivationMap {
            side: of_one.isqrt(),
            cells: cells.to_vec(),
            pooling,
            bias: head.bias,
        });
        crops.into_iter().zip(maps).map(|(crop, map)| Explained { crop, map }).collect()
    }

    /// The cached features of a photo. The facts come with them if they are wanted or the photo has 16 bits per
    /// channel, since they hold its levels. Contributions of cells are not cached.
    fn known(&self, hash: &ContentHash, is_sixteen_bit: bool) -> Option<(Vec<f32>, Option<PhotoFacts>)> {
        let Extractor { facts, readout, .. } = *self.extractor;
        let cache = self.extractor.cache()?;
        if readout.explain.is_some() || self.cache_failed.load(Ordering::Relaxed) {
            return None;
        }
        let found = if facts || is_sixteen_bit {
            let both = cache.get_with_facts(hash, &self.key);
            both.map(|both| both.map(|(row, facts)| (row, Some(facts))))
        } else {
            cache.get(hash, &self.key).map(|row| row.map(|row| (row, None)))
        };
        self.warn(cache.notices());
        let found = found.unwrap_or_else(|error| {
            self.give_up(&error);
            None
        });
        found.filter(|(row, _)| row.len() == self.extractor.width())
    }

    /// Stores the computed features in the cache; if that fails, there is a warning and no photo is lost.
    fn keep(&self, done: &Done) {
        let Some(cache) = self.extractor.cache() else { return };
        let computed = done.iter().filter_map(|(_, outcome)| outcome.as_ref().ok()).filter(|photo| !photo.from_cache);
        let entries: Vec<_> = computed
            .filter_map(|Photo { hash, features, facts, .. }| {
                facts.as_ref().map(|facts| Entry { content: *hash, features, facts })
            })
            .collect();
        if entries.is_empty() || self.cache_failed.load(Ordering::Relaxed) {
            return;
        }
        let kept = cache.put(&self.key, &entries);
        self.warn(cache.notices());
        if let Err(error) = kept {
            self.give_up(&error);
        }
    }

    fn warn(&self, notices: Vec<String>) {
        for notice in notices {
            self.progress.warn(&notice);
        }
    }

    fn give_up(&self, error: &super::cache::CacheError) {
        if !self.cache_failed.swap(true, Ordering::Relaxed) {
            self.progress.warn(&format!("{error}; going on without the cache"));
        }
    }
}

/// The kind of a large file that is not a photo, such as a video, found without reading all of it. An error here occurs
/// again when the file is read.
fn large_other_kind(path: &Path) -> Option<&'static Kind> {
    const LARGE: u64 = 16 << 20;
    files::size(path).ok().filter(|&size| size >= LARGE)?;
    pixels::other_kind(&files::head(path, pixels::HEAD).ok()?)
}

/// The next chunk and its number, or `None` at the end.
fn take(source: &Mutex<Source<'_>>, workload: Workload) -> Option<(u64, Vec<PathBuf>)> {
    // A poisoned lock means that another worker panicked; the scope passes that panic on when it ends.
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
