//! What `train` needs to know, and what it does where nothing else is said.

use std::path::PathBuf;

use crate::audit::GroupBy;
use crate::backbone::Pooling;
use crate::dataset::split;
use crate::dataset::{ReadOptions, fixes};
use crate::decision::ThresholdRule;
use crate::head::{Balance, L2};
use crate::model;
use crate::pipeline::outputs::{Inputs, Output, Outputs, weights_file};
use crate::pipeline::stored::Stored;
use crate::pipeline::{BackboneOptions, OnUnreadable, PageOptions, PipelineError};
use crate::pixels::{Limits, Preprocess};
use crate::report::html;

/// What `train` needs to know.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// Folder or CSV; not looked at where there are features.
    pub data: PathBuf,
    /// Rows that `extract` made, in place of photos: a folder of shards, a pattern such as `DIR/*.safetensors`, or one file.
    pub features: Option<PathBuf>,
    /// How it is to be read.
    pub read_options: ReadOptions,
    /// The positive class, where it is not the second by name.
    pub positive: Option<String>,
    /// The model file.
    pub output: PathBuf,
    /// Share of the images kept for validation, where the data has no split; `None` for
    /// [`TrainOptions::VAL_FRACTION`].
    pub val_fraction: Option<f64>,
    /// Seed of the split and of the solver.
    pub seed: u64,
    /// Where to write the split that was used.
    pub save_split: Option<PathBuf>,
    /// What of a photo's path says which photos belong together.
    pub group_by: Option<GroupBy>,
    /// Tables of corrections on top of the labels, each laid over those before it.
    pub fixes: Vec<PathBuf>,
    /// Where to write the photos whose label is doubtful.
    pub label_errors: Option<PathBuf>,
    /// Where to write the page.
    pub page: Option<PageOptions>,
    /// Bytes to crops.
    pub preprocess: Preprocess,
    /// Whether its levels of 16-bit samples are chosen by the photos that are trained on.
    pub auto_levels: bool,
    /// What becomes of the last map; it decides the head's width.
    pub pooling: Pooling,
    /// What a single file may cost.
    pub limits: Limits,
    /// What to do about a photo that cannot be read.
    pub on_unreadable: OnUnreadable,
    /// The backbone.
    pub backbone: BackboneOptions,
    /// Whether the weights go into the model file too.
    pub bundle: bool,
    /// Whether both classes weigh the same.
    pub balance: Balance,
    /// How the head is fitted.
    pub solver: SolverChoice,
    /// Folds of the cross-validation that is reported; 0 for none.
    pub folds: usize,
    /// Whether the delivered head is fitted to all images, after the numbers are taken.
    pub refit: bool,
    /// How the threshold is chosen.
    pub threshold: ThresholdRule,
}

/// How the head is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SolverChoice {
    /// To the optimum of the regularised problem.
    Exact {
        /// Strength of the penalty.
        l2: L2,
    },
    /// AdamW in mini-batches, stopped early by a part of the training photos.
    Sgd {
        /// Most passes over the features.
        epochs: usize,
        /// Step size.
        lr: f64,
        /// Rows in a step.
        batch_size: usize,
    },
}

impl TrainOptions {
    /// Share of the images that are kept for validation where the data has no split.
    pub const VAL_FRACTION: f64 = 0.2;
    /// Folds of the cross-validation that is reported.
    pub const FOLDS: usize = 5;

    /// Trains on a folder or CSV and writes the model to `output`, everything else as the command line does by default:
    /// torchvision's ResNet-50, average pooling, the exact solver, a threshold of 0.5, seed 0.
    pub fn new(data: impl Into<PathBuf>, output: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            features: None,
            read_options: ReadOptions::default(),
            positive: None,
            output: output.into(),
            val_fraction: None,
            seed: 0,
            save_split: None,
            group_by: None,
            fixes: Vec::new(),
            label_errors: None,
            page: None,
            preprocess: Preprocess::default(),
            auto_levels: false,
            pooling: Pooling::Average,
            limits: Limits::default(),
            on_unreadable: OnUnreadable::default(),
            backbone: BackboneOptions::pretrained(),
            bundle: false,
            balance: Balance::Auto,
            solver: SolverChoice::Exact { l2: L2::Auto },
            folds: Self::FOLDS,
            refit: false,
            threshold: ThresholdRule::default(),
        }
    }

    /// Every file that is written, and what it may not be written over.
    pub(super) fn outputs(&self, stored: Option<&Stored>) -> Result<Outputs<'_>, PipelineError> {
        let output = |option, path, kind| Output { option, path, kind };
        let page = self.page.as_ref().map(|page| output("--report", &page.path, html::KIND));
        let split = self.save_split.as_ref().map(|path| output("--save-split", path, split::KIND));
        let label_errors = self.label_errors.as_ref().map(|path| output("--label-errors", path, fixes::KIND));
        let all =
            [output("--output", &self.output, model::KIND)].into_iter().chain(split).chain(label_errors).chain(page);
        let fixes = self.fixes.iter().map(|path| ("the table of `--fixes`", path.as_path()));
        let given = [("the table of `--data`", self.data.as_path())].into_iter().chain(fixes);
        let rows = stored.into_iter().flat_map(Stored::paths).map(|path| ("a file of `--features`", path));
        let given = given.chain(rows);
        Outputs::new(all.collect(), Inputs::new(given.chain(weights_file(self.backbone.weights.as_ref()))))
    }
}
