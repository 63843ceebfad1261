//! `resnet-binary doctor`

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Context;
use resnet_binary::backbone::device::DeviceChoice;
use resnet_binary::pipeline::{self, DoctorOptions};
use resnet_binary::weights::{Places, WeightsSource};

use super::options;
use super::terminal::{self, Exit, Terminal};
use super::threads;

/// Look at libtorch, driver, devices, weights and cache, and try every device
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 all well, 1 it could not look, 2 usage; else that of the first thing that is wrong:
  10  a shared library is missing: the program does not start, `scripts/check/doctor` tells
  11  libtorch is of another version
  12  two OpenMP libraries are loaded
  13  libtorch is CPU-only, and a GPU was asked for
  14  there is no NVIDIA driver, and a GPU was asked for
  15  the NVIDIA driver is too old for libtorch's CUDA
  16  the NVIDIA driver does not work
  17  the device that was asked for is not there
  18  a device does not run the network, or gives wrong numbers
  19  weights are damaged, or those that were asked for are not there or do not fit
  20  the cache cannot be used")]
pub(crate) struct Args {
    /// The device that has to work: auto (the CPU and every GPU there is), cpu, cuda, cuda:N, cuda:N,M, cuda:all or mps
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::Auto, value_parser = options::device)]
    device: DeviceChoice,
    /// Threads at most [default: all that this process may use]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// The cache's folder, or `off` [default: the user's cache folder]
    #[arg(long, value_name = "DIR|off")]
    cache: Option<PathBuf>,
    /// Weights to look at too: a name from `weights list`, a .safetensors or .pth file
    #[arg(long, value_name = "WEIGHTS")]
    weights: Option<WeightsSource>,
    /// Also measure every device for five seconds, without decoding, in batches of N
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "64")]
    speed: Option<NonZeroUsize>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Looks, and says what it saw.
pub(crate) fn run(args: &Args, terminal: &Terminal) -> anyhow::Result<Exit> {
    let options = DoctorOptions {
        device: args.device,
        threads: Some(threads::threads(args.threads, terminal)?),
        cache: options::cache_folder(args.cache.as_deref()),
        weights: args.weights.clone(),
        places: Places::from_environment(),
        speed: args.speed.map(NonZeroUsize::get),
    };
    let report = pipeline::doctor(&options, terminal)?;
    let text = if args.json {
        format!("{}\n", serde_json::to_string(&report).context("cannot write the answer as JSON")?)
    } else {
        report.to_string()
    };
    terminal::print(&text)?;
    for problem in &report.problems {
        terminal::print_error(&format!("{} (code {})", problem.message, problem.code), Some(&problem.remedy));
    }
    Ok(report.problems.first().map_or(Exit::Done, |problem| Exit::Diagnosed(problem.code)))
}
