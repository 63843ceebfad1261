//! The errors of weights files, devices and the network.

use tch::TchError;

use crate::weights::WeightsError;

/// An error of loading the weights, selecting a device or running a batch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackboneError {
    #[error("`{file}` does not fit: {evidence}")]
    OtherArchitecture { file: String, evidence: String },
    /// The file holds the last layer of a network only.
    #[error(
        "`{file}` is not a complete ResNet-50: it holds a classifier only, fc.weight {given:?}, and conv1 to layer4 are missing"
    )]
    ClassifierOnly { file: String, given: Vec<usize> },
    #[error("`{file}` does not fit: expected conv1.weight, given {prefix}conv1.weight")]
    Prefixed { file: String, prefix: String },
    /// The file lacks one of the 265 tensors.
    #[error("`{file}` is not a complete ResNet-50: it has no tensor {tensor}")]
    MissingTensor { file: String, tensor: String },
    #[error("`{file}` does not fit: {tensor}: expected {expected:?}, given {given:?}")]
    WrongShape { file: String, tensor: String, expected: Vec<usize>, given: Vec<usize> },
    #[error("`{file}` does not fit: {tensor}: expected floating-point numbers, given {given}")]
    WrongDtype { file: String, tensor: String, given: String },
    #[error("`{file}` is not a plain ResNet-50: it also has {tensor}")]
    UnknownTensor { file: String, tensor: String },
    #[error("`{file}` is damaged: {tensor} holds a value that is not finite")]
    NotFinite { file: String, tensor: String },
    /// A batch of the wrong shape reached the network.
    #[error("{stage}: expected {expected}, given {given}")]
    Shape { stage: &'static str, expected: String, given: String, remedy: String },
    #[error("unknown device `{0}`")]
    UnknownDevice(String),
    #[error("unknown precision `{0}`")]
    UnknownPrecision(String),
    /// bf16 was selected, and this processor would only emulate it.
    #[error("this processor has no instructions for bf16")]
    NoBf16,
    #[error("fp16 is for GPUs, and this runs on the CPU")]
    NoFp16,
    /// int8 was selected where it would be slow or wrong.
    #[error("int8 is for CPUs with VNNI, and {0}")]
    NoInt8(&'static str),
    /// A value in the network exceeds the range of fp16.
    #[error("a number in the network is too large for fp16")]
    Overflow,
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// CUDA was selected, and this libtorch has none.
    #[error("this libtorch is CPU-only, so there is no device `cuda`")]
    CpuOnlyLibtorch,
    /// CUDA was selected and libtorch has it, but no GPU was found.
    #[error("libtorch has CUDA, but no GPU was found")]
    NoGpu,
    #[error("there is no GPU {number}: {gpus} found, counted from 0")]
    NoSuchGpu { number: usize, gpus: usize },
    /// Apple's GPU was selected, and there is none.
    #[error("there is no device `mps` on this machine")]
    NoMps,
    /// The device has too little memory for the batch.
    #[error("the device ran out of memory")]
    OutOfMemory,
    /// A GPU failed, or libtorch has no code for it.
    #[error("the GPU failed: {0}")]
    Device(String),
    #[error("libtorch failed: {0}")]
    Libtorch(String),
}

impl BackboneError {
    /// Advice to the user on how to resolve the error.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::WrongShape { tensor, expected, given, .. } => wrong_shape_hint(tensor, expected, given),
            Self::Prefixed { prefix, .. } => {
                format!("take `{prefix}` off the names: a wrapper such as DataParallel puts it there")
            }
            Self::ClassifierOnly { .. }
            | Self::OtherArchitecture { .. }
            | Self::MissingTensor { .. }
            | Self::WrongDtype { .. }
            | Self::UnknownTensor { .. } => USE_RESNET_50.into(),
            Self::NotFinite { .. } => "fetch or copy the file again; `resnet-binary weights verify` checks it".into(),
            Self::Shape { remedy, .. } => remedy.clone(),
            Self::UnknownDevice(word) => {
                const ALL: &str = "give `auto`, `cpu`, `cuda`, `cuda:N`, `cuda:N,M`, `cuda:all` or `mps`";
                let word = word.to_ascii_lowercase();
                let numbers = ["gpu", "nvidia"].into_iter().find_map(|other| word.strip_prefix(other));
                match numbers {
                    Some(numbers) if numbers.is_empty() || numbers.starts_with(':') => {
                        format!("did you mean `cuda{numbers}`? {ALL}")
                    }
                    _ => ALL.to_owned(),
                }
            }
            Self::UnknownPrecision(_) => "give `auto`, `fp32`, `bf16`, `fp16` or `int8`".into(),
            Self::NoBf16 | Self::NoFp16 | Self::NoInt8(_) => "leave `--precision` out, or give `fp32`".into(),
            // `auto` selects fp16 on some cards.
            Self::Overflow => "give `--precision fp32`".into(),
            Self::Weights(error) => return error.hint(),
            Self::Device(reason) if is_other_card(reason) => {
                "this libtorch has no code for that card: `resnet-binary doctor` shows its compute capability; `--device \
                 cpu` goes without it"
                    .into()
            }
            Self::Device(_) => {
                "what was done is in the cache, so run it again; if it fails again, `resnet-binary doctor` tries every \
                 device, `nvidia-smi` and the system's log (lines with `NVRM`) say more, and `--device cpu` goes without it"
                    .into()
            }
            Self::CpuOnlyLibtorch => {
                "install the wheel with `pip`, which takes PyTorch for CUDA; from source: run `scripts/setup --cuda` and build \
                 again; or leave `--device` out to use the CPU"
                    .into()
            }
            Self::NoGpu => {
                "`resnet-binary doctor --device cuda` says why; leave `--device` out to use the CPU".into()
            }
            Self::NoSuchGpu { .. } => "give a smaller number, or `--device cuda` for the first".into(),
            Self::NoMps => "leave `--device` out to use the CPU".into(),
            Self::OutOfMemory => "give a smaller `--batch`, free memory on the device, or raise the limit that `ulimit -v` shows".into(),
            Self::Libtorch(_) => return None,
        })
    }
}

