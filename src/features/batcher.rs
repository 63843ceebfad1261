//! One thread a device that runs what the workers decode, for devices that want larger batches than one thread decodes.
//!
//! Decoded chunks come through a bounded channel from all workers to all feeders. A feeder fills its batch, gives it to
//! the device, and only then reads the batch before it: so the device has the next one queued while this one is read, and
//! its copy runs beside the computation. A batch is not waited for longer than [`CHUNK_TIMEOUT`], so that a slow disk or a list
//! that grows by hand keeps no photo back, and no feeder waits for a chunk that itself waits for room.
//!
//! Running out of memory settles the batch before and then runs the crops in halves; any other failure ends the run.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::FeatureError;
use super::worker::{Chunk, Done, Shared};
use crate::backbone::{BackboneError, Engine, InFlight, Pooled};
use crate::pixels::{Crop, Preprocess};

/// How long a batch that has begun to fill waits for the next chunk.
const CHUNK_TIMEOUT: Duration = Duration::from_millis(50);

/// What a feeder drives.
pub(super) trait BatchRunner: Send {
    /// A batch in its hands.
    type InFlight: Send;

    /// Takes a batch, with room for so many crops.
    fn submit(&self, crops: &[Crop], room: usize) -> Result<Self::InFlight, BackboneError>;

    /// Waits for it; gives also how long the device was at work.
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

/// Feeds one device.
pub(super) struct Batcher<'a, R: BatchRunner> {
    shared: &'a Shared<'a>,
    decoded: Receiver<Chunk>,
    deliver: Sender<(u64, Result<Done, FeatureError>)>,
    /// `None` until the first crop needs the network.
    device: Option<R>,
    filling: Batch,
    running: Option<(R::InFlight, Batch)>,
}

/// Whole chunks, their crops side by side.
#[derive(Default)]
struct Batch {
    /// Each with the number of its crops.
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

/// Nobody listens any more, or an error was delivered: the feeder ends.
struct Disconnected;

impl<'a, R: BatchRunner> Batcher<'a, R> {
    pub(super) fn new(
        shared: &'a Shared<'a>,
        decoded: Receiver<Chunk>,
        deliver: Sender<(u64, Result<Done, FeatureError>)>,
    ) -> Self {
        Self { shared, decoded, deliver, device: None, filling: Batch::default(), running: None }
    }

    /// Works until the workers are done or the run ends; `open` loads the network.
    pub(super) fn run(mut self, open: &dyn Fn() -> Result<R, BackboneError>) {
        tch::set_num_threads(self.shared.extractor.workload.threads_per_worker);
        // `Disconnected` has been told to whoever is left to hear it.
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

    /// Gives what has come to the device, then reads the batch before.
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
            // The device has refused as much meanwhile.
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
                // What the batch before takes is free then.
                self.drain()?;
                self.retry_in_halves(batch)
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Reads the batch that is running, if one is.
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

    /// Runs a batch for which there was no memory, in as many parts as it takes.
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

    /// Gives every chunk its part of a batch's result.
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
        // The number of an error is not looked at.
        let _ = self.deliver.send((u64::MAX, Err(error.into())));
        Disconnected
    }
}

#[cfg(test)]
mod tests;
