//! What data is read into: labelled samples, their classes, and what was left out.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ClassMap, Split};
use crate::files::escaped;

/// Which of the two answers is right for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    /// 0: any class but the positive one.
    Negative,
    /// 1: the positive class.
    Positive,
}

impl From<bool> for Label {
    fn from(is_positive: bool) -> Self {
        if is_positive { Self::Positive } else { Self::Negative }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Negative => "negative",
            Self::Positive => "positive",
        })
    }
}

/// One labelled image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Where it lies; relative if the path of the data is.
    pub path: PathBuf,
    /// Its place in [`ClassMap::names`].
    pub class: usize,
    /// Its side, if the data says so. Training images have none where the data brings no validation images.
    pub split: Option<Split>,
}

/// A file that could not be read as an image, or a folder that could not be listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// The file or folder.
    #[serde(with = "escaped")]
    pub path: PathBuf,
    /// Why it could not be read.
    pub reason: String,
}

/// What was left out on purpose, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    /// Hidden files and folders, and those that systems leave behind ([`crate::files::is_leftover`]); a folder counts once.
    pub hidden: usize,
    /// Folders with nothing in them.
    pub empty_folders: usize,
    /// Files that are no images.
    pub not_images: usize,
    /// Images outside every class folder.
    pub loose: usize,
    /// Links that lead back to a folder that they lie in, or above the data.
    pub link_loops: usize,
    /// Rows of a CSV that say again what an earlier one said.
    pub repeated_rows: usize,
}

impl Ignored {
    /// Whether nothing was left out.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Such as `2 hidden, 1 empty folder`; nothing if nothing was left out.
impl fmt::Display for Ignored {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (self.hidden, "hidden", "hidden"),
            (self.empty_folders, "empty folder", "empty folders"),
            (self.not_images, "file that is not an image", "files that are not images"),
            (self.loose, "image outside the class folders", "images outside the class folders"),
            (self.link_loops, "circular link", "circular links"),
            (self.repeated_rows, "repeated row", "repeated rows"),
        ];
        let counted = kinds.into_iter().filter(|(count, ..)| *count > 0);
        let words = counted.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }));
        formatter.write_str(&words.collect::<Vec<_>>().join(", "))
    }
}

/// The labelled images of one folder or CSV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dataset {
    /// Sorted by path, byte by byte.
    pub samples: Vec<Sample>,
    /// One for all splits.
    pub classes: ClassMap,
    /// What was left out on purpose.
    pub ignored: Ignored,
    /// Folders that could not be listed, and links that lead nowhere.
    pub unreadable: Vec<Unreadable>,
    /// What the user should know about the layout.
    pub warnings: Vec<String>,
    /// How the layout was understood, where that is sure but not plain.
    pub notes: Vec<String>,
    /// The images whose class a person has decided in a table of corrections.
    pub decided: HashSet<PathBuf>,
}

impl Dataset {
    /// The name of the answer that is right for a sample: the positive class's, or that of everything else.
    pub(crate) fn answer(&self, sample: &Sample) -> &str {
        match self.classes.label(sample.class) {
            Label::Positive => self.classes.positive_name(),
            Label::Negative => self.classes.negative_name(),
        }
    }
}
