//! The report of `doctor`.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::files::escaped;

/// The state of everything that the program depends on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct DoctorReport {
    /// Version of this program.
    pub version: &'static str,
    /// Version of libtorch.
    pub libtorch: String,
    /// CUDA version of libtorch; `None` if it is CPU-only.
    pub cuda: Option<String>,
    /// Description of the NVIDIA driver.
    pub driver: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Threads that decode and compute, as set by `--threads`.
    pub threads: usize,
    /// Whether the CPU has instructions for bf16.
    pub cpu_bf16: bool,
    /// Whether the CPU has instructions for int8.
    pub cpu_int8: bool,
    /// The test batch on each device.
    pub devices: Vec<DeviceCheck>,
    /// The weights listed in the manifest, and the requested file.
    pub weights: Vec<WeightsState>,
    /// Description of the cache.
    pub cache: String,
    /// Its folder; `None` if it is off.
    #[serde(serialize_with = "escaped::serialize_option")]
    pub cache_folder: Option<PathBuf>,
    /// Problems, the most serious first; the code of the first is the exit code.
    pub problems: Vec<Problem>,
}

/// The test batch on one device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct DeviceCheck {
    /// As `--device` names it.
    pub device: String,
    /// Name of the GPU, if it is one.
    pub card: Option<String>,
    /// Memory of the GPU in bytes.
    pub memory: Option<u64>,
    /// Compute capability of the GPU.
    pub capability: Option<String>,
    /// The precision that `auto` selects on this device.
    pub precision: String,
    /// Images in the batch.
    pub images: usize,
    /// Time for the batch after a warm-up; `None` if it failed.
    pub milliseconds: Option<f64>,
    /// Relative distance from the fp32 features of the CPU.
    pub distance: Option<f64>,
    /// Throughput in images of 224×224 pixels per second, from bytes in memory, if requested.
    pub images_per_second: Option<f64>,
}

/// Weights listed in the manifest, or a requested file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct WeightsState {
    /// Their name for `--weights`.
    pub name: String,
    /// Where they are.
    #[serde(serialize_with = "escaped::serialize_option")]
    pub path: Option<PathBuf>,
    /// Size of the file in bytes.
    pub bytes: Option<u64>,
    /// Whether the checksum equals the manifest's or, for a requested file, whether its tensors fit the network; `None`
    /// without a file.
    pub verified: Option<bool>,
    /// Whether the manifest lists them.
    #[serde(skip)]
    pub is_known: bool,
}

/// A problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// The exit code for this kind of problem.
    pub code: u8,
    /// The problem.
    pub message: String,
    /// The remedy.
    pub remedy: String,
}

impl fmt::Display for DoctorReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cuda = self.cuda.as_ref().map_or("CPU-only".to_owned(), |cuda| format!("CUDA {cuda}"));
        writeln!(out, "resnet-binary {}", self.version)?;
        writeln!(out, "libtorch    {}, {cuda}", self.libtorch)?;
        writeln!(out, "driver      {}", self.driver)?;
        let with = |there, name| format!("{} {name}", if there { "with" } else { "no" });
        let (bf16, int8) = (with(self.cpu_bf16, "bf16"), with(self.cpu_int8, "int8"));
        writeln!(out, "cpu         {} cores, {} threads, {bf16}, {int8}", self.cores, self.threads)?;
        for trial in &self.devices {
            writeln!(out, "{trial}")?;
        }
        for weights in &self.weights {
            writeln!(out, "{weights}")?;
        }
        writeln!(out, "cache       {}", self.cache)?;
        if !self.problems.is_empty() {
            return Ok(());
        }
        let has_weights = self.weights.iter().any(|weights| weights.path.is_some());
        let but = if has_weights {
            ""
        } else {
            ", except that the weights are missing: `resnet-binary weights fetch` downloads them (102 MB)"
        };
        writeln!(out, "no problems found{but}")
    }
}

impl fmt::Display for DeviceCheck {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:<11} ", self.device)?;
        if let Some(card) = &self.card {
            let gigabytes = self.memory.unwrap_or(0) as f64 / 1e9;
            let capability = self.capability.as_deref().unwrap_or("unknown");
            write!(out, "{card}, {gigabytes:.1} GB, compute capability {capability}; ")?;
        }
        let Self { images, precision, .. } = self;
        match (self.milliseconds, self.distance) {
            (Some(time), Some(distance)) => {
                write!(out, "{images} images in {time:.1} ms in {precision}")?;
                if distance > 0.0 {
                    write!(out, ", features within {distance:.1e} of those of fp32 on the CPU")?;
                }
            }
            _ => write!(out, "failed")?,
        }
        match self.images_per_second {
            Some(rate) => write!(out, "; {rate:.0} images/s from memory"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for WeightsState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "weights     {}: ", self.name)?;
        let Some(path) = &self.path else { return write!(out, "not downloaded") };
        let state = match (self.verified, self.is_known) {
            (Some(true), true) => "checksum verified",
            (Some(true), false) => "fits the network",
            (_, true) => "damaged",
            (_, false) => "cannot be used",
        };
        write!(out, "{}, {:.1} MB, {state}", path.display(), self.bytes.unwrap_or(0) as f64 / 1e6)
    }
}
