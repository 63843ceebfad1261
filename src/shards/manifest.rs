//! The manifest of a feature file: its list, its shard, and what computed it.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Shard;
use super::columns::{path_bytes, split_code};
use crate::dataset::{ClassMap, Dataset, DatasetError, Split};
use crate::features::Noticed;
use crate::files::{ContentHash, Kind, escaped};
use crate::pixels::Preprocess;
use crate::weights::WeightsId;

/// The version of the format that this program writes and reads.
pub(crate) const VERSION: u32 = 1;

/// Recognises a feature file, including one from before the manifest; a model begins differently.
pub(crate) const KIND: Kind = Kind {
    name: "file of features",
    is_one: |head| {
        let header = head.get(8..).unwrap_or_default();
        let begins =
            |facts: &str| header.starts_with(format!(r#"{{"__metadata__":{{"resnet_binary":"{{{facts}"#).as_bytes());
        begins(r#"\"features_version\":"#) || begins(r#"\"classes\":"#)
    },
};

/// The manifest of a feature file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The version of the format.
    pub features_version: u32,
    /// The shard of the list that the file holds.
    pub shard: Shard,
    /// The number of photos with a row.
    pub rows: usize,
    /// The number of photos that could not be read.
    pub unreadable: usize,
    /// What all shards of one list have in common.
    pub setup: Setup,
    /// Counts for warnings about its photos.
    pub noticed: Noticed,
    /// A description of what was ignored when the list was made.
    pub ignored: String,
    /// Folders that could not be listed, with the reason.
    pub not_listed: Vec<(String, String)>,
    /// The path of the weights, if they are a file.
    pub weights_path: Option<String>,
    /// The devices, as given to `--device`.
    pub device: String,
    /// What affects the last bits of a row besides the setup: the CPU's instruction set or the GPU's generation, and
    /// whether this program's kernels or libtorch computed it.
    pub processor: String,
}

/// What all shards of one list have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// The name and version of the program.
    pub created_by: String,
    pub libtorch: String,
    /// The versions of this program's network and kernels.
    pub computation: String,
    pub list: List,
    /// The preprocessing: file bytes to crops.
    pub preprocess: Preprocess,
    /// The preprocessing as text, with the version of its implementation.
    pub pixels: String,
    /// The frozen backbone.
    pub weights: WeightsId,
    /// The arithmetic precision of the layers.
    pub precision: String,
    /// The number type of the stored rows.
    pub row_type: RowType,
}

/// The divided list: every photo, its class and its split, in byte order of the paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct List {
    /// The SHA-256 over all photos, classes and splits.
    pub sha256: String,
    /// The number of photos.
    pub total: usize,
    /// The path of the folder or table.
    pub data: String,
    /// All class names; a shard may lack some of the classes.
    pub classes: Vec<String>,
    pub positive: String,
}

/// The number type of stored rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum RowType {
    /// As they were computed.
    #[default]
    F32,
    /// In half the space, with three digits.
    F16,
}

impl RowType {
    /// The size of a number in bytes.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    /// The name of the type.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }
}

impl List {
    /// Creates the list of all photos found at `data`.
    pub(crate) fn new(data: &Path, found: &Dataset) -> Self {
        let samples = found.samples.iter();
        let lines = samples.map(|sample| (path_bytes(&sample.path), sample.class, sample.split));
        Self {
            sha256: list_hash(lines, found.classes.names()),
            total: found.samples.len(),
            data: escaped::text(data).into_owned(),
            classes: found.classes.names().to_vec(),
            positive: found.classes.positive_name().to_owned(),
        }
    }

    /// The class map of the list, with another positive class if one is given.
    ///
    /// # Errors
    /// [`DatasetError`] if `positive` is not one of the classes.
    pub(crate) fn class_map(&self, positive: Option<&str>) -> Result<ClassMap, DatasetError> {
        ClassMap::new(&self.classes, positive.unwrap_or(&self.positive))
    }
}

/// The SHA-256 over path, class and split of every photo, in order.
pub(super) fn list_hash<P: AsRef<[u8]>>(
    photos: impl Iterator<Item = (P, usize, Option<Split>)>,
    classes: &[String],
) -> String {
    let mut hasher = Sha256::new();
    for (path, class, split) in photos {
        // Unambiguous: a path has no NUL, and after a class name only one more character follows.
        hasher.update(path.as_ref());
        hasher.update([0]);
        hasher.update(classes.get(class).map_or("", String::as_str));
        hasher.update([0, b'0' + split_code(split), b'\n']);
    }
    ContentHash(hasher.finalize().into()).to_string()
}

impl Setup {
    /// The first difference between two setups: what differs, and both values.
    pub(crate) fn difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
        let all = |setup: &Self| {
            let Self { created_by, libtorch, computation, list, pixels, weights, precision, row_type, .. } = setup;
            let weights = format!("`{}` ({})", weights.name, weights.sha256.get(..8).unwrap_or(&weights.sha256));
            let listed =
                format!("{} photos of `{}` ({})", list.total, list.data, list.sha256.get(..8).unwrap_or_default());
            [
                ("the list", listed),
                ("the classes", list.classes.join(", ")),
                ("the positive class", format!("`{}`", list.positive)),
                ("the weights file", weights),
                ("the precision", precision.clone()),
                ("the type of the rows", row_type.name().to_owned()),
                ("the preprocessing", pixels.clone()),
                ("the version of the program", created_by.clone()),
                ("the version of libtorch", libtorch.clone()),
                ("the computation", computation.clone()),
            ]
        };
        let pairs = all(self).into_iter().zip(all(other));
        let shown =
            pairs.filter(|(one, other)| one != other).map(|((what, one), (_, other))| (what, one, other)).next();
        // Setups may also differ in something that is too long or too detailed to show.
        let hidden = || ("the setup", "one".to_owned(), "another".to_owned());
        shown.or_else(|| (self != other).then(hidden))
    }
}
