//! The feature files that a folder, a pattern or a file name refers to.

use std::path::{Path, PathBuf};

use super::ShardError;
use crate::files;

/// The files at `place`, sorted by name: those in a folder that are named like shards, those that match a pattern such
/// as `DIR/*.safetensors`, or the one file.
///
/// # Errors
/// [`ShardError::NoParts`] if there are none, and an error if a folder cannot be listed.
pub(crate) fn find(place: &Path) -> Result<Vec<PathBuf>, ShardError> {
    let found = match place.file_name().and_then(|name| name.to_str()) {
        _ if place.is_dir() => files::matching(place, "part-*-of-*.safetensors")?,
        Some(pattern) if files::is_pattern(place) => files::matching(place.parent().unwrap_or(Path::new("")), pattern)?,
        _ => vec![place.to_path_buf()],
    };
    if found.is_empty() { Err(ShardError::NoParts { place: place.to_path_buf() }) } else { Ok(found) }
}
