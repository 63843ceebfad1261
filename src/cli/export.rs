//! `resnet-binary export`

use std::path::PathBuf;

use clap::ValueEnum;
use resnet_binary::export::{Entry, Format, OPSETS};
use resnet_binary::files;
use resnet_binary::pipeline::{self, BackboneOptions, ExportOptions};
use resnet_binary::weights::{Places, WeightsSource};

use super::options;
use super::terminal::{self, Exit, Terminal};

/// Write a model as ONNX, TorchScript or safetensors for other programs
///
/// The file holds the whole way from pixels to the answer: resize, crop, normalisation, network, head, calibration and
/// threshold. It also holds golden photos with the model's answers, which `verify` replays; they are replayed before the
/// file is put in place. The outputs are probability and logit f32 [N] of the positive class, and label i64 [N], 1 for the
/// positive class by the model's threshold.
///
/// safetensors: the network's tensors under torchvision's names, the head as fc.weight [1, 2048] and fc.bias [1].
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  resnet-binary export --format onnx --output classifier.onnx
  resnet-binary export --format torchscript --input crop --output classifier.pt
  resnet-binary verify classifier.onnx")]
pub(crate) struct Args {
    /// The model that `train` wrote
    #[arg(short, long, value_name = "FILE", default_value = "model.safetensors")]
    model: PathBuf,
    /// What to write
    #[arg(long, value_enum)]
    format: FormatChoice,
    /// Where to write it
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// What the file takes [default: photo]
    #[arg(long, value_enum)]
    input: Option<EntryChoice>,
    /// Of ONNX, 18 to 21 [default: 18]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(i64::from(*OPSETS.start())..=i64::from(*OPSETS.end())))]
    opset: Option<u32>,
    /// Backbone to use in place of the one that the model names; it must have the same checksum
    #[arg(long, value_name = "WEIGHTS", help_heading = "Backbone", hide_short_help = true)]
    weights: Option<WeightsSource>,
    #[command(flatten)]
    network: options::Network,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatChoice {
    /// For ONNX Runtime and its relatives
    Onnx,
    /// For libtorch and PyTorch, as torch.jit.load reads it
    Torchscript,
    /// Weights that torchvision's resnet50 loads
    Safetensors,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EntryChoice {
    /// Upright RGB photos of any size, u8 [N, H, W, 3]
    Photo,
    /// Crops that are ready, u8 [N, 3, S, S], not normalised
    Crop,
}

/// Exports, and says what was replayed.
pub(crate) fn run(args: Args, terminal: &Terminal) -> anyhow::Result<Exit> {
    if let Some((option, remedy)) = void_option(&args) {
        terminal::print_error(&format!("`{option}` does nothing here"), Some(remedy));
        return Ok(Exit::Usage);
    }
    let options = ExportOptions {
        model: args.model,
        format: match args.format {
            FormatChoice::Onnx => Format::Onnx(args.opset.unwrap_or(*OPSETS.start())),
            FormatChoice::Torchscript => Format::TorchScript,
            FormatChoice::Safetensors => Format::Safetensors,
        },
        entry: match args.input {
            Some(EntryChoice::Crop) => Entry::Crop,
            Some(EntryChoice::Photo) | None => Entry::Photo,
        },
        output: args.output,
        backbone: BackboneOptions {
            weights: args.weights,
            places: Places::from_environment(),
            fetch: args.network.fetch_options(),
            ..BackboneOptions::default()
        },
    };
    let replay = pipeline::export(&options, terminal)?;
    let output = options.output.display().to_string();
    let next = files::shell_word(&output);
    terminal::print(&format!("file        {output}\n{replay}\nnext        resnet-binary verify {next}\n"))?;
    Ok(Exit::Done)
}

/// An option that the format makes void, and what to do about it.
fn void_option(args: &Args) -> Option<(&'static str, &'static str)> {
    if args.opset.is_some() && args.format != FormatChoice::Onnx {
        return Some(("--opset", "it is about ONNX: give `--format onnx`, or leave it out"));
    }
    (args.input.is_some() && args.format == FormatChoice::Safetensors)
        .then_some(("--input", "weights take no input: give another `--format`, or leave it out"))
}
