//! `resnet-binary verify`

use std::path::PathBuf;

use super::output;
use super::terminal::Exit;
use crate::pipeline::{self, PipelineError};

/// Check an exported file, stage by stage, against its test images and expected outputs
///
/// The outputs must equal those of the model at export, up to rounding on another processor. Otherwise the first stage that
/// differs is named, and the exit code is 1. ONNX operators are evaluated on libtorch as ONNX defines them; ONNX Runtime is
/// not needed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A file written by `export`
    file: PathBuf,
}

/// Checks the file and prints a row for each stage.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let replay = pipeline::verify(&args.file)?;
    output::print(&replay.to_string())?;
    match replay.error(&args.file.display().to_string()) {
        Some(error) => Err(PipelineError::from(error).into()),
        None => Ok(Exit::Done),
    }
}
