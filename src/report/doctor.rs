//! What `doctor` found.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::files::escaped;

/// The state of everything that a run needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DoctorReport {
    /// Of this program.
    pub version: &'static str,
    /// Of libtorch.
    pub libtorch: String,
    /// The CUDA of libtorch; `None` if it is CPU-only.
    pub cuda: Option<String>,
    /// NVIDIA's driver, in words.
    pub driver: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Threads that decode and compute, as `--threads` has it.
    pub threads: usize,
    /// Whether the CPU has instructions for bf16.
    pub cpu_bf16: bool,
    /// Whether the CPU has instructions for int8.
    pub cpu_int8: bool,
    /// What a batch did on each device.
    pub devices: Vec<DeviceCheck>,
    /// The weights that are known by name, and the file that was asked for.
    pub weights: Vec<WeightsState>,
    /// The cache, in words.
    pub cache: String,
    /// Its folder; `None` if it is off.
    #[serde(serialize_with = "escaped::serialize_option")]
    pub cache_folder: Option<PathBuf>,
    /// What is wrong, gravest first: the first one's code is the exit code.
    pub problems: Vec<Problem>,
}

/// A batch on a device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeviceCheck {
    /// As `--device` names it.
    pub device: String,
    /// The card's name, if it is one.
    pub card: Option<String>,
    /// The card's memory in bytes.
    pub memory: Option<u64>,
    /// The card's compute capability.
    pub capability: Option<String>,
    /// `auto` on this device.
    pub precision: String,
    /// Images in the batch.
    pub images: usize,
    /// How long it took, once warm; `None` if it failed.
    pub milliseconds: Option<f64>,
    /// Relative distance from the CPU's features in fp32.
    pub distance: Option<f64>,
    /// Images of 224×224 a second from bytes in memory, if that was asked for.
    pub images_per_second: Option<f64>,
}

/// Weights that are known by name, or a file that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WeightsState {
    /// What `--weights` calls them.
    pub name: String,
    /// Where they are.
    #[serde(serialize_with = "escaped::serialize_option")]
    pub path: Option<PathBuf>,
    /// Bytes of the file.
    pub bytes: Option<u64>,
    /// Whether the checksum is that of the manifest, or the file that was asked for fits the network; `None` where there is no
    /// file.
    pub verified: Option<bool>,
    /// Whether the manifest knows them.
    #[serde(skip)]
    pub is_known: bool,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Exit code of its kind.
    pub code: u8,
    /// What is wrong.
    pub message: String,
    /// What to do.
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
            " but for the weights: `resnet-binary weights fetch` downloads them (102 MB)"
        };
        writeln!(out, "all well{but}")
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
