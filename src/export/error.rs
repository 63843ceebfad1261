//! The errors of exporting a model and of verifying an exported file.

use tch::TchError;

use crate::backbone::BackboneError;
use crate::head::HeadError;
use crate::pixels::DecodeError;

/// The reason why a model cannot be exported, or an exported file is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    #[error("cannot export this model: {reason}")]
    Unsupported { reason: String, remedy: String },
    /// The file was not written by this program, or has no card.
    #[error("`{file}` was not written by `resnet-binary export`: {found}")]
    Foreign { file: String, found: String },
    /// The file cannot be parsed in its format.
    #[error("`{file}` is damaged: {reason}")]
    Damaged { file: String, reason: String },
    #[error("`{file}` does not answer as the model did: stage `{stage}` differs: {what}")]
    Differs { file: String, stage: String, what: String },
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A part of the file cannot be encoded, which is a bug in this program.
    #[error("cannot write the file's content: {0}")]
    Encode(String),
}

impl From<TchError> for ExportError {
    fn from(error: TchError) -> Self {
        Self::Backbone(error.into())
    }
}

impl ExportError {
    /// Returns advice for the user.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unsupported { remedy, .. } => remedy.clone(),
            Self::Foreign { .. } => {
                "verify replays the photos that `export` puts into its files; other files have none".to_owned()
            }
            Self::Damaged { .. } => "copy it again from where it was made, or export the model again".to_owned(),
            Self::Differs { .. } => "do not use it: export the model again, or take the change back".to_owned(),
            Self::Backbone(error) => return error.hint(),
            Self::Head(error) => return error.hint(),
            Self::Decode(_) | Self::Encode(_) => return None,
        })
    }
}
