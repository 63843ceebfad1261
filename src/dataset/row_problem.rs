//! The errors in one line of a table, each with a hint.

use std::path::PathBuf;

use crate::files::{LONGEST_NAME, nearest};

/// What is wrong with one line of a CSV.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowProblem {
    #[error("has {found} fields: expected {expected}, one for each column")]
    Fields { expected: usize, found: usize },
    #[error("has an empty {0}")]
    Empty(&'static str),
    #[error("has a {0} that is not UTF-8")]
    NotText(&'static str),
    #[error("has a {what} of {length} bytes: expected {LONGEST_NAME} at most")]
    TooLong { what: &'static str, length: usize },
    /// A path without an extension that matches several images, or a path that exists in two folders.
    #[error("could mean `{}` or `{}`", .0[0].display(), .0[1].display())]
    SeveralImages([PathBuf; 2]),
    #[error("has the split `{0}`: expected train, val or test")]
    Split(String),
    /// A path that is not an image of the data.
    #[error("names `{}`, which is not among the images of the data", .0.display())]
    UnknownPath(PathBuf),
    /// A label that is not a class of the data.
    #[error("has the label `{label}`: expected {}", known.join(", "))]
    UnknownLabel { label: String, known: Vec<String> },
    /// The label `drop`, if it is also the name of a class.
    #[error("has the label `drop`, which leaves an image out but is a class here too")]
    DropIsAClass,
    #[error("gives `{}` the {what} `{here}`, line {line} gives it `{there}`", path.display())]
    Conflict { path: PathBuf, what: &'static str, here: String, there: String, line: u64 },
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
