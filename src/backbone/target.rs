//! On what and in which arithmetic the network runs.

use std::fmt;
use std::str::FromStr;

use tch::{Device, Kind};

use super::{BackboneError, device, device::DeviceChoice};

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PrecisionChoice {
    /// bf16 on a processor with instructions for it, else fp32; what it became is always shown.
    #[default]
    Auto,
    /// 32-bit floats throughout.
    Fp32,
    /// 16-bit brain floats between the layers, 32-bit sums within them.
    Bf16,
}

/// The arithmetic of the network's layers; features come out as 32-bit floats either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats: within 1e-5 (relative) of tch's vision module.
    Fp32,
    /// 16-bit brain floats between the layers: within 1e-2 (relative), and about twice as fast where the processor has
    /// instructions for them.
    Bf16,
}

/// The device, the arithmetic, and the image size that weights are arranged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The device.
    pub device: Device,
    /// The arithmetic.
    pub precision: Precision,
    /// Side of the input in pixels; others give the same features, perhaps more slowly.
    pub image_size: u32,
}

impl Target {
    /// 32-bit floats on the CPU for images of 224×224.
    pub const CPU: Self = Self { device: Device::Cpu, precision: Precision::Fp32, image_size: 224 };

    /// Turns the user's choices into what is there.
    ///
    /// # Errors
    /// [`BackboneError`] of [`device::resolve`], and [`BackboneError::NoBf16`].
    pub fn resolve(device: DeviceChoice, precision: PrecisionChoice, image_size: u32) -> Result<Self, BackboneError> {
        let device = device::resolve(device)?;
        let precision = match precision {
            PrecisionChoice::Auto if device == Device::Cpu && cpu_computes_bf16() => Precision::Bf16,
            PrecisionChoice::Auto | PrecisionChoice::Fp32 => Precision::Fp32,
            PrecisionChoice::Bf16 if device == Device::Cpu && !cpu_computes_bf16() => {
                return Err(BackboneError::NoBf16);
            }
            PrecisionChoice::Bf16 => Precision::Bf16,
        };
        Ok(Self { device, precision, image_size })
    }

    /// A text that is the same for targets with the same features, to the bit on one machine: for cache keys.
    pub fn id(&self) -> String {
        let device = match self.device {
            Device::Cpu => "cpu",
            Device::Cuda(_) => "cuda",
            Device::Mps => "mps",
            Device::Vulkan => "vulkan",
        };
        format!("{device}-{}-network{}", self.precision, super::NETWORK_VERSION)
    }
}

/// Whether this processor multiplies bf16 itself; every one with AMX has these instructions too.
fn cpu_computes_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

impl Precision {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Fp32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_print_the_same() {
        for text in ["auto", "fp32", "bf16"] {
            assert_eq!(text.parse::<PrecisionChoice>().unwrap().to_string(), text);
        }
        assert!("fp16".parse::<PrecisionChoice>().unwrap_err().to_string().contains("`fp16`"));
    }

    #[test]
    fn what_was_asked_for_is_what_runs_and_has_an_id_of_its_own() {
        let resolve = |precision| Target::resolve(DeviceChoice::Cpu, precision, 224);
        assert_eq!(resolve(PrecisionChoice::Fp32).unwrap(), Target::CPU);
        match resolve(PrecisionChoice::Bf16) {
            Ok(target) => assert_ne!(target.id(), Target::CPU.id()),
            Err(error) => assert!(matches!(error, BackboneError::NoBf16)),
        }
    }
}
