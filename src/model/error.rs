//! Every way in which a model file can be wrong.

use super::FORMAT_VERSION;
use crate::files::FileError;

/// Every way in which a model file can be wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is no safetensors file, or a damaged one.
    #[error("`{file}` is not a model: {reason}")]
    NotSafetensors {
        /// The file.
        file: String,
        /// What the reader of the format says.
        reason: String,
    },
    /// It is a safetensors file without this program's metadata.
    #[error("`{file}` is not a resnet-binary model: {found}")]
    NotAModel {
        /// The file.
        file: String,
        /// What it seems to be.
        found: String,
    },
    /// Another version of the program wrote it.
    #[error("`{file}` has model format {given}, this program reads format {FORMAT_VERSION}")]
    Version {
        /// The file.
        file: String,
        /// Its format version.
        given: u64,
    },
    /// The facts cannot be read.
    #[error("`{file}` is damaged: its description does not parse: {reason}")]
    Facts {
        /// The file.
        file: String,
        /// Where parsing stopped.
        reason: String,
    },
    /// A tensor is missing or has another shape or type.
    #[error("`{file}`: {tensor}: expected {expected}, given {given}")]
    Tensor {
        /// The file.
        file: String,
        /// The tensor's name.
        tensor: &'static str,
        /// What belongs there.
        expected: String,
        /// What is there.
        given: String,
        /// What to do about it.
        remedy: String,
    },
    /// A number that is infinite, not a number, or out of range.
    #[error("`{file}` is damaged: {what}")]
    Value {
        /// The file.
        file: String,
        /// Which number.
        what: String,
    },
}

impl ModelError {
    /// What the user can do about it.
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
