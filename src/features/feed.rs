//! One thread a device that runs what the workers decode, for devices that want larger batches than one thread decodes.
//!
//! Decoded chunks come through a bounded channel from all workers to all feeders. A feeder fills its batch, gives it to
//! the device, and only then reads the batch before it: so the device has the next one queued while this one is read, and
//! its copy runs beside the computation. A batch is not waited for longer than [`PATIENCE`], so that a slow disk or a list
//! that grows by hand keeps no photo back, and no feeder waits for a chunk that itself waits for room.
//!
//! Running out of memory settles the batch before and then runs the crops in halves; any other failure ends the run.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::FeatureError;
use super::worker::{Chunk, Done, Shared};
use crate::backbone::{BackboneError, Begun, Engine, Pooled};
use crate::pixels::{Crop, Preprocess};

/// How long a batch that has begun to fill waits for the next chunk.
const PATIENCE: Duration = Duration::from_millis(50);

/// What a feeder drives.
pub(super) trait Runs: Send {
    /// A batch in its hands.
    type Begun: Send;

    /// Takes a batch, with room for so many crops.
    fn begin(&self, crops: &[Crop], room: usize) -> Result<Self::Begun, BackboneError>;

    /// Waits for it; gives also how long the device was at work.
    fn finish(&self, begun: Self::Begun) -> Result<(Pooled, Duration), BackboneError>;
}

/// The network on one device.
pub(super) struct OnDevice<'a> {
    pub(super) engine: Engine,
    pub(super) preprocess: &'a Preprocess,
}

impl Runs for OnDevice<'_> {
    type Begun = Begun;

    fn begin(&self, crops: &[Crop], room: usize) -> Result<Begun, BackboneError> {
        self.engine.begin(crops, self.preprocess, room)
    }

    fn finish(&self, begun: Begun) -> Result<(Pooled, Duration), BackboneError> {
        begun.finish()
    }
}

/// Feeds one device.
pub(super) struct Feeder<'a, R: Runs> {
    shared: &'a Shared<'a>,
    decoded: Receiver<Chunk>,
    deliver: Sender<(u64, Result<Done, FeatureError>)>,
    /// `None` until the first crop needs the network.
    device: Option<R>,
    filling: Batch,
    running: Option<(R::Begun, Batch)>,
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
struct Ended;

impl<'a, R: Runs> Feeder<'a, R> {
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
        // `Ended` has been told to whoever is left to hear it.
        let _ = self.work(open);
    }

    fn work(&mut self, open: &dyn Fn() -> Result<R, BackboneError>) -> Result<(), Ended> {
        loop {
            if self.shared.is_stopped() {
                return Err(Ended);
            }
            match self.decoded.recv_timeout(PATIENCE) {
                Ok(chunk) if chunk.crops.is_empty() => self.hand_out(chunk, Pooled::default())?,
                Ok(chunk) => {
                    if self.filling.crops.len() + chunk.crops.len() > self.shared.batch.now() {
                        self.launch(open)?;
                    }
                    self.filling.push(chunk);
                    if self.filling.crops.len() >= self.shared.batch.now() {
                        self.launch(open)?;
                    }
                }
                Err(RecvTimeoutError::Timeout) if self.filling.crops.is_empty() => self.settle()?,
                Err(RecvTimeoutError::Timeout) => self.launch(open)?,
                Err(RecvTimeoutError::Disconnected) => {
                    self.launch(open)?;
                    return self.settle();
                }
            }
        }
    }

    /// Gives what has come to the device, then reads the batch before.
    fn launch(&mut self, open: &dyn Fn() -> Result<R, BackboneError>) -> Result<(), Ended> {
        let batch = std::mem::take(&mut self.filling);
        if batch.crops.is_empty() {
            return Ok(());
        }
        let device = match self.device.take().map_or_else(open, Ok) {
            Ok(device) => self.device.insert(device),
            Err(error) => return Err(self.fail(error)),
        };
        let room = self.shared.batch.now();
        let begun = if batch.crops.len() > room {
            // The device has refused as much meanwhile.
            Err(BackboneError::OutOfMemory)
        } else {
            device.begin(&batch.crops, room)
        };
        match begun {
            Ok(begun) => {
                self.shared.clock.start();
                let before = self.running.replace((begun, batch));
                before.map_or(Ok(()), |(begun, batch)| self.read(begun, batch))
            }
            Err(BackboneError::OutOfMemory) => {
                // What the batch before takes is free then.
                self.settle()?;
                self.in_halves(batch)
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Reads the batch that is running, if one is.
    fn settle(&mut self) -> Result<(), Ended> {
        self.running.take().map_or(Ok(()), |(begun, batch)| self.read(begun, batch))
    }

    fn read(&mut self, begun: R::Begun, batch: Batch) -> Result<(), Ended> {
        let Some(device) = &self.device else { return Err(Ended) };
        match device.finish(begun) {
            Ok((pooled, busy)) => {
                self.shared.clock.batch(busy);
                self.hand_out_all(batch, &pooled)
            }
            Err(BackboneError::OutOfMemory) => {
                self.settle()?;
                self.in_halves(batch)
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Runs a batch for which there was no memory, in as many parts as it takes.
    fn in_halves(&mut self, batch: Batch) -> Result<(), Ended> {
        let Some(device) = &self.device else { return Err(Ended) };
        let mut run = |crops: &[Crop]| {
            let (pooled, busy) = device.finish(device.begin(crops, crops.len())?)?;
            self.shared.clock.batch(busy);
            Ok(pooled)
        };
        match self.shared.batch.forward(&batch.crops, &mut run, self.shared.progress) {
            Ok(pooled) => self.hand_out_all(batch, &pooled),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Gives every chunk its part of a batch's result.
    fn hand_out_all(&self, batch: Batch, pooled: &Pooled) -> Result<(), Ended> {
        let (of, mut from) = (batch.crops.len(), 0);
        let mut crops = batch.crops.into_iter();
        for (mut chunk, count) in batch.chunks {
            chunk.crops = crops.by_ref().take(count).collect();
            self.hand_out(chunk, pooled.part(from, count, of))?;
            from += count;
        }
        Ok(())
    }

    fn hand_out(&self, chunk: Chunk, pooled: Pooled) -> Result<(), Ended> {
        let number = chunk.number;
        self.deliver.send((number, Ok(self.shared.finish(chunk, pooled)))).map_err(|_| Ended)
    }

    fn fail(&self, error: BackboneError) -> Ended {
        // The number of an error is not looked at.
        let _ = self.deliver.send((u64::MAX, Err(error.into())));
        Ended
    }
}

#[cfg(test)]
mod tests;
