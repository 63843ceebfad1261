//! `resnet-binary export`

use std::path::PathBuf;

use clap::ValueEnum;

use super::options;
use super::output;
use super::terminal::{Exit, Terminal};
use crate::export::{Entry, Format, OPSETS};
use crate::files;
use crate::pipeline::{self, BackboneOptions, ExportOptions};
use crate::weights::{Places, WeightsSource};

/// Write a model as ONNX, TorchScript or safetensors for other programs
///
/// The file contains every step from pixels to prediction: resize, crop, normalisation, network, head, calibration and
/// threshold. It also contains test images with the model's outputs, which `verify` checks; `export` checks them before it
/// puts the file in place. The outputs are probability and logit, f32 [N], of the positive class, and label, i64 [N]: 1 for
/// the positive class at the model's threshold.
///
/// safetensors: the network's tensors under torchvision's names, the head as fc.weight [1, 2048] and fc.bias [1].
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  resnet-binary export --format onnx --output classifier.onnx
  resnet-binary export --format torchscript --input crop --output classifier.pt
  resnet-binary verify classifier.onnx")]
pub(crate) struct Args {
    /// The model written by `train`
    #[arg(short, long, value_name = "FILE", default_value = "model.safetensors")]
    model: PathBuf,
    /// The format
    #[arg(long, value_enum)]
    format: FormatChoice,
    /// Where to write it
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The input of the exported file [default: photo]
    #[arg(long, value_enum)]
    input: Option<Entry>,
    /// The ONNX operator set, 18 to 21 [default: 18]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(i64::from(*OPSETS.start())..=i64::from(*OPSETS.end())))]
    opset: Option<u32>,
    /// Weights to use in place of those that the model names; the checksum must be the same
    #[arg(long, value_name = "WEIGHTS", help_heading = "Backbone", hide_short_help = true)]
    weights: Option<WeightsSource>,
    #[command(flatten)]
    downloads: options::Downloads,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatChoice {
    /// For ONNX Runtime and other ONNX implementations
    Onnx,
    /// For libtorch and PyTorch (torch.jit.load)
    Torchscript,
    /// Tensors that torchvision's resnet50 can load
    Safetensors,
}

/// Exports, and prints what was checked.
pub(crate) fn run(args: Args, terminal: &Terminal) -> anyhow::Result<Exit> {
    if let Some((option, remedy)) = ineffective_option(&args) {
        output::print_error(&format!("`{option}` has no effect here"), Some(remedy));
        return Ok(Exit::Usage);
    }
    let options = ExportOptions {
        model: args.model,
        format: match args.format {
            FormatChoice::Onnx => Format::Onnx(args.opset.unwrap_or(*OPSETS.start())),
            FormatChoice::Torchscript => Format::TorchScript,
            FormatChoice::Safetensors => Format::Safetensors,
        },
        entry: args.input.unwrap_or_default(),
        output: args.output,
        backbone: BackboneOptions {
            weights: args.weights,
            places: Places::from_environment(),
            fetch: args.downloads.fetch_options(),
            ..BackboneOptions::default()
        },
    };
    let replay = pipeline::export(&options, terminal)?;
    let output = options.output.display().to_string();
    let next = files::shell_word(&output);
    output::print(&format!("file        {output}\n{replay}\nnext        resnet-binary verify {next}\n"))?;
    Ok(Exit::Done)
}

/// An option that has no effect with this format, and what to do about it.
fn ineffective_option(args: &Args) -> Option<(&'static str, &'static str)> {
    if args.opset.is_some() && args.format != FormatChoice::Onnx {
        return Some(("--opset", "it applies to ONNX: give `--format onnx`, or omit it"));
    }
    (args.input.is_some() && args.format == FormatChoice::Safetensors)
        .then_some(("--input", "weights have no input: give another `--format`, or omit it"))
}
