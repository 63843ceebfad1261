//! `resnet-binary merge`

use std::path::PathBuf;

use super::output;
use super::terminal::{Exit, Terminal};
use crate::pipeline::{self, MergeOptions, PipelineError};

/// Check that the shards of `extract --shard` are complete and consistent, and merge them into one file
///
/// Every photo of the list must occur exactly once, as a row or as unreadable, and all shards must have been made with the same
/// settings. Missing shards are printed to stdout as `3,5-7`, with exit code 1.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  resnet-binary merge shards/
  resnet-binary merge shards/ --output features.safetensors
  missing=$(resnet-binary merge -q shards/); [ -z \"$missing\" ] || sbatch --array=\"$missing\" extract.sbatch")]
pub(crate) struct Args {
    /// The folder of the shards, or a quoted pattern
    #[arg(value_name = "DIR")]
    features: PathBuf,
    /// Where to write the merged file [default: only check the shards]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Prints the result, or which shards are missing.
pub(crate) fn run(args: Args, terminal: &Terminal) -> anyhow::Result<Exit> {
    let options = MergeOptions { features: args.features, output: args.output };
    let merged = pipeline::merge(&options, terminal);
    if let Err(PipelineError::Shard(error)) = &merged
        && let Some(missing) = error.missing()
    {
        output::print(&format!("{missing}\n"))?;
    }
    let summary = merged?;
    if !terminal.is_quiet() {
        output::print(&summary.to_string())?;
    }
    Ok(Exit::done(!summary.unreadable.is_empty()))
}
