//! The report of `train`.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::estimates::{in_groups, write_confusion, write_estimate};
use super::findings::MAX_SUSPECT_FRACTION;
use super::{
    CalibrationReport, ClassCount, CrossValidationReport, FewPhotos, GroupReport, LabelError, Leak, Shortcut,
    ThresholdCost, counted, rounded, shell_word,
};
use crate::backbone::{Pooling, layout};
use crate::dataset::Unreadable;
use crate::dataset::fixes::Fixed;
use crate::decision::Choice;
use crate::features::Noticed;
use crate::files::escaped;
use crate::metrics::{Certificate, Metrics};
use crate::pixels::Levels;
use crate::weights::WeightsId;

/// The results of one training.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainReport {
    /// The folder or CSV.
    #[serde(with = "escaped")]
    pub data: PathBuf,
    /// The classes with their counts of readable images.
    pub classes: Vec<ClassCount>,
    /// The positive class.
    pub positive: String,
    /// The name of the negative class.
    pub negative: String,
    /// Photos that could not be read.
    pub unreadable: Vec<Unreadable>,
    /// Description of the files that are not photos; empty if there are none.
    pub ignored: String,
    /// Remarks on the photos as files.
    pub noticed: Noticed,
    /// The levels of 16-bit photos that are black and white; `None` for their full range.
    pub levels: Option<Levels>,
    /// The changes made by the corrections, if any.
    pub fixes: Option<Fixed>,
    /// Whether the split came with the data; otherwise it was drawn with the seed.
    pub split_given: bool,
    /// Fraction of the images kept for validation, if the split was drawn.
    pub val_fraction: f64,
    /// Seed of the split, the folds, the bootstrap and SGD.
    pub seed: u64,
    /// The photos that are near-duplicates or belong together.
    pub photo_groups: GroupReport,
    /// The effect on the metrics of measured photos related to training photos.
    pub leaks: Vec<Leak>,
    /// The backbone.
    pub weights: WeightsId,
    /// The device that ran it.
    pub device: String,
    /// The arithmetic of its layers.
    pub precision: String,
    /// The effect of int8 on some of the photos, if it was used and the photos are available.
    pub int8: Option<Certificate>,
    /// Side of the network's input in pixels.
    pub image_size: u32,
    /// The pooling of the last feature map.
    pub pooling: Pooling,
    /// Images whose features were computed in an earlier run.
    pub features_from_cache: usize,
    /// Seconds that reading, decoding and the backbone took together.
    pub feature_seconds: f64,
    /// Images in that time.
    pub images_per_second: f64,
    /// Description of how the head was fitted.
    pub head: String,
    /// The L2 penalty, if the solver has one.
    pub l2: Option<f64>,
    /// Weight of a positive image in the loss.
    pub pos_weight: f64,
    /// The calibration; `None` if there were too few images for folds.
    pub calibration: Option<CalibrationReport>,
    /// How the threshold was chosen.
    pub threshold_rule: String,
    /// A probability of at least this is the positive class.
    pub threshold: f64,
    /// The metrics of the threshold on the out-of-fold predictions it was chosen on.
    pub threshold_choice: Option<Choice>,
    /// The errors at the threshold and at 0.5 on the first measured split, if a rule chose the threshold.
    pub threshold_cost: Option<ThresholdCost>,
    /// Cross-validation over the training and validation images.
    pub cross_validation: Option<CrossValidationReport>,
    /// Whether the saved head was refitted to all images except those of the test split after evaluation. The metrics are
    /// then those of the head fitted to the training images, with the same calibration and threshold.
    pub refitted: bool,
    /// Number of images to which the saved head was fitted.
    pub fitted_images: usize,
    /// Metrics on the validation split.
    pub validation: Option<Metrics>,
    /// Metrics on the test split.
    pub test: Option<Metrics>,
    /// Possible label errors, the most probable first; `None` if there were too few images for folds.
    pub label_errors: Option<Vec<LabelError>>,
    /// Heads fitted to less information than the photo; empty if there were too few images for folds.
    pub shortcuts: Vec<Shortcut>,
    /// A class with too few photos for reliable metrics.
    pub few_photos: Option<FewPhotos>,
    /// Warnings about the numbers or the model.
    pub warnings: Vec<String>,
    /// The HTML report, if one was written.
    #[serde(serialize_with = "escaped::serialize_option")]
    pub page: Option<PathBuf>,
    /// The table of possible label errors, if one was written.
    #[serde(serialize_with = "escaped::serialize_option")]
    pub label_table: Option<PathBuf>,
    /// The model file.
    #[serde(with = "escaped")]
    pub model: PathBuf,
    /// Its size.
    pub model_bytes: u64,
    /// A photo to try the model on.
    #[serde(serialize_with = "escaped::serialize_option")]
    pub example: Option<PathBuf>,
}

