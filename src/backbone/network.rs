//! The frozen network with its weights, loaded from a file or initialised at random.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::prelude::*;
use tch::nn::VarStore;
use tch::{Device, Kind, TchError, Tensor};

use super::folded::Folded;
use super::{BackboneError, Engine, Precision, Target, initial, layout};
use crate::ffi::libtorch;
use crate::ffi::libtorch::to_vec;
use crate::weights::{Array, Dtype, NamedArrays};

/// The frozen network with its weights, on one device.
#[derive(Debug)]
pub(crate) struct Backbone {
    /// The variables of tch's vision module, and nothing else.
    pub(super) store: VarStore,
    network: Folded,
}

impl Backbone {
    /// The network with the weights of a file, after comparing them with it; `file` is its name in messages.
    ///
    /// # Errors
    /// [`BackboneError`] for any difference, before anything is copied.
    pub(crate) fn load(arrays: &NamedArrays, file: &str, target: Target) -> Result<Self, BackboneError> {
        let found: Vec<_> = arrays.iter().map(|(name, array)| (name, array.shape(), array.dtype())).collect();
        layout::compare(file, &found)?;
        let values = |tensor: &str| {
            let missing = || BackboneError::MissingTensor { file: file.to_owned(), tensor: tensor.to_owned() };
            let array = arrays.get(tensor).ok_or_else(missing)?;
            if array.is_finite() {
                Ok(tensor_from(array)?)
            } else {
                Err(BackboneError::NotFinite { file: file.to_owned(), tensor: tensor.to_owned() })
            }
        };
        let store = fill(target.device, file, &values)?;
        Self::derive(store, target)
    }

    /// The network with seeded random weights, for tests and demonstrations.
    pub(crate) fn random(seed: u64, target: Target) -> Result<Self, BackboneError> {
        Self::build(&initial::random(seed), target)
    }

    pub(super) fn build(tensors: &[initial::Named], target: Target) -> Result<Self, BackboneError> {
        let by_name: HashMap<_, _> =
            tensors.iter().map(|(name, shape, values)| (name.as_str(), (shape, values))).collect();
        let values = |tensor: &str| {
            let missing = || BackboneError::MissingTensor { file: "random".to_owned(), tensor: tensor.to_owned() };
            let (shape, values) = by_name.get(tensor).ok_or_else(missing)?;
            Ok(Tensor::f_from_slice(values)?.f_view(sizes(shape).as_slice())?)
        };
        let store = fill(target.device, "random", &values)?;
        Self::derive(store, target)
    }

    pub(super) fn derive(store: VarStore, target: Target) -> Result<Self, BackboneError> {
        if target.device.is_cuda() {
            libtorch::choose_arithmetic(target.precision == Precision::Fp32)?;
        }
        let network = Folded::derive(&store.variables(), target)?;
        Ok(Self { store, network })
    }

    /// The device that runs the network.
    pub(crate) fn device(&self) -> Device {
        self.store.device()
    }

    /// A handle for one worker thread; all share the same weights. It averages the map; see [`Engine::reading`].
    pub(crate) fn engine(&self) -> Engine {
        Engine::new(self.network.share(), self.device())
    }

    /// As [`Backbone::engine`], with the weights on another device of the same kind.
    pub(crate) fn engine_on(&self, device: Device) -> Result<Engine, BackboneError> {
        if device == self.device() {
            return Ok(self.engine());
        }
        Ok(Engine::new(tch::no_grad(|| self.network.on(device))?, device))
    }

    /// The 265 tensors by their names in torchvision, as f32.
    pub(crate) fn tensors(&self) -> Result<NamedArrays, BackboneError> {
        let mut arrays = NamedArrays::default();
        for (name, tensor) in self.store.variables() {
            let shape = tensor.size().iter().map(|&size| usize::try_from(size).unwrap_or(0)).collect();
            let bytes = to_vec(&tensor)?.into_iter().flat_map(f32::to_le_bytes).collect();
            if let Some(array) = Array::new(shape, Dtype::F32, bytes) {
                arrays.insert(name, array);
            }
        }
        Ok(arrays)
    }
}

/// A function from the name of a tensor to its values, on the CPU.
type Values<'a> = dyn Fn(&str) -> Result<Tensor, BackboneError> + Sync + 'a;

/// The variables of tch's vision module in a new store, with the given values.
fn fill(device: Device, file: &str, values: &Values<'_>) -> Result<VarStore, BackboneError> {
    let mut store = VarStore::new(device);
    // Registers the 265 tensors, and panics if there is no memory for one; the closure it returns panics if the device
    // fails, so `Folded` is used instead.
    let register = || drop(tch::vision::resnet::resnet50_no_final_layer(&store.root()));
    catch_unwind(AssertUnwindSafe(register)).map_err(|panic| BackboneError::from_panic(panic.as_ref()))?;
    store.freeze();
    let variables: Vec<(String, Tensor)> = store.variables().into_iter().collect();
    variables.into_par_iter().try_for_each(|(tensor, mut variable)| {
        // Rayon already has a thread for each core.
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

/// The values of a file as f32, copied once if they are f32 already.
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
