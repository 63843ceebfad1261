//! Every way in which one line of a table can be wrong, and what to do about it.

use std::path::PathBuf;

use crate::files::{LONGEST_NAME, nearest};

/// What is wrong with one line of a CSV.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowProblem {
    /// More or fewer fields than columns.
    #[error("has {found} fields: expected {expected}, one for each column")]
    Fields {
        /// Columns.
        expected: usize,
        /// Fields.
        found: usize,
    },
    /// Nothing where something must be.
    #[error("has an empty {0}")]
    Empty(&'static str),
    /// Bytes that are no text.
    #[error("has a {0} that is not UTF-8")]
    NotText(&'static str),
    /// More text than a name has.
    #[error("has a {what} of {length} bytes: expected {LONGEST_NAME} at most")]
    TooLong {
        /// `label` or `split`.
        what: &'static str,
        /// How long it is.
        length: usize,
    },
    /// A path without an extension that is that of several images, or one that leads to two from two folders.
    #[error("could mean `{}` or `{}`", .0[0].display(), .0[1].display())]
    SeveralImages([PathBuf; 2]),
    /// No name of a split.
    #[error("has the split `{0}`: expected train, val or test")]
    Split(String),
    /// A path that is not among the images of the data.
    #[error("names `{}`, which is not among the images of the data", .0.display())]
    UnknownPath(PathBuf),
    /// A label that is no class of the data.
    #[error("has the label `{label}`: expected {}", known.join(", "))]
    UnknownLabel {
        /// What was given.
        label: String,
        /// All labels that can be given.
        known: Vec<String>,
    },
    /// `drop`, where that is also the name of a class.
    #[error("has the label `drop`, which leaves an image out but is a class here too")]
    DropIsAClass,
    /// Another line says otherwise about the same file.
    #[error("gives `{}` the {what} `{here}`, line {line} gives it `{there}`", path.display())]
    Conflict {
        /// The file.
        path: PathBuf,
        /// `label` or `split`.
        what: &'static str,
        /// What this line says.
        here: String,
        /// What the other line says.
        there: String,
        /// The other line.
        line: u64,
    },
}

impl RowProblem {
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Fields { .. } => Some("put a path that holds the separator into double quotes".to_owned()),
            Self::NotText(_) => Some("save the CSV as UTF-8".to_owned()),
            Self::Conflict { .. } => Some("remove one of the lines".to_owned()),
            Self::UnknownPath(_) => {
                Some(
                "relative paths start at the folder of this CSV or at that of the data; if the photo was moved or deleted, \
                 take the line out"
                    .to_owned(),
            )
            }
            Self::UnknownLabel { label, known } => {
                let near = nearest(label, known.iter().map(String::as_str));
                near.map(|name| format!("did you mean `{name}`?"))
            }
            Self::SeveralImages(_) => {
                Some("write its path in full, from the folder of the CSV or from the root".to_owned())
            }
            Self::DropIsAClass => Some("rename the class".to_owned()),
            Self::Empty(_) | Self::Split(_) | Self::TooLong { .. } => None,
        }
    }
}