/// The headline first, then the warnings, the next command, everything else, and technical details last.
impl fmt::Display for TrainReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.headline() {
            writeln!(out, "{line}")?;
        }
        if let Some(few) = &self.few_photos {
            writeln!(out, "{few}")?;
        }
        if let Some(cost) = &self.threshold_cost {
            writeln!(out, "{}", cost.in_words([&self.negative, &self.positive]))?;
        }
        for warning in &self.warnings {
            writeln!(out, "\nwarning: {warning}")?;
        }
        self.write_outputs(out)?;
        writeln!(out)?;
        self.write_data(out)?;
        self.write_threshold(out)?;
        for (split, metrics) in self.measured() {
            writeln!(out)?;
            self.write_metrics(out, split, metrics)?;
        }
        if let Some(found) = &self.cross_validation {
            write!(out, "\n{found}")?;
        }
        self.write_findings(out)?;
        if let Some(words) = self.refit_in_words() {
            writeln!(out, "\nrefit       {words}")?;
        }
        writeln!(out, "\ndetails")?;
        self.write_network(out)
    }
}

impl TrainReport {
    fn write_outputs(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = match self.model_bytes {
            small @ ..10_000_000 => format!("{} KB", small.div_ceil(1000)),
            large => format!("{} MB", large.div_ceil(1_000_000)),
        };
        writeln!(out, "\nmodel       {} ({size})", self.model.display())?;
        if let Some(page) = &self.page {
            writeln!(out, "page        {}", page.display())?;
        }
        if let Some(path) = &self.label_table {
            let table = shell_word(&path.to_string_lossy());
            if self.label_errors.as_ref().is_some_and(Vec::is_empty) {
                writeln!(out, "labels      {table}: no rows, because there are no possible label errors")?;
            } else {
                let beside = if self.fixes.is_some() { " in addition to the `--fixes` of this run" } else { "" };
                writeln!(
                    out,
                    "labels      {table}: fill in the column `decision`, then train again with `--fixes {table}`{beside}, \
                     instead of `--label-errors {table}`"
                )?;
            }
        }
        let example = self.example.as_ref().map_or("photo.jpg".to_owned(), |path| shell_word(&path.to_string_lossy()));
        let model = shell_word(&self.model.to_string_lossy());
        let model = if model == "model.safetensors" { String::new() } else { format!(" --model {model}") };
        writeln!(out, "next        resnet-binary predict {example}{model}")
    }

