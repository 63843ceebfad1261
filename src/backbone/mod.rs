//! ResNet-50 without its last layer, frozen: pixels in, 2048 numbers an image out.
//!
//! Promises: a weights file is compared with the network, tensor by tensor, before anything is copied ([`layout`]);
//! the network never trains, so [`Backbone::checksum`] is the same before and after anything; a device that was asked for
//! is never replaced by another ([`device`]); a failure of libtorch is an error, not a panic.
//!
//! Data: crops `[S, S, 3]` → input `[B, 3, S, S]` → stages → map `[B, 2048, S/32, S/32]` → pooled or flattened
//! ([`Pooling`]) → features `[B, D]`.

pub mod about;
mod batch;
mod cam;
pub mod device;
mod error;
mod folded;
mod initial;
pub mod layout;
mod lazy;
mod own;
mod pooling;
pub mod shapes;
mod target;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use tch::nn::VarStore;
use tch::{Device, Kind, TchError, Tensor};

use crate::ffi::libtorch;
use crate::files::ContentHash;
use crate::pixels::{Crop, Preprocess};
use crate::weights::{Array, Dtype, NamedArrays, WeightsId};

pub use batch::InFlight;
pub use cam::{ActivationMap, Linear, Readout};
pub use error::BackboneError;
use folded::Folded;
pub use lazy::LazyBackbone;
pub use pooling::{Pooling, sizes_of_flattened};
pub use target::{Precision, PrecisionChoice, Target};

/// Counts up whenever a change in this module may change a bit of a feature.
const NETWORK_VERSION: u32 = 1;

/// The frozen network with its weights, on one device.
#[derive(Debug)]
pub struct Backbone {
    /// tch's vision module lives in this store and nothing else does.
    store: VarStore,
    network: Folded,
    id: WeightsId,
}

impl Backbone {
    /// Takes the weights of a file after comparing them with the network; `id` is their identity in models and caches.
    ///
    /// # Errors
    /// [`BackboneError`] saying what does not fit, before anything is copied.
    pub fn load(arrays: &NamedArrays, id: WeightsId, target: Target) -> Result<Self, BackboneError> {
        let file = &id.name;
        let found: Vec<_> = arrays.iter().map(|(name, array)| (name, array.shape(), array.dtype())).collect();
        layout::compare(file, &found)?;
        let values = |tensor: &str| {
            let missing = || BackboneError::MissingTensor { file: file.clone(), tensor: tensor.to_owned() };
            let array = arrays.get(tensor).ok_or_else(missing)?;
            if array.is_finite() {
                Ok(tensor_from(array)?)
            } else {
                Err(BackboneError::NotFinite { file: file.clone(), tensor: tensor.to_owned() })
            }
        };
        let store = fill(target.device, file, &values)?;
        Self::derive(store, id, target)
    }

    /// Seeded random weights, which know nothing: for tests and demonstrations.
    ///
    /// # Errors
    /// [`BackboneError`] if the device fails.
    pub fn random(seed: u64, target: Target) -> Result<Self, BackboneError> {
        Self::build(&initial::random(seed), WeightsId::random(seed), target)
    }

    fn build(tensors: &[initial::Named], id: WeightsId, target: Target) -> Result<Self, BackboneError> {
        let by_name: HashMap<_, _> =
            tensors.iter().map(|(name, shape, values)| (name.as_str(), (shape, values))).collect();
        let values = |tensor: &str| {
            let missing = || BackboneError::MissingTensor { file: id.name.clone(), tensor: tensor.to_owned() };
            let (shape, values) = by_name.get(tensor).ok_or_else(missing)?;
            Ok(Tensor::f_from_slice(values)?.f_view(sizes(shape).as_slice())?)
        };
        let store = fill(target.device, &id.name, &values)?;
        Self::derive(store, id, target)
    }

    fn derive(store: VarStore, id: WeightsId, target: Target) -> Result<Self, BackboneError> {
        if target.device.is_cuda() {
            libtorch::choose_arithmetic(target.precision == Precision::Fp32)?;
        }
        let network = Folded::derive(&store.variables(), target)?;
        Ok(Self { store, network, id })
    }