const USE_RESNET_50: &str =
    "use ResNet-50 weights with torchvision's tensor names; `resnet-binary weights list` shows those known";

/// Advice based on the likely origin of a file with such a tensor shape.
fn wrong_shape_hint(tensor: &str, expected: &[usize], given: &[usize]) -> String {
    match (expected, given) {
        (&[outputs, inputs, height, width], &[h, w, i, o]) if [o, i, h, w] == [outputs, inputs, height, width] => {
            "its axes are in the order of TensorFlow and Keras, [K, K, I, O]: permute every convolution to [O, I, K, K]"
                .into()
        }
        ([outputs, 3, side, ..], [o, channels, s, ..]) if tensor == "conv1.weight" && (o, s) == (outputs, side) => {
            format!(
                "that network takes images of {channels} channels and this tool gives RGB: use weights trained on RGB"
            )
        }
        _ => USE_RESNET_50.into(),
    }
}

/// Whether the card is too old or too new for libtorch's code.
fn is_other_card(reason: &str) -> bool {
    ["no kernel image", "invalid device function"].iter().any(|part| reason.contains(part))
}

impl BackboneError {
    /// The error for a panic of tch, which unwraps errors of libtorch in some places.
    pub(super) fn from_panic(panic: &(dyn std::any::Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        TchError::Torch(text.unwrap_or("tch stopped without a message").to_owned()).into()
    }
}

impl From<TchError> for BackboneError {
    fn from(error: TchError) -> Self {
        let text = match error {
            TchError::Torch(text) => text,
            other => other.to_string(),
        };
        // libtorch, the CPU's allocator, cuDNN and cuBLAS use different words for it.
        if ["out of memory", "not enough memory", "can't allocate memory", "bad_alloc", "STATUS_ALLOC_FAILED"]
            .iter()
            .any(|part| text.contains(part))
        {
            return Self::OutOfMemory;
        }
        // libtorch appends a C++ backtrace; the first line is the message.
        let first = text.lines().next().unwrap_or_default().to_owned();
        if ["CUDA error", "CUDA driver", "cuDNN error", "CUDNN_STATUS", "CUBLAS_STATUS"]
            .iter()
            .any(|part| text.contains(part))
        {
            return Self::Device(first);
        }
        Self::Libtorch(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_gpu_reports_is_told_apart_and_has_a_remedy() {
        let error = |text: &str| BackboneError::from(TchError::Torch(text.to_owned()));
        for text in [
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.79 GiB",
            "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
            "DefaultCPUAllocator: not enough memory: you tried to allocate 800 bytes.",
        ] {
            assert!(matches!(error(text), BackboneError::OutOfMemory), "{text}");
        }
        let failed = error("CUDA error: an illegal memory access was encountered\nException raised from …");
        assert_eq!(failed.to_string(), "the GPU failed: CUDA error: an illegal memory access was encountered");
        assert!(failed.hint().unwrap().contains("nvidia-smi"));
        let old = error("CUDA error: no kernel image is available for execution on the device");
        assert!(old.hint().unwrap().contains("compute capability"));
        assert!(matches!(error("expected 3 channels"), BackboneError::Libtorch(_)));
        // Leaving the option out would choose fp16 again on a card of capability 7.
        assert_eq!(BackboneError::Overflow.hint().unwrap(), "give `--precision fp32`");
    }
}
