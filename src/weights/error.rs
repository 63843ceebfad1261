//! Everything that can be wrong with a weights file on its way here.

use std::path::PathBuf;

use crate::files::FileError;
use crate::progress::Interrupted;

/// Unknown, missing, unreachable, damaged or refused weights.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The embedded manifest does not parse: a flaw of this build.
    #[error("the embedded manifest is broken: {0}")]
    Manifest(String),
    /// No entry has this name, and no file either.
    #[error("unknown weights `{name}`, expected a file, `random[:SEED]` or one of: {}", known.join(", "))]
    UnknownName { name: String, known: Vec<String> },
    #[error("`{0}` is not a seed, expected a whole number, as in `random:7`")]
    Seed(String),
    /// They are not here and may not be fetched, or could not be.
    #[error(
        "the weights `{name}` are not here, in {}: {reason}",
        folders.iter().map(|folder| format!("`{}`", folder.display())).collect::<Vec<_>>().join(" or ")
    )]
    Missing { name: String, file: String, folders: Vec<PathBuf>, url: String, reason: String },
    #[error("`{}` is not `{name}`: SHA-256 expected {expected}, given {given}", path.display())]
    Checksum { path: PathBuf, name: String, expected: String, given: String },
    #[error("`{0}` is not https, so anyone on the way could change the file")]
    NotHttps(String),
    #[error("`{file}` is not a weights file: {found}")]
    NotWeights { file: String, found: String },
    #[error("`{file}` is damaged: {reason}")]
    Damaged { file: String, reason: String },
    /// A pickle that asks for something that a state dict does not need.
    #[error("`{file}` wants to run `{name}`; refused, nothing was executed")]
    Refused { file: String, name: String },
    /// A file that is good and cannot be used.
    #[error("`{file}` holds no state dict: {found}")]
    NoStateDict { file: String, found: String },
    #[error(transparent)]
    File(#[from] FileError),
    /// The user asked to stop; what was downloaded is kept for the next time.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl WeightsError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        const SAVE_STATE_DICT: &str =
            "in Python, `torch.save(model.state_dict(), \"weights.pth\")` writes a file that can be read";
        Some(match self {
            Self::Manifest(_) => "please report it".to_owned(),
            Self::UnknownName { known, .. } => format!("try `--weights {}`", known.first()?),
            Self::Seed(_) => "give `random` or `random:7`".to_owned(),
            Self::Missing { url, file, folders, .. } => {
                let folder = folders.last().map_or("weights".to_owned(), |folder| folder.display().to_string());
                format!(
                    "one of these:\n\
                     1. where there is a network: `resnet-binary weights fetch`\n\
                     2. from another machine: download {url}, then `resnet-binary weights import FILE`, or copy it to \
                     {folder}/{file}\n\
                     3. without weights, to try the program: `--weights random`"
                )
            }
            Self::Checksum { .. } => "delete the file and run `resnet-binary weights fetch`".to_owned(),
            Self::NotHttps(_) => "give an address that begins with https://".to_owned(),
            Self::NotWeights { .. } => "give a `.safetensors` file or a PyTorch state dict (`.pth`)".to_owned(),
            Self::Damaged { .. } => "fetch or copy the file again".to_owned(),
            Self::Refused { .. } => format!("do not trust this file; {SAVE_STATE_DICT}"),
            Self::NoStateDict { .. } => SAVE_STATE_DICT.to_owned(),
            Self::File(error) => return error.hint(),
            Self::Interrupted(_) => return None,
        })
    }
}
