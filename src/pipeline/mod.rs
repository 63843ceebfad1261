//! One function for each command: train, evaluate, predict, extract. It is the only module of the library that uses all
//! others.

mod backbone;
mod copies;
mod doctor;
mod error;
mod evaluate;
mod export;
mod extract;
mod folds;
mod inputs;
mod inspect;
mod levels;
mod maps;
mod memory;
mod merge;
mod outputs;
mod photos;
mod plan;
mod predict;
mod scored;
mod sorted;
mod stored;
mod thumbnails;
mod train;
mod unreadable;

pub use backbone::BackboneOptions;
pub(crate) use doctor::{DoctorOptions, doctor};
pub use error::PipelineError;
pub use evaluate::{EvaluateOptions, evaluate};
pub(crate) use export::{ExportOptions, export, verify};
pub use extract::{ExtractOptions, ExtractSummary, extract};
pub use inputs::{Argument, Arguments};
pub(crate) use inspect::{InspectOptions, inspect};
pub use maps::MapOutput;
pub use merge::{MergeOptions, MergeSummary, merge};
pub use outputs::PageOptions;
pub(crate) use plan::plan;
pub use predict::{Answer, Cam, PredictOptions, Prediction, Similar, Verdict, predict};
pub use train::{SolverChoice, TrainOptions, train};
pub use unreadable::{MaxUnreadable, OnUnreadable};
