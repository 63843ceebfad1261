//! Labelled samples, their classes, and counts of what was left out.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ClassMap, Split};
use crate::files::escaped;

/// The binary label of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    /// 0, any class but the positive one.
    Negative,
    /// 1, the positive class.
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
    /// The path of the image; relative if the path of the data is.
    pub path: PathBuf,
    /// The index of its class in [`ClassMap::names`].
    pub class: usize,
    /// Its split, if the data gives one. Training images have none if the data has no validation images.
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

/// Counts of what was left out on purpose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    /// Hidden files and folders, and those in [`crate::files::is_leftover`]; a folder counts once.
    pub hidden: usize,
    /// Empty folders.
    pub empty_folders: usize,
    /// Files that are not images.
    pub not_images: usize,
    /// Images outside the class folders.
    pub loose: usize,
    /// Links to a folder that contains them, or to one above the data.
    pub link_loops: usize,
    /// Rows of a CSV that repeat an earlier row.
    pub repeated_rows: usize,
}

impl Ignored {
    /// Whether nothing was left out.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Writes a list such as `2 hidden, 1 empty folder`, empty if nothing was left out.
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

/// The labelled images of a folder, a CSV or archives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dataset {
    /// The samples, sorted by path byte by byte.
    pub samples: Vec<Sample>,
    /// The class map, common to all splits.
    pub classes: ClassMap,
    /// The counts of what was left out on purpose.
    pub ignored: Ignored,
    /// Folders that could not be listed, and broken links.
    pub unreadable: Vec<Unreadable>,
    /// Warnings about the layout for the user.
    pub warnings: Vec<String>,
    /// Notes about how the layout was read, where it is certain but not obvious.
    pub notes: Vec<String>,
    /// The images whose class a table of corrections decides.
    pub decided: HashSet<PathBuf>,
}

impl Dataset {
    /// The name of a sample's label: that of the positive or of the negative class.
    pub(crate) fn answer(&self, sample: &Sample) -> &str {
        match self.classes.label(sample.class) {
            Label::Positive => self.classes.positive_name(),
            Label::Negative => self.classes.negative_name(),
        }
    }
}
