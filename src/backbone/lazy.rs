//! A backbone that is loaded when the first photo needs it, and not at all when none does.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::{Backbone, BackboneError, Engine, Target};
use crate::weights::WeightsId;

type Load = dyn Fn() -> Result<Backbone, BackboneError> + Send + Sync;

/// Weights with a known identity, loaded once, by whichever thread asks first.
pub struct LazyBackbone {
    id: WeightsId,
    target: Target,
    load: Box<Load>,
    loaded: Mutex<Option<Backbone>>,
}

impl LazyBackbone {
    /// `load` gives a backbone of these weights for this target.
    pub fn new(
        id: WeightsId,
        target: Target,
        load: impl Fn() -> Result<Backbone, BackboneError> + Send + Sync + 'static,
    ) -> Self {
        Self { id, target, load: Box::new(load), loaded: Mutex::new(None) }
    }

    /// The identity of the weights.
    pub fn id(&self) -> &WeightsId {
        &self.id
    }

    /// On what and in which arithmetic it runs.
    pub fn target(&self) -> Target {
        self.target
    }

    /// A handle for one worker thread; it waits while another thread loads.
    ///
    /// # Errors
    /// [`BackboneError`] if the weights cannot be read or do not fit; the next call tries again.
    pub fn engine(&self) -> Result<Engine, BackboneError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(backbone) = &*loaded {
            return Ok(backbone.engine());
        }
        let backbone = (self.load)()?;
        Ok(loaded.insert(backbone).engine())
    }
}

impl fmt::Debug for LazyBackbone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("LazyBackbone").field("id", &self.id).field("target", &self.target).finish_non_exhaustive()
    }
}