    /// The identity of the weights.
    pub fn id(&self) -> &WeightsId {
        &self.id
    }

    /// The device that runs the network.
    pub fn device(&self) -> Device {
        self.store.device()
    }

    /// A handle for one worker thread; all handles share the same weights. It averages the map; see [`Engine::reading`].
    pub fn engine(&self) -> Engine {
        Engine::new(self.network.share(), self.device())
    }

    /// As [`Backbone::engine`], with the weights on another device of the same kind.
    ///
    /// # Errors
    /// [`BackboneError`] if that device fails.
    pub fn engine_on(&self, device: Device) -> Result<Engine, BackboneError> {
        if device == self.device() {
            return Ok(self.engine());
        }
        Ok(Engine::new(tch::no_grad(|| self.network.on(device))?, device))
    }

    /// The SHA-256 over name and content of all tensors, sorted by name.
    ///
    /// # Errors
    /// [`BackboneError`] if the device fails.
    pub fn checksum(&self) -> Result<ContentHash, BackboneError> {
        let variables: HashMap<String, Tensor> = self.store.variables();
        let mut sorted: Vec<_> = variables.iter().collect();
        sorted.sort_by_key(|(name, _)| name.as_str());
        let mut hasher = Sha256::new();
        for (name, tensor) in sorted {
            hasher.update(name);
            for value in to_vec(tensor)? {
                hasher.update(value.to_le_bytes());
            }
        }
        Ok(ContentHash(hasher.finalize().into()))
    }
}

/// The tensor of a name, on the CPU.
type Values<'a> = dyn Fn(&str) -> Result<Tensor, BackboneError> + Sync + 'a;

/// tch's vision module in a store of its own, with the values of a file.
fn fill(device: Device, file: &str, values: &Values<'_>) -> Result<VarStore, BackboneError> {
    let mut store = VarStore::new(device);
    // Registers the 265 tensors, and panics where one finds no memory; the closure it gives panics on a failing device, so
    // `Folded` runs in its place.
    let register = || drop(tch::vision::resnet::resnet50_no_final_layer(&store.root()));
    catch_unwind(AssertUnwindSafe(register)).map_err(|panic| BackboneError::from_panic(panic.as_ref()))?;
    store.freeze();
    let variables: Vec<(String, Tensor)> = store.variables().into_iter().collect();
    variables.into_par_iter().try_for_each(|(tensor, mut variable)| {
        // Rayon has a thread for each core already.
        tch::set_num_threads(1);
        let given = values(&tensor)?;
        // `copy_` would broadcast.
        if given.size() != variable.size() {
            let [expected, given] = [&variable, &given]
                .map(|tensor| tensor.size().iter().map(|&size| usize::try_from(size).unwrap_or(0)).collect());
            return Err(BackboneError::WrongShape { file: file.to_owned(), tensor, expected, given });
        }
        tch::no_grad(|| variable.f_set_data(&given.f_to_device(device)?))?;
        Ok(())
    })?;
    Ok(store)
}

/// The numbers of a file as f32, with one copy where they are that already.
fn tensor_from(array: &Array) -> Result<Tensor, TchError> {
    let shape = sizes(array.shape());
    match array.dtype() {
        Dtype::F32 => Tensor::f_from_data_size(array.bytes(), &shape, Kind::Float),
        _ => Tensor::f_from_slice(&array.to_f32())?.f_view(shape.as_slice()),
    }
}

fn sizes(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&size| i64::try_from(size).unwrap_or(i64::MAX)).collect()
}

/// Runs batches through the network; it can be sent to a thread.
#[derive(Debug)]
pub struct Engine {
    network: Folded,
    device: Device,
    pooling: Pooling,
    /// The head whose cells are wanted.
    explained: Option<cam::Weights>,
    gpu: batch::Gpu,
}

impl Engine {
    fn new(network: Folded, device: Device) -> Self {
        Self { network, device, pooling: Pooling::Average, explained: None, gpu: batch::Gpu::default() }
    }

