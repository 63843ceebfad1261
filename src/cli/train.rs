//! `resnet-binary train`

use std::path::PathBuf;

use anyhow::Context;

use super::options::{self, PoolingChoice};
use super::output;
use super::settings;
use super::terminal::{Exit, Terminal};
use crate::audit::GroupBy;
use crate::backbone::Pooling;
use crate::backbone::shapes::{self, HeadSpec};
use crate::decision::ThresholdRule;
use crate::head::sgd::SgdOptions;
use crate::head::{Balance, L2};
use crate::pipeline::{self, PageOptions, SolverChoice, TrainOptions};
use crate::progress::Progress;
use crate::weights::WeightsSource;

/// Train a classifier on a folder of photos
#[derive(Debug, clap::Args)]
#[command(
    after_help = "\
Examples:
  resnet-binary train --data ./imgs
  resnet-binary train --data ./imgs --positive defect --device cuda --output defect.safetensors
  resnet-binary train --data labels.csv --threshold 'recall>=0.98' --report report.html",
    override_usage = "\
resnet-binary train [OPTIONS] --data <DIR|CSV|TAR>
       resnet-binary train [OPTIONS] --features <DIR|FILE>"
)]
pub(crate) struct Args {
    #[command(flatten)]
    data: options::Data,
    /// Features from `extract` instead of photos: the folder of its shards, a quoted pattern such as 'shards/*.safetensors',
    /// or one file
    #[arg(long, value_name = "DIR|FILE", group = "Location", help_heading = "Data", conflicts_with_all = SETTLED)]
    features: Option<PathBuf>,
    /// Where to write the model
    #[arg(short, long, value_name = "FILE", default_value = "model.safetensors")]
    output: PathBuf,
    /// Print one JSON object on stdout instead of the summary
    #[arg(long, hide_short_help = true)]
    json: bool,
    /// Fraction of the images kept for validation if the data has no split of its own [default: 0.2]
    #[arg(long, value_name = "FRACTION", value_parser = fraction, help_heading = "Data", hide_short_help = true)]
    val_fraction: Option<f64>,
    /// Seed of the split, the folds, the bootstrap and SGD
    #[arg(long, default_value_t = 0, help_heading = "Data", hide_short_help = true)]
    seed: u64,
    /// Write the split as a CSV that `--data` accepts
    #[arg(long, value_name = "CSV", help_heading = "Data", hide_short_help = true)]
    save_split: Option<PathBuf>,
    /// Keep photos together whose paths match this pattern with the same text (that of its first group, if it has one): for
    /// example one patient, burst or video
    #[arg(long, value_name = "REGEX", help_heading = "Data", value_parser = options::group_by, hide_short_help = true)]
    group_by: Option<GroupBy>,
    /// Corrections of labels: a CSV with the columns path,label, where a label may be `drop`. They also apply to links to and
    /// copies of a photo that have its class. May be given several times; later tables override earlier ones
    #[arg(long, value_name = "CSV", help_heading = "Data")]
    fixes: Vec<PathBuf>,
    /// Write the possible label errors, most probable first, as a CSV that `--fixes` accepts
    #[arg(long, value_name = "CSV", help_heading = "Output")]
    label_errors: Option<PathBuf>,
    /// Write the full report as one HTML page
    #[arg(long, value_name = "HTML", help_heading = "Output")]
    report: Option<PathBuf>,
    #[command(flatten)]
    pixels: options::Pixels,
    /// Name from `weights list`, a .safetensors or .pth file, or random[:SEED]
    #[arg(long, value_name = "WEIGHTS", default_value = "imagenet-v1", help_heading = "Backbone")]
    weights: WeightsSource,
    /// Include the backbone weights (100 MB) in the model, so that it is a single self-contained file
    #[arg(long, help_heading = "Backbone", hide_short_help = true)]
    bundle: bool,
    #[command(flatten)]
    backbone: options::Backbone,
    #[command(flatten)]
    head: Head,
    /// Print every setting and its source as a resnet-binary.toml, and exit
    ///
    /// An option that is not given is read from the environment (`RESNET_BINARY_TRAIN_IMAGE_SIZE` for `--image-size`), else
    /// from the file `resnet-binary.toml` next to the data, else from the one in the user's configuration folder
    /// (~/.config/resnet-binary). In a file: `image-size = 320`; relative paths are resolved against the file's folder.
    #[arg(long, hide_short_help = true, help_heading = "Options")]
    print_config: bool,
}

