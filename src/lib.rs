//! A folder of photos in, a trustworthy binary classifier out.
//!
//! This is the map: the modules stand in the order in which data flows, and each knows those before it, never those after
//! (`tests/layers.rs` holds that). The command line lives in the binary, which no module can name.
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

// The modules are public for the command line and the tests, and may change with any version; what a program calls is at the
// end of this file, and nothing else is in the documentation.

// What the compiler cannot check: calls into libtorch that tch lacks, files as memory.
mod ffi;

#[doc(hidden)]
pub use ffi::{Allocator, end_clearly_without_memory, exit_without_destructors};

// Convolutions in registers and caches: what the compiler cannot check again.
mod kernels;

// Files: reading with the path in the error, writing whole or not at all.
#[doc(hidden)]
pub mod files;

// How long work is watched and stopped.
pub mod progress;

// Scores and labels to numbers with intervals. Stands this early because it needs nothing, so the head may choose its
// penalty by the log loss that the report shows.
#[doc(hidden)]
pub mod metrics;

// From a logit to an answer: calibration, the threshold by a rule, review.
#[doc(hidden)]
pub mod decision;

// A folder or CSV to labelled samples and their split.
#[doc(hidden)]
pub mod dataset;

// Bytes of a file to the upright crop [S, S, 3] that the network sees.
#[doc(hidden)]
pub mod pixels;

// ImageNet weights: what is known, where it lies, how it is fetched and read.
#[doc(hidden)]
pub mod weights;

// The frozen ResNet-50: crops to features [B, 2048].
#[doc(hidden)]
pub mod backbone;

// All photos through the backbone, in order, in bounded memory: [N, 2048].
#[doc(hidden)]
pub mod features;

// Files of feature rows, and the check that several of them are complete and consistent.
#[doc(hidden)]
pub mod shards;

// The training photos that a model remembers: which are most like a given one, and whether any is.
#[doc(hidden)]
pub mod index;

// Linear(2048, 1): fitted exactly or by AdamW.
#[doc(hidden)]
pub mod head;

// What could make the numbers flatter than the truth: copies, wrong labels, shortcuts.
#[doc(hidden)]
pub mod audit;

// The file that train writes and predict reads.
#[doc(hidden)]
pub mod model;

// A model as a file for other programs: ONNX, TorchScript, torchvision's names.
#[doc(hidden)]
pub mod export;

// What the commands found, as JSON, as text and as a page.
#[doc(hidden)]
pub mod report;

// One function for each command; the only module that uses all others.
#[doc(hidden)]
pub mod pipeline;

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
