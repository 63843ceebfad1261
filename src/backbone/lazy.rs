//! A backbone that is loaded when the first photo needs it, or never if none does.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tch::Device;

use super::{Backbone, BackboneError, Engine, Target};
use crate::weights::WeightsId;

type Load = dyn Fn() -> Result<Backbone, BackboneError> + Send + Sync;

/// Weights with a known identity, loaded once, by whichever thread needs them first.
pub(crate) struct LazyBackbone {
    id: WeightsId,
    target: Target,
    devices: Vec<Device>,
    load: Box<Load>,
    loaded: Mutex<Option<Backbone>>,
}

impl LazyBackbone {
    /// A backbone that `load` loads, with these weights and for this target.
    pub(crate) fn new(
        id: WeightsId,
        target: Target,
        load: impl Fn() -> Result<Backbone, BackboneError> + Send + Sync + 'static,
    ) -> Self {
        Self { id, target, devices: vec![target.device], load: Box::new(load), loaded: Mutex::new(None) }
    }

    /// The same weights on several devices of one kind, including the target's; an empty list changes nothing.
    #[must_use]
    pub(crate) fn on(mut self, devices: Vec<Device>) -> Self {
        if !devices.is_empty() {
            self.devices = devices;
        }
        self
    }

    /// The devices that share the work.
    pub(crate) fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// The identity of the weights.
    pub(crate) fn id(&self) -> &WeightsId {
        &self.id
    }

    /// The device and precision of the network.
    pub(crate) fn target(&self) -> Target {
        self.target
    }

    /// The network, loaded now if it was not before.
    ///
    /// # Errors
    /// [`BackboneError`] if the weights cannot be read or do not fit.
    pub(crate) fn into_loaded(self) -> Result<Backbone, BackboneError> {
        let loaded = self.loaded.into_inner().unwrap_or_else(PoisonError::into_inner);
        loaded.map_or_else(|| (self.load)(), Ok)
    }

    /// A handle for one worker thread; it waits while another thread loads.
    ///
    /// # Errors
    /// [`BackboneError`] if the weights cannot be read or do not fit; the next call tries again.
    pub(crate) fn engine(&self) -> Result<Engine, BackboneError> {
        self.engine_on(self.target.device)
    }

    /// As [`LazyBackbone::engine`], for one of the devices.
    pub(crate) fn engine_on(&self, device: Device) -> Result<Engine, BackboneError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(backbone) = &*loaded {
            return backbone.engine_on(device);
        }
        let backbone = (self.load)()?;
        loaded.insert(backbone).engine_on(device)
    }
}

impl fmt::Debug for LazyBackbone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("LazyBackbone").field("id", &self.id).field("target", &self.target).finish_non_exhaustive()
    }
}
