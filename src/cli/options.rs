//! Flags that several commands share.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;

use super::settings;
use super::terminal::Terminal;
use super::threads::threads;
use crate::audit::GroupBy;
use crate::backbone::device::DeviceChoice;
use crate::backbone::{BackboneError, Pooling, PrecisionChoice, layout};
use crate::dataset::{ClassesFrom, ReadOptions};
use crate::decision::{DecisionError, Review, RuleError, ThresholdRule};
use crate::files;
use crate::pipeline::{BackboneOptions, OnUnreadable};
use crate::pixels::{Levels, Limits, Preprocess};
use crate::report::shell_word;
use crate::weights::{FetchOptions, Places, WeightsSource};

/// Where the backbone comes from and what runs it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Backbone")]
pub(crate) struct Backbone {
    /// auto, cpu, cuda, cuda:N, cuda:N,M, cuda:all or mps; a missing device is an error
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::Auto, value_parser = device)]
    device: DeviceChoice,
    /// Maximum number of threads [default: as many as this process may use]
    #[arg(long, value_name = "N", hide_short_help = true)]
    threads: Option<NonZeroUsize>,
    /// Images per forward pass of the backbone [default: 4 on a CPU, 64 on a GPU]
    #[arg(long, value_name = "N", hide_short_help = true)]
    batch: Option<NonZeroUsize>,
    /// auto, fp32, bf16, fp16 or int8 [default: as in training; auto for `train` and `extract`]. auto is bf16 where the
    /// hardware supports it (AVX512-BF16, AMX, GPUs of compute capability 8.0 or higher): faster than fp32 and within 1 % of
    /// it; on GPUs of compute capability 7.x it is fp16, elsewhere fp32. int8, on CPUs with VNNI, is faster still; `train`
    /// reports its loss of accuracy on your photos
    #[arg(long, value_name = "PRECISION", value_parser = precision, hide_short_help = true)]
    precision: Option<PrecisionChoice>,
    /// Folder of the feature cache, or `off` [default: the user's cache folder]
    #[arg(long, value_name = "DIR|off", hide_short_help = true)]
    cache: Option<PathBuf>,
    #[command(flatten)]
    downloads: Downloads,
}

/// Whether weights may be downloaded.
#[derive(Debug, clap::Args)]
pub(crate) struct Downloads {
    /// Never download anything
    #[arg(long, hide_short_help = true)]
    offline: bool,
}

impl Downloads {
    pub(crate) fn fetch_options(&self) -> FetchOptions {
        FetchOptions::from_environment(self.offline)
    }
}

impl Backbone {
    pub(crate) fn options(
        &self,
        weights: Option<WeightsSource>,
        terminal: &Terminal,
    ) -> anyhow::Result<BackboneOptions> {
        Ok(BackboneOptions {
            weights,
            device: self.device,
            precision: self.precision,
            cache: cache_folder(self.cache.as_deref()),
            threads: Some(threads(self.threads, terminal)?),
            batch: self.batch.map(NonZeroUsize::get),
            places: Places::from_environment(),
            fetch: self.downloads.fetch_options(),
        })
    }
}

/// The folder that `--cache` selects; `None` for `off`.
pub(crate) fn cache_folder(given: Option<&Path>) -> Option<PathBuf> {
    match given {
        None => Some(files::cache_folder()),
        Some(word) if word == Path::new("off") => None,
        Some(folder) => Some(folder.to_path_buf()),
    }
}

/// The photos, and how unreadable ones are handled.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct Data {
    #[command(flatten)]
    pub(crate) source: Source,
    /// The positive class, whose probability is predicted [default: the second by name]; with more than two classes, it is
    /// trained against all others
    #[arg(long, value_name = "CLASS")]
    pub(crate) positive: Option<String>,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// Where labelled photos are, and how their labels are found. A command that accepts another input instead adds its option
