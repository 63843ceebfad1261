//! The modules that read files, from the same sources as the tool and without the network: they name no module that comes
//! after them (`tests/layers.rs` holds that), so neither libtorch nor SQLite has to be built for fuzzing.

#![allow(dead_code, missing_docs, unexpected_cfgs)]

#[path = "../../src/ffi/mapping.rs"]
mod mapping;

mod ffi {
    pub(crate) use super::mapping;
}

#[path = "../../src/files/mod.rs"]
pub mod files;

#[path = "../../src/progress.rs"]
pub mod progress;

#[path = "../../src/metrics/mod.rs"]
pub mod metrics;

#[path = "../../src/decision/mod.rs"]
pub mod decision;

#[path = "../../src/dataset/mod.rs"]
pub mod dataset;

#[path = "../../src/pixels/mod.rs"]
pub mod pixels;

#[path = "../../src/weights/mod.rs"]
pub mod weights;
