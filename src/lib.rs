//! A folder of photos in, a trustworthy binary classifier out.
//!
//! This is the map: the modules stand in the order in which data flows, and each knows those before it, never those after
//! (`tests/layers.rs` holds that). The command line is the last one, behind the feature `cli`; only the binary calls it.
//!
//! ```text
//! files → pixels → features → head → metrics → decision → model file → report
//! ```
//!
//! [`train`], [`predict`], [`evaluate`] and [`extract`] do what the commands of the same name do, and write the same bytes.
//! Their options have a `new` that takes what must be said; the rest is as on the command line, and public to be changed.
//!
//! ```no_run
//! use std::ops::ControlFlow;
//!
//! use resnet_binary::progress::Silent;
//! use resnet_binary::{Error, PredictOptions, TrainOptions, predict, train};
//!
//! fn main() -> Result<(), Error> {
//!     let report = train(&TrainOptions::new("imgs", "model.safetensors"), &Silent)?;
//!     println!("{report}");
//!     let photos = &mut ["a.jpg", "b.jpg"].into_iter().collect();
//!     predict(&PredictOptions::new("model.safetensors"), photos, &Silent, &mut |photo| {
//!         match photo.outcome {
//!             Ok(answer) => println!("{} {:.4}", photo.path.display(), answer.probability),
//!             Err(reason) => eprintln!("{} {reason}", photo.path.display()),
//!         }
//!         ControlFlow::Continue(())
//!     })?;
//!     Ok(())
//! }
//! ```
//!
//! `examples/train.rs` and `examples/predict.rs` are such programs, whole.

// What the compiler cannot check: calls into libtorch that tch lacks, files as memory.
mod ffi;

// Convolutions in registers and caches: what the compiler cannot check again.
mod kernels;

// Files: reading with the path in the error, writing whole or not at all.
mod files;

// How long work is watched and stopped.
pub mod progress;

// Scores and labels to numbers with intervals. Stands this early because it needs nothing, so the head may choose its
// penalty by the log loss that the report shows.
mod metrics;

// From a logit to an answer: calibration, the threshold by a rule, review.
mod decision;

// A folder or CSV to labelled samples and their split.
mod dataset;

// Bytes of a file to the upright crop [S, S, 3] that the network sees.
mod pixels;

// ImageNet weights: what is known, where it lies, how it is fetched and read.
mod weights;

// The frozen ResNet-50: crops to features [B, 2048].
mod backbone;

// All photos through the backbone, in order, in bounded memory: [N, 2048].
mod features;

// Files of feature rows, and the check that several of them are complete and consistent.
mod shards;

// The training photos that a model remembers: which are most like a given one, and whether any is.
mod index;

// Linear(2048, 1): fitted exactly or by AdamW.
mod head;

// What could make the numbers flatter than the truth: copies, wrong labels, shortcuts.
mod audit;

// The file that train writes and predict reads.
mod model;

// A model as a file for other programs: ONNX, TorchScript, torchvision's names.
mod export;

// What the commands found, as JSON, as text and as a page.
mod report;

// One function for each command; the only module that uses all others.
mod pipeline;

// Parsing and printing.
#[cfg(feature = "cli")]
mod cli;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub use {cli::main, ffi::Allocator};

// What a program calls, its options and its results.
pub use pipeline::{
    Answer, Argument, Arguments, BackboneOptions, Cam, EvaluateOptions, ExtractOptions, ExtractSummary, MapOutput,
    MaxUnreadable, MergeOptions, MergeSummary, OnUnreadable, PageOptions, PipelineError as Error, PredictOptions,
    Prediction, Similar, SolverChoice, TrainOptions, Verdict, evaluate, extract, merge, predict, train,
};
pub use report::{
    CalibrationReport, ClassCount, CrossValidationReport, EvaluateReport, FewPhotos, GroupReport, LabelError, Leak,
    LearningPoint, MeanStd, NearDuplicate, Shortcut, Skipped, TrainReport,
};

// What options and results are made of.
pub use audit::GroupBy;
pub use backbone::device::DeviceChoice;
pub use backbone::{ActivationMap, Pooling, PrecisionChoice};
pub use dataset::fixes::Fixed;
pub use dataset::{ClassesFrom, ReadOptions, Split};
pub use decision::{Calibration, Choice, Review, ThresholdRule};
pub use features::Noticed;
pub use head::{Balance, Head, L2};
pub use metrics::{Bootstrap, Confusion, Estimate, Metrics};
pub use model::{Model, ModelError};
pub use pixels::{Levels, Limits, Preprocess};
pub use weights::{FetchOptions, Places, WeightsId, WeightsSource};