/// to the group `Location`, of which exactly one must be given.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct Source {
    /// Folder with one folder of photos per class, a CSV with the columns path,label[,split], or tar archives: one, a folder
    /// of them, or a pattern in quotes, with N.jpg and its class in N.cls, or one folder for each class in them
    #[arg(long, value_name = "DIR|CSV|TAR", group = "Location", required_unless_present = "Location")]
    data: Option<PathBuf>,
    /// The same without typing `--data`
    #[arg(value_name = "DIR|CSV|TAR", group = "Location", hide = true)]
    bare: Option<PathBuf>,
    /// Which folders are the classes where folders are nested: `top` for those directly inside the data folder, `leaf` for
    /// those that contain the photos, or the number of a level, 1 being the top [default: inferred from names and structure]
    #[arg(long, value_name = "top|leaf|LEVEL", hide_short_help = true)]
    classes_from: Option<ClassesFrom>,
    /// The CSV column of paths, by name or by number from 1 [default: inferred from its name and contents]
    #[arg(long, value_name = "COLUMN", hide_short_help = true)]
    path_column: Option<String>,
    /// The CSV column of labels, by name or by number from 1 [default: inferred from its name and contents]; with tar archives
    /// the key in the .json of each photo
    #[arg(long, value_name = "COLUMN", hide_short_help = true)]
    label_column: Option<String>,
}

impl Source {
    /// The folder or CSV, and how to read it.
    pub(crate) fn into_parts(self) -> (PathBuf, ReadOptions) {
        let Self { data, bare, classes_from, path_column, label_column } = self;
        (data.or(bare).unwrap_or_default(), ReadOptions { classes_from, path_column, label_column })
    }
}

/// How photos are read, and how unreadable ones are handled.
#[derive(Debug, clap::Args)]
pub(crate) struct Reading {
    /// What to do when a photo cannot be read
    #[arg(long = "on-error", value_enum, default_value_t, hide_short_help = true)]
    pub(crate) on_unreadable: OnUnreadable,
    /// Largest photo to decode, in millions of pixels
    #[arg(long, value_name = "MILLIONS", default_value_t = Limits::default().max_pixels / 1_000_000, hide_short_help = true)]
    max_megapixels: u64,
    /// Largest photo file to read, such as 500MB or 2GB [default: 1 GiB]
    #[arg(long, value_name = "SIZE", value_parser = bytes, hide_short_help = true)]
    max_file_size: Option<u64>,
    /// Time limit in seconds for reading a photo, and again for decoding it; photos in the cache are not decoded
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().max_time.as_secs_f64(), value_parser = seconds, hide_short_help = true)]
    max_seconds: f64,
}

/// The memory that decoding may take per pixel of 8 bits a channel. The decoders' own sums: 12 for a JPEG of three
/// components (3 for RGB, 9 for samples and coefficients); 9 for RGB and 11 for RGBA in other formats (the decoder's buffer,
/// the samples it returns, and 3 for RGB).
const BYTES_PER_PIXEL: u64 = 12;

impl Reading {
    pub(crate) fn limits(&self) -> Limits {
        let (default, max_pixels) = (Limits::default(), self.max_megapixels.saturating_mul(1_000_000));
        Limits {
            max_pixels,
            max_file_bytes: self.max_file_size.unwrap_or(default.max_file_bytes),
            // A higher limit of pixels raises the memory limit with it.
            max_memory: default.max_memory.max(max_pixels.saturating_mul(BYTES_PER_PIXEL)),
            max_time: Duration::from_secs_f64(self.max_seconds),
        }
    }
}

/// The preprocessing of photos.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct Pixels {
    /// Side of the network's input in pixels; the resize before the crop scales with it
    #[arg(long, value_name = "N", default_value = "224", value_parser = image_size, hide_short_help = true)]
    image_size: Preprocess,
    /// The levels that are black and white in photos with 16 bits per channel, such as 0,4095 for a 12-bit camera; auto:
    /// chosen from the training photos, the same for all. Values outside are clipped. Stored in the model [default: 0,65535]
    #[arg(long, value_name = "LOW,HIGH|auto", value_parser = levels, hide_short_help = true)]
    levels: Option<LevelsChoice>,
}

/// The value of `--levels`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LevelsChoice {
    Auto,
    Fixed(Levels),
}

fn levels(text: &str) -> Result<LevelsChoice, String> {
    if text == "auto" { Ok(LevelsChoice::Auto) } else { text.parse().map(LevelsChoice::Fixed) }
}

impl Pixels {
    pub(crate) fn preprocess(&self) -> Preprocess {
        let levels = match self.levels {
            Some(LevelsChoice::Fixed(levels)) => Some(levels).filter(|levels| *levels != Levels::WHOLE),
            Some(LevelsChoice::Auto) | None => None,
        };
        Preprocess { levels, ..self.image_size.clone() }
    }

