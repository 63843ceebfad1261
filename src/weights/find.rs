//! Where weights lie, and whether they are what their name says.

use std::path::{Path, PathBuf};

use super::{Entry, WeightsError};
use crate::files::{self, ContentHash};

/// The folders that weights are looked for in, in this order; the last one takes downloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Folders to look in only.
    pub read_only: Vec<PathBuf>,
    /// The user's cache folder.
    pub cache: PathBuf,
}

impl Places {
    /// `weights/` of the current folder, then that of the user's cache folder.
    pub fn from_environment() -> Self {
        Self { read_only: vec![PathBuf::from("weights")], cache: files::cache_folder().join("weights") }
    }

    /// All folders in the order they are looked in.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        self.read_only.iter().chain([&self.cache]).cloned().collect()
    }

    /// Where a download or an import puts its file.
    pub(crate) fn destination(&self, entry: &Entry) -> PathBuf {
        self.cache.join(entry.file_name())
    }
}

/// The file of an entry, if it is in one of the places, under its published extension or imported as safetensors.
pub(crate) fn locate(entry: &Entry, places: &Places) -> Option<PathBuf> {
    let imported = Path::new(&entry.file_name()).with_extension("safetensors");
    let names = [PathBuf::from(entry.file_name()), imported];
    let folders = places.folders();
    folders.iter().flat_map(|folder| names.iter().map(|name| folder.join(name))).find(|path| path.is_file())
}

/// The file of an entry, or an error that says where it was looked for.
///
/// # Errors
/// [`WeightsError::Missing`].
pub(crate) fn find(entry: &Entry, places: &Places) -> Result<PathBuf, WeightsError> {
    locate(entry, places).ok_or_else(|| missing(entry, places, "`resnet-binary weights fetch` downloads it"))
}

/// The error for an entry that is in none of the places.
pub(super) fn missing(entry: &Entry, places: &Places, reason: impl Into<String>) -> WeightsError {
    WeightsError::Missing {
        name: entry.name.clone(),
        file: entry.file_name(),
        folders: places.folders(),
        url: entry.url.clone(),
        reason: reason.into(),
    }
}

/// Compares the checksum of a file with the manifest's; returns the file's.
///
/// # Errors
/// [`WeightsError::Checksum`], or [`WeightsError::File`] if it cannot be read.
pub(crate) fn verify(path: &Path, entry: &Entry) -> Result<ContentHash, WeightsError> {
    let hash = ContentHash::from_file(path)?;
    entry.check(path, &hash.to_string())?;
    Ok(hash)
}

impl Entry {
    /// Compares the checksum of a file with this entry's.
    ///
    /// # Errors
    /// [`WeightsError::Checksum`].
    pub(crate) fn check(&self, path: &Path, sha256: &str) -> Result<(), WeightsError> {
        if self.matches(sha256) {
            return Ok(());
        }
        let (path, name, expected) = (path.to_path_buf(), self.name.clone(), self.sha256.clone());
        Err(WeightsError::Checksum { path, name, expected, given: sha256.to_owned() })
    }
}
