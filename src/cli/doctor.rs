//! `resnet-binary doctor`

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Context;

use super::options;
use super::output;
use super::terminal::{Exit, Terminal};
use super::threads;
use crate::backbone::device::DeviceChoice;
use crate::pipeline::{self, DoctorOptions};
use crate::weights::{Places, WeightsSource};

/// Check libtorch, driver, devices, weights and cache, and run a batch on every device
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 no problems, 1 the check itself failed, 2 usage; else that of the first problem:
  10  a shared library is missing, so the program does not start: see `scripts/check/doctor`
  11  libtorch has another version than expected
  12  two OpenMP libraries are loaded
  13  a GPU was requested, but libtorch is CPU-only
  14  a GPU was requested, but there is no NVIDIA driver
  15  the NVIDIA driver is too old for libtorch's CUDA
  16  the NVIDIA driver does not work
  17  the requested device does not exist
  18  a device cannot run the network, or gives wrong features
  19  weights are damaged, or the requested ones are missing or do not fit
  20  the cache cannot be used")]
pub(crate) struct Args {
    /// The device that must work: auto (the CPU and every GPU present), cpu, cuda, cuda:N, cuda:N,M, cuda:all or mps
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::Auto, value_parser = options::device)]
    device: DeviceChoice,
    /// Maximum number of threads [default: as many as this process may use]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Folder of the feature cache, or `off` [default: the user's cache folder]
    #[arg(long, value_name = "DIR|off")]
    cache: Option<PathBuf>,
    /// Weights to check too: a name from `weights list`, or a .safetensors or .pth file
    #[arg(long, value_name = "WEIGHTS")]
    weights: Option<WeightsSource>,
    /// Also measure the throughput of every device for five seconds, without decoding, in batches of N
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "64")]
    speed: Option<NonZeroUsize>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the checks and prints the report.
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
    output::print(&text)?;
    for problem in &report.problems {
        output::print_error(&format!("{} (code {})", problem.message, problem.code), Some(&problem.remedy));
    }
    Ok(report.problems.first().map_or(Exit::Done, |problem| Exit::Diagnosed(problem.code)))
}