    /// This handle, reading something else out of the map.
    ///
    /// # Errors
    /// [`BackboneError`] if the device has no room for the head.
    pub fn reading(mut self, readout: Readout<'_>) -> Result<Self, BackboneError> {
        self.pooling = readout.pooling;
        let weights = |head: Linear<'_>| cam::Weights::new(head.weight, self.device);
        self.explained = readout.explain.map(weights).transpose()?;
        Ok(self)
    }

    /// Features of a batch of crops, `B × [S, S, 3]` → `[B, D]`, row by row, with what else one pass tells.
    ///
    /// # Errors
    /// [`BackboneError::Shape`] if the crops differ in size, are smaller than 32 pixels, or do not fit the head that is
    /// to be explained, [`BackboneError::OutOfMemory`], [`BackboneError::Libtorch`].
    pub fn features(&self, crops: &[Crop], preprocess: &Preprocess) -> Result<Pooled, BackboneError> {
        Ok(self.submit(crops, preprocess, crops.len())?.wait()?.0)
    }

    /// What is read out of a map `[B, 2048, H, W]`, still on the device.
    fn read_out(&self, map: &Tensor) -> Result<[Option<Tensor>; 2], BackboneError> {
        let whole = match self.pooling {
            Pooling::Average => map.f_mean_dim([2i64, 3].as_slice(), false, Kind::Float)?, // [B, 2048]
            Pooling::Flatten => map.f_flatten(1, -1)?,                                     // [B, 2048·H·W]
        };
        let cells = self.explained.as_ref().map(|weights| weights.cells(map, self.pooling)).transpose()?; // [B, H, W]
        Ok([Some(whole), cells])
    }

    /// `B × [S, S, 3]` bytes → `[B, 3, S, S]` normalised
    fn input(&self, crops: &[Crop], preprocess: &Preprocess) -> Result<Tensor, BackboneError> {
        let side = check_crops(crops)?;
        let numbers = 3 * side as usize * side as usize;
        let mut input = vec![0.0; crops.len() * numbers];
        for (crop, planes) in crops.iter().zip(input.chunks_exact_mut(numbers)) {
            preprocess.normalise(crop, planes);
        }
        let batch = i64::try_from(crops.len()).unwrap_or(i64::MAX);
        let tensor = Tensor::f_from_slice(&input)?.f_view([batch, 3, i64::from(side), i64::from(side)])?;
        Ok(tensor.f_to_device(self.device)?)
    }
}

/// What was read out of a batch's last map.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pooled {
    /// Of all cells: the features, `[B, D]`.
    pub whole: Vec<f32>,
    /// Of the head that is to be explained, `[B, H, W]`: the cells of an [`ActivationMap`]. Empty where none was named.
    pub cells: Vec<f32>,
}

impl Pooled {
    /// What belongs to `count` of `of` crops, from the `from`th on.
    #[must_use]
    pub fn part(&self, from: usize, count: usize, of: usize) -> Self {
        let part = |values: &[f32]| {
            let width = values.len() / of.max(1);
            values.get(from * width..(from + count) * width).unwrap_or_default().to_vec()
        };
        Self { whole: part(&self.whole), cells: part(&self.cells) }
    }

    /// From what [`Engine::read_out`] gives.
    fn new(tensors: [Option<Tensor>; 2]) -> Result<Self, BackboneError> {
        let [whole, cells] = tensors.map(|tensor| tensor.map_or(Ok(Vec::new()), |tensor| to_vec(&tensor)));
        Ok(Self { whole: whole?, cells: cells? })
    }
}

/// The one size of all crops, if the network can take it.
fn check_crops(crops: &[Crop]) -> Result<u32, BackboneError> {
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

/// Numbers of a tensor on any device, in row-major order.
fn to_vec(tensor: &Tensor) -> Result<Vec<f32>, BackboneError> {
    let tensor = tensor.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    let count = tensor.numel();
    let mut values = vec![0.0; count];
    tensor.f_copy_data(&mut values, count)?;
    Ok(values)
}

#[cfg(test)]
mod tests;
