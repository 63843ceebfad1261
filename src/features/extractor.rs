//! Runs photos through the workers and returns the results in order: threads, permits and batch size.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};
use tch::Device;

use super::batch::BatchSize;
use super::batcher::{BatchRunner, Batcher, DeviceRunner};
use super::throughput::Throughput;
use super::worker::{Done, Network, Shared, Source, Worker};
use super::{Cache, CacheKey, Extraction, FeatureError, Inputs, Noticed, Photo, PhotoError, Rows, Workload, border};
use crate::backbone::{BackboneError, LazyBackbone, Pooling, Readout, device, layout};
use crate::pixels::{Limits, Preprocess};
use crate::progress::Progress;

/// The configuration of feature extraction.
#[derive(Debug)]
pub(crate) struct Extractor<'a> {
    /// The frozen backbone.
    pub backbone: &'a LazyBackbone,
    /// The preprocessing: file bytes to crops.
    pub preprocess: &'a Preprocess,
    /// The limits on the size and time of a single file.
    pub limits: &'a Limits,
    /// Workers, threads and batch size.
    pub workload: Workload,
    /// The cache of features from earlier runs.
    pub cache: Option<&'a Cache>,
    /// Whether the facts of cached photos are read too. They are always stored; a photo whose facts are wanted but not
    /// cached is computed again.
    pub facts: bool,
    /// Whether the network gets only the [`border`] of each photo, and a row holds the mean of each border region; the
    /// map must then be read out flattened.
    pub border: bool,
    /// Which values are read out of the last map.
    pub readout: Readout<'a>,
}

impl Extractor<'_> {
    /// D, the length of a feature row.
    pub(crate) fn width(&self) -> usize {
        let size = self.preprocess.crop;
        if self.border { border::regions(size).len() * layout::FEATURES } else { self.readout.pooling.width(size) }
    }

    /// The width in pixels of the visible border, if the network gets only the border.
    pub(super) fn border_width(&self) -> Option<u32> {
        self.border.then(|| border::width(self.preprocess.crop))
    }

    /// The cache, if rows are small enough for it: a flattened map takes 400 KB, fifty times an average.
    pub(super) fn cache(&self) -> Option<&Cache> {
        self.cache.filter(|_| self.border || self.readout.pooling == Pooling::Average)
    }

    /// Passes every photo of `inputs` to `sink`, in input order, as soon as it and all photos before it are done.
    ///
    /// `sink` can end the work by breaking. The caller, who knows the total, starts and finishes the progress.
    ///
    /// # Errors
    /// [`FeatureError::Backbone`] and [`FeatureError::Interrupted`]; photos before the error have reached `sink`.
    pub(crate) fn stream(
        &self,
        inputs: &mut dyn Inputs,
        progress: &dyn Progress,
        sink: &mut dyn FnMut(PathBuf, Result<Photo, PhotoError>) -> ControlFlow<()>,
    ) -> Result<(), FeatureError> {
        let Self { backbone, preprocess, readout, .. } = *self;
        let open = |device| Ok(DeviceRunner { engine: backbone.engine_on(device)?.reading(readout)?, preprocess });
        self.stream_on(inputs, progress, sink, &open)
    }

    /// Like [`Extractor::stream`]; for devices with a batcher, `open` creates the runner.
    pub(super) fn stream_on<R: BatchRunner>(
        &self,
        inputs: &mut dyn Inputs,
        progress: &dyn Progress,
        sink: &mut dyn FnMut(PathBuf, Result<Photo, PhotoError>) -> ControlFlow<()>,
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
        // For each device: one batch that waits, one that fills, one that runs and one that is read.
        let waiting = devices.len() * self.workload.chunks_in_batch();
        let permits_at_once = 4 * (workers + waiting);
        let (return_permit, permits) = bounded(permits_at_once);
        for _ in 0..permits_at_once {
            // The channel has capacity for all of them.
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
                    // The system allows no more threads, so the work goes on with those already started.
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
            // Only the threads hold their ends now, so the loop below ends with the last thread, and a worker's send
            // fails when all batchers are gone.
            drop((deliver, permits, decoded, to_feed));
            let result = collect(&delivered, &return_permit, sink);
            shared.stop.store(true, Ordering::Relaxed);
            // A worker that waits to deliver or for a permit now finds its channel closed.
            drop((delivered, return_permit));
            result
        });
        if let Some(verdict) = shared.clock.verdict(workers, &device::name(devices), devices.len().max(1)) {
            progress.note(&verdict);
        }
        result
    }

    /// Passes the features of all photos of a list to `rows`, and lists the photos that could not be read.
    ///
    /// # Errors
    /// As for [`Extractor::stream`] and [`Rows::push`], and [`FeatureError::Unreadable`] at the first unreadable photo
    /// if `stop_at_unreadable`.
    pub(crate) fn all(
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

/// Passes the chunks on in order and returns their permits.
fn collect(
    delivered: &Receiver<(u64, Result<Done, FeatureError>)>,
    return_permit: &Sender<()>,
    sink: &mut dyn FnMut(PathBuf, Result<Photo, PhotoError>) -> ControlFlow<()>,
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
