//! Which files are meant by a folder, a pattern or a name.

use std::path::{Path, PathBuf};

use super::ShardError;
use crate::files;

/// The files at `place`: those of a folder that are called as shards are, those whose name a pattern such as
/// `DIR/*.safetensors` matches, or the one file; by name.
///
/// # Errors
/// [`ShardError::NoParts`] if there are none, and of a folder that cannot be listed.
pub(crate) fn find(place: &Path) -> Result<Vec<PathBuf>, ShardError> {
    let found = match place.file_name().and_then(|name| name.to_str()) {
        _ if place.is_dir() => files::matching(place, "part-*-of-*.safetensors")?,
        Some(pattern) if files::is_pattern(place) => files::matching(place.parent().unwrap_or(Path::new("")), pattern)?,
        _ => vec![place.to_path_buf()],
    };
    if found.is_empty() { Err(ShardError::NoParts { place: place.to_path_buf() }) } else { Ok(found) }
}
