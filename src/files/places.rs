//! Folders and names: where caches lie, what a folder holds, and what is made, renamed and removed there.

use std::path::{Path, PathBuf};

use super::FileError;

/// The folder for what can be computed or fetched again: `RESNET_BINARY_CACHE`, or the user's cache folder as the system
/// has it.
pub(crate) fn cache_folder() -> PathBuf {
    let own = std::env::var_os("RESNET_BINARY_CACHE").filter(|value| !value.is_empty()).map(PathBuf::from);
    let of_system =
        || directories::ProjectDirs::from("", "", "resnet-binary").map(|user| user.cache_dir().to_path_buf());
    own.or_else(of_system).unwrap_or_else(|| std::env::temp_dir().join("resnet-binary"))
}

/// Makes a folder and those above it.
///
/// # Errors
/// [`FileError`] with the path.
pub(crate) fn make_folder(path: &Path) -> Result<(), FileError> {
    std::fs::create_dir_all(path).map_err(|error| FileError::new("create folder", path, error))
}

/// Gives a finished file its final name, over what was there.
///
/// # Errors
/// [`FileError`]; both names are then as they were.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    #[expect(clippy::disallowed_methods, reason = "the other modules are told to write through this one")]
    std::fs::rename(from, to).map_err(|error| FileError::new("write", to, error))
}

/// The names in a folder, sorted; those that are no Unicode are left out.
///
/// # Errors
/// [`FileError`] if the folder cannot be listed.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, FileError> {
    let fail = |error| FileError::new("list", folder, error);
    #[expect(clippy::disallowed_methods, reason = "the other modules are told to write through this one")]
    let entries = std::fs::read_dir(folder).map_err(fail)?;
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(fail)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// Removes one of this program's own files.
///
/// # Errors
/// [`FileError`] with the path.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    std::fs::remove_file(path).map_err(|error| FileError::new("remove", path, error))
}
