//! Photos in, one row of features each out, in input order, streamed in bounded memory.
//!
//! The backbone is frozen, so every photo goes through it once. Each worker thread takes the next few photos, reads,
//! decodes and preprocesses them and runs them through its handle on the network, or gives them to whoever feeds a GPU
//! (`feed`); the calling thread puts the results back in order. Photos whose features are in the [`cache`] skip both decoding and network, and a run that finds all of
//! them there loads no network. A fixed number of permits bounds how far the fastest worker may run ahead of the slowest photo, so
//! memory does not grow with the number of photos. A photo that cannot be read is a result like any other.

mod batch;
mod batcher;
pub mod border;
pub mod cache;
pub mod matrix;
mod noticed;
mod throughput;
mod worker;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};

use tch::Device;

use crate::backbone::{ActivationMap, BackboneError, LazyBackbone, Pooling, Readout, device, layout};
use crate::files::{ContentHash, FileError};
use crate::pixels::{Crop, DecodeError, Limits, PhotoFacts, Preprocess};
use crate::progress::{Interrupted, Progress};

use batch::BatchSize;
pub use batch::Workload;
use batcher::{BatchRunner, Batcher, DeviceRunner};
pub use cache::{Cache, CacheKey};
pub use matrix::FeatureMatrix;
pub use noticed::Noticed;
use throughput::Throughput;
use worker::{Done, Network, Shared, Source, Worker};

/// What came of one photo.
#[derive(Debug)]
pub struct Photo {
    /// The SHA-256 of the file: byte-identical files share it.
    pub hash: ContentHash,
    /// `[D]`: 2048, or the whole map where the head wants it flattened.
    pub features: Vec<f32>,
    /// There where [`Extractor::facts`] asks for them, where the photo has 16 bits a channel, and where it went through the
    /// network in this run.
    pub facts: Option<PhotoFacts>,
    /// Pages or frames of the file, of which the first is the photo.
    pub pages: usize,
    /// Whether they were computed in an earlier run.
    pub from_cache: bool,
    /// What the head that is to be explained made of it, where there is one.
    pub explained: Option<Explained>,
}

/// A photo as the network saw it, and what a head made of each cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// `[S, S, 3]`
    pub crop: Crop,
    /// `[S/32, S/32]`
    pub map: ActivationMap,
}

/// Why a photo could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The file itself.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its content.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl Unreadable {
    /// The reason without the path, for tables that have the path in another column.
    pub fn reason(&self) -> String {
        match self {
            Self::File(error) => error.reason(),
            Self::Decode(error) => error.to_string(),
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Decode(error) => error.hint(),
        }
    }
}

/// Why extraction as a whole ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureError {
    /// The network failed.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    /// The user asked to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// A photo could not be read and the caller wants to stop there.
    #[error("cannot read `{}`: {reason}", crate::files::escaped::text(path))]
    Unreadable {
        /// The photo.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The rows could not be put down.
    #[error(transparent)]
    File(#[from] FileError),
    /// The system starts no thread.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// There is no memory for so many rows.
    #[error("the features of {rows} photos, {width} numbers each, need {:.1} GB and memory for them is refused",
        *rows as f64 * *width as f64 * 4e-9)]
    Memory {
        /// Photos.
        rows: usize,
        /// Numbers each.
        width: usize,
    },
    /// The network gave a row of another width: a flaw of this program.
    #[error(transparent)]
    Width(#[from] matrix::WidthError),
}

/// Hands out photos in order.
pub trait Inputs: Send {
    /// The next photos, at least one and at most `at_most`; empty when there are no more.
    fn next(&mut self, at_most: usize) -> Vec<PathBuf>;

    /// How many are left, where that is known.
    fn left(&self) -> Option<usize> {
        None
    }
}

/// A known list.
impl Inputs for std::slice::Iter<'_, PathBuf> {
    fn next(&mut self, at_most: usize) -> Vec<PathBuf> {
        self.by_ref().take(at_most).cloned().collect()
    }

    fn left(&self) -> Option<usize> {
        Some(self.len())
    }
}

/// All that turns a path into a row.
#[derive(Debug)]
pub struct Extractor<'a> {
    /// The frozen network.
    pub backbone: &'a LazyBackbone,
    /// Bytes to crops.
    pub preprocess: &'a Preprocess,
    /// What a single file may cost.
    pub limits: &'a Limits,
    /// Workers, threads and batch.
    pub workload: Workload,
    /// Features of earlier runs.
    pub cache: Option<&'a Cache>,
    /// Whether the facts of cached photos are read too. They are always kept; a photo whose facts are wanted and not
    /// there is computed again.
    pub facts: bool,
    /// Whether the network sees the [`border`] of the photos alone, and a row is the mean of each of its regions; the
    /// map must then be read out flattened.
    pub border: bool,
    /// What is read out of the last map.
    pub readout: Readout<'a>,
}

