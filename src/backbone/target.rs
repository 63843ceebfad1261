//! The device and the precision of the network.

use std::fmt;
use std::str::FromStr;

use tch::{Device, Kind};

use super::{BackboneError, about, device, device::DeviceChoice, int8};
use crate::ffi::driver;
use crate::kernels::{self, Isa};

/// The precision that the user selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PrecisionChoice {
    /// bf16 on a processor with instructions for it, fp16 on a GPU that has only those for fp16, else fp32; the choice
    /// is always shown.
    #[default]
    Auto,
    /// 32-bit floats throughout.
    Fp32,
    /// 16-bit brain floats between the layers, 32-bit sums within them.
    Bf16,
    /// 16-bit floats between the layers, 32-bit sums within them, on GPUs.
    Fp16,
    /// Bytes between the layers, 32-bit sums within them, on CPUs with VNNI. Never selected by `Auto`: the loss of
    /// accuracy depends on the photos.
    Int8,
}

/// The arithmetic of the network's layers; features are 32-bit floats in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    /// 32-bit floats: within 1e-5 (relative) of tch's vision module.
    Fp32,
    /// 16-bit brain floats between the layers: within 1e-2 (relative), faster on a processor with instructions for
    /// them.
    Bf16,
    /// 16-bit floats between the layers: closer than bf16, but limited to 65504; an overflow is an error.
    Fp16,
    /// Bytes between the layers, on CPUs with VNNI: the fastest, and the least accurate.
    Int8,
}

/// The device, the precision, and the image size for which weights are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    /// The device.
    pub device: Device,
    /// The precision.
    pub precision: Precision,
    /// The side of the input in pixels; other sizes give the same features, perhaps more slowly.
    pub image_size: u32,
}

impl Target {
    /// 32-bit floats on the CPU for images of 224×224.
    pub(crate) const CPU: Self = Self { device: Device::Cpu, precision: Precision::Fp32, image_size: 224 };

    /// Resolves the user's choices to a target and all the devices that share the work; the target has the first of
    /// them.
    ///
    /// # Errors
    /// [`BackboneError`] of [`device::resolve`] and of [`Target::on`].
    pub(crate) fn resolve(
        device: DeviceChoice,
        precision: PrecisionChoice,
        image_size: u32,
    ) -> Result<(Self, Vec<Device>), BackboneError> {
        let devices = device::resolve(device)?;
        let first = devices.first().copied().unwrap_or(Device::Cpu);
        let precision = Processor::new(&devices).precision(precision)?;
        Ok((Self { device: first, precision, image_size }, devices))
    }

    /// The target on a device that is known to exist.
    ///
    /// # Errors
    /// [`BackboneError::NoBf16`], [`BackboneError::NoFp16`], [`BackboneError::NoInt8`].
    pub(crate) fn on(device: Device, precision: PrecisionChoice, image_size: u32) -> Result<Self, BackboneError> {
        Ok(Self { device, precision: Processor::new(&[device]).precision(precision)?, image_size })
    }

    /// The instruction set of this program's own kernels for this target; `None` if libtorch is used.
    pub(super) fn kernels(&self) -> Option<Isa> {
        Isa::detect().filter(|_| self.device == Device::Cpu && self.precision == Precision::Fp32)
    }

    /// An identifier that is the same for targets with bit-identical features, for cache keys. It contains the versions
    /// of our kernels and of libtorch and the instruction set or the compute capability, so that a cache can be moved
    /// to another machine and used after an update.
    pub(crate) fn id(&self) -> String {
        let of_bytes = (self.precision == Precision::Int8).then(|| format!(".{}", int8::VERSION));
        let of_kernels = self.kernels().map(|_| format!("-kernels{}", kernels::VERSION));
        let kernels = of_bytes.or(of_kernels).unwrap_or_default();
        let (processor, precision, network) = (self.processor(), self.precision, super::NETWORK_VERSION);
        format!("{processor}-{precision}{kernels}-network{network}-libtorch{}", about::version())
    }

    /// The versions of the code that computes features, the same wherever this program runs.
    pub(crate) fn computation() -> String {
        format!("network {}, kernels {}, int8 {}", super::NETWORK_VERSION, kernels::VERSION, int8::VERSION)
    }

