//! What `train` found.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::estimates::{in_groups, write_confusion, write_estimate};
use super::findings::MAX_SUSPECT_FRACTION;
use super::{
    CalibrationReport, ClassCount, CrossValidationReport, FewPhotos, GroupReport, LabelError, Leak, Shortcut, Skipped,
    ThresholdCost, counted, rounded, shell_word,
};
use crate::backbone::{Pooling, layout};
use crate::dataset::fixes::Fixed;
use crate::decision::Choice;
use crate::features::Noticed;
use crate::files::escaped;
use crate::metrics::{Certificate, Metrics};
use crate::pixels::Levels;
use crate::weights::WeightsId;

/// The whole story of one training.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainReport {
    /// The folder or CSV.
    #[serde(with = "escaped")]
    pub data: PathBuf,
    /// The classes with their counts of readable images.
    pub classes: Vec<ClassCount>,
    /// The positive class.
    pub positive: String,
    /// What the other answer is called.
    pub negative: String,
    /// Photos that could not be read.
    pub unreadable: Vec<Skipped>,
    /// Files that are no photos, in words; empty if there were none.
    pub ignored: String,
    /// What there is to say of the photos as files.
    pub noticed: Noticed,
    /// Which levels of 16-bit photos are black and white; `None` for their whole range.
    pub levels: Option<Levels>,
    /// What the corrections changed, where there were any.
    pub fixes: Option<Fixed>,
    /// Whether the split came with the data; else it was made by the seed.
    pub split_given: bool,
    /// Share of the images kept for validation, where the split was made here.
    pub val_fraction: f64,
    /// Seed of the split and of the solver.
    pub seed: u64,
    /// Which photos show the same or belong together.
    pub photo_groups: GroupReport,
    /// What measured photos with a relative in training do to the numbers.
    pub leaks: Vec<Leak>,
    /// The backbone.
    pub weights: WeightsId,
    /// The device that ran it.
    pub device: String,
    /// The arithmetic of its layers.
    pub precision: String,
    /// What that costs on some of the photos, where it is int8 and they are at hand.
    pub int8: Option<Certificate>,
    /// Side of the network's input in pixels.
    pub image_size: u32,
    /// What became of the last map.
    pub pooling: Pooling,
    /// Images whose features were computed in an earlier run.
    pub features_from_cache: usize,
    /// Seconds that reading, decoding and the backbone took together.
    pub feature_seconds: f64,
    /// Images in that time.
    pub images_per_second: f64,
    /// How the head was fitted, in words.
    pub head: String,
    /// Strength of the L2 penalty, where the solver has one.
    pub l2: Option<f64>,
    /// Weight of a positive image in the loss.
    pub pos_weight: f64,
    /// What calibration brought; `None` where there were too few images for folds.
    pub calibration: Option<CalibrationReport>,
    /// How the threshold was chosen.
    pub threshold_rule: String,
    /// A probability of at least this is the positive class.
    pub threshold: f64,
    /// What the threshold reaches on the out-of-fold images it was chosen on.
    pub threshold_choice: Option<Choice>,
    /// What it costs on the photos that are measured first, where a rule chose it.
    pub threshold_cost: Option<ThresholdCost>,
    /// Cross-validation over the training and validation images.
    pub cross_validation: Option<CrossValidationReport>,
    /// Whether the delivered head was fitted to all images but those of the test after the numbers were taken. They are
    /// then those of the head of the training images, by the same calibration and at the same threshold.
    pub refitted: bool,
    /// Images that the delivered head was fitted to.
    pub fitted_images: usize,
    /// Metrics on the validation split.
    pub validation: Option<Metrics>,
    /// Metrics on the test split.
    pub test: Option<Metrics>,
    /// Photos whose label is doubtful, the most doubtful first; `None` where there were too few images for folds.
    pub label_errors: Option<Vec<LabelError>>,
    /// Heads that see less than the photo; none where there were too few images for folds.
    pub shortcuts: Vec<Shortcut>,
    /// A class that has too few photos for any of these numbers to tell much.
    pub few_photos: Option<FewPhotos>,
    /// Warnings about the numbers or the model.
    pub warnings: Vec<String>,
    /// Where the page is, if one was wanted.
    #[serde(serialize_with = "escaped::serialize_option")]
    pub page: Option<PathBuf>,
    /// Where the photos with doubtful labels are listed, if that was wanted.
    #[serde(serialize_with = "escaped::serialize_option")]
    pub label_table: Option<PathBuf>,
    /// Where the model is.
    #[serde(with = "escaped")]
    pub model: PathBuf,
    /// Its size.
    pub model_bytes: u64,
    /// A photo to try it on.
    #[serde(serialize_with = "escaped::serialize_option")]
    pub example: Option<PathBuf>,
}

