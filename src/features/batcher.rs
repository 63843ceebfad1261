//! One thread per device that runs what the workers decode, for devices whose batches exceed what one thread decodes.
//!
//! Decoded chunks go through a bounded channel from all workers to all batchers. A batcher fills its batch, submits it
//! to the device, and only then reads the previous batch: the device has the next one queued while this one is read,
//! and its copy overlaps the computation. An incomplete batch is submitted after [`CHUNK_TIMEOUT`], so that a slow disk
//! or a list that grows by hand delays no photo, and no batcher waits for a chunk whose worker waits for a permit.
//!
//! If memory runs out, the previous batch is read first and the crops run in halves; any other error ends the run.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::FeatureError;
use super::worker::{Chunk, Done, Shared};
use crate::backbone::{BackboneError, Engine, InFlight, Pooled};
use crate::pixels::{Crop, Preprocess};

/// The time that an incomplete batch waits for the next chunk.
const CHUNK_TIMEOUT: Duration = Duration::from_millis(50);

/// An asynchronous executor of batches.
pub(super) trait BatchRunner: Send {
    /// A submitted batch.
    type InFlight: Send;

    /// Submits a batch, which a GPU pads to `room` crops.
    fn submit(&self, crops: &[Crop], room: usize) -> Result<Self::InFlight, BackboneError>;

    /// Waits for the result; also returns how long the device was busy.
    fn wait(&self, in_flight: Self::InFlight) -> Result<(Pooled, Duration), BackboneError>;
}

/// The network on one device.
pub(super) struct DeviceRunner<'a> {
    pub(super) engine: Engine,
    pub(super) preprocess: &'a Preprocess,
}

impl BatchRunner for DeviceRunner<'_> {
    type InFlight = InFlight;

    fn submit(&self, crops: &[Crop], room: usize) -> Result<InFlight, BackboneError> {
        self.engine.submit(crops, self.preprocess, room)
    }

    fn wait(&self, in_flight: InFlight) -> Result<(Pooled, Duration), BackboneError> {
        in_flight.wait()
    }
}

/// Collects the decoded chunks for one device.
pub(super) struct Batcher<'a, R: BatchRunner> {
    shared: &'a Shared<'a>,
    decoded: Receiver<Chunk>,
    deliver: Sender<(u64, Result<Done, FeatureError>)>,
    /// The runner of the device; `None` until the first crop needs the network.
    device: Option<R>,
    filling: Batch,
    running: Option<(R::InFlight, Batch)>,
}

/// Whole chunks, with their crops concatenated.
#[derive(Default)]
struct Batch {
    /// Each chunk with the number of its crops.
    chunks: Vec<(Chunk, usize)>,
    crops: Vec<Crop>,
}

impl Batch {
    fn push(&mut self, mut chunk: Chunk) {
        let crops = std::mem::take(&mut chunk.crops);
        self.chunks.push((chunk, crops.len()));
        self.crops.extend(crops);
    }
}

/// The receiver is gone or an error was delivered, so the batcher ends.
struct Disconnected;

impl<'a, R: BatchRunner> Batcher<'a, R> {
    pub(super) fn new(
        shared: &'a Shared<'a>,
        decoded: Receiver<Chunk>,
        deliver: Sender<(u64, Result<Done, FeatureError>)>,
    ) -> Self {
        Self { shared, decoded, deliver, device: None, filling: Batch::default(), running: None }
    }

    /// Runs until the workers are done or the run ends; `open` loads the network.
    pub(super) fn run(mut self, open: &dyn Fn() -> Result<R, BackboneError>) {
        tch::set_num_threads(self.shared.extractor.workload.threads_per_worker);
        // Any error behind `Disconnected` has been delivered already.
        let _ = self.work(open);
    }

