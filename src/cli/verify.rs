//! `resnet-binary verify`

use std::path::PathBuf;

use resnet_binary::pipeline::{self, PipelineError};

use super::terminal::{self, Exit};

/// Replay the golden photos of an exported file, stage by stage
///
/// The answers must be those that the model gave when it was exported, up to the rounding of another processor. The first
/// stage that differs is named, and the exit code is 1. ONNX is run by the operators' definitions, on libtorch; no ONNX
/// Runtime is needed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A file that `export` wrote
    file: PathBuf,
}

/// Replays and prints a row for each stage.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let replay = pipeline::verify(&args.file)?;
    terminal::print(&replay.to_string())?;
    match replay.error(&args.file.display().to_string()) {
        Some(error) => Err(PipelineError::from(error).into()),
        None => Ok(Exit::Done),
    }
}
