//! Asynchronous batches: one is submitted to a device and read later, so that a GPU computes the next one meanwhile.
//!
//! The crops are uploaded to a GPU as bytes, a quarter of the normalised values, through pinned memory, on a stream of
//! their own beside the computation. They are normalised on the GPU, in the same three steps as in
//! [`Preprocess::normalise`]. On other devices a batch is computed when it is submitted.

use std::cell::{OnceCell, RefCell};
use std::time::{Duration, Instant};

use tch::{Device, Kind, TchError, Tensor};

use super::{BackboneError, Engine, Pooled, Precision, layout};
use crate::ffi::stream::{self, CopyStream, Event, Pinned};
use crate::pixels::{Crop, Preprocess};

/// The state of an engine on a GPU between batches.
#[derive(Debug, Default)]
pub(super) struct Gpu {
    stream: OnceCell<CopyStream>,
    scale: RefCell<Option<Scale>>,
}

/// A submitted batch.
#[derive(Debug)]
pub(crate) struct InFlight(State);

#[derive(Debug)]
enum State {
    Done(Pooled, Duration),
    Queued { read: [Option<Tensor>; 2], start: Event, end: Event, precision: Precision },
}

impl Engine {
    /// Submits a batch of crops to the device. A GPU always gets `room` images, padded with black ones: with a constant
    /// batch size it selects its algorithms only once, and computes the images of the last batch as those of any other.
    pub(crate) fn submit(
        &self,
        crops: &[Crop],
        preprocess: &Preprocess,
        room: usize,
    ) -> Result<InFlight, BackboneError> {
        let Device::Cuda(gpu) = self.device else {
            let started = Instant::now();
            let pooled = tch::no_grad(|| {
                let map = self.network.map(&self.input(crops, preprocess)?)?;
                Pooled::new(self.read_out(&map)?)
            })?;
            return Ok(InFlight(State::Done(pooled, started.elapsed())));
        };
        tch::no_grad(|| {
            let staged = stage(crops, room)?;
            let stream = if let Some(stream) = self.gpu.stream.get() {
                stream
            } else {
                let stream = CopyStream::new(gpu)?;
                self.gpu.stream.get_or_init(|| stream)
            };
            let bytes = stream.upload(&staged)?; // [room, S, S, 3]
            let start = Event::set(gpu)?;
            let input = self.normalised(&bytes, preprocess)?; // [room, 3, S, S]
            let map = self.network.map(&input)?;
            let rows = i64::try_from(crops.len()).unwrap_or(i64::MAX);
            let map = map.f_narrow(0, 0, rows)?; // [B, 2048, S/32, S/32]
            let [whole, cells] = self.read_out(&map)?.map(|read| read.map(|read| stream::download(&read)).transpose());
            let read = [whole?, cells?];
            let (end, precision) = (Event::set(gpu)?, self.network.precision());
            Ok(InFlight(State::Queued { read, start, end, precision }))
        })
    }

    /// Converts `[B, S, S, 3]` bytes on the device to normalised `[B, 3, S, S]`, channels last.
    pub(super) fn normalised(&self, bytes: &Tensor, preprocess: &Preprocess) -> Result<Tensor, TchError> {
        let mut scale = self.gpu.scale.borrow_mut();
        let scale = match &mut *scale {
            Some(scale) if scale.is_of(preprocess) => scale,
            other => other.insert(Scale::new(preprocess, self.device)?),
        };
        let mut levels = bytes.f_permute([0, 3, 1, 2])?.f_to_kind(Kind::Float)?;
        levels.f_div_(&scale.levels)?.f_sub_(&scale.mean)?.f_div_(&scale.std)
    }
}

impl InFlight {
    /// Waits for the device; returns the features and the time that the device spent on them.
    ///
    /// # Errors
    /// [`BackboneError::Device`] for a failure of the device after [`Engine::submit`], [`BackboneError::Overflow`].
    pub(crate) fn wait(self) -> Result<(Pooled, Duration), BackboneError> {
        match self.0 {
            State::Done(pooled, time) => Ok((pooled, time)),
            State::Queued { read, start, end, precision } => {
                end.wait()?;
                let pooled = Pooled::new(read)?;
                if precision == Precision::Fp16 && pooled.whole.iter().any(|value| !value.is_finite()) {
                    return Err(BackboneError::Overflow);
                }
                Ok((pooled, start.until(&end)?))
            }
        }
    }
}

/// The bytes of the crops, `[room, S, S, 3]`, in pinned memory.
fn stage(crops: &[Crop], room: usize) -> Result<Pinned, BackboneError> {
    let side = check_crops(crops)?;
    let images = i64::try_from(room.max(crops.len())).unwrap_or(i64::MAX);
    let bytes = 3 * side as usize * side as usize;
    let fill = |memory: &mut [u8]| {
        for (crop, place) in crops.iter().zip(memory.chunks_exact_mut(bytes)) {
            place.copy_from_slice(&crop.rgb);
        }
    };
    Ok(Pinned::new(&[images, i64::from(side), i64::from(side), 3], fill)?)
}

