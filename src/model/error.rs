//! The errors of reading and writing a model file.

use super::FORMAT_VERSION;
use crate::files::FileError;

/// What is wrong with a model file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not in safetensors format, or is damaged.
    #[error("`{file}` is not a model: {reason}")]
    NotSafetensors {
        /// The name of the file.
        file: String,
        /// The error of the safetensors reader.
        reason: String,
    },
    /// A safetensors file without this program's metadata.
    #[error("`{file}` is not a resnet-binary model: {found}")]
    NotAModel {
        /// The name of the file.
        file: String,
        /// A description of the file.
        found: String,
    },
    /// A file of another format version.
    #[error("`{file}` has model format {given}, this program reads format {FORMAT_VERSION}")]
    Version {
        /// The name of the file.
        file: String,
        /// The format version of the file.
        given: u64,
    },
    /// The facts cannot be parsed.
    #[error("`{file}` is damaged: its description does not parse: {reason}")]
    Facts {
        /// The name of the file.
        file: String,
        /// The error of the JSON parser.
        reason: String,
    },
    /// A tensor is missing, or has another shape or type.
    #[error("`{file}`: {tensor}: expected {expected}, given {given}")]
    Tensor {
        /// The name of the file.
        file: String,
        /// The name of the tensor.
        tensor: &'static str,
        /// The expected type and shape.
        expected: String,
        /// The type and shape in the file.
        given: String,
        /// Advice for the user.
        remedy: String,
    },
    /// A number is infinite, NaN or out of range, or values contradict each other.
    #[error("`{file}` is damaged: {what}")]
    Value {
        /// The name of the file.
        file: String,
        /// A description of the value.
        what: String,
    },
}

impl ModelError {
    /// Returns advice for the user.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::File(error) if error.cause.kind() == std::io::ErrorKind::NotFound => {
                "no model yet? `resnet-binary train --data DIR` makes one, and `--model FILE` names one elsewhere".into()
            }
            Self::File(error) => return error.hint(),
            Self::NotAModel { .. } | Self::NotSafetensors { .. } => {
                "give the file that `resnet-binary train --output` wrote; backbone weights go to `--weights`".into()
            }
            Self::Version { given, .. } if *given < u64::from(FORMAT_VERSION) => {
                "an earlier resnet-binary wrote it: run `resnet-binary train` again on its photos, or use the one that wrote it"
                    .into()
            }
            Self::Version { .. } => "a later resnet-binary wrote it: use that one, or train again with this one".into(),
            Self::Facts { .. } | Self::Value { .. } => {
                "copy the file again from where it was made, or train again".into()
            }
            Self::Tensor { remedy, .. } => remedy.clone(),
        })
    }
}
