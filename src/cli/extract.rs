//! `resnet-binary extract`

use std::path::PathBuf;

use resnet_binary::pipeline::{self, ExtractOptions};
use resnet_binary::weights::WeightsSource;

use super::options;
use super::terminal::{self, Exit, Terminal};

/// Write the 2048 features of every photo to a safetensors file
///
/// The file holds `features` f32 [N, 2048] and `labels` i64 [N], in the order of the sorted paths; paths and class names
/// are in its metadata, paths as `predict --json` writes them.
#[derive(Debug, clap::Args)]
#[command(override_usage = "resnet-binary extract [OPTIONS] --data <DIR|CSV>")]
pub(crate) struct Args {
    #[command(flatten)]
    data: options::Data,
    /// Where to write the features
    #[arg(short, long, value_name = "FILE", default_value = "features.safetensors")]
    output: PathBuf,
    #[command(flatten)]
    pixels: options::Pixels,
    /// Name from `weights list`, a .safetensors or .pth file, or random[:SEED]
    #[arg(long, value_name = "WEIGHTS", default_value = "imagenet-v1", help_heading = "Backbone")]
    weights: WeightsSource,
    #[command(flatten)]
    backbone: options::Backbone,
}

/// Extracts and says where the features are.
pub(crate) fn run(args: Args, terminal: &Terminal) -> anyhow::Result<Exit> {
    let (data, read_options) = args.data.source.into_parts();
    let options = ExtractOptions {
        on_unreadable: args.data.reading.on_unreadable(),
        limits: args.data.reading.limits(),
        data,
        read_options,
        positive: args.data.positive,
        output: args.output,
        preprocess: args.pixels.preprocess(),
        auto_levels: args.pixels.auto_levels(),
        backbone: args.backbone.options(Some(args.weights), terminal)?,
    };
    let summary = pipeline::extract(&options, terminal)?;
    terminal::print(&summary.to_string())?;
    Ok(Exit::done(!summary.unreadable.is_empty()))
}
