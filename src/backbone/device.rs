//! Which processor runs the network: asked for by name, never changed behind the user's back.

use std::fmt;
use std::str::FromStr;

use super::BackboneError;

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The first GPU where there is one, else the CPU; what it became is always shown.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA GPU of this number.
    Cuda(usize),
    /// Apple's GPU.
    Mps,
}

impl FromStr for DeviceChoice {
    type Err = BackboneError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || BackboneError::UnknownDevice(text.to_owned());
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            "mps" => Ok(Self::Mps),
            other => match other.strip_prefix("cuda:") {
                Some(number) => number.parse().map(Self::Cuda).map_err(|_| unknown()),
                None => Err(unknown()),
            },
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => formatter.write_str("auto"),
            Self::Cpu => formatter.write_str("cpu"),
            Self::Cuda(number) => write!(formatter, "cuda:{number}"),
            Self::Mps => formatter.write_str("mps"),
        }
    }
}

/// What this libtorch and this machine offer; apart from [`resolve`] so that every case can be tested anywhere.
#[derive(Debug, Clone, Copy)]
struct Offer {
    cuda_built: bool,
    gpus: usize,
    mps: bool,
}

impl Offer {
    fn of_this_machine() -> Self {
        let gpus = if tch::Cuda::is_available() { tch::Cuda::device_count() } else { 0 };
        Self {
            cuda_built: tch::utils::has_cudart(),
            gpus: usize::try_from(gpus).unwrap_or(0),
            mps: tch::utils::has_mps(),
        }
    }

    fn resolve(self, choice: DeviceChoice) -> Result<tch::Device, BackboneError> {
        match choice {
            DeviceChoice::Auto if self.gpus > 0 => Ok(tch::Device::Cuda(0)),
            DeviceChoice::Auto | DeviceChoice::Mps if self.mps => Ok(tch::Device::Mps),
            DeviceChoice::Auto | DeviceChoice::Cpu => Ok(tch::Device::Cpu),
            DeviceChoice::Mps => Err(BackboneError::NoMps),
            DeviceChoice::Cuda(_) if !self.cuda_built => Err(BackboneError::CpuOnlyLibtorch),
            DeviceChoice::Cuda(_) if self.gpus == 0 => Err(BackboneError::NoGpu),
            DeviceChoice::Cuda(number) if number >= self.gpus => {
                Err(BackboneError::NoSuchGpu { number, gpus: self.gpus })
            }
            DeviceChoice::Cuda(number) => Ok(tch::Device::Cuda(number)),
        }
    }
}

/// Turns the choice into a device that is there.
///
/// # Errors
/// [`BackboneError::CpuOnlyLibtorch`], [`BackboneError::NoGpu`], [`BackboneError::NoSuchGpu`] or
/// [`BackboneError::NoMps`]: a device that was asked for is never replaced by another.
pub fn resolve(choice: DeviceChoice) -> Result<tch::Device, BackboneError> {
    if choice == DeviceChoice::Cpu {
        // Asking about GPUs starts the CUDA driver, which costs a second where there is one.
        return Ok(tch::Device::Cpu);
    }
    Offer::of_this_machine().resolve(choice)
}

/// The name of a device as `--device` takes it.
pub fn name(device: tch::Device) -> String {
    match device {
        tch::Device::Cpu => "cpu".to_owned(),
        tch::Device::Cuda(number) => format!("cuda:{number}"),
        tch::Device::Mps => "mps".to_owned(),
        tch::Device::Vulkan => "vulkan".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_print_the_same() {
        for text in ["auto", "cpu", "cuda:0", "cuda:3", "mps"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        assert_eq!("cuda".parse::<DeviceChoice>().unwrap(), DeviceChoice::Cuda(0));
        for text in ["gpu", "cuda:", "cuda:-1", "cuda:x", ""] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_device_that_is_not_there_is_an_error_that_says_why() {
        let cpu_only = Offer { cuda_built: false, gpus: 0, mps: false };
        let no_gpu = Offer { cuda_built: true, ..cpu_only };
        let one_gpu = Offer { gpus: 1, ..no_gpu };
        let error = |offer: Offer, choice| offer.resolve(choice).unwrap_err();
        assert!(matches!(error(cpu_only, DeviceChoice::Cuda(0)), BackboneError::CpuOnlyLibtorch));
        assert!(matches!(error(no_gpu, DeviceChoice::Cuda(0)), BackboneError::NoGpu));
        assert!(matches!(error(one_gpu, DeviceChoice::Cuda(1)), BackboneError::NoSuchGpu { number: 1, gpus: 1 }));
        assert!(matches!(error(one_gpu, DeviceChoice::Mps), BackboneError::NoMps));
        assert_eq!(one_gpu.resolve(DeviceChoice::Auto).unwrap(), tch::Device::Cuda(0));
        assert_eq!(no_gpu.resolve(DeviceChoice::Auto).unwrap(), tch::Device::Cpu);
    }
}
