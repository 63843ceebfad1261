//! What a file of feature rows says of itself: which list, which shard, and what computed it.

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

/// Version of the format that this program writes and reads.
pub(crate) const VERSION: u32 = 1;

/// How a file of features is known among other files, one of before the manifest too; a model begins otherwise.
pub(crate) const KIND: Kind = Kind {
    name: "file of features",
    is_one: |head| {
        let header = head.get(8..).unwrap_or_default();
        let begins =
            |facts: &str| header.starts_with(format!(r#"{{"__metadata__":{{"resnet_binary":"{{{facts}"#).as_bytes());
        begins(r#"\"features_version\":"#) || begins(r#"\"classes\":"#)
    },
};

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Version of the format.
    pub features_version: u32,
    /// Which photos of the list are in it.
    pub shard: Shard,
    /// Photos with a row.
    pub rows: usize,
    /// Photos that could not be read.
    pub unreadable: usize,
    /// What all shards of one whole have in common.
    pub setup: Setup,
    /// What there is to say of its photos as files.
    pub noticed: Noticed,
    /// What was ignored when the list was made, in words.
    pub ignored: String,
    /// Folders that could not be listed, with the reason.
    pub not_listed: Vec<(String, String)>,
    /// Where the weights lay, if they are a file.
    pub weights_path: Option<String>,
    /// The devices, as `--device` names them.
    pub device: String,
    /// What decides the last bits of a row besides the setup: the instruction set or the generation of the card, and whether
    /// our kernels computed on it or libtorch.
    pub processor: String,
}

/// What all shards of one whole have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// Program and version.
    pub created_by: String,
    /// The version of libtorch.
    pub libtorch: String,
    /// The versions of this program's network and kernels.
    pub computation: String,
    /// The list of photos.
    pub list: List,
    /// Bytes to crops.
    pub preprocess: Preprocess,
    /// The same with the version of what does it.
    pub pixels: String,
    /// The frozen network.
    pub weights: WeightsId,
    /// The arithmetic of its layers.
    pub precision: String,
    /// How the rows are stored.
    pub row_type: RowType,
}

/// The list that is divided: every photo, its class and its split, in the order of the paths' bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct List {
    /// The SHA-256 over all of that.
    pub sha256: String,
    /// How many photos.
    pub total: usize,
    /// The folder or table that it is from.
    pub data: String,
    /// The names of all classes, of which a shard need not have each.
    pub classes: Vec<String>,
    /// The positive one.
    pub positive: String,
}

/// How rows are stored.
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
    /// Bytes of a number.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    /// In words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }
}

impl List {
    /// Of all photos that were found at `data`.
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

    /// Its classes, with another positive one where that is given.
    ///
    /// # Errors
    /// [`DatasetError`] if it is none of them.
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
        // No path has a NUL, and the name of a class has none that matters: it is the last of the line but for a digit.
        hasher.update(path.as_ref());
        hasher.update([0]);
        hasher.update(classes.get(class).map_or("", String::as_str));
        hasher.update([0, b'0' + split_code(split), b'\n']);
    }
    ContentHash(hasher.finalize().into()).to_string()
}

impl Setup {
    /// The first thing in which two differ: what it is, here and there.
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
        // What is too long or too fine to be shown differs all the same.
        let hidden = || ("the setup", "one".to_owned(), "another".to_owned());
        shown.or_else(|| (self != other).then(hidden))
    }
}