/// Options that were fixed when the features were extracted.
const SETTLED: [&str; 12] = [
    "image_size",
    "levels",
    "weights",
    "kind",
    "classes_from",
    "path_column",
    "label_column",
    "max_megapixels",
    "max_file_size",
    "max_seconds",
    "precision",
    "on_unreadable",
];

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Head")]
struct Head {
    /// Pooling before the head. gap: global average pooling, for any image size; flatten: the flattened feature map, 400 KB
    /// per photo at 224 pixels, for one image size only; none: no pooling, which does not fit
    #[arg(long = "head", value_enum, default_value_t = PoolingChoice::Gap, hide_short_help = true)]
    kind: PoolingChoice,
    /// exact: solve to the optimum; sgd: mini-batch AdamW
    #[arg(long, value_enum, default_value_t = Solver::Exact, hide_short_help = true)]
    solver: Solver,
    /// L2 penalty on the scaled features, or `auto` to choose it by cross-validation; for the exact solver [default: auto]
    #[arg(long, value_name = "auto|X", value_parser = l2, hide_short_help = true)]
    l2: Option<L2>,
    /// auto: weight the classes inversely to their size; none: weight all images equally
    #[arg(long, value_enum, default_value_t, hide_short_help = true)]
    balance: Balance,
    /// Number of folds of the reported cross-validation; 0 for none
    #[arg(long, value_name = "K", default_value_t = TrainOptions::FOLDS, value_parser = folds, hide_short_help = true)]
    cv: usize,
    /// After evaluation, refit the saved head on training and validation images together; calibration and threshold stay
    #[arg(long, hide_short_help = true)]
    refit: bool,
    /// Decision threshold: a probability, f1, youden, recall>=0.98, precision>=0.95, or cost:fp=1,fn=20; chosen on
    /// out-of-fold predictions and stored in the model
    #[arg(long, value_name = "RULE", default_value_t, value_parser = options::threshold_rule)]
    threshold: ThresholdRule,
    /// Maximum number of epochs, for `--solver sgd` [default: 100]
    #[arg(long, hide_short_help = true)]
    epochs: Option<usize>,
    /// Learning rate, for `--solver sgd` [default: 0.001]
    #[arg(long, value_parser = positive, hide_short_help = true)]
    lr: Option<f64>,
    /// Feature rows per step, for `--solver sgd` [default: 32]
    #[arg(long, value_name = "N", value_parser = at_least_one, hide_short_help = true)]
    batch_size: Option<usize>,
}

