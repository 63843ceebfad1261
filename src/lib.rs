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
//! ```
//! use std::ops::ControlFlow;
//!
//! use resnet_binary::progress::Silent;
//! use resnet_binary::{PredictOptions, Preprocess, TrainOptions, predict, train};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let (photos, model) = (folder.path().join("imgs"), folder.path().join("model.safetensors"));
//! for (class, shade) in [("dark", 20), ("light", 200)] {
//!     std::fs::create_dir_all(photos.join(class))?;
//!     for number in 0..4 {
//!         let photo = image::RgbImage::from_pixel(32, 32, image::Rgb([shade + number; 3]));
//!         photo.save(photos.join(class).join(format!("{number}.png")))?;
//!     }
//! }
//! let mut options = TrainOptions::new(&photos, &model);
//! options.preprocess = Preprocess::with_image_size(32);
//! // Without this line, the weights are ImageNet's.
//! options.backbone.weights = Some("random:0".parse()?);
//! println!("{}", train(&options, &Silent)?);
//!
//! let mut labels = Vec::new();
//! let new = &mut [photos.join("light/0.png")].into_iter().collect();
//! predict(&PredictOptions::new(&model), new, &Silent, &mut |photo| {
//!     labels.push(photo.outcome.map(|answer| answer.label.word().to_owned()));
//!     ControlFlow::Continue(())
//! })?;
//! assert_eq!(labels, [Ok("light".to_owned())]);
//! # Ok(())
//! # }
//! ```
//!
//! `examples/train.rs` and `examples/predict.rs` are such programs, whole.

// Without the command line nobody calls what only it calls.
#![cfg_attr(not(feature = "cli"), allow(dead_code, unused_imports))]

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
#[allow(rustdoc::broken_intra_doc_links, reason = "its comments are help texts, with brackets that are no links")]
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
    LearningPoint, MeanStd, NearDuplicate, Shortcut, ThresholdCost, TrainReport,
};

// What options and results are made of.
pub use audit::{GroupBy, PatternError};
pub use backbone::device::{DeviceChoice, Gpus};
pub use backbone::{ActivationMap, Pooling, PrecisionChoice};
pub use dataset::fixes::Fixed;
pub use dataset::{ClassesFrom, ReadOptions, Split, Unreadable};
pub use decision::{Calibration, Choice, Review, ThresholdRule};
pub use features::Noticed;
pub use head::{Balance, Head, L2};
pub use metrics::{Bootstrap, Certificate, Confusion, Estimate, Metrics, Undefined};
pub use model::{Facts, Kept, Model, ModelError, Training};
pub use pixels::{Crop, DecodeError, Levels, Limits, Preprocess};
pub use shards::{RowType, Shard};
pub use weights::{FetchOptions, Places, WeightsId, WeightsSource};
