//! A folder that is made whole or not at all.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::atomic::{folder_of, named};
use super::error::INTO;
use super::{FileError, make_folder, rename};

/// A folder that is filled beside its place. Dropped before [`NewFolder::finish`], it is removed.
#[derive(Debug)]
pub(crate) struct NewFolder {
    path: PathBuf,
    partial: TempDir,
}

/// Begins a folder at `path`, where nothing is yet.
///
/// # Errors
/// [`FileError`] if the folder above it is missing or cannot be written into.
pub(crate) fn new_folder(path: &Path) -> Result<NewFolder, FileError> {
    let above = folder_of(path);
    let partial = named().tempdir_in(above).map_err(|error| FileError::new(INTO, above, error))?;
    Ok(NewFolder { path: path.to_path_buf(), partial })
}

impl NewFolder {
    /// A symbolic link in it, under a relative name whose folders are made, to a file wherever that lies.
    ///
    /// # Errors
    /// [`FileError`] if the file system has no such links, and as for any file.
    pub(crate) fn link(&self, name: &Path, to: &Path) -> Result<(), FileError> {
        let fail = |error| FileError::new("link to", to, error);
        let link = self.partial.path().join(name);
        make_folder(folder_of(&link))?;
        symbolic_link(&std::path::absolute(to).map_err(fail)?, &link).map_err(fail)
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// [`FileError`]; nothing of it is left then.
    pub(crate) fn finish(self) -> Result<(), FileError> {
        set_readable(self.partial.path()).map_err(|error| FileError::new("write", &self.path, error))?;
        rename(self.partial.path(), &self.path)?;
        // It has another name now and must not be removed under the old one.
        let _ = self.partial.keep();
        Ok(())
    }
}

#[cfg(unix)]
fn symbolic_link(to: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(to, link)
}

#[cfg(windows)]
fn symbolic_link(to: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(to, link)
}

/// Temporary folders are for their owner alone; this one is for whoever may read what the user makes.
fn set_readable(folder: &Path) -> io::Result<()> {
    let inside = folder.join("mode");
    std::fs::create_dir(&inside)?;
    std::fs::set_permissions(folder, std::fs::metadata(&inside)?.permissions())?;
    std::fs::remove_dir(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_appears_whole_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let (path, photo) = (root.path().join("sorted"), root.path().join("a.jpg"));
        crate::files::write(&photo, |file| file.write_all(b"photo")).unwrap();
        let dropped = new_folder(&path).unwrap();
        dropped.link(Path::new("bees/a.jpg"), &photo).unwrap();
        drop(dropped);
        assert_eq!(root.path().read_dir().unwrap().count(), 1);
        let folder = new_folder(&path).unwrap();
        folder.link(Path::new("bees/a.jpg"), &photo).unwrap();
        assert!(!path.exists());
        folder.finish().unwrap();
        assert_eq!(crate::files::read(&path.join("bees/a.jpg"), 9).unwrap(), b"photo");
        assert_eq!(root.path().read_dir().unwrap().count(), 2);
        assert!(new_folder(&root.path().join("absent/sorted")).is_err());
    }
}
