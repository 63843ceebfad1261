//! Writing whole or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use super::FileError;

/// What the name of a temporary file begins and ends with.
const PREFIX: &str = ".resnet-binary-";
const SUFFIX: &str = ".part";

/// A temporary file that was not written to for this long, and is not locked, belongs to nobody any more.
const STALE: Duration = Duration::from_mins(1);

/// Writes a file whole or not at all: into a temporary sibling, flushed to disk, then renamed over `path`. A link stays
/// and its target is replaced; a device such as `/dev/null` is written to as it is.
///
/// # Errors
/// [`FileError`]; what was at `path` is then as it was, and the temporary file is removed.
pub fn write(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), FileError> {
    let fail = |error| FileError::new("write", path, error);
    if path.is_dir() {
        return Err(fail(io::ErrorKind::IsADirectory.into()));
    }
    if is_device(path) {
        let mut device = File::options().write(true).open(path).map_err(fail)?;
        return content(&mut device).map_err(fail);
    }
    let target = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    sweep(folder_of(&target));
    let temporary = sibling(folder_of(&target)).map_err(fail)?;
    let mut writer = BufWriter::new(temporary);
    content(&mut writer).map_err(fail)?;
    let temporary = writer.into_inner().map_err(|error| fail(error.into_error()))?;
    temporary.as_file().sync_all().map_err(fail)?;
    temporary.persist(&target).map_err(|error| fail(error.error))?;
    Ok(())
}

/// A nameless file in the folder of `path`, for what is too large for memory; it is gone with the program.
///
/// # Errors
/// [`FileError`] if the folder cannot be written to.
pub fn scratch(path: &Path) -> Result<File, FileError> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let folder = if is_device(path) { std::env::temp_dir() } else { folder_of(&target).to_path_buf() };
    tempfile::tempfile_in(folder).map_err(|error| FileError::new("write", path, error))
}

/// Fails now, rather than after an hour of work, if [`write()`] could not write to `path`.
///
/// # Errors
/// [`FileError`] as [`write()`] would give it; nothing is changed either way.
pub fn check_writable(path: &Path) -> Result<(), FileError> {
    let fail = |error| FileError::new("write", path, error);
    if path.is_dir() {
        return Err(fail(io::ErrorKind::IsADirectory.into()));
    }
    if is_device(path) {
        return Ok(());
    }
    let target = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    sibling(folder_of(&target)).map(drop).map_err(fail)
}

/// Whether this is `/dev/null`, a terminal or a pipe: written to as it is, for a rename would put a file in its place.
fn is_device(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// A temporary file beside the final one: a rename is atomic only within one file system. It is locked as long as
/// somebody writes to it, so that [`sweep`] tells it from one that was left behind.
fn sibling(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    #[cfg(unix)]
    {
        // tempfile's own default is private to the user; a result gets the mode that any new file would get.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let temporary = builder.tempfile_in(folder)?;
    // A file system without locks has the age to go by.
    let _ = temporary.as_file().try_lock();
    Ok(temporary)
}

/// Removes the temporary files of writers that were killed: of our own name, unlocked, and not written to for a while.
/// What cannot be removed stays; it is in nobody's way. [`write()`] does it by itself.
pub fn sweep(folder: &Path) {
    for name in super::names(folder).unwrap_or_default() {
        let path = folder.join(&name);
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) && is_abandoned(&path) {
            let _ = super::remove(&path);
        }
    }
}

fn is_abandoned(path: &Path) -> bool {
    let Ok(metadata) = path.symlink_metadata() else { return false };
    // A time to come, by more than a clock may be off, is that of a clock that was set back since.
    let age = metadata.modified().map(|time| time.elapsed().unwrap_or_else(|ahead| ahead.duration()));
    let is_old = metadata.is_file() && age.is_ok_and(|age| age > STALE);
    is_old && File::options().write(true).open(path).is_ok_and(|file| file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_content_and_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        write(&path, |file| file.write_all(b"old")).unwrap();
        let failed = write(&path, |file| {
            file.write_all(b"half of the new")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(failed.unwrap_err().to_string().ends_with("the disk is full"));
        assert_eq!(read(&path, 100).unwrap(), b"old");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_a_device_a_device() {
        let folder = tempfile::tempdir().unwrap();
        let (model, link, null) = (folder.path().join("model"), folder.path().join("link"), folder.path().join("null"));
        write(&model, |file| file.write_all(b"old")).unwrap();
        std::os::unix::fs::symlink(&model, &link).unwrap();
        std::os::unix::fs::symlink("/dev/null", &null).unwrap();
        for path in [&link, &null] {
            check_writable(path).unwrap();
            write(path, |file| file.write_all(b"new")).unwrap();
            assert!(path.is_symlink(), "{}", path.display());
        }
        assert_eq!(read(&model, 100).unwrap(), b"new");
        assert!(is_device(&null));
    }

    #[test]
    fn checking_leaves_nothing_behind_and_names_a_missing_folder() {
        let folder = tempfile::tempdir().unwrap();
        check_writable(&folder.path().join("model")).unwrap();
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        let error = check_writable(&folder.path().join("absent/model")).unwrap_err();
        assert!(error.to_string().contains("absent/model"), "{error}");
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_by_the_next_one_and_what_is_being_written_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let set_age = |file: &File, seconds: i64| {
            let now = std::time::SystemTime::now();
            let age = Duration::from_secs(seconds.unsigned_abs());
            file.set_modified(if seconds < 0 { now + age } else { now - age }).unwrap();
        };
        // A killed process keeps neither the handle, which holds the lock, nor the guard that would remove the file.
        let leave = |seconds: i64| {
            let (file, path) = sibling(folder.path()).unwrap().keep().unwrap();
            set_age(&file, seconds);
            path
        };
        let (old, from_the_future, fresh) = (leave(120), leave(-86_400), leave(0));
        let busy = sibling(folder.path()).unwrap();
        set_age(busy.as_file(), 3600);
        let strangers = folder.path().join(".resnet-binary-notes.txt");
        set_age(&File::options().write(true).create_new(true).open(&strangers).unwrap(), 3600);
        write(&folder.path().join("model"), |file| file.write_all(b"new")).unwrap();
        assert!(!old.exists() && !from_the_future.exists());
        assert!(fresh.exists() && busy.path().exists() && strangers.exists());
    }
}
