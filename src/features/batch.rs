//! The batch size and the number of threads.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::backbone::{BackboneError, Pooled};
use crate::pixels::Crop;
use crate::progress::Progress;

/// The division of the machine between decoding and the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Workload {
    /// Decoding threads; each also runs its own batches unless [`feeds`](Self::feeds) is set.
    pub workers: usize,
    /// The number of threads that libtorch may use within one operation of one worker.
    pub threads_per_worker: i32,
    /// The number of photos in a batch.
    pub batch: usize,
    /// Whether the workers only decode and one thread per device runs the batches. This suits GPUs, whose batches are
    /// larger than what one thread decodes at a time.
    pub feeds: bool,
}

/// With larger batches, the early activations of ResNet-50 at 224×224 exceed a CPU's cache (measured: 75 GFLOP/s at 4,
/// 32 at 16), and a worker with one thread is faster than a batch split over threads.
const CPU_BATCH: usize = 4;

/// Large enough to use a GPU fully; halved when memory runs out.
const GPU_BATCH: usize = 64;

/// The number of photos that a worker decodes for a GPU at once: small, so that all workers fill a batch together.
const FED_CHUNK: usize = 8;

impl Workload {
    /// Chooses the division for a device, given the number of photos if known and an optional limit on threads.
    /// The number of cores is what the process may use, within container limits and CPU affinity.
    pub(crate) fn choose(
        device: tch::Device,
        photos: Option<usize>,
        threads: Option<usize>,
        batch: Option<usize>,
    ) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // More threads than cores only slow each other down.
        Self::divide(threads.map_or(cores, |threads| threads.clamp(1, cores)), device, photos, batch)
    }

    fn divide(threads: usize, device: tch::Device, photos: Option<usize>, batch: Option<usize>) -> Self {
        let feeds = device != tch::Device::Cpu;
        let batch = batch.unwrap_or(if feeds {
            // A GPU batch is padded to its full size, so a few photos should not be padded to 64.
            photos.map_or(GPU_BATCH, |photos| photos.next_power_of_two().min(GPU_BATCH))
        } else {
            CPU_BATCH
        });
        let workers = threads.min(photos.unwrap_or(threads)).max(1);
        let threads_per_worker = i32::try_from(threads / workers).unwrap_or(1);
        Self { workers, threads_per_worker, batch: batch.max(1), feeds }
    }

    /// The number of photos that a worker takes at once: fewer near the end, so that all workers finish together.
    pub(super) fn chunk(&self, left: Option<usize>) -> usize {
        left.map_or(self.most(), |left| left.div_ceil(2 * self.workers).clamp(1, self.most()))
    }

    /// The number of decoded chunks that may wait for each device: as many as make a batch.
    pub(super) fn chunks_in_batch(&self) -> usize {
        self.batch.div_ceil(self.most())
    }

    fn most(&self) -> usize {
        if self.feeds { self.batch.min(FED_CHUNK) } else { self.batch }
    }
}

/// Runs one batch of crops, `[B, S, S, 3]` → `[B, D]`.
pub(super) type Run<'a> = dyn FnMut(&[Crop]) -> Result<Pooled, BackboneError> + 'a;

/// The largest batch that the device has not refused for lack of memory, shared by all workers.
#[derive(Debug)]
pub(super) struct BatchSize(AtomicUsize);

impl BatchSize {
    pub(super) fn new(batch: usize) -> Self {
        Self(AtomicUsize::new(batch.max(1)))
    }

