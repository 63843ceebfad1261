//! `resnet-binary extract`

use std::path::PathBuf;

use super::options;
use super::output;
use super::terminal::{Exit, Terminal};
use crate::pipeline::{self, ExtractOptions, MaxUnreadable};
use crate::shards::{RowType, Shard};
use crate::weights::WeightsSource;

/// Write the 2048 features of every photo to a safetensors file
///
/// The file holds `features` f32 [N, 2048] and `labels` i64 [N], in the order of the sorted paths. Row i is of the photo whose
/// path is `paths[path_offsets[i]..path_offsets[i+1]]`; `unreadable.*` is about photos without a row. Class names and all else
/// are in its metadata. `train`, `evaluate` and `merge` read it.
///
/// With `--shard I/N` one of N machines takes every N-th photo from the I-th on, 0 for the first, of the same list. Classes and
/// splits are those of the whole list. A shard that is there already and was made in the same way is done at once.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "resnet-binary extract [OPTIONS] --data <DIR|CSV|TAR>",
    after_help = "\
Examples:
  resnet-binary extract --data imgs
  resnet-binary extract --data photos.csv --shard 3/100 --output shards/
  resnet-binary merge shards/"
)]
pub(crate) struct Args {
    #[command(flatten)]
    data: options::Data,
    /// Where to write the features; with `--shard` the folder of its file, part-I-of-N.safetensors
    /// [default: features.safetensors, with `--shard` features/]
    #[arg(short, long, value_name = "FILE|DIR")]
    output: Option<PathBuf>,
    /// Only every N-th photo of the sorted list, from the I-th on, 0 for the first
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Extract nothing: measure 64 photos and say how many shards, hours and bytes so many photos take, and with which
    /// commands
    #[arg(long, value_name = "N_PHOTOS", conflicts_with_all = ["shard", "output"])]
    plan: Option<usize>,
    /// f32: rows as they were computed; f16: in half the space, with three digits
    #[arg(long, value_enum, default_value_t, hide_short_help = true)]
    rows: RowType,
    /// Fail, and write nothing, if more photos cannot be read: a share such as 5%, or a number
    #[arg(long, value_name = "LIMIT")]
    max_unreadable: Option<MaxUnreadable>,
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
    let default = if args.shard.is_some() { "features" } else { "features.safetensors" };
    let options = ExtractOptions {
        on_unreadable: args.data.reading.on_unreadable,
        limits: args.data.reading.limits(),
        data,
        read_options,
        positive: args.data.positive,
        output: args.output.unwrap_or_else(|| default.into()),
        shard: args.shard,
        row_type: args.rows,
        max_unreadable: args.max_unreadable,
        preprocess: args.pixels.preprocess(),
        auto_levels: args.pixels.auto_levels(),
        backbone: args.backbone.options(Some(args.weights), terminal)?,
    };
    if let Some(photos) = args.plan {
        output::print(&pipeline::plan(&options, photos, terminal)?.to_string())?;
        return Ok(Exit::Done);
    }
    let summary = pipeline::extract(&options, terminal)?;
    if !terminal.is_quiet() {
        output::print(&summary.to_string())?;
    }
    Ok(Exit::done(!summary.unreadable.is_empty()))
}
