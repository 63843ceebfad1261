//! Everything that the page can show, as plain data.
//!
//! A part that is `None` or empty was not looked for and is left out. A list inside `Some` that is empty was looked for
//! and nothing was found, which the page says.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use super::picture::Picture;
use crate::metrics::Metrics;
use crate::report::{
    ClassCount, CrossValidationReport, GroupReport, LabelError, Leak, LearningPoint, Shortcut, Skipped,
};

/// One report. Only the names are needed: `Page { title, command, negative, positive, ..Page::default() }`.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Such as `ants or bees`.
    pub title: String,
    /// The day on which it was made, such as `2024-05-17`; empty where it shall not be said.
    pub date: String,
    /// The command line that made it, as one would type it.
    pub command: String,
    /// What the negative answer is called.
    pub negative: String,
    /// The positive class.
    pub positive: String,
    /// The model file, for commands to type.
    pub model: PathBuf,
    /// The table of the possible label errors, if one was written.
    pub label_table: Option<PathBuf>,
    /// What a reader must know before the numbers, beyond what the page finds out from the parts below.
    pub warnings: Vec<Warning>,
    /// Which head the numbers are of, where it is not the one in the model.
    pub refit: Option<String>,
    /// Some photos of each class as the network sees them.
    pub samples: Vec<ClassPhotos>,
    /// The photos.
    pub data: Option<Data>,
    /// The network and its head.
    pub network: Option<Network>,
    /// Sets of images with their numbers; the first is the headline and the one that is drawn.
    pub measured: Vec<Measured>,
    /// Numbers on held-out folds.
    pub cross_validation: Option<CrossValidationReport>,
    /// How a probability becomes an answer.
    pub decision: Option<Decision>,
    /// Numbers over the number of training images, from few to many.
    pub learning_curve: Vec<LearningPoint>,
    /// Images that are nearly the same, those that stand in two splits first.
    pub photo_groups: Option<GroupReport>,
    /// What near-duplicates across splits do to the numbers; the first that has an accuracy is shown.
    pub leaks: Vec<Leak>,
    /// Images whose label is doubtful, the most doubtful first.
    pub label_errors: Option<Vec<LabelError>>,
    /// Heads that see less than the photo, against the real one.
    pub shortcuts: Vec<Shortcut>,
    /// Splits of the images that are near-duplicates.
    pub splits: HashMap<PathBuf, String>,
    /// Pictures of the near-duplicates and of the images whose label is doubtful, as far as they are shown.
    pub thumbnails: HashMap<PathBuf, Picture>,
    /// Images unlike those of the training.
    pub unfamiliar: Option<Unfamiliar>,
    /// What it takes to make the same numbers again.
    pub repeat: Option<Repeat>,
}

/// Something that a reader must know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Warning {
    /// What it is, in a sentence.
    pub sentence: String,
    /// What to do about it.
    pub step: Option<String>,
}

/// As one sentence, for the terminal.
impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.sentence)?;
        self.step.as_ref().map_or(Ok(()), |step| write!(out, ": {step}"))
    }
}

/// Some photos of a class.
#[derive(Debug, Clone, Default)]
pub struct ClassPhotos {
    /// The class.
    pub class: String,
    /// File and picture of each.
    pub photos: Vec<(PathBuf, Picture)>,
}

/// The photos that were read.
#[derive(Debug, Clone, Default)]
pub struct Data {
    /// The folder or CSV.
    pub source: PathBuf,
    /// Each class with its readable images in each split.
    pub classes: Vec<ClassCount>,
    /// Where the split comes from, such as `stratified, 20 % for validation, seed 0`.
    pub split: String,
    /// Photos that could not be read.
    pub unreadable: Vec<Skipped>,
    /// Files that are no photos, in words; empty if there were none.
    pub ignored: String,
}

/// What computed the features, and the head on top.
#[derive(Debug, Clone, Default)]
pub struct Network {
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
    /// How the head was fitted, in words.
    pub head: String,
}

/// A set of labelled images and how they were answered.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What they are, such as `validation`.
    pub name: String,
    /// What the training saw of them.
    pub seen: Seen,
    /// The numbers, at the threshold that was used.
    pub metrics: Metrics,
    /// Whether each image is positive. The pictures of the curves need these two lists; empty, they are left out.
    pub labels: Vec<bool>,
    /// Probability of the positive class of each image, as many.
    pub probabilities: Vec<f64>,
    /// The same number for images that belong together, as many; empty where none do.
    pub groups: Vec<usize>,
    /// Those that were answered wrongly, those with the highest loss first.
    pub mistakes: Vec<Photo>,
}

/// What the training saw of a set of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// None of them.
    Nothing,
    /// So many are near-duplicates of, or in one group with, photos that it was trained on.
    Related(usize),
    /// All of them.
    Everything,
}

/// How a probability becomes an answer.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// What chose the threshold, such as `0.5` or `recall>=0.98`.
    pub rule: String,
    /// A probability of at least this is the positive class.
    pub threshold: f64,
    /// Where there are too few images for the claim.
    pub warning: Option<Warning>,
    /// What the threshold costs, where a rule chose it.
    pub cost: Option<String>,
    /// How the probabilities were calibrated, in words.
    pub calibration: Option<String>,
    /// Between these two probabilities the answer is `review`.
    pub review: Option<(f64, f64)>,
}

/// One measured image.
#[derive(Debug, Clone)]
pub struct Photo {
    /// The file.
    pub path: PathBuf,
    /// Whether it is positive.
    pub is_positive: bool,
    /// Whether it was answered positive.
    pub answered_positive: bool,
    /// Probability of the positive class.
    pub probability: f64,
    /// The photo.
    pub thumbnail: Option<Picture>,
    /// The class activation map over the photo, in the colours of [`crate::report::heatmap`].
    pub map: Option<Picture>,
}

/// Images that lie further from the training images than those do from each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unfamiliar {
    /// How many.
    pub images: usize,
    /// Of so many.
    pub of: usize,
}

/// What it takes to make the same numbers again.
#[derive(Debug, Clone, Default)]
pub struct Repeat {
    /// Seed of all random choices.
    pub seed: u64,
    /// Program and library → version.
    pub versions: Vec<Fact>,
    /// What was hashed → SHA-256.
    pub hashes: Vec<Fact>,
    /// From bytes to the network's input: each step and its setting.
    pub preprocess: Vec<Fact>,
}

/// A name and its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fact {
    /// Such as `libtorch`.
    pub name: String,
    /// Such as `2.11.0`.
    pub value: String,
}

impl Fact {
    /// From both words.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}
