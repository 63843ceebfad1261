//! What can be wrong with an installation: a message, a remedy and an exit code each.

use std::path::PathBuf;

use crate::backbone::BackboneError;
use crate::backbone::about::{Driver, Libtorch};
use crate::report::Problem;

/// One kind each, gravest first. `scripts/check/doctor` has code 10, a shared library that is missing, for then this program
/// does not start.
#[derive(Debug, thiserror::Error)]
pub(super) enum Diagnosis {
    #[error("this is libtorch {given}, and the program was compiled for {wanted}")]
    OtherVersion { given: String, wanted: String },
    #[error("two OpenMP libraries are loaded, which get in each other's way: {}", list(.0))]
    TwoOpenMp(Vec<PathBuf>),
    #[error("this libtorch is CPU-only")]
    CpuOnly,
    #[error("there is no NVIDIA driver: `libcuda.so.1` is not found")]
    NoDriver,
    #[error("the NVIDIA driver is too old: it runs CUDA {given}, and libtorch was built for {wanted}")]
    OldDriver { given: String, wanted: String },
    #[error("the NVIDIA driver does not work: {0}")]
    BrokenDriver(String),
    #[error("{0}")]
    NoSuchDevice(BackboneError),
    #[error("`{device}` does not run the network: {error}")]
    Failed { device: String, error: BackboneError },
    #[error("`{device}` computes wrong features: {distance:.1e} from the CPU's, at most {limit:.0e} is rounding")]
    Wrong { device: String, distance: f64, limit: f64 },
    #[error("{message}")]
    Weights { message: String, hint: String },
    #[error("the cache cannot be used: {message}")]
    Cache { message: String },
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(" and ")
}

impl Diagnosis {
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::OtherVersion { .. } => 11,
            Self::TwoOpenMp(_) => 12,
            Self::CpuOnly => 13,
            Self::NoDriver => 14,
            Self::OldDriver { .. } => 15,
            Self::BrokenDriver(_) => 16,
            Self::NoSuchDevice(_) => 17,
            Self::Failed { .. } | Self::Wrong { .. } => 18,
            Self::Weights { .. } => 19,
            Self::Cache { .. } => 20,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::OtherVersion { wanted, .. } => format!(
                "point `LD_LIBRARY_PATH` at the `lib` folder of a libtorch {wanted} or leave it unset; `scripts/setup` \
                 fetches one"
            ),
            Self::TwoOpenMp(_) => "leave only one in `LD_LIBRARY_PATH` and `LD_PRELOAD`".to_owned(),
            Self::CpuOnly => {
                "install the wheel with `pip`, which takes PyTorch for CUDA; from source: run `scripts/setup --cuda` and build \
                 again"
                    .to_owned()
            }
            Self::NoDriver => {
                "install NVIDIA's driver; in a container, start it with the GPUs (`docker run --gpus all`)".to_owned()
            }
            Self::OldDriver { wanted, .. } => format!(
                "install a driver that runs CUDA {wanted} or later: `nvidia-smi` shows on its first line what it runs"
            ),
            Self::BrokenDriver(_) => {
                "see what `nvidia-smi` says; after an update of the driver, restart the machine".to_owned()
            }
            Self::NoSuchDevice(BackboneError::NoGpu) => {
                "see whether `nvidia-smi` lists the card; a CUDA_VISIBLE_DEVICES that is set hides all that it does not name"
                    .to_owned()
            }
            Self::NoSuchDevice(error) | Self::Failed { error, .. } => {
                error.hint().unwrap_or_else(|| "please report it, with all that is above".to_owned())
            }
            Self::Wrong { .. } => {
                "do not trust this device: `--device cpu` goes without it; test its memory, and please report it".to_owned()
            }
            Self::Weights { hint, .. } => hint.clone(),
            Self::Cache { .. } => {
                "make its folder writable, or give another with `--cache DIR` or RESNET_BINARY_CACHE; `--cache off` goes \
                 without"
                    .to_owned()
            }
        }
    }

    pub(super) fn problem(&self) -> Problem {
        Problem { code: self.code(), message: self.to_string(), remedy: self.remedy() }
    }
}

