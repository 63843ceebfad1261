//! The modules that read files, from the same sources as the tool and without the network: they name no module that comes
//! after them (`tests/layers.rs` holds that), so neither libtorch nor SQLite has to be built for fuzzing.

#![allow(dead_code, unused_imports, unexpected_cfgs)]

#[path = "../../src/ffi/mapping.rs"]
mod mapping;

#[path = "../../src/ffi/system.rs"]
mod system;

mod ffi {
    pub(crate) use super::{mapping, system};
}

#[path = "../../src/files/mod.rs"]
mod files;

#[path = "../../src/progress.rs"]
mod progress;

#[path = "../../src/metrics/mod.rs"]
mod metrics;

#[path = "../../src/decision/mod.rs"]
mod decision;

#[path = "../../src/dataset/mod.rs"]
mod dataset;

#[path = "../../src/pixels/mod.rs"]
mod pixels;

#[path = "../../src/weights/mod.rs"]
mod weights;

pub mod targets;
