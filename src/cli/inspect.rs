//! `resnet-binary inspect`

use std::path::PathBuf;

use anyhow::Context;
use resnet_binary::files::shell_word;
use resnet_binary::pipeline::{self, InspectOptions};
use resnet_binary::weights::{Places, WeightsSource};

use super::options::{self, HeadChoice};
use super::terminal::{self, Exit};

/// Show every stage of the network: shape, parameters, multiply-adds, down to the head
///
/// It is about the network and looks at no photos: `train --data DIR --report page.html` shows those.
///
/// Nothing is loaded unless it is named. A head that does not fit is shown with what is given, what is wanted, and what to
/// do about it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  resnet-binary inspect                        the network with the head that `train` fits
  resnet-binary inspect --head none            why one unit does not fit on the map itself
  resnet-binary inspect --model model.safetensors
  resnet-binary inspect --weights resnet50.pth")]
pub(crate) struct Args {
    /// gap: the mean of each channel; flatten: every number of the map; none: the head straight on the map
    #[arg(long, value_enum, default_value_t = HeadChoice::Gap, conflicts_with = "model")]
    head: HeadChoice,
    /// Side of the network's input in pixels [default: the model's, or 224]
    #[arg(long, value_name = "N", value_parser = options::side)]
    image_size: Option<u32>,
    /// Weights to compare with the table: a name from `weights list`, a .safetensors or .pth file
    #[arg(long, value_name = "WEIGHTS")]
    weights: Option<WeightsSource>,
    /// A model that `train` wrote, whose head is shown
    #[arg(short, long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Print one JSON object on stdout in place of the table; shapes are without the batch axis
    #[arg(long)]
    json: bool,
    /// Photos, which are looked for here in vain
    #[arg(long, value_name = "DIR|CSV", hide = true)]
    data: Option<PathBuf>,
    /// The same without `--data`
    #[arg(value_name = "DIR|CSV", hide = true, conflicts_with = "data")]
    bare: Option<PathBuf>,
}

/// Prints the table.
pub(crate) fn run(args: Args) -> anyhow::Result<Exit> {
    if let Some(data) = args.data.or(args.bare) {
        let data = shell_word(&data.to_string_lossy());
        let hint = format!("`resnet-binary train --data {data} --report page.html` shows them, class by class");
        terminal::print_error(&"`inspect` is about the network, not about photos", Some(&hint));
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
    terminal::print(&text)?;
    Ok(Exit::Done)
}