/// What keeps libtorch from the GPUs. Where none was asked for, a CPU-only libtorch and a machine without driver are well.
pub(super) fn cuda_diagnoses(asked: bool, libtorch: &Libtorch, driver: &Driver) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    if asked && !libtorch.has_cuda {
        found.push(Diagnosis::CpuOnly);
    }
    if !asked && !libtorch.has_cuda {
        return found;
    }
    let built_for = libtorch.built_for.clone().unwrap_or_default();
    let runs = |cuda: i32| format!("{}.{}", cuda / 1000, cuda % 1000 / 10);
    // Within one major version every driver runs every CUDA: "CUDA Compatibility", section "Minor Version Compatibility".
    let is_old = |cuda: i32| {
        built_for.split('.').next().and_then(|major| major.parse().ok()).is_some_and(|major: i32| cuda / 1000 < major)
    };
    match driver {
        Driver::Missing if asked => found.push(Diagnosis::NoDriver),
        Driver::Failed { cuda, .. } | Driver::Works { cuda, .. } if *cuda > 0 && is_old(*cuda) => {
            found.push(Diagnosis::OldDriver { given: runs(*cuda), wanted: built_for });
        }
        Driver::Failed { error, .. } => found.push(Diagnosis::BrokenDriver(error.clone())),
        Driver::Works { gpus, .. } if gpus.is_empty() && asked => {
            found.push(Diagnosis::NoSuchDevice(BackboneError::NoGpu));
        }
        Driver::Works { gpus, .. } if libtorch.has_cuda && libtorch.gpus < gpus.len() => {
            let seen = format!("it has {} GPUs, of which libtorch sees {}", gpus.len(), libtorch.gpus);
            found.push(Diagnosis::BrokenDriver(seen));
        }
        Driver::Missing | Driver::Works { .. } => {}
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::driver::Gpu;

    #[test]
    fn every_state_of_cuda_has_its_code_and_a_cpu_user_is_left_alone() {
        let cpu_only = Libtorch {
            version: "2.11.0".into(),
            wanted: "2.11.0".into(),
            built_for: Some("13.0".into()),
            has_cuda: false,
            gpus: 0,
        };
        let with_cuda = Libtorch { has_cuda: true, ..cpu_only.clone() };
        let one = Libtorch { gpus: 1, ..with_cuda.clone() };
        let gpu = Gpu { name: "Some card".into(), memory: 1 << 33, capability: (9, 0) };
        let works = |cuda, gpus| Driver::Works { cuda, gpus };
        let failed = |cuda| Driver::Failed { cuda, error: "CUDA_ERROR_UNKNOWN".into() };
        let codes = |asked, libtorch: &Libtorch, driver: &Driver| -> Vec<u8> {
            cuda_diagnoses(asked, libtorch, driver).iter().map(Diagnosis::code).collect()
        };
        for (libtorch, driver, asked, not_asked) in [
            (&cpu_only, Driver::Missing, vec![13, 14], vec![]),
            (&cpu_only, works(12040, vec![gpu.clone()]), vec![13, 15], vec![]),
            (&with_cuda, Driver::Missing, vec![14], vec![]),
            (&with_cuda, works(12080, vec![gpu.clone()]), vec![15], vec![15]),
            (&with_cuda, failed(12020), vec![15], vec![15]),
            (&with_cuda, failed(13000), vec![16], vec![16]),
            (&with_cuda, works(13000, vec![gpu.clone()]), vec![16], vec![16]),
            (&with_cuda, works(13000, vec![]), vec![17], vec![]),
            (&one, works(13010, vec![gpu.clone()]), vec![], vec![]),
        ] {
            assert_eq!(codes(true, libtorch, &driver), asked, "{libtorch:?} {driver:?}");
            assert_eq!(codes(false, libtorch, &driver), not_asked, "{libtorch:?} {driver:?}");
        }
        let old = cuda_diagnoses(true, &with_cuda, &works(12040, vec![])).remove(0);
        assert_eq!(old.to_string(), "the NVIDIA driver is too old: it runs CUDA 12.4, and libtorch was built for 13.0");
    }
}
