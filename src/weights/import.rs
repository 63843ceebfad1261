//! Files that came another way: recognised by checksum, stored where they are looked for.

use std::io;
use std::path::{Path, PathBuf};

use super::{Entry, Places, WeightsError, manifest, read};
use crate::files::{self, ContentHash};
use crate::progress::Progress;

/// Copies a known weights file into the user's cache folder under the name it is looked for, and returns its entry and
/// where it is now.
///
/// # Errors
/// [`WeightsError`] if the file cannot be read as weights, and [`WeightsError::NotWeights`] if no entry has its checksum.
pub(crate) fn import(path: &Path, places: &Places, progress: &dyn Progress) -> Result<(Entry, PathBuf), WeightsError> {
    let arrays = read::read(path)?;
    progress.check()?;
    let sha256 = ContentHash::from_file(path)?.to_string();
    let manifest = manifest()?;
    let entry = manifest.entries().iter().find(|entry| entry.matches(&sha256)).ok_or_else(|| {
        let found = format!(
            "its {} tensors can be read, but its SHA-256 {sha256} is none of the manifest's; use it with `--weights {}`",
            arrays.len(),
            path.display()
        );
        WeightsError::NotWeights { file: path.display().to_string(), found }
    })?;
    let target = places.destination(entry);
    files::make_folder(&places.cache)?;
    let mut source = files::open(path)?;
    if target.is_symlink() {
        // Somebody put the link there: what it leads to is theirs.
        files::remove(&target)?;
    }
    files::write(&target, |file| {
        // The bytes that are written are those that count, not those that were there a moment ago.
        let written = ContentHash::from_copy(&mut source, file)?.to_string();
        if written == sha256 { Ok(()) } else { Err(io::Error::other("the file changed while it was imported")) }
    })?;
    Ok((entry.clone(), target))
}
