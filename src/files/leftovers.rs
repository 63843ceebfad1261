//! What a walk through a user's folder leaves out: thumbnails, previews, recycle bins and index files that systems and
//! programs leave there, and links that lead out above the folder.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use walkdir::DirEntry;

/// Names in any case: of macOS, Windows, Android, and of the network drives of Synology and QNAP.
const NAMES: [&str; 22] = [
    "__MACOSX",
    "Network Trash Folder",
    "Temporary Items",
    "Thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    "$RECYCLE.BIN",
    "RECYCLER",
    "RECYCLED",
    "System Volume Information",
    "FOUND.000",
    "LOST.DIR",
    "lost+found",
    "@eaDir",
    "@tmp",
    "@Recycle",
    "@Recently-Snapshot",
    "@__thumb",
    "#recycle",
    "#snapshot",
    "#trash",
];

/// Endings of the folders in which Lightroom keeps previews and other data of its own.
const ENDINGS: [&str; 2] = [".lrdata", ".lrcat-data"];

/// Whether something of this name is hidden, or was left behind by a system or a program.
pub(crate) fn is_left_behind(name: &OsStr) -> bool {
    let text = name.to_string_lossy().to_ascii_lowercase();
    text.starts_with('.')
        || NAMES.iter().any(|other| name.eq_ignore_ascii_case(other))
        || ENDINGS.iter().any(|ending| text.ends_with(ending))
}

/// Whether something that a walk came upon is hidden, or was left behind by a system or a program. The folder where the
/// walk starts is neither, whatever its name.
pub(crate) fn is_leftover(entry: &DirEntry) -> bool {
    entry.depth() > 0 && is_left_behind(entry.file_name())
}

/// Where a walk starts, links followed; unknown if the system cannot tell.
pub(crate) struct WalkRoot(Option<PathBuf>);

impl WalkRoot {
    /// Of a walk through this folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self(folder.canonicalize().ok())
    }

    /// Whether something that the walk came upon is a link to a folder that its root lies in: everything would come
    /// twice, and much that was not asked for.
    pub(crate) fn lies_below(&self, entry: &DirEntry) -> bool {
        let is_link = entry.depth() > 0 && entry.path_is_symlink() && entry.file_type().is_dir();
        let is_above = |root: &Path| entry.path().canonicalize().is_ok_and(|target| root.starts_with(target));
        is_link && self.0.as_deref().is_some_and(is_above)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_known_by_name_and_photos_are_not() {
        for name in [".thumbnails", "@eaDir", "@EADIR", "$Recycle.Bin", "#recycle", "My Previews.lrdata", "thumbs.db"] {
            assert!(is_left_behind(OsStr::new(name)), "{name}");
        }
        for name in ["cats", "recycle", "previews", "eaDir", "lrdata", "__macosx.jpg"] {
            assert!(!is_left_behind(OsStr::new(name)), "{name}");
        }
    }
}
