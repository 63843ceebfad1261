//! The tensors beside the feature rows: their order, and how values are encoded as bytes.
//!
//! Texts of any length are one tensor of bytes and one of offsets, `[N + 1]`: the header of a safetensors file, where
//! paths could go otherwise, is limited to 100 MB.

use std::path::{Path, PathBuf};

use safetensors::Dtype;

use crate::dataset::Split;
use crate::files::ContentHash;

/// One photo of a list, as a file stores it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    /// Its index in the list.
    pub position: usize,
    /// The bytes of its path.
    pub path: &'a [u8],
    /// Its class, as an index into the class names.
    pub class: usize,
    /// Its split, if the data gives one.
    pub split: Option<Split>,
}

/// The values stored with a photo's row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowEntry<'a> {
    /// Which photo.
    pub photo: Entry<'a>,
    /// The SHA-256 of its file.
    pub hash: ContentHash,
    /// Its facts for the audits, encoded by [`crate::pixels::PhotoFacts::to_bytes`].
    pub facts: &'a [u8],
}

/// A photo that could not be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnreadableEntry<'a> {
    /// Which photo.
    pub photo: Entry<'a>,
    /// The reason, in UTF-8.
    pub reason: &'a [u8],
}

/// A tensor: its name, its type, and what it has an entry for.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) dtype: Dtype,
    pub(super) of: Of,
}

/// What a tensor has an entry for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// Each row, with this many numbers.
    Rows(usize),
    /// Each unreadable photo, with one number.
    Unreadable,
    /// The start of each row's text, and the end of the last.
    RowOffsets,
    /// The start of each unreadable photo's text, and the end of the last.
    UnreadableOffsets,
    /// Each byte of the texts whose offsets are in the named tensor.
    Texts(&'static str),
    /// The SHA-256 of the file's content before it.
    Checksum,
}

pub(super) const FEATURES: &str = "features";
pub(super) const LABELS: &str = "labels";
pub(super) const POSITIONS: &str = "positions";
pub(super) const CLASSES: &str = "classes";
pub(super) const PATH_OFFSETS: &str = "path_offsets";
pub(super) const FACTS_OFFSETS: &str = "facts_offsets";
pub(super) const UNREADABLE_POSITIONS: &str = "unreadable.positions";
pub(super) const UNREADABLE_CLASSES: &str = "unreadable.classes";
pub(super) const UNREADABLE_PATH_OFFSETS: &str = "unreadable.path_offsets";
pub(super) const REASON_OFFSETS: &str = "unreadable.reason_offsets";
pub(super) const HASHES: &str = "hashes";
pub(super) const SPLITS: &str = "splits";
pub(super) const UNREADABLE_SPLITS: &str = "unreadable.splits";
pub(super) const PATHS: &str = "paths";
pub(super) const FACTS: &str = "facts";
pub(super) const UNREADABLE_PATHS: &str = "unreadable.paths";
pub(super) const REASONS: &str = "unreadable.reasons";
pub(super) const CHECKSUM: &str = "checksum";

/// All tensors after the features, in their order in the file: the widest numbers first, so that each tensor is aligned
/// to its number size.
pub(super) const COLUMNS: [Column; 17] = [
    column(LABELS, Dtype::I64, Of::Rows(1)),
    column(POSITIONS, Dtype::I64, Of::Rows(1)),
    column(CLASSES, Dtype::I64, Of::Rows(1)),
    column(PATH_OFFSETS, Dtype::I64, Of::RowOffsets),
    column(FACTS_OFFSETS, Dtype::I64, Of::RowOffsets),
    column(UNREADABLE_POSITIONS, Dtype::I64, Of::Unreadable),
    column(UNREADABLE_CLASSES, Dtype::I64, Of::Unreadable),
    column(UNREADABLE_PATH_OFFSETS, Dtype::I64, Of::UnreadableOffsets),
    column(REASON_OFFSETS, Dtype::I64, Of::UnreadableOffsets),
    column(HASHES, Dtype::U8, Of::Rows(32)),
    column(SPLITS, Dtype::U8, Of::Rows(1)),
    column(UNREADABLE_SPLITS, Dtype::U8, Of::Unreadable),
    column(PATHS, Dtype::U8, Of::Texts(PATH_OFFSETS)),
    column(FACTS, Dtype::U8, Of::Texts(FACTS_OFFSETS)),
    column(UNREADABLE_PATHS, Dtype::U8, Of::Texts(UNREADABLE_PATH_OFFSETS)),
    column(REASONS, Dtype::U8, Of::Texts(REASON_OFFSETS)),
    column(CHECKSUM, Dtype::U8, Of::Checksum),
];

const fn column(name: &'static str, dtype: Dtype, of: Of) -> Column {
    Column { name, dtype, of }
}

/// The length of the checksum, which ends the file.
pub(super) const CHECKSUM_BYTES: usize = 32;

pub(super) fn split_code(split: Option<Split>) -> u8 {
    match split {
        None => 0,
        Some(Split::Train) => 1,
        Some(Split::Validation) => 2,
        Some(Split::Test) => 3,
    }
}

/// Decodes the result of [`split_code`]; `None` for any other number.
#[expect(clippy::option_option, reason = "no split is one of the answers")]
pub(super) fn split_of(code: u8) -> Option<Option<Split>> {
    [None, Some(Split::Train), Some(Split::Validation), Some(Split::Test)].get(usize::from(code)).copied()
}

/// The bytes of a path, by which paths are sorted.
pub(crate) fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// The path that has these bytes.
pub(crate) fn path_of(bytes: &[u8]) -> PathBuf {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        std::ffi::OsStr::from_bytes(bytes).into()
    }
    #[cfg(not(unix))]
    String::from_utf8_lossy(bytes).into_owned().into()
}
