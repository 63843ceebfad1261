//! Everything that can be wrong between a weights file, a device and the network.

use tch::TchError;

use crate::weights::WeightsError;

/// A weights file that does not fit, a device that is not there, a shape the network cannot take.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackboneError {
    /// The file holds a relative of ResNet-50.
    #[error("`{file}` does not fit: {evidence}")]
    OtherArchitecture {
        /// The weights file.
        file: String,
        /// What it looks like, and by which tensor.
        evidence: String,
    },
    /// The file holds the last layer of a network and nothing of the rest.
    #[error(
        "`{file}` is no whole ResNet-50: it holds a classifier only, fc.weight {given:?}, and conv1 to layer4 are missing"
    )]
    ClassifierOnly {
        /// The weights file.
        file: String,
        /// Shape of the classifier's weight.
        given: Vec<usize>,
    },
    /// The tensors are ResNet-50's under longer names.
    #[error("`{file}` does not fit: expected conv1.weight, given {prefix}conv1.weight")]
    Prefixed {
        /// The weights file.
        file: String,
        /// What stands in front of every name.
        prefix: String,
    },
    /// One of the 265 tensors is not in the file.
    #[error("`{file}` is no whole ResNet-50: it has no tensor {tensor}")]
    MissingTensor {
        /// The weights file.
        file: String,
        /// The first tensor that is missing.
        tensor: String,
    },
    /// A tensor has another shape than the network's.
    #[error("`{file}` does not fit: {tensor}: expected {expected:?}, given {given:?}")]
    WrongShape {
        /// The weights file.
        file: String,
        /// The first tensor that differs.
        tensor: String,
        /// The network's shape.
        expected: Vec<usize>,
        /// The file's shape.
        given: Vec<usize>,
    },
    /// A tensor holds no floating-point numbers.
    #[error("`{file}` does not fit: {tensor}: expected floating-point numbers, given {given}")]
    WrongDtype {
        /// The weights file.
        file: String,
        /// The first such tensor.
        tensor: String,
        /// The file's dtype.
        given: String,
    },
    /// A tensor has no place in ResNet-50.
    #[error("`{file}` is no plain ResNet-50: it also has {tensor}")]
    UnknownTensor {
        /// The weights file.
        file: String,
        /// The first such tensor.
        tensor: String,
    },
    /// A weight is infinite or not a number.
    #[error("`{file}` is damaged: {tensor} holds a value that is not finite")]
    NotFinite {
        /// The weights file.
        file: String,
        /// The first such tensor.
        tensor: String,
    },
    /// A batch of the wrong shape reached the network.
    #[error("{stage}: expected {expected}, given {given}")]
    Shape {
        /// Where in the network.
        stage: &'static str,
        /// The shape that fits.
        expected: String,
        /// The shape that came.
        given: String,
        /// What to do about it.
        remedy: String,
    },
    /// `--device` got a word it does not know.
    #[error("unknown device `{0}`")]
    UnknownDevice(String),
    /// `--precision` got a word it does not know.
    #[error("unknown precision `{0}`")]
    UnknownPrecision(String),
    /// bf16 was asked for and this processor would only imitate it.
    #[error("this processor has no instructions for bf16")]
    NoBf16,
    /// The weights file could not be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// CUDA was asked for and this libtorch has none.
    #[error("this libtorch is CPU-only, so there is no device `cuda`")]
    CpuOnlyLibtorch,
    /// CUDA was asked for and libtorch has it, but no GPU was found.
    #[error("libtorch has CUDA, but no GPU was found")]
    NoGpu,
    /// A GPU number that is not there.
    #[error("there is no GPU {number}: {gpus} found, counted from 0")]
    NoSuchGpu {
        /// The number that was asked for.
        number: usize,
        /// How many there are.
        gpus: usize,
    },
    /// Apple's GPU was asked for and is not there.
    #[error("there is no device `mps` on this machine")]
    NoMps,
    /// The device has no memory left for the batch.
    #[error("the device ran out of memory")]
    OutOfMemory,
    /// Anything else that libtorch reports.
    #[error("libtorch failed: {0}")]
    Libtorch(String),
}

impl BackboneError {
    /// What the user can do about it.
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
            Self::UnknownDevice(_) => "give `auto`, `cpu`, `cuda`, `cuda:N` or `mps`".into(),
            Self::UnknownPrecision(_) => "give `auto`, `fp32` or `bf16`".into(),
            Self::NoBf16 => "leave `--precision` out, or give `fp32`".into(),
            Self::Weights(error) => return error.hint(),
            Self::CpuOnlyLibtorch => {
                "run `scripts/setup --cuda` and build again, or leave `--device` out to use the CPU".into()
            }
            Self::NoGpu => {
                "check with `nvidia-smi` that the driver sees the card, or leave `--device` out to use the CPU".into()
            }
            Self::NoSuchGpu { .. } => "give a smaller number, or `--device cuda` for the first".into(),
            Self::NoMps => "leave `--device` out to use the CPU".into(),
            Self::OutOfMemory => "give a smaller `--batch`, or free memory on the device".into(),
            Self::Libtorch(_) => return None,
        })
    }
}

const USE_RESNET_50: &str =
    "use ResNet-50 weights with torchvision's tensor names; `resnet-binary weights list` shows those known";

/// What the shape of a tensor tells about where the file comes from.
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

impl From<TchError> for BackboneError {
    fn from(error: TchError) -> Self {
        let text = error.to_string();
        if text.contains("out of memory") || text.contains("not enough memory") {
            return Self::OutOfMemory;
        }
        // libtorch appends a C++ backtrace; its first line says what happened.
        Self::Libtorch(text.lines().next().unwrap_or_default().to_owned())
    }
}