    /// The machine's part of [`Target::id`]: the processor, and whether our kernels or libtorch are used.
    pub(crate) fn computed_on(&self) -> String {
        let by = if self.kernels().is_some() { "own kernels" } else { "libtorch" };
        format!("{} with {by}", self.processor())
    }

    /// The instruction set or compute capability, which affects the last bits of a feature besides the precision.
    pub(crate) fn processor(&self) -> String {
        match (self.device, Processor::new(&[self.device])) {
            (Device::Cpu, _) => format!("cpu-{}", about::instructions()),
            (_, Processor::Gpu(major, minor)) => format!("cuda-capability{major}.{minor}"),
            (Device::Vulkan, _) => "vulkan".to_owned(),
            (_, Processor::Cpu { .. } | Processor::Mps) => "mps".to_owned(),
        }
    }
}

/// The properties of a device by which the precision is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Processor {
    Cpu {
        bf16: bool,
        vnni: bool,
    },
    /// The compute capability; of several cards, the lowest.
    Gpu(i32, i32),
    /// Apple's GPU.
    Mps,
}

impl Processor {
    fn new(devices: &[Device]) -> Self {
        match devices.first() {
            None | Some(Device::Cpu) => {
                Self::Cpu { bf16: about::cpu_computes_bf16(), vnni: about::cpu_computes_int8() }
            }
            Some(Device::Mps | Device::Vulkan) => Self::Mps,
            Some(Device::Cuda(_)) => {
                let gpus = match driver::ask() {
                    driver::Driver::Works { gpus, .. } => gpus,
                    driver::Driver::Missing | driver::Driver::Failed { .. } => Vec::new(),
                };
                let capability = |device: &Device| match device {
                    Device::Cuda(number) => gpus.get(*number).map(|gpu| gpu.capability),
                    _ => None,
                };
                // A card of unknown capability gets the precision that every card supports.
                let (major, minor) = devices.iter().map(capability).min().flatten().unwrap_or_default();
                Self::Gpu(major, minor)
            }
        }
    }

    /// bf16 has its own instructions from capability 8.0 (Ampere), fp16 from 7.0 (Volta): CUDA C++ Programming Guide,
    /// "Features and Technical Specifications", tensor cores.
    fn precision(self, choice: PrecisionChoice) -> Result<Precision, BackboneError> {
        match (choice, self) {
            (PrecisionChoice::Auto, Self::Cpu { bf16: true, .. } | Self::Gpu(8.., _))
            | (PrecisionChoice::Bf16, Self::Cpu { bf16: true, .. } | Self::Gpu(8.., _) | Self::Mps) => {
                Ok(Precision::Bf16)
            }
            (PrecisionChoice::Auto, Self::Gpu(7, _)) | (PrecisionChoice::Fp16, Self::Gpu(..) | Self::Mps) => {
                Ok(Precision::Fp16)
            }
            (PrecisionChoice::Auto | PrecisionChoice::Fp32, _) => Ok(Precision::Fp32),
            (PrecisionChoice::Int8, Self::Cpu { vnni: true, .. }) => Ok(Precision::Int8),
            (PrecisionChoice::Bf16, _) => Err(BackboneError::NoBf16),
            (PrecisionChoice::Fp16, Self::Cpu { .. }) => Err(BackboneError::NoFp16),
            (PrecisionChoice::Int8, Self::Cpu { .. }) => Err(BackboneError::NoInt8("this processor has none")),
            (PrecisionChoice::Int8, Self::Gpu(..) | Self::Mps) => Err(BackboneError::NoInt8("this runs on a GPU")),
        }
    }
}

impl Precision {
    /// Whether values between the layers have 16 bits.
    pub(crate) fn is_half(self) -> bool {
        matches!(self, Self::Bf16 | Self::Fp16)
    }

    /// The type of the inputs and outputs of the layers.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Fp32 | Self::Int8 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
            Self::Fp16 => Kind::Half,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
            Self::Fp16 => "fp16",
            Self::Int8 => "int8",
        })
    }
}