impl Extractor<'_> {
    /// D, the numbers of a row.
    pub fn width(&self) -> usize {
        let size = self.preprocess.crop;
        if self.border { border::regions(size).len() * layout::FEATURES } else { self.readout.pooling.width(size) }
    }

    /// How many pixels at each edge of a crop the network sees, where it sees no more.
    fn border_width(&self) -> Option<u32> {
        self.border.then(|| border::width(self.preprocess.crop))
    }

    /// The cache, for rows that it has room for: a flattened map takes 400 KB, fifty times an average.
    fn cache(&self) -> Option<&Cache> {
        self.cache.filter(|_| self.border || self.readout.pooling == Pooling::Average)
    }

    /// Gives every photo of `inputs` to `sink`, in input order, as soon as it and those before it are done.
    ///
    /// `sink` ends the work quietly by breaking. Progress is started and finished by the caller, who knows the total.
    ///
    /// # Errors
    /// [`FeatureError::Backbone`] and [`FeatureError::Interrupted`]; photos before that have reached `sink`.
    pub fn stream(
        &self,
        inputs: &mut dyn Inputs,
        progress: &dyn Progress,
        sink: &mut dyn FnMut(PathBuf, Result<Photo, Unreadable>) -> ControlFlow<()>,
    ) -> Result<(), FeatureError> {
        let Self { backbone, preprocess, readout, .. } = *self;
        let open = |device| Ok(DeviceRunner { engine: backbone.engine_on(device)?.reading(readout)?, preprocess });
        self.stream_on(inputs, progress, sink, &open)
    }

    /// As [`Extractor::stream`]; where a device is fed, `open` gives what runs there.
    fn stream_on<R: BatchRunner>(
        &self,
        inputs: &mut dyn Inputs,
        progress: &dyn Progress,
        sink: &mut dyn FnMut(PathBuf, Result<Photo, Unreadable>) -> ControlFlow<()>,
        open: &(dyn Fn(Device) -> Result<R, BackboneError> + Sync),
    ) -> Result<(), FeatureError> {
        let workers = self.workload.workers;
        let devices = if self.workload.feeds { self.backbone.devices() } else { &[] };
        let shared = Shared {
            extractor: self,
            key: CacheKey::new(self.backbone.id(), self.preprocess, self.border_width(), self.backbone.target()),
            source: Mutex::new(Source { inputs, next_chunk: 0 }),
            stop: AtomicBool::new(false),
            is_loading: AtomicBool::new(false),
            cache_failed: AtomicBool::new(false),
            batch: BatchSize::new(self.workload.batch),
            clock: Throughput::default(),
            progress,
        };
        // For each device a batch that waits, one that fills, one that runs and one that is read.
        let waiting = devices.len() * self.workload.chunks_in_batch();
        let permits_at_once = 4 * (workers + waiting);
        let (return_permit, permits) = bounded(permits_at_once);
        for _ in 0..permits_at_once {
            // The channel has room for all of them.
            let _ = return_permit.send(());
        }
        let (deliver, delivered) = bounded(permits_at_once);
        let (decoded, to_feed) = bounded(waiting.max(1));
        let result = std::thread::scope(|scope| {
            for number in 0..workers {
                let own = || Network::Own(OnceCell::new());
                let network = if devices.is_empty() { own() } else { Network::Feeders(decoded.clone()) };
                let worker = Worker::new(&shared, network, permits.clone(), deliver.clone());
                let started = std::thread::Builder::new().spawn_scoped(scope, move || worker.run(scope));
                if let Err(error) = started {
                    if number == 0 {
                        return Err(FeatureError::Thread(error));
                    }
                    // The system allows no more: those that there are do the work.
                    break;
                }
            }
            for &device in devices {
                let feeder = Batcher::new(&shared, to_feed.clone(), deliver.clone());
                let started = std::thread::Builder::new().spawn_scoped(scope, move || feeder.run(&|| open(device)));
                if let Err(error) = started {
                    shared.stop.store(true, Ordering::Relaxed);
                    return Err(FeatureError::Thread(error));
                }
            }
            // Only the threads' own ends are left, so that the loop below ends with the last of them, and a worker's
            // chunk finds the channel closed when all feeders are gone.
            drop((deliver, permits, decoded, to_feed));
            let result = collect(&delivered, &return_permit, sink);
            shared.stop.store(true, Ordering::Relaxed);
            // A worker waiting to deliver or for a permit sees the channel closed.
            drop((delivered, return_permit));
            result
        });
        if let Some(verdict) = shared.clock.verdict(workers, &device::name(devices), devices.len().max(1)) {
            progress.note(&verdict);
        }
        result
    }

    /// Gives the features of all photos of a list to `rows`, with those that cannot be read set apart.
    ///
    /// # Errors
    /// As [`Extractor::stream`] and [`Rows::push`], and [`FeatureError::Unreadable`] at the first such photo if
    /// `stop_at_unreadable`.
    pub fn all(
        &self,
        paths: &[PathBuf],
        stop_at_unreadable: bool,
        rows: &mut dyn Rows,
        progress: &dyn Progress,
    ) -> Result<Extraction, FeatureError> {
        let mut extraction = Extraction {
            hashes: Vec::with_capacity(paths.len()),
            rows: Vec::with_capacity(paths.len()),
            facts: Vec::with_capacity(if self.facts { paths.len() } else { 0 }),
            from_cache: 0,
            noticed: Noticed::default(),
            unreadable: Vec::new(),
        };
        rows.expect(paths.len())?;
        let mut failure = None;
        let mut index = 0;
        let streamed = self.stream(&mut paths.iter(), progress, &mut |path, outcome| {
            let at = index;
            index += 1;
            match outcome {
                Ok(photo) => match rows.push(&photo.features) {
                    Ok(()) => {
                        extraction.noticed.add(&photo, self.preprocess.levels);
                        extraction.hashes.push(photo.hash);
                        extraction.rows.push(at);
                        extraction.facts.extend(photo.facts.filter(|_| self.facts));
                        extraction.from_cache += usize::from(photo.from_cache);
                    }
                    Err(error) => failure = Some(error),
                },
                Err(error) if stop_at_unreadable => {
                    failure = Some(FeatureError::Unreadable { path, reason: error.reason() });
                }
                Err(error) => extraction.unreadable.push((at, error)),
            }
            if failure.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        match failure {
            Some(error) => Err(error),
            None => streamed.map(|()| extraction),
        }
    }
}

/// Takes the features of photos, one row after the other.
pub trait Rows {
    /// Makes room for so many rows; a number that turns out too large does no harm.
    ///
    /// # Errors
    /// [`FeatureError::Memory`]
    fn expect(&mut self, _rows: usize) -> Result<(), FeatureError> {
        Ok(())
    }

    /// Takes the next row.
    ///
    /// # Errors
    /// [`FeatureError`] if it cannot be put down, which ends the work.
    fn push(&mut self, row: &[f32]) -> Result<(), FeatureError>;
}

impl Rows for FeatureMatrix {
    fn expect(&mut self, rows: usize) -> Result<(), FeatureError> {
        let refused = FeatureError::Memory { rows, width: self.width() };
        if self.reserve(rows) { Ok(()) } else { Err(refused) }
    }

    fn push(&mut self, row: &[f32]) -> Result<(), FeatureError> {
        Ok(self.push_row(row)?)
    }
}

/// What came of a list of photos: the `i`th row that was given is photo `rows[i]` of the list.
#[derive(Debug)]
pub struct Extraction {
    /// `[N]`
    pub hashes: Vec<ContentHash>,
    /// `[N]`, ascending positions in the list.
    pub rows: Vec<usize>,
    /// `[N]` where [`Extractor::facts`] asks for them, else empty.
    pub facts: Vec<PhotoFacts>,
    /// How many of them were computed in an earlier run.
    pub from_cache: usize,
    /// What to say of them once.
    pub noticed: Noticed,
    /// Positions of the photos that could not be read, with the reason.
    pub unreadable: Vec<(usize, Unreadable)>,
}

/// Passes chunks on in order and gives their permits back.
fn collect(
    delivered: &Receiver<(u64, Result<Done, FeatureError>)>,
    return_permit: &Sender<()>,
    sink: &mut dyn FnMut(PathBuf, Result<Photo, Unreadable>) -> ControlFlow<()>,
) -> Result<(), FeatureError> {
    let mut early = BTreeMap::new();
    let mut next = 0;
    for (number, done) in delivered {
        early.insert(number, done?);
        while let Some(chunk) = early.remove(&next) {
            next += 1;
            for (path, outcome) in chunk {
                if sink(path, outcome).is_break() {
                    return Ok(());
                }
            }
            let _ = return_permit.try_send(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