    fn work(&mut self, open: &dyn Fn() -> Result<R, BackboneError>) -> Result<(), Disconnected> {
        loop {
            if self.shared.is_stopped() {
                return Err(Disconnected);
            }
            match self.decoded.recv_timeout(CHUNK_TIMEOUT) {
                Ok(chunk) if chunk.crops.is_empty() => self.deliver_chunk(chunk, Pooled::default())?,
                Ok(chunk) => {
                    if self.filling.crops.len() + chunk.crops.len() > self.shared.batch.now() {
                        self.launch(open)?;
                    }
                    self.filling.push(chunk);
                    if self.filling.crops.len() >= self.shared.batch.now() {
                        self.launch(open)?;
                    }
                }
                Err(RecvTimeoutError::Timeout) if self.filling.crops.is_empty() => self.drain()?,
                Err(RecvTimeoutError::Timeout) => self.launch(open)?,
                Err(RecvTimeoutError::Disconnected) => {
                    self.launch(open)?;
                    return self.drain();
                }
            }
        }
    }

    /// Submits the collected crops to the device, then reads the previous batch.
    fn launch(&mut self, open: &dyn Fn() -> Result<R, BackboneError>) -> Result<(), Disconnected> {
        let batch = std::mem::take(&mut self.filling);
        if batch.crops.is_empty() {
            return Ok(());
        }
        let device = match self.device.take().map_or_else(open, Ok) {
            Ok(device) => self.device.insert(device),
            Err(error) => return Err(self.fail(error)),
        };
        let room = self.shared.batch.now();
        let in_flight = if batch.crops.len() > room {
            // The device has refused this size in the meantime.
            Err(BackboneError::OutOfMemory)
        } else {
            device.submit(&batch.crops, room)
        };
        match in_flight {
            Ok(in_flight) => {
                self.shared.clock.start();
                let before = self.running.replace((in_flight, batch));
                before.map_or(Ok(()), |(in_flight, batch)| self.read(in_flight, batch))
            }
            Err(BackboneError::OutOfMemory) => {
                // This frees the memory of the previous batch.
                self.drain()?;
                self.retry_in_halves(batch)
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Reads the running batch, if there is one.
    fn drain(&mut self) -> Result<(), Disconnected> {
        self.running.take().map_or(Ok(()), |(in_flight, batch)| self.read(in_flight, batch))
    }

    fn read(&mut self, in_flight: R::InFlight, batch: Batch) -> Result<(), Disconnected> {
        let Some(device) = &self.device else { return Err(Disconnected) };
        match device.wait(in_flight) {
            Ok((pooled, busy)) => {
                self.shared.clock.batch(busy);
                self.deliver_batch(batch, &pooled)
            }
            Err(BackboneError::OutOfMemory) => {
                self.drain()?;
                self.retry_in_halves(batch)
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Runs a batch that exceeded the memory, in as many parts as necessary.
    fn retry_in_halves(&mut self, batch: Batch) -> Result<(), Disconnected> {
        let Some(device) = &self.device else { return Err(Disconnected) };
        let mut run = |crops: &[Crop]| {
            let (pooled, busy) = device.wait(device.submit(crops, crops.len())?)?;
            self.shared.clock.batch(busy);
            Ok(pooled)
        };
        match self.shared.batch.forward(&batch.crops, &mut run, self.shared.progress) {
            Ok(pooled) => self.deliver_batch(batch, &pooled),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Splits a batch's result among its chunks.
    fn deliver_batch(&self, batch: Batch, pooled: &Pooled) -> Result<(), Disconnected> {
        let (of, mut from) = (batch.crops.len(), 0);
        let mut crops = batch.crops.into_iter();
        for (mut chunk, count) in batch.chunks {
            chunk.crops = crops.by_ref().take(count).collect();
            self.deliver_chunk(chunk, pooled.part(from, count, of))?;
            from += count;
        }
        Ok(())
    }

    fn deliver_chunk(&self, chunk: Chunk, pooled: Pooled) -> Result<(), Disconnected> {
        let number = chunk.number;
        self.deliver.send((number, Ok(self.shared.finish(chunk, pooled)))).map_err(|_| Disconnected)
    }

    fn fail(&self, error: BackboneError) -> Disconnected {
        // The chunk number of an error is not used.
        let _ = self.deliver.send((u64::MAX, Err(error.into())));
        Disconnected
    }
}

#[cfg(test)]
mod tests;