/// The constants of a [`Preprocess`] on the device: copying them for every batch would wait for the previous batch.
#[derive(Debug)]
struct Scale {
    of: [[f32; 3]; 2],
    /// 255 as a tensor: for a plain scalar a GPU multiplies by the reciprocal, which rounds differently.
    levels: Tensor,
    /// The mean, `[3, 1, 1]`.
    mean: Tensor,
    /// The standard deviation, `[3, 1, 1]`.
    std: Tensor,
}

impl Scale {
    fn new(preprocess: &Preprocess, device: Device) -> Result<Self, TchError> {
        let channels = |values: &[f32]| Tensor::f_from_slice(values)?.f_view([-1, 1, 1])?.f_to_device(device);
        let (mean, std) = (channels(&preprocess.mean)?, channels(&preprocess.std)?);
        Ok(Self { of: [preprocess.mean, preprocess.std], levels: channels(&[255.0])?, mean, std })
    }

    fn is_of(&self, preprocess: &Preprocess) -> bool {
        self.of == [preprocess.mean, preprocess.std]
    }
}

/// The common size of all crops, if the network can take it.
pub(super) fn check_crops(crops: &[Crop]) -> Result<u32, BackboneError> {
    let size = crops.first().map_or(0, |crop| crop.size);
    let given = crops.iter().find(|crop| crop.size != size).map_or(size, |crop| crop.size);
    if given != size || size < layout::STRIDE {
        return Err(BackboneError::Shape {
            stage: "conv1",
            expected: format!("[B, 3, S, S] with one S of at least {}", layout::STRIDE),
            given: format!("[{}, 3, {given}, {given}]", crops.len()),
            remedy: format!("give `--image-size {}` or more, the same for all images", layout::STRIDE),
        });
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::{Backbone, Target};
    use crate::ffi::libtorch::to_vec;

    fn crop(size: u32) -> Crop {
        let bytes = 3 * size * size;
        Crop { size, rgb: (0..bytes).map(|index| (index * 7 % 256) as u8).collect() }
    }

    #[test]
    fn bytes_that_are_normalised_on_the_device_are_the_numbers_of_the_table() {
        let engine = Backbone::random(0, Target::CPU).unwrap().engine();
        let crops = [crop(40), crop(40)];
        for preprocess in [Preprocess::default(), Preprocess { mean: [0.5; 3], ..Preprocess::default() }] {
            let bytes =
                Tensor::from_slice(&crops.each_ref().map(|crop| crop.rgb.clone()).concat()).view([2, 40, 40, 3]);
            let given = to_vec(&engine.normalised(&bytes, &preprocess).unwrap()).unwrap();
            let expected = to_vec(&engine.input(&crops, &preprocess).unwrap()).unwrap();
            // On a CPU to the bit; a GPU rounds as the same standard says.
            assert!(given == expected);
        }
    }

    #[test]
    fn a_batch_that_is_begun_and_read_later_has_the_features_of_one_at_once() {
        let engine = Backbone::random(0, Target::CPU).unwrap().engine();
        let (crops, preprocess) = ([crop(64), crop(64)], Preprocess::default());
        let (given, time) = engine.submit(&crops, &preprocess, 8).unwrap().wait().unwrap();
        assert!(given == engine.features(&crops, &preprocess).unwrap());
        assert!(time > Duration::ZERO);
    }

    #[test]
    fn a_gpu_gives_the_features_of_the_cpu() {
        if !tch::Cuda::is_available() {
            println!("skipped: there is no GPU");
            return;
        }
        let target = Target { device: Device::Cuda(0), ..Target::CPU };
        let (gpu, cpu) =
            (Backbone::random(0, target).unwrap().engine(), Backbone::random(0, Target::CPU).unwrap().engine());
        let (crops, preprocess) = ([crop(224), crop(224), crop(224)], Preprocess::default());
        let expected = cpu.features(&crops, &preprocess).unwrap();
        // Two at once, as a feeder has them.
        let in_flight = [8, 4].map(|room| gpu.submit(&crops, &preprocess, room).unwrap());
        for in_flight in in_flight {
            let (given, _) = in_flight.wait().unwrap();
            let (given, expected) = (&given.whole, &expected.whole);
            let distance: f32 = given.iter().zip(expected).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
            let length: f32 = expected.iter().map(|b| b.powi(2)).sum::<f32>().sqrt();
            assert!(given.len() == expected.len() && distance / length < 1e-4, "{}", distance / length);
        }
    }
}
