//! The versions and capabilities of libtorch, the processor and NVIDIA's driver: for `--version` and `doctor`.

use super::BackboneError;
use crate::ffi::libtorch;

pub(crate) use crate::ffi::driver::Driver;

/// The libtorch in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Libtorch {
    /// Its version, such as `2.11.0`.
    pub version: String,
    /// The version that this program was compiled for.
    pub wanted: String,
    /// The CUDA version that it was built for, such as `13.0`, even if its CUDA libraries are not installed.
    pub built_for: Option<String>,
    /// Whether its CUDA libraries are installed.
    pub has_cuda: bool,
    /// The number of GPUs that it finds.
    pub gpus: usize,
}

impl Libtorch {
    /// Reads the values from the library.
    ///
    /// # Errors
    /// [`BackboneError::Libtorch`] if it cannot be queried.
    pub(crate) fn ask() -> Result<Self, BackboneError> {
        let config = libtorch::config()?;
        let value = |name| value_in(&config, name);
        let has_cuda = tch::utils::has_cudart();
        let gpus = if has_cuda && tch::Cuda::is_available() { tch::Cuda::device_count() } else { 0 };
        Ok(Self {
            version: value("TORCH_VERSION=").unwrap_or_default(),
            wanted: libtorch::compiled_version(),
            built_for: value("CUDA_VERSION="),
            has_cuda,
            gpus: usize::try_from(gpus).unwrap_or(0),
        })
    }
}

/// `libtorch 2.11.0, CPU-only`, or with its CUDA version: does not initialise the driver.
pub(crate) fn short() -> String {
    let Ok(config) = libtorch::config() else { return "libtorch does not answer".to_owned() };
    let version = value_in(&config, "TORCH_VERSION=").unwrap_or_default();
    match value_in(&config, "CUDA_VERSION=").filter(|_| tch::utils::has_cudart()) {
        Some(cuda) => format!("libtorch {version}, CUDA {cuda}"),
        None => format!("libtorch {version}, CPU-only"),
    }
}

/// The version of the libtorch in this process, such as `2.11.0`.
pub(crate) fn version() -> String {
    let config = libtorch::config().unwrap_or_default();
    value_in(&config, "TORCH_VERSION=").unwrap_or_else(libtorch::compiled_version)
}

/// The instruction sets of this CPU that affect the last bits of a feature: that of libtorch's own kernels, such as
/// `avx2`, which `ATEN_CPU_CAPABILITY` can lower; those by which oneDNN chooses its kernels; and the limit of
/// `ONEDNN_MAX_CPU_ISA`, if set.
pub(super) fn instructions() -> String {
    let config = libtorch::config().unwrap_or_default();
    let set = value_in(&config, "CPU capability usage: ").unwrap_or_else(|| "unknown".to_owned());
    let mut parts = vec![std::env::consts::ARCH.to_owned(), set.to_lowercase()];
    parts.extend(cpu_features().into_iter().map(str::to_owned));
    parts.extend(onednn_limit());
    parts.join("+")
}

/// The limit of oneDNN's instruction set from the environment, such as `avx2`.
pub(super) fn onednn_limit() -> Option<String> {
    let limit = ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"].into_iter().find_map(std::env::var_os)?;
    Some(limit.to_string_lossy().to_lowercase())
}

fn value_in(config: &str, name: &str) -> Option<String> {
    let rest = config.split(name).nth(1)?;
    let value = rest.split([',', '\n', ' ']).next().unwrap_or_default();
    (!value.is_empty()).then(|| value.to_owned())
}

/// Queries NVIDIA's driver, if there is one.
pub(crate) fn driver() -> Driver {
    crate::ffi::driver::ask()
}

/// Whether this processor has bf16 instructions, as every one with AMX has, and oneDNN may use them.
pub(crate) fn cpu_computes_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512bf16") && !onednn_is_limited_to(&["avx512_core_vnni"]);
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Whether this processor adds four 8-bit products at once in 32 bits (VNNI), and oneDNN may use that. Without VNNI two
/// are added in 16 bits, where they can overflow.
pub(crate) fn cpu_computes_int8() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        (has!("avx512vnni") || has!("avxvnni")) && !onednn_is_limited_to(&[])
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Whether the environment limits oneDNN to instruction sets before VNNI, or to one of `others`.
#[cfg(target_arch = "x86_64")]
fn onednn_is_limited_to(others: &[&str]) -> bool {
    let before_vnni = ["sse41", "avx", "avx2", "avx512_core"];
    onednn_limit().is_some_and(|limit| before_vnni.contains(&limit.as_str()) || others.contains(&limit.as_str()))
}

/// The instruction sets of this processor by which oneDNN chooses its kernels.
fn cpu_features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        let features = [
            ("avx", has!("avx")),
            ("fma", has!("fma")),
            ("avx512bw", has!("avx512bw")),
            ("avx512vnni", has!("avx512vnni")),
            ("avx512bf16", has!("avx512bf16")),
            // std cannot detect AMX yet, but every processor with AMX has this.
            ("avx512fp16", has!("avx512fp16")),
        ];
        features.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect()
    }
    #[cfg(not(target_arch = "x86_64"))]
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorch_is_of_the_version_that_this_was_compiled_for() {
        let libtorch = Libtorch::ask().unwrap();
        assert_eq!(libtorch.version, libtorch.wanted);
        assert!(short().starts_with(&format!("libtorch {}, C", libtorch.wanted)), "{}", short());
    }

    #[test]
    fn values_are_found_among_the_build_settings() {
        let config =
            "PyTorch built with:\n  - Build settings: CUDA_VERSION=13.0, CXX_FLAGS= -O3, TORCH_VERSION=2.11.0, \n";
        assert_eq!(value_in(config, "TORCH_VERSION="), Some("2.11.0".to_owned()));
        assert_eq!(value_in(config, "CUDA_VERSION="), Some("13.0".to_owned()));
        assert_eq!(value_in(config, "ROCM_VERSION="), None);
    }

    #[test]
    fn the_instructions_are_those_that_libtorch_and_this_processor_name() {
        let found = instructions();
        assert!(found.starts_with(std::env::consts::ARCH) && !found.contains("unknown"), "{found}");
        assert_eq!(found, instructions());
        assert_eq!(found.contains("avx512bf16") && onednn_limit().is_none(), cpu_computes_bf16(), "{found}");
        assert_eq!(version(), libtorch::compiled_version());
    }
}
