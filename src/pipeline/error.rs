//! Everything that can end a story early.

use std::path::PathBuf;

use crate::audit::GroupingError;
use crate::backbone::BackboneError;
use crate::dataset::DatasetError;
use crate::decision::DecisionError;
use crate::decision::calibration::CalibrationError;
use crate::export::ExportError;
use crate::features::FeatureError;
use crate::files::FileError;
use crate::head::HeadError;
use crate::metrics::{MetricsError, Undefined};
use crate::model::ModelError;
use crate::progress::Interrupted;
use crate::report::heatmap::HeatmapError;
use crate::shards::{ShardError, WholeError};
use crate::weights::WeightsError;

/// An error of one of the modules, or of their use together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// Finding and sorting the photos.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Finding, fetching or reading weights.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The network or its device.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    /// Extraction.
    #[error(transparent)]
    Feature(#[from] FeatureError),
    /// Fitting the head.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// Measuring.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The model file.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A file for other programs.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// Any other file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The user asked to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// After the unreadable photos were left out, a class has none.
    #[error(
        "no image of class `{class}` could be read: {unreadable} of {total} images are unreadable, such as {first}"
    )]
    NothingReadable {
        /// The class.
        class: String,
        /// Photos that could not be read, of all classes.
        unreadable: usize,
        /// All photos.
        total: usize,
        /// The first of the class, and why it could not be read.
        first: String,
    },
    /// The weights at hand are not those that the model was trained on.
    #[error("`{}` was trained on weights {expected}, these are {given}", model.display())]
    OtherWeights {
        /// The model file.
        model: PathBuf,
        /// Name and checksum in the model.
        expected: String,
        /// Name and checksum at hand.
        given: String,
    },
    /// The weights in a bundle are not those that the model was trained on.
    #[error("`{}` is damaged: the weights in it are not those that it was trained on", model.display())]
    Bundle {
        /// The model file.
        model: PathBuf,
    },
    /// The model was trained on a weights file that no manifest knows.
    #[error("`{}` needs the weights file `{name}` (SHA-256 {sha256})", model.display())]
    WeightsOfModel {
        /// The model file.
        model: PathBuf,
        /// The weights' file name.
        name: String,
        /// Its checksum.
        sha256: String,
    },
    /// A pattern that groups nothing, or everything.
    #[error(transparent)]
    Grouping(#[from] GroupingError),
    /// A threshold or a review that says nothing.
    #[error(transparent)]
    Decision(#[from] DecisionError),
    /// Scores that no calibration can be fitted to.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
    /// Scores that no threshold can be chosen on.
    #[error("no threshold can be chosen: {0}")]
    Undefined(#[from] Undefined),
    /// A map could not be drawn.
    #[error(transparent)]
    Heatmap(#[from] HeatmapError),
    /// An output may not go where it was to go.
    #[error("cannot write the {what} to `{}`: {reason}", path.display())]
    Output {
        /// The option that names it.
        option: &'static str,
        /// What was to be written.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A file of features, or several that are no whole.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// More photos than the user allows could not be read.
    #[error("{unreadable} of {total} images could not be read, more than `--max-unreadable` allows, such as {first}")]
    TooManyUnreadable {
        /// Photos that could not be read.
        unreadable: usize,
        /// All photos.
        total: usize,
        /// One of them, and why it could not be read.
        first: String,
    },
    /// There is nothing to classify.
    #[error("no images in {0}")]
    NoInputs(String),
}

impl PipelineError {
    /// Whether this is the end that the user asked for.
    pub fn is_interrupt(&self) -> bool {
        matches!(
            self,
            Self::Interrupted(_)
                | Self::Dataset(DatasetError::Interrupted(_))
                | Self::Weights(WeightsError::Interrupted(_))
                | Self::Feature(FeatureError::Interrupted(_))
                | Self::Head(HeadError::Interrupted(_))
        )
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Dataset(error) => error.hint(),
            Self::Weights(error) => error.hint(),
            Self::Backbone(error) | Self::Feature(FeatureError::Backbone(error)) => error.hint(),
            Self::Head(error) => error.hint(),
            Self::Model(error) => error.hint(),
            Self::Export(error) => error.hint(),
            Self::File(error) => error.hint(),
            Self::Feature(FeatureError::Unreadable { .. }) => {
                Some("leave out `--on-error fail` to go on without such photos".to_owned())
            }
            Self::Grouping(error) => Some(error.hint().to_owned()),
            Self::Decision(error) => error.hint(),
            Self::Calibration(error) => error.hint(),
            Self::Feature(FeatureError::Thread(_)) => {
                Some("give fewer `--threads`, or raise the limits that `ulimit -a` shows".to_owned())
            }
            Self::Feature(FeatureError::Memory { .. }) => {
                Some("use fewer photos, a smaller `--image-size`, or `--head gap`".to_owned())
            }
            Self::Output { option: option @ "--cam", .. } => {
                Some(format!("give a new name after `{option}`, or a folder of its own, such as `{option} maps/`"))
            }
            Self::Output { option, .. } => {
                Some(format!("give another name after `{option}`, or move away what is there"))
            }
            Self::Feature(_) | Self::Metrics(_) | Self::Undefined(_) | Self::Heatmap(_) | Self::Interrupted(_) => None,
            Self::NothingReadable { .. } => {
                Some("the warnings above say why for each; convert or replace these files".into())
            }
            Self::OtherWeights { .. } => {
                Some("leave `--weights` out, or give the file that the model was trained on".into())
            }
            Self::Bundle { .. } => Some("copy the file again from where it was made, or train again".to_owned()),
            Self::WeightsOfModel { .. } => {
                Some("put that file beside the model, or give it with `--weights FILE`".to_owned())
            }
            Self::Shard(error) => error.hint(),
            Self::TooManyUnreadable { .. } => Some("see whether the drive that they lie on is there".to_owned()),
            Self::NoInputs(_) => Some("give photos, or a folder with photos in it".to_owned()),
        }
    }
}

impl From<WholeError> for PipelineError {
    fn from(error: WholeError) -> Self {
        match error {
            WholeError::Shard(error) => error.into(),
            WholeError::Interrupted(error) => error.into(),
        }
    }
}
