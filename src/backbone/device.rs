//! The device that runs the network, chosen by name and never replaced without notice.

use std::fmt;
use std::str::FromStr;

use super::BackboneError;

/// The device that the user selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The first GPU if there is one, else the CPU; the choice is always shown.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// CUDA GPUs that share the work.
    Cuda(Gpus),
    /// Apple's GPU.
    Mps,
}

/// A set of GPU numbers from 0 to 62, one bit each; or all GPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gpus(u64);

impl Gpus {
    /// The first GPU.
    pub const FIRST: Self = Self(1);
    /// All GPUs.
    pub const ALL: Self = Self(u64::MAX);

    /// Parses `0`, `0,1` or `all`.
    fn parse(text: &str) -> Option<Self> {
        if text == "all" {
            return Some(Self::ALL);
        }
        let bit = |number: &str| number.parse().ok().filter(|&number| number < 63).map(|number: u32| 1_u64 << number);
        text.split(',').map(bit).try_fold(0, |bits, bit| Some(bits | bit?)).map(Self)
    }

    fn numbers(self) -> impl Iterator<Item = usize> {
        (0..64).filter(move |number| self.0 >> number & 1 == 1)
    }
}

impl fmt::Display for Gpus {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return out.write_str("all");
        }
        out.write_str(&self.numbers().map(|number| number.to_string()).collect::<Vec<_>>().join(","))
    }
}

impl FromStr for DeviceChoice {
    type Err = BackboneError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || BackboneError::UnknownDevice(text.to_owned());
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(Gpus::FIRST)),
            "mps" => Ok(Self::Mps),
            other => match other.strip_prefix("cuda:") {
                Some(numbers) => Gpus::parse(numbers).map(Self::Cuda).ok_or_else(unknown),
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
            Self::Cuda(gpus) => write!(formatter, "cuda:{gpus}"),
            Self::Mps => formatter.write_str("mps"),
        }
    }
}

/// The devices that libtorch and this machine offer; separate from [`resolve`] so that every case can be tested.
#[derive(Debug, Clone, Copy)]
struct AvailableDevices {
    cuda_built: bool,
    gpus: usize,
    mps: bool,
}

impl AvailableDevices {
    fn detect() -> Self {
        let gpus = if tch::Cuda::is_available() { tch::Cuda::device_count() } else { 0 };
        Self {
            cuda_built: tch::utils::has_cudart(),
            gpus: usize::try_from(gpus).unwrap_or(0),
            mps: tch::utils::has_mps(),
        }
    }

    fn resolve(self, choice: DeviceChoice) -> Result<Vec<tch::Device>, BackboneError> {
        match choice {
            DeviceChoice::Auto if self.gpus > 0 => Ok(vec![tch::Device::Cuda(0)]),
            DeviceChoice::Auto | DeviceChoice::Mps if self.mps => Ok(vec![tch::Device::Mps]),
            DeviceChoice::Auto | DeviceChoice::Cpu => Ok(vec![tch::Device::Cpu]),
            DeviceChoice::Mps => Err(BackboneError::NoMps),
            DeviceChoice::Cuda(_) if !self.cuda_built => Err(BackboneError::CpuOnlyLibtorch),
            DeviceChoice::Cuda(_) if self.gpus == 0 => Err(BackboneError::NoGpu),
            DeviceChoice::Cuda(Gpus::ALL) => Ok((0..self.gpus).map(tch::Device::Cuda).collect()),
            DeviceChoice::Cuda(gpus) => match gpus.numbers().find(|&number| number >= self.gpus) {
                Some(number) => Err(BackboneError::NoSuchGpu { number, gpus: self.gpus }),
                None => Ok(gpus.numbers().map(tch::Device::Cuda).collect()),
            },
        }
    }
}

/// Resolves the choice to the devices that share the work: one, unless several GPUs were selected.
///
/// # Errors
/// [`BackboneError::CpuOnlyLibtorch`], [`BackboneError::NoGpu`], [`BackboneError::NoSuchGpu`] or
/// [`BackboneError::NoMps`]: a selected device is never replaced by another.
pub(crate) fn resolve(choice: DeviceChoice) -> Result<Vec<tch::Device>, BackboneError> {
    if choice == DeviceChoice::Cpu {
        // Querying GPUs initialises the CUDA driver, which takes a second if there is one.
        return Ok(vec![tch::Device::Cpu]);
    }
    AvailableDevices::detect().resolve(choice)
}

/// The name of some devices of one kind in the syntax of `--device`.
pub(crate) fn name(devices: &[tch::Device]) -> String {
    let one = |device: &tch::Device| match *device {
        tch::Device::Cpu => "cpu".to_owned(),
        tch::Device::Cuda(number) => format!("cuda:{number}"),
        tch::Device::Mps => "mps".to_owned(),
        tch::Device::Vulkan => "vulkan".to_owned(),
    };
    let (first, later) = match devices {
        [first, later @ ..] => (one(first), later),
        [] => (String::new(), devices),
    };
    later.iter().fold(first, |names, device| format!("{names},{}", one(device).trim_start_matches("cuda:")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_print_the_same() {
        for text in ["auto", "cpu", "cuda:0", "cuda:3", "cuda:0,1", "cuda:all", "mps"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        assert_eq!("cuda".parse::<DeviceChoice>().unwrap(), DeviceChoice::Cuda(Gpus::FIRST));
        for text in ["gpu", "cuda:", "cuda:-1", "cuda:x", "cuda:0,", "cuda:64", "cuda:all,0", ""] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_device_that_is_not_there_is_an_error_that_says_why() {
        let cpu_only = AvailableDevices { cuda_built: false, gpus: 0, mps: false };
        let no_gpu = AvailableDevices { cuda_built: true, ..cpu_only };
        let one_gpu = AvailableDevices { gpus: 1, ..no_gpu };
        let error = |available: AvailableDevices, choice| available.resolve(choice).unwrap_err();
        assert!(matches!(error(cpu_only, DeviceChoice::Cuda(Gpus::FIRST)), BackboneError::CpuOnlyLibtorch));
        assert!(matches!(error(no_gpu, DeviceChoice::Cuda(Gpus::FIRST)), BackboneError::NoGpu));
        assert!(matches!(error(one_gpu, DeviceChoice::Cuda(Gpus(2))), BackboneError::NoSuchGpu { number: 1, gpus: 1 }));
        assert!(matches!(error(one_gpu, DeviceChoice::Mps), BackboneError::NoMps));
        assert_eq!(one_gpu.resolve(DeviceChoice::Auto).unwrap(), [tch::Device::Cuda(0)]);
        assert_eq!(no_gpu.resolve(DeviceChoice::Auto).unwrap(), [tch::Device::Cpu]);
    }

    #[test]
    fn several_gpus_are_taken_in_order_and_once() {
        let four = AvailableDevices { cuda_built: true, gpus: 4, mps: false };
        let names = |text: &str| four.resolve(text.parse().unwrap()).map(|devices| name(&devices));
        assert_eq!(names("cuda:2,0,2").unwrap(), "cuda:0,2");
        assert_eq!(names("cuda:all").unwrap(), "cuda:0,1,2,3");
        assert!(matches!(names("cuda:0,4"), Err(BackboneError::NoSuchGpu { number: 4, gpus: 4 })));
    }
}