    /// Whether the levels are chosen from the training photos.
    pub(crate) fn auto_levels(&self) -> bool {
        self.levels == Some(LevelsChoice::Auto)
    }
}

/// The preprocessing that `--image-size` selects.
fn image_size(text: &str) -> Result<Preprocess, String> {
    let size = text.parse().map_err(|_| "it is not a whole number".to_owned())?;
    let preprocess = Preprocess::with_image_size(size);
    preprocess.check().map_err(|error| error.to_string())?;
    let least = layout::STRIDE;
    if size < least {
        return Err(format!(
            "one cell of layer4 covers {least} pixels: expected [B, 3, {least}, {least}] or larger, given [B, 3, {size}, \
             {size}]; give {least} or more"
        ));
    }
    Ok(preprocess)
}

/// `--image-size` by itself.
pub(crate) fn side(text: &str) -> Result<u32, String> {
    image_size(text).map(|preprocess| preprocess.crop)
}

/// The pooling between the backbone's last feature map and the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PoolingChoice {
    Gap,
    Flatten,
    None,
}

impl PoolingChoice {
    /// `None` for no pooling at all.
    pub(crate) fn pooling(self) -> Option<Pooling> {
        match self {
            Self::Gap => Some(Pooling::Average),
            Self::Flatten => Some(Pooling::Flatten),
            Self::None => None,
        }
    }
}

/// A number from 0 to 1.
pub(crate) fn probability(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err("give a probability between 0 and 1".to_owned()) }
}

/// `LOW,HIGH`, with the remedy on the same line.
pub(crate) fn review(text: &str) -> Result<Review, String> {
    text.parse().map_err(|error: DecisionError| with_hint(&error, error.hint()))
}

/// `auto`, `cpu`, `cuda:1` and the like, with the remedy on the same line.
pub(crate) fn device(text: &str) -> Result<DeviceChoice, String> {
    text.parse().map_err(|error: BackboneError| with_hint(&error, error.hint()))
}

/// `fp32` and the like, with the remedy on the same line.
pub(crate) fn precision(text: &str) -> Result<PrecisionChoice, String> {
    text.parse().map_err(|error: BackboneError| with_hint(&error, error.hint()))
}

/// `0.5`, `f1`, `recall>=0.98` and the like, with the remedy on the same line.
pub(crate) fn threshold_rule(text: &str) -> Result<ThresholdRule, String> {
    text.parse().map_err(|error: RuleError| with_hint(&error, error.hint()))
}

/// A regular expression.
pub(crate) fn group_by(text: &str) -> Result<GroupBy, String> {
    GroupBy::new(text).map_err(|error| error.to_string())
}

/// The command line, ready to be typed again.
pub(crate) fn command_line() -> String {
    let words = std::env::args_os().skip(1).map(|word| shell_word(&word.to_string_lossy()));
    std::iter::once("resnet-binary".to_owned()).chain(words).chain(settings::words()).collect::<Vec<_>>().join(" ")
}

fn with_hint(error: &dyn std::error::Error, hint: Option<String>) -> String {
    hint.map_or(error.to_string(), |hint| format!("{error}; {hint}"))
}

/// A size such as `500MB`, in bytes.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|letter: char| letter.is_ascii_alphabetic() || letter == ' ');
    let unit = match lower.strip_prefix(digits).map(str::trim) {
        Some("b" | "") => 1.0,
        Some("k" | "kb") => 1e3,
        Some("m" | "mb") => 1e6,
        Some("g" | "gb") => 1e9,
        Some("t" | "tb") => 1e12,
        _ => return Err("give a number and MB or GB, such as 500MB".to_owned()),
    };
    let number: f64 = digits.parse().map_err(|_| "give a number and MB or GB, such as 500MB".to_owned())?;
    if !number.is_finite() || number < 0.0 {
        return Err("give a size of 0 or more".to_owned());
    }
    #[expect(clippy::cast_sign_loss, reason = "checked above, and the cast saturates")]
    Ok((number * unit) as u64)
}

/// A positive number of seconds, at most 1e9.
fn seconds(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if number > 0.0 && number <= 1e9 { Ok(number) } else { Err("give a number of seconds above 0".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, expected) in [("0", 0), ("500MB", 500_000_000), ("1.5 gb", 1_500_000_000), ("2G", 2_000_000_000)] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "MB", "-1MB", "1 parsec", "nanGB", "1MB2"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