    fn write_data(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "data        {}: {}", self.data.display(), counted(self.images(), "image", "images"))?;
        if !self.unreadable.is_empty() {
            write!(out, ", {} unreadable", self.unreadable.len())?;
        }
        if !self.ignored.is_empty() {
            write!(out, "; ignored: {}", self.ignored)?;
        }
        writeln!(out)?;
        let width = self.classes.iter().map(|class| class.name.chars().count()).max().unwrap_or(0).max(5);
        let with_test = self.classes.iter().any(|class| class.test > 0);
        let test_title = if with_test { "   test" } else { "" };
        writeln!(out, "            {:width$}            train  validation{test_title}", "class")?;
        for class in &self.classes {
            let label = if class.positive { "positive" } else { "negative" };
            write!(out, "            {:width$}  {label}  {:>5}  {:>10}", class.name, class.train, class.validation)?;
            if with_test {
                write!(out, "  {:>5}", class.test)?;
            }
            writeln!(out)?;
        }
        if let Some(Levels { low, high }) = self.levels {
            writeln!(out, "levels      in photos with 16 bits per channel, {low} is black and {high} is white")?;
        }
        if let Some(Fixed { relabelled, dropped, already_so, copies }) = self.fixes {
            let copies = match copies {
                0 => String::new(),
                some => format!("; {some} of these are copies of or links to photos in the table"),
            };
            writeln!(out, "fixes       {relabelled} relabelled, {dropped} dropped, {already_so} unchanged{copies}")?;
        }
        writeln!(out, "split       {}", self.split_in_words())?;
        write!(out, "{}", self.photo_groups)?;
        self.leaks.iter().try_for_each(|leak| write!(out, "{leak}"))
    }

    fn images(&self) -> usize {
        self.classes.iter().map(ClassCount::images).sum()
    }

    /// Such as `stratified, 20 % for validation, seed 0`.
    pub(crate) fn split_in_words(&self) -> String {
        if self.split_given {
            return "your train/val folders or split column".to_owned();
        }
        format!("stratified, {:.0} % for validation, seed {}", self.val_fraction * 100.0, self.seed)
    }

    /// The effect of `--refit` on the metrics as text; `None` without it.
    pub(crate) fn refit_in_words(&self) -> Option<String> {
        let training: usize = self.classes.iter().map(|class| class.train).sum();
        self.refitted.then(|| {
            format!(
                "the head in the model is fitted to {} images, including the validation images; every number is that of the \
                 head of the {training} training images, with the same calibration and threshold as the model",
                self.fitted_images
            )
        })
    }

    /// Writes possible label errors and shortcuts.
    fn write_findings(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(found) = &self.label_errors {
            match found.first() {
                None => writeln!(out, "\nlabels      no possible label errors")?,
                // If so many labels are doubtful, the head is more likely at fault than the labels.
                Some(_) if MAX_SUSPECT_FRACTION * found.len() > self.images() => {
                    writeln!(
                        out,
                        "\nlabels      {} possible label errors: too many, the model itself is unsure",
                        found.len()
                    )?;
                }
                Some(LabelError { path, given, suggested, .. }) => {
                    let errors = counted(found.len(), "possible label error", "possible label errors");
                    let path = escaped::text(path);
                    write!(out, "\nlabels      {errors}, such as {path}: labelled {given}, looks like {suggested}")?;
                    let is_listed = self.label_table.is_some();
                    writeln!(out, "{}", if is_listed { "" } else { "; `--label-errors doubts.csv` lists them" })?;
                }
            }
        }
        for Shortcut { sees, roc_auc, model_roc_auc, warning } in &self.shortcuts {
            let verdict = match warning {
                Some(_) => "suspicious, see the warning",
                None if *roc_auc < 0.5 => "not suspicious, no better than chance",
                None => "not suspicious",
            };
            // The page shows the most informative features.
            let name = sees.split_once(':').map_or(sees.as_str(), |(name, _)| name);
            writeln!(out, "shortcut    {name}: ROC-AUC {roc_auc:.3}, model {model_roc_auc:.3}, chance 0.5: {verdict}")?;
        }
        Ok(())
    }

    fn write_network(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = self.weights.sha256.get(..8).unwrap_or(&self.weights.sha256);
        let (size, map) = (self.image_size, layout::map_side(self.image_size));
        let (stage, width) = (self.pooling.stage(), self.pooling.width(size));
        let (name, device, precision) = (&self.weights.name, &self.device, &self.precision);
        writeln!(out, "backbone    ResNet-50, {name} ({short}), frozen, on {device} in {precision}")?;
        writeln!(
            out,
            "shapes      [B, 3, {size}, {size}] → [B, 2048, {map}, {map}] → {stage} → [B, {width}] → Linear({width}, 1) → [B, 1]"
        )?;
        let images = self.images();
        let (seconds, rate) = (self.feature_seconds, self.images_per_second);
        let cached = match self.features_from_cache {
            _ if self.pooling == Pooling::Flatten => ", too large for the cache".to_owned(),
            0 => String::new(),
            all if all == images => ", all from the cache".to_owned(),
            some => format!(", {some} of them from the cache"),
        };
        writeln!(out, "features    {images} images in {seconds:.1} s, {rate:.1} images/s{cached}")?;
        if let Some(certificate) = &self.int8 {
            writeln!(out, "int8        {certificate}")?;
        }
        writeln!(out, "head        {}", self.head)?;
        if let Some(calibration) = &self.calibration {
            writeln!(out, "calibration {calibration}")?;
        }
        Ok(())
    }

    fn write_threshold(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (positive, threshold, rule) = (&self.positive, rounded(self.threshold), &self.threshold_rule);
        write!(out, "threshold   `{positive}` if the probability is at least {threshold}")?;
        if *rule != self.threshold.to_string() {
            write!(out, ", chosen by `{rule}` on out-of-fold predictions")?;
        }
        writeln!(out)
    }

    fn write_metrics(&self, out: &mut fmt::Formatter<'_>, name: &str, metrics: &Metrics) -> fmt::Result {
        let (count, positives) = (metrics.count, metrics.positives);
        writeln!(out, "{name:<12}{}, {positives} of {}", counted(count, "image", "images"), self.positive)?;
        if let Some(in_groups) = in_groups(metrics, [&self.negative, &self.positive]) {
            writeln!(out, "  {in_groups}")?;
        }
        let rows = [
            ("accuracy", &metrics.accuracy),
            ("ROC-AUC", &metrics.roc_auc),
            ("F1", &metrics.f1),
            ("log loss", &metrics.log_loss),
        ];
        for (name, estimate) in rows {
            write_estimate(out, name, 10, estimate.as_ref(), None, metrics)?;
        }
        write_confusion(out, [&self.negative, &self.positive], &metrics.confusion)
    }
}