/// The headline first, then the warnings, then what to do with the model, then everything else, technical details last.
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
                writeln!(out, "labels      {table}: no rows, for there are no possible label errors")?;
            } else {
                let beside = if self.fixes.is_some() { ", beside the `--fixes` of this run," } else { "" };
                writeln!(
                    out,
                    "labels      {table}: fill in its column `decision`, then train again with `--fixes {table}`{beside} \
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
            writeln!(out, "levels      of photos with 16 bits a channel, {low} is black and {high} is white")?;
        }
        if let Some(Fixed { relabelled, dropped, already_so, copies }) = self.fixes {
            let copies = match copies {
                0 => String::new(),
                some => format!("; {some} of these as copies of or links to photos that were named"),
            };
            writeln!(out, "fixes       {relabelled} relabelled, {dropped} dropped, {already_so} as they were{copies}")?;
        }
        writeln!(out, "split       {}", self.split_in_words())?;
        write!(out, "{}", self.photo_groups)?;
        self.leaks.iter().try_for_each(|leak| write!(out, "{leak}"))
    }

    fn images(&self) -> usize {
        self.classes.iter().map(ClassCount::images).sum()
    }

    /// Such as `stratified, 20 % for validation, seed 0`.
    pub fn split_in_words(&self) -> String {
        if self.split_given {
            return "your train/val folders or split column".to_owned();
        }
        format!("stratified, {:.0} % for validation, seed {}", self.val_fraction * 100.0, self.seed)
    }

    /// What `--refit` means for the numbers; `None` without it.
    pub fn refit_in_words(&self) -> Option<String> {
        let training: usize = self.classes.iter().map(|class| class.train).sum();
        self.refitted.then(|| {
            format!(
                "the head in the model is fitted to {} images, those of the validation too; every number is that of the \
                 head of the {training} training images, with the same calibration and threshold as the model",
                self.fitted_images
            )
        })
    }

    /// Possible label errors, and what else tells the classes apart.
    fn write_findings(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(found) = &self.label_errors {
            match found.first() {
                None => writeln!(out, "\nlabels      no possible label errors")?,
                // A head that doubts so many labels is the more likely one to be wrong.
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
                None if *roc_auc < 0.5 => "not suspicious, no better than guessing",
                None => "not suspicious",
            };
            // What of it tells most is on the page.
            let name = sees.split_once(':').map_or(sees.as_str(), |(name, _)| name);
            writeln!(
                out,
                "shortcut    {name}: ROC-AUC {roc_auc:.3}, the model {model_roc_auc:.3}, guessing 0.5: {verdict}"
            )?;
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
            _ if self.pooling == Pooling::Flatten => ", not kept in the cache: too large".to_owned(),
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
        write!(out, "threshold   `{positive}` from a probability of {threshold}")?;
        if *rule != self.threshold.to_string() {
            write!(out, ", chosen by `{rule}` on photos held out in cross-validation")?;
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
            write_estimate(out, name, 10, estimate.as_ref(), None)?;
        }
        write_confusion(out, [&self.negative, &self.positive], &metrics.confusion)
    }
}
