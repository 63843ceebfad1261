//! What `train` found, as one structure: its JSON is the structure, its text is the summary on the terminal.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::metrics::{Confusion, Estimate, Metrics};
use crate::weights::WeightsId;

/// A photo that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// Why it could not be read.
    pub reason: String,
}

/// One class and where its images went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The class's name.
    pub name: String,
    /// Whether it counts as positive.
    pub positive: bool,
    /// Images in the training split.
    pub train: usize,
    /// Images in the validation split.
    pub validation: usize,
    /// Images in the test split.
    pub test: usize,
}

/// The whole story of one training.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainReport {
    /// The folder or CSV.
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
    pub passed_over: String,
    /// Whether the split came with the data; else it was made by the seed.
    pub split_given: bool,
    /// Share of the images kept for validation, where the split was made here.
    pub val_fraction: f64,
    /// Seed of the split and of the solver.
    pub seed: u64,
    /// The backbone.
    pub weights: WeightsId,
    /// The device that ran it.
    pub device: String,
    /// The arithmetic of its layers.
    pub precision: String,
    /// Side of the network's input in pixels.
    pub image_size: u32,
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
    /// Metrics on the validation split.
    pub validation: Option<Metrics>,
    /// Metrics on the test split.
    pub test: Option<Metrics>,
    /// Where the model is.
    pub model: PathBuf,
    /// Its size.
    pub model_bytes: u64,
    /// A photo to try it on.
    pub example: Option<PathBuf>,
}

impl fmt::Display for TrainReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_data(out)?;
        self.write_network(out)?;
        for (name, metrics) in [("validation", &self.validation), ("test", &self.test)] {
            if let Some(metrics) = metrics {
                writeln!(out)?;
                self.write_metrics(out, name, metrics)?;
            }
        }
        let kilobytes = self.model_bytes.div_ceil(1000);
        writeln!(out, "\nmodel       {} ({kilobytes} KB)", self.model.display())?;
        let example = self.example.as_ref().map_or("photo.jpg".to_owned(), |path| shell_word(&path.to_string_lossy()));
        let model = shell_word(&self.model.to_string_lossy());
        let model = if model == "model.safetensors" { String::new() } else { format!(" --model {model}") };
        writeln!(out, "next        resnet-binary predict {example}{model}")
    }
}

impl TrainReport {
    fn write_data(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let images: usize = self.classes.iter().map(|class| class.train + class.validation + class.test).sum();
        write!(out, "data        {}: {images} images", self.data.display())?;
        if !self.unreadable.is_empty() {
            write!(out, ", {} unreadable", self.unreadable.len())?;
        }
        if !self.passed_over.is_empty() {
            write!(out, "; passed over: {}", self.passed_over)?;
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
        if self.split_given {
            writeln!(out, "split       as the data gives it")
        } else {
            let percent = self.val_fraction * 100.0;
            writeln!(out, "split       stratified, {percent:.0} % for validation, seed {}", self.seed)
        }
    }

    fn write_network(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = self.weights.sha256.get(..8).unwrap_or(&self.weights.sha256);
        let (size, map) = (self.image_size, self.image_size / 32);
        let (name, device, precision) = (&self.weights.name, &self.device, &self.precision);
        writeln!(out, "backbone    ResNet-50, {name} ({short}), frozen, on {device} in {precision}")?;
        writeln!(
            out,
            "shapes      [B, 3, {size}, {size}] → [B, 2048, {map}, {map}] → pool → [B, 2048] → Linear(2048, 1) → [B, 1]"
        )?;
        let images: usize = self.classes.iter().map(|class| class.train + class.validation + class.test).sum();
        let (seconds, rate) = (self.feature_seconds, self.images_per_second);
        let cached = match self.features_from_cache {
            0 => String::new(),
            all if all == images => ", all from the cache".to_owned(),
            some => format!(", {some} of them from the cache"),
        };
        writeln!(out, "features    {images} images in {seconds:.1} s, {rate:.1} images/s{cached}")?;
        writeln!(out, "head        {}", self.head)
    }

    fn write_metrics(&self, out: &mut fmt::Formatter<'_>, name: &str, metrics: &Metrics) -> fmt::Result {
        let (count, positives) = (metrics.count, metrics.positives);
        writeln!(out, "{name:<12}{count} images, {positives} {}", self.positive)?;
        write_estimate(out, "accuracy", metrics.accuracy.as_ref())?;
        write_estimate(out, "ROC-AUC", metrics.roc_auc.as_ref())?;
        write_estimate(out, "F1", metrics.f1.as_ref())?;
        write_estimate(out, "log loss", metrics.log_loss.as_ref())?;
        self.write_confusion(out, &metrics.confusion)
    }

    fn write_confusion(&self, out: &mut fmt::Formatter<'_>, confusion: &Confusion) -> fmt::Result {
        let names = [format!("is {}", self.negative), format!("is {}", self.positive)];
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let titles = [format!("answer {}", self.negative), format!("answer {}", self.positive)];
        let widths = titles.each_ref().map(|title| title.chars().count());
        writeln!(out, "            {:width$}  {}  {}", "", titles[0], titles[1])?;
        let rows =
            [[confusion.true_negative, confusion.false_positive], [confusion.false_negative, confusion.true_positive]];
        for (name, [negative, positive]) in names.iter().zip(rows) {
            writeln!(out, "            {name:width$}  {negative:>0$}  {positive:>1$}", widths[0], widths[1])?;
        }
        Ok(())
    }
}

fn write_estimate(out: &mut fmt::Formatter<'_>, name: &str, estimate: Option<&Estimate>) -> fmt::Result {
    match estimate {
        Some(Estimate { value, low, high }) => {
            writeln!(out, "  {name:<10}{value:.3}  (95 % interval {low:.3} to {high:.3})")
        }
        None => writeln!(out, "  {name:<10}not defined: it needs images of both classes"),
    }
}

/// A word that a shell takes as one, for commands to copy.
fn shell_word(word: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+=:,@".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_to_copy_survives_odd_names() {
        assert_eq!(shell_word("imgs/a.jpg"), "imgs/a.jpg");
        assert_eq!(shell_word("my dog's.jpg"), r"'my dog'\''s.jpg'");
    }
}
