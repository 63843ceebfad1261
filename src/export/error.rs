//! Why a model cannot be exported, or an exported file is refused.

use tch::TchError;

use crate::backbone::BackboneError;
use crate::head::HeadError;
use crate::pixels::DecodeError;

/// Why a model cannot be exported, or an exported file is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    #[error("cannot export this model: {reason}")]
    Unsupported { reason: String, remedy: String },
    /// Not a file of this program, or one without its card.
    #[error("`{file}` was not written by `resnet-binary export`: {found}")]
    Foreign { file: String, found: String },
    /// It cannot be read as what it says that it is.
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
    /// A part of the file that this program makes itself.
    #[error("cannot write the file's content: {0}")]
    Encode(String),
}

impl From<TchError> for ExportError {
    fn from(error: TchError) -> Self {
        Self::Backbone(error.into())
    }
}

impl ExportError {
    /// What the user can do about it.
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
