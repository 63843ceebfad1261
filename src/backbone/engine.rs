//! A handle on the network for one thread, from crops to pooled features.

use tch::{Device, Kind, Tensor};

use super::batch::{self, check_crops};
use super::folded::Folded;
use super::{BackboneError, Linear, Pooling, Readout, cam};
use crate::ffi::libtorch::to_vec;
use crate::pixels::{Crop, Preprocess};

/// Runs batches through the network; it can be sent to another thread.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(super) network: Folded,
    pub(super) device: Device,
    pub(super) pooling: Pooling,
    /// The head whose activation maps are computed.
    pub(super) explained: Option<cam::Weights>,
    pub(super) gpu: batch::Gpu,
}

impl Engine {
    pub(super) fn new(network: Folded, device: Device) -> Self {
        Self { network, device, pooling: Pooling::Average, explained: None, gpu: batch::Gpu::default() }
    }

    /// This handle with other outputs of the map.
    ///
    /// # Errors
    /// [`BackboneError`] if there is no memory for the head on the device.
    pub(crate) fn reading(mut self, readout: Readout<'_>) -> Result<Self, BackboneError> {
        self.pooling = readout.pooling;
        let weights = |head: Linear<'_>| cam::Weights::new(head.weight, self.device);
        self.explained = readout.explain.map(weights).transpose()?;
        Ok(self)
    }

    /// The features of a batch of crops, `B × [S, S, 3]` → `[B, D]`, with the other outputs of the same pass.
    ///
    /// # Errors
    /// [`BackboneError::Shape`] if the crops differ in size, are smaller than 32 pixels, or do not fit the head to be
    /// explained, [`BackboneError::OutOfMemory`], [`BackboneError::Libtorch`].
    pub(crate) fn features(&self, crops: &[Crop], preprocess: &Preprocess) -> Result<Pooled, BackboneError> {
        Ok(self.submit(crops, preprocess, crops.len())?.wait()?.0)
    }

    /// The outputs of a map `[B, 2048, H, W]`, still on the device.
    pub(super) fn read_out(&self, map: &Tensor) -> Result<[Option<Tensor>; 2], BackboneError> {
        let whole = match self.pooling {
            Pooling::Average => map.f_mean_dim([2i64, 3].as_slice(), false, Kind::Float)?, // [B, 2048]
            Pooling::Flatten => map.f_flatten(1, -1)?,                                     // [B, 2048·H·W]
        };
        let cells = self.explained.as_ref().map(|weights| weights.cells(map, self.pooling)).transpose()?; // [B, H, W]
        Ok([Some(whole), cells])
    }

    /// Normalises `B × [S, S, 3]` bytes to `[B, 3, S, S]`.
    pub(super) fn input(&self, crops: &[Crop], preprocess: &Preprocess) -> Result<Tensor, BackboneError> {
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

/// The outputs of a batch's last map.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Pooled {
    /// The features, `[B, D]`.
    pub whole: Vec<f32>,
    /// The cells of each [`super::ActivationMap`], `[B, H, W]`; empty without a head to be explained.
    pub cells: Vec<f32>,
}

impl Pooled {
    /// The outputs of `count` of `of` crops from index `from` on.
    #[must_use]
    pub(crate) fn part(&self, from: usize, count: usize, of: usize) -> Self {
        let part = |values: &[f32]| {
            let width = values.len() / of.max(1);
            values.get(from * width..(from + count) * width).unwrap_or_default().to_vec()
        };
        Self { whole: part(&self.whole), cells: part(&self.cells) }
    }

    /// The outputs of [`Engine::read_out`] on the CPU.
    pub(super) fn new(tensors: [Option<Tensor>; 2]) -> Result<Self, BackboneError> {
        let [whole, cells] = tensors.map(|tensor| tensor.map_or(Ok(Vec::new()), |tensor| to_vec(&tensor)));
        Ok(Self { whole: whole?, cells: cells? })
    }
}
