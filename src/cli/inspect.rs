//! `resnet-binary inspect`

use std::path::PathBuf;

use anyhow::Context;

use super::options::{self, PoolingChoice};
use super::output;
use super::terminal::Exit;
use crate::files::shell_word;
use crate::pipeline::{self, InspectOptions};
use crate::weights::{Places, WeightsSource};

/// Show every stage of the network, including the head: shape, parameters, multiply-adds
///
/// `inspect` shows the network, not photos: for those use `train --data DIR --report page.html`.
///
/// Weights and models are loaded only if they are given. A head that does not fit is shown with the given and the expected
/// shape and a remedy.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  resnet-binary inspect                        the network with the head that `train` fits
  resnet-binary inspect --head none            why Linear(2048, 1) does not fit the feature map
  resnet-binary inspect --model model.safetensors
  resnet-binary inspect --weights resnet50.pth")]
pub(crate) struct Args {
    /// Pooling before the head. gap: global average pooling; flatten: the flattened feature map; none: no pooling
    #[arg(long, value_enum, default_value_t = PoolingChoice::Gap, conflicts_with = "model")]
    head: PoolingChoice,
    /// Side of the network's input in pixels [default: the model's, or 224]
    #[arg(long, value_name = "N", value_parser = options::side)]
    image_size: Option<u32>,
    /// Weights to compare with the table: a name from `weights list`, or a .safetensors or .pth file
    #[arg(long, value_name = "WEIGHTS")]
    weights: Option<WeightsSource>,
    /// A model written by `train`, whose head is shown
    #[arg(short, long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Print one JSON object on stdout instead of the table; its shapes omit the batch axis
    #[arg(long)]
    json: bool,
    /// Photos, which `inspect` refuses with a hint
    #[arg(long, value_name = "DIR|CSV", hide = true)]
    data: Option<PathBuf>,
    /// The same without typing `--data`
    #[arg(value_name = "DIR|CSV", hide = true, conflicts_with = "data")]
    positional: Option<PathBuf>,
}

/// Prints the table.
pub(crate) fn run(args: Args) -> anyhow::Result<Exit> {
    if let Some(data) = args.data.or(args.positional) {
        let data = shell_word(&data.to_string_lossy());
        let hint = format!("`resnet-binary train --data {data} --report page.html` shows photos of each class");
        output::print_error(&"`inspect` shows the network, not photos", Some(&hint));
        return Ok(Exit::Usage);
    }
    let options = InspectOptions {
        image_size: args.image_size,
        pooling: args.head.pooling(),
        weights: args.weights,
        model: args.model,
        places: Places::from_environment(),
    };
    let report = pipeline::inspect(&options)?;
    let text = if args.json {
        format!("{}\n", serde_json::to_string(&report).context("cannot write the table as JSON")?)
    } else {
        report.to_string()
    };
    output::print(&text)?;
    Ok(Exit::Done)
}
