//! Which file it is: its kind, its content, and whether two paths lead to one.

use std::fs::{File, Metadata};
use std::path::Path;
#[cfg(not(unix))]
use std::path::PathBuf;

use super::FileError;

/// A kind of file that this program writes, and how one is known again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// Such as `model`.
    pub name: &'static str,
    /// Whether a file that begins with these bytes is one; [`Kind::HEAD`] of them, or all that there are.
    pub is_one: fn(&[u8]) -> bool,
}

impl Kind {
    /// So much of a file is looked at.
    pub(crate) const HEAD: usize = 1 << 16;
}

/// Which file a path leads to, whatever links there are on the way; names of one file have the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Identity(IdentityOf);

#[cfg(unix)]
type IdentityOf = (u64, u64);

#[cfg(not(unix))]
type IdentityOf = PathBuf;

impl Identity {
    /// That of the regular file at a path, if there is one.
    pub(crate) fn new(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok().filter(Metadata::is_file)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Some(Self((metadata.dev(), metadata.ino())))
        }
        #[cfg(not(unix))]
        {
            let _ = metadata;
            path.canonicalize().ok().map(Self)
        }
    }
}

/// Size, times and identity of a file: while they stay the same, so does its content.
///
/// # Errors
/// [`FileError`] if there is no such file.
pub(crate) fn fingerprint(path: &Path) -> Result<String, FileError> {
    let metadata = std::fs::metadata(path).map_err(|error| FileError::new("read", path, error))?;
    #[cfg(unix)]
    let identity = {
        use std::os::unix::fs::MetadataExt;
        // The time of the last change to the file's record, which no program can set.
        format!("{}.{:09} {} {}", metadata.ctime(), metadata.ctime_nsec(), metadata.dev(), metadata.ino())
    };
    #[cfg(not(unix))]
    let identity = "";
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    Ok(format!("{} {:?} {identity}", metadata.len(), modified.unwrap_or_default()))
}

/// Whether an open file is still the one at a path: another process may have renamed or removed it.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let same = |ours: Metadata, theirs: Metadata| (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino());
        file.metadata().is_ok_and(|ours| std::fs::metadata(path).is_ok_and(|theirs| same(ours, theirs)))
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        path.exists()
    }
}
