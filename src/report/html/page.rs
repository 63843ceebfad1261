//! Everything that the page can show, as plain data.
//!
//! A part that is `None` or empty was not computed and is left out. An empty list inside `Some` means that nothing was
//! found, which the page states.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use super::picture::Picture;
use crate::dataset::Unreadable;
use crate::metrics::Metrics;
use crate::report::{ClassCount, CrossValidationReport, GroupReport, LabelError, Leak, LearningPoint, Shortcut};

/// One report. Only the names are needed: `Page { title, command, negative, positive, ..Page::default() }`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    /// Such as `ants or bees`.
    pub title: String,
    /// The date of the report, such as `2024-05-17`; empty to omit it.
    pub date: String,
    /// The command line that produced it.
    pub command: String,
    /// The name of the negative class.
    pub negative: String,
    /// The positive class.
    pub positive: String,
    /// The model file, for commands to type.
    pub model: PathBuf,
    /// The table of the possible label errors, if one was written.
    pub label_table: Option<PathBuf>,
    /// Warnings beyond those that the page derives from the parts below.
    pub warnings: Vec<Warning>,
    /// The head that the numbers are for, if it is not the one in the model.
    pub refit: Option<String>,
    /// Sample photos of each class as the network sees them.
    pub samples: Vec<ClassPhotos>,
    /// The photos.
    pub data: Option<Data>,
    /// The network and its head.
    pub network: Option<Network>,
    /// Sets of images with their metrics; the first is used for the headline and the plots.
    pub measured: Vec<Measured>,
    /// Metrics on held-out folds.
    pub cross_validation: Option<CrossValidationReport>,
    /// How a probability becomes a prediction.
    pub decision: Option<Decision>,
    /// Metrics for increasing numbers of training images.
    pub learning_curve: Vec<LearningPoint>,
    /// Near-duplicates, pairs across splits first.
    pub photo_groups: Option<GroupReport>,
    /// How near-duplicates across splits change the metrics; the first with an accuracy is shown.
    pub leaks: Vec<Leak>,
    /// Possible label errors, the most probable first.
    pub label_errors: Option<Vec<LabelError>>,
    /// Heads fitted to less than the photo, beside the real one.
    pub shortcuts: Vec<Shortcut>,
    /// Split of each near-duplicate, by its path.
    pub splits: HashMap<PathBuf, String>,
    /// Pictures of near-duplicates and possible label errors, by path, as far as they are shown.
    pub thumbnails: HashMap<PathBuf, Picture>,
    /// Images unlike the training images.
    pub unfamiliar: Option<Unfamiliar>,
    /// What is needed to reproduce the numbers.
    pub repeat: Option<Repeat>,
}

/// A warning to the reader.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Warning {
    /// The warning as a sentence.
    pub sentence: String,
    /// The recommended step.
    pub step: Option<String>,
}

/// Formats the warning as one sentence, for the terminal.
impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.sentence)?;
        self.step.as_ref().map_or(Ok(()), |step| write!(out, ": {step}"))
    }
}

/// Sample photos of a class.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClassPhotos {
    /// The class.
    pub class: String,
    /// File and picture of each.
    pub photos: Vec<(PathBuf, Picture)>,
}

/// The photos that were read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Data {
    /// The folder or CSV.
    pub source: PathBuf,
    /// Each class with its readable images in each split.
    pub classes: Vec<ClassCount>,
    /// The origin of the split, such as `stratified, 20 % for validation, seed 0`.
    pub split: String,
    /// Photos that could not be read.
    pub unreadable: Vec<Unreadable>,
    /// Description of the files that are not photos; empty if there are none.
    pub ignored: String,
}

/// The backbone and the head.
#[derive(Debug, Clone, Default)]
pub(crate) struct Network {
    /// Such as `ResNet-50, frozen`.
    pub backbone: String,
    /// Name of the weights.
    pub weights: String,
    /// The arithmetic of its layers.
    pub precision: String,
    /// The device that ran it.
    pub device: String,
    /// Side of the input in pixels.
    pub image_size: u32,
    /// Description of how the head was fitted.
    pub head: String,
}

/// A set of labelled images and their predictions.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// Their name, such as `validation`.
    pub name: String,
    /// How they relate to the training images.
    pub seen: Seen,
    /// The metrics at the threshold in use.
    pub metrics: Metrics,
    /// Whether each image is positive. The curves need this and the next list; if they are empty, the curves are omitted.
    pub labels: Vec<bool>,
    /// Probability of the positive class for each image, equally many.
    pub probabilities: Vec<f64>,
    /// The group of each image, equally many; empty if no images belong together.
    pub groups: Vec<usize>,
    /// Wrong predictions, those with the highest loss first.
    pub mistakes: Vec<Photo>,
}

/// How a set of images relates to the training images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The model was not trained on any of them.
    Nothing,
    /// This many are near-duplicates of, or in one group with, training photos.
    Related(usize),
    /// The model was trained on all of them.
    Everything,
}

/// How a probability becomes a prediction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Decision {
    /// What chose the threshold, such as `0.5` or `recall>=0.98`.
    pub rule: String,
    /// A probability of at least this is the positive class.
    pub threshold: f64,
    /// A warning if there are too few images for the guarantee.
    pub warning: Option<Warning>,
    /// The errors at the threshold, if a rule chose it.
    pub cost: Option<String>,
    /// Description of the calibration.
    pub calibration: Option<String>,
}

/// One measured image.
#[derive(Debug, Clone)]
pub(crate) struct Photo {
    /// The file.
    pub path: PathBuf,
    /// Whether it is positive.
    pub is_positive: bool,
    /// Whether it was predicted positive.
    pub answered_positive: bool,
    /// Probability of the positive class.
    pub probability: f64,
    /// The photo.
    pub thumbnail: Option<Picture>,
    /// The class activation map over the photo, in the colours of [`crate::report::heatmap`].
    pub map: Option<Picture>,
}

/// Images that are further from the training images than those are from each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Unfamiliar {
    /// Their number.
    pub images: usize,
    /// The number of images compared.
    pub of: usize,
}

/// What is needed to reproduce the numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Repeat {
    /// The seed of all random choices.
    pub seed: u64,
    /// Program and library → version.
    pub versions: Vec<(&'static str, String)>,
    /// What was hashed → SHA-256.
    pub hashes: Vec<(&'static str, String)>,
    /// From bytes to the network's input: each step and its setting.
    pub preprocess: Vec<(&'static str, String)>,
}