impl FromStr for PrecisionChoice {
    type Err = BackboneError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "fp32" => Ok(Self::Fp32),
            "bf16" => Ok(Self::Bf16),
            "fp16" => Ok(Self::Fp16),
            "int8" => Ok(Self::Int8),
            _ => Err(BackboneError::UnknownPrecision(text.to_owned())),
        }
    }
}

impl fmt::Display for PrecisionChoice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => out.write_str("auto"),
            Self::Fp32 => Precision::Fp32.fmt(out),
            Self::Bf16 => Precision::Bf16.fmt(out),
            Self::Fp16 => Precision::Fp16.fmt(out),
            Self::Int8 => Precision::Int8.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_print_the_same() {
        for text in ["auto", "fp32", "bf16", "fp16", "int8"] {
            assert_eq!(text.parse::<PrecisionChoice>().unwrap().to_string(), text);
        }
        assert!("fp8".parse::<PrecisionChoice>().unwrap_err().to_string().contains("`fp8`"));
    }

    #[test]
    fn what_was_asked_for_is_what_runs_and_has_an_id_of_its_own() {
        let resolve = |precision| Target::on(Device::Cpu, precision, 224);
        assert_eq!(resolve(PrecisionChoice::Fp32).unwrap(), Target::CPU);
        match resolve(PrecisionChoice::Bf16) {
            Ok(target) => assert_ne!(target.id(), Target::CPU.id()),
            Err(error) => assert!(matches!(error, BackboneError::NoBf16)),
        }
        match resolve(PrecisionChoice::Int8) {
            Ok(target) => assert!(target.id().contains("-int8.1-network"), "{}", target.id()),
            Err(error) => assert!(matches!(error, BackboneError::NoInt8(_))),
        }
        let id = Target::CPU.id();
        let kernels = if Isa::detect().is_some() { "-kernels1" } else { "" };
        assert!(id.starts_with(&format!("cpu-{}-fp32{kernels}-network", about::instructions())), "{id}");
        let by = if kernels.is_empty() { "libtorch" } else { "own kernels" };
        assert_eq!(Target::CPU.computed_on(), format!("cpu-{} with {by}", about::instructions()));
        assert!(id.ends_with(&format!("-libtorch{}", crate::ffi::libtorch::compiled_version())), "{id}");
    }

    #[test]
    fn the_card_chooses_and_never_what_it_would_only_imitate() {
        use PrecisionChoice::{Auto, Bf16, Fp16, Fp32, Int8};
        let [new_cpu, old_cpu] = [true, false].map(|there| Processor::Cpu { bf16: there, vnni: there });
        let (hopper, turing, pascal) = (Processor::Gpu(9, 0), Processor::Gpu(7, 5), Processor::Gpu(6, 1));
        let chosen = |processor: Processor, choice| processor.precision(choice).ok();
        let auto = [new_cpu, old_cpu, hopper, turing, pascal].map(|processor| chosen(processor, Auto).unwrap());
        assert_eq!(auto.map(|precision| precision.to_string()), ["bf16", "fp32", "bf16", "fp16", "fp32"]);
        for processor in [new_cpu, old_cpu, hopper, turing, pascal, Processor::Mps] {
            assert_eq!(chosen(processor, Fp32), Some(Precision::Fp32));
        }
        assert_eq!([hopper, turing, old_cpu].map(|processor| chosen(processor, Bf16).is_some()), [true, false, false]);
        assert_eq!([hopper, pascal, new_cpu].map(|processor| chosen(processor, Fp16).is_some()), [true, true, false]);
        let ice_lake = Processor::Cpu { bf16: false, vnni: true };
        assert_eq!([new_cpu, ice_lake].map(|processor| chosen(processor, Int8)), [Some(Precision::Int8); 2]);
        assert_eq!(chosen(ice_lake, Auto), Some(Precision::Fp32));
        let why = [old_cpu, hopper, Processor::Mps].map(|processor| processor.precision(Int8).unwrap_err().to_string());
        assert!(why[0].ends_with("VNNI, and this processor has none"), "{}", why[0]);
        assert!(why[1..].iter().all(|why| why.ends_with("VNNI, and this runs on a GPU")), "{why:?}");
    }
}