impl Head {
    /// An option that has no effect with this solver, and the solver it is for.
    fn ineffective_option(&self) -> Option<(&'static str, &'static str)> {
        let of_sgd = [
            ("--epochs", self.epochs.is_some()),
            ("--lr", self.lr.is_some()),
            ("--batch-size", self.batch_size.is_some()),
        ];
        let first = |given: &[(&'static str, bool)]| given.iter().find(|(_, given)| *given).map(|(option, _)| *option);
        match self.solver {
            Solver::Exact => first(&of_sgd).map(|option| (option, "sgd")),
            Solver::Sgd => first(&[("--l2", self.l2.is_some())]).map(|option| (option, "exact")),
        }
    }

    fn choice(&self) -> SolverChoice {
        match self.solver {
            Solver::Exact => SolverChoice::Exact { l2: self.l2.unwrap_or(L2::Auto) },
            Solver::Sgd => {
                let SgdOptions { epochs, learning_rate, batch_size, .. } = SgdOptions::default();
                SolverChoice::Sgd {
                    epochs: self.epochs.unwrap_or(epochs),
                    lr: self.lr.unwrap_or(learning_rate),
                    batch_size: self.batch_size.unwrap_or(batch_size),
                }
            }
        }
    }
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Solver {
    Exact,
    Sgd,
}

fn fraction(text: &str) -> Result<f64, String> {
    let fraction = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if fraction > 0.0 && fraction < 1.0 {
        Ok(fraction)
    } else {
        Err("give a fraction between 0 and 1, such as 0.2".to_owned())
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if number.is_finite() && number > 0.0 { Ok(number) } else { Err("give a number above 0".to_owned()) }
}

fn l2(text: &str) -> Result<L2, String> {
    if text == "auto" { Ok(L2::Auto) } else { positive(text).map(L2::Fixed) }
}

fn folds(text: &str) -> Result<usize, String> {
    let number = text.parse().map_err(|_| "it is not a whole number".to_owned())?;
    if number == 1 {
        Err("with one fold nothing is left to fit to: give 2 or more, or 0 for none".to_owned())
    } else {
        Ok(number)
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| "give a whole number above 0".to_owned())
}

/// Trains, writes the model and prints the report.
pub(crate) fn run(args: Args, terminal: &Terminal) -> anyhow::Result<Exit> {
    let json = args.json;
    if let Some((option, reason, remedy)) = args.ineffective_option() {
        let remedy = match settings::origin(option) {
            Some(origin) => format!("`{option}` is from {origin}: take it out there, or {remedy}"),
            None => format!("leave `{option}` out, or {remedy}"),
        };
        output::print_error(&format!("`{option}` has no effect here: {reason}"), Some(&remedy));
        return Ok(Exit::Usage);
    }
    let Some(pooling) = args.head.kind.pooling() else { return Ok(refuse_no_pooling(args.pixels.preprocess().crop)) };
    let report = pipeline::train(&args.options(pooling, terminal)?, terminal)?;
    if json {
        report.warnings.iter().for_each(|warning| terminal.warn(warning));
        output::print(&format!("{}\n", serde_json::to_string(&report).context("cannot write the report as JSON")?))?;
    } else {
        output::print_summary(&report.to_string())?;
    }
    Ok(Exit::done(!report.unreadable.is_empty()))
}

/// Refuses `--head none` with the reason.
fn refuse_no_pooling(image_size: u32) -> Exit {
    if let Some(mismatch) = shapes::mismatch(image_size, None, HeadSpec::NONE.inputs) {
        let elsewhere: Vec<_> = mismatch.elsewhere.iter().map(|line| format!("\n       {line}")).collect();
        output::print_error(
            &format!("`--head none` does not fit: {mismatch}{}", elsewhere.concat()),
            Some("omit `--head` for `gap`; `resnet-binary inspect --head none` shows every stage"),
        );
    }
    Exit::Usage
}

impl Args {
    /// An option that has no effect because of another one: its name, the reason, and what to do to keep it.
    fn ineffective_option(&self) -> Option<(&'static str, String, String)> {
        if self.bundle && matches!(self.weights, WeightsSource::Random(_)) {
            let reason = "random weights are generated from their seed, not read from a file".to_owned();
            return Some(("--bundle", reason, "give `--weights` a name from `weights list` or a file".to_owned()));
        }
        let (option, solver) = self.head.ineffective_option()?;
        Some((option, format!("it is for `--solver {solver}`"), format!("add `--solver {solver}`")))
    }

    fn options(self, pooling: Pooling, terminal: &Terminal) -> anyhow::Result<TrainOptions> {
        let Self { data, head, .. } = self;
        let (source, read_options) = data.source.into_parts();
        Ok(TrainOptions {
            on_unreadable: data.reading.on_unreadable,
            limits: data.reading.limits(),
            data: source,
            features: self.features,
            read_options,
            positive: data.positive,
            output: self.output,
            val_fraction: self.val_fraction,
            seed: self.seed,
            save_split: self.save_split,
            group_by: self.group_by,
            fixes: self.fixes,
            label_errors: self.label_errors,
            page: self.report.map(|path| PageOptions { path, command: options::command_line() }),
            preprocess: self.pixels.preprocess(),
            auto_levels: self.pixels.auto_levels(),
            pooling,
            bundle: self.bundle,
            backbone: self.backbone.options(Some(self.weights), terminal)?,
            solver: head.choice(),
            folds: head.cv,
            refit: head.refit,
            threshold: head.threshold,
            balance: head.balance,
        })
    }
}