    /// The current batch size.
    pub(super) fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// The features of all crops, row by row, in as many batches as necessary; a lack of memory halves the batch.
    ///
    /// # Errors
    /// [`BackboneError::OutOfMemory`] if even one crop is too much; any other error is returned immediately.
    pub(super) fn forward(
        &self,
        crops: &[Crop],
        run: &mut Run<'_>,
        progress: &dyn Progress,
    ) -> Result<Pooled, BackboneError> {
        let mut features = Pooled::default();
        let mut rest = crops;
        while !rest.is_empty() {
            let size = self.now().min(rest.len());
            let (batch, later) = rest.split_at(size);
            match run(batch) {
                Ok(rows) => {
                    features.whole.extend(rows.whole);
                    features.cells.extend(rows.cells);
                    rest = later;
                }
                Err(BackboneError::OutOfMemory) if size > 1 => {
                    let half = size / 2;
                    // Another worker may already have lowered it further; only the worker that lowers it reports it.
                    if self.0.fetch_min(half, Ordering::Relaxed) > half {
                        progress.note(&format!(
                            "the device ran out of memory at {size} images a batch; going on with {half}"
                        ));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(features)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    fn crops(count: usize) -> Vec<Crop> {
        (0..count).map(|number| Crop { size: 1, rgb: vec![number as u8; 3] }).collect()
    }

    #[test]
    fn running_out_of_memory_halves_the_batch_and_loses_nothing() {
        let sizes = std::cell::RefCell::new(Vec::new());
        let mut device_with_room_for_three = |batch: &[Crop]| {
            sizes.borrow_mut().push(batch.len());
            if batch.len() > 3 {
                return Err(BackboneError::OutOfMemory);
            }
            let whole = batch.iter().map(|crop| f32::from(crop.rgb[0])).collect();
            Ok(Pooled { whole, ..Pooled::default() })
        };
        let batch = BatchSize::new(16);
        let features = batch.forward(&crops(5), &mut device_with_room_for_three, &Silent).unwrap();
        assert_eq!(features.whole, [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(*sizes.borrow(), [5, 2, 2, 1]);
        batch.forward(&crops(2), &mut device_with_room_for_three, &Silent).unwrap();
        assert_eq!(sizes.borrow().last(), Some(&2));
    }

    #[test]
    fn batches_shrink_towards_the_end_on_a_cpu() {
        let cpu = Workload::divide(2, tch::Device::Cpu, Some(400), None);
        assert_eq!([400, 16, 9, 4, 1].map(|left| cpu.chunk(Some(left))), [4, 4, 3, 1, 1]);
        assert_eq!(cpu.chunk(None), 4);
    }

    #[test]
    fn a_gpu_is_fed_by_all_threads_in_small_chunks() {
        let gpu = Workload::divide(2, tch::Device::Cuda(0), Some(400), None);
        assert_eq!((gpu.feeds, gpu.workers, gpu.batch, gpu.chunks_in_batch()), (true, 2, 64, 8));
        assert_eq!([gpu.chunk(None), gpu.chunk(Some(400)), gpu.chunk(Some(5))], [8, 8, 2]);
        let few = Workload::divide(16, tch::Device::Cuda(0), Some(3), None);
        assert_eq!((few.workers, few.batch), (3, 4));
    }

    #[test]
    fn one_crop_too_many_is_the_error_itself() {
        let mut full = |_: &[Crop]| Err(BackboneError::OutOfMemory);
        let error = BatchSize::new(4).forward(&crops(4), &mut full, &Silent).unwrap_err();
        assert!(matches!(error, BackboneError::OutOfMemory));
    }

    #[test]
    fn one_photo_gets_all_threads_and_many_get_a_worker_for_each() {
        let choose = |photos| {
            let workload = Workload::divide(8, tch::Device::Cpu, photos, None);
            (workload.workers, workload.threads_per_worker)
        };
        assert_eq!(choose(Some(1)), (1, 8));
        assert_eq!(choose(Some(4)), (4, 2));
        assert_eq!(choose(Some(400)), (8, 1));
        assert_eq!(choose(None), (8, 1));
        assert_eq!(choose(Some(0)), (1, 8));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        assert_eq!(Workload::choose(tch::Device::Cpu, None, Some(10_000), None).workers, cores);
    }
}
