//! `resnet-binary evaluate`

use std::path::PathBuf;

use anyhow::Context;

use super::options;
use super::output;
use super::terminal::{Exit, Terminal};
use crate::dataset::split::Split;
use crate::pipeline::{self, EvaluateOptions, PageOptions};
use crate::weights::WeightsSource;

/// Measure a model on labelled photos that it was not trained on
///
/// Measures the test split of the data if there is one, else the validation split, else all images.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "\
Examples:
  resnet-binary evaluate --data ./new-photos --model model.safetensors
  resnet-binary evaluate --data labels.csv --split test --json",
    override_usage = "\
resnet-binary evaluate [OPTIONS] --data <DIR|CSV|TAR>
       resnet-binary evaluate [OPTIONS] --features <DIR|FILE>"
)]
pub(crate) struct Args {
    #[command(flatten)]
    source: options::Source,
    /// Features from `extract` instead of photos: the folder of its shards, a quoted pattern such as 'shards/*.safetensors',
    /// or one file
    #[arg(long, value_name = "DIR|FILE", group = "Location", help_heading = "Data")]
    features: Option<PathBuf>,
    /// The model written by `train`
    #[arg(short, long, value_name = "FILE", default_value = "model.safetensors")]
    model: PathBuf,
    /// Print one JSON object on stdout instead of the table
    #[arg(long)]
    json: bool,
    /// Decision threshold: positive if the probability is at least X [default: the model's]
    #[arg(long, value_name = "X", value_parser = options::probability)]
    threshold: Option<f64>,
    /// Write the full report as one HTML page
    #[arg(long, value_name = "HTML", help_heading = "Output")]
    report: Option<PathBuf>,
    /// The split to measure: train, val or test
    #[arg(long, value_parser = split, help_heading = "Data")]
    split: Option<Split>,
    /// Seed of the bootstrap intervals
    #[arg(long, default_value_t = 0, hide_short_help = true)]
    seed: u64,
    #[command(flatten)]
    reading: options::Reading,
    /// Weights to use in place of those that the model names; the checksum must be the same
    #[arg(long, value_name = "WEIGHTS", help_heading = "Backbone", hide_short_help = true)]
    weights: Option<WeightsSource>,
    #[command(flatten)]
    backbone: options::Backbone,
}

fn split(text: &str) -> Result<Split, String> {
    Split::parse(text).ok_or_else(|| "give `train`, `val` or `test`".to_owned())
}

/// Evaluates the model and prints the metrics.
pub(crate) fn run(args: Args, terminal: &Terminal) -> anyhow::Result<Exit> {
    let (data, read_options) = args.source.into_parts();
    let options = EvaluateOptions {
        on_unreadable: args.reading.on_unreadable,
        limits: args.reading.limits(),
        data,
        features: args.features,
        read_options,
        model: args.model,
        threshold: args.threshold,
        split: args.split,
        seed: args.seed,
        page: args.report.map(|path| PageOptions { path, command: options::command_line() }),
        backbone: args.backbone.options(args.weights, terminal)?,
    };
    let report = pipeline::evaluate(&options, terminal)?;
    let text = if args.json {
        format!("{}\n", serde_json::to_string(&report).context("cannot write the report as JSON")?)
    } else {
        report.to_string()
    };
    output::print(&text)?;
    Ok(Exit::done(!report.unreadable.is_empty()))
}
