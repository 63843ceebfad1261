//! Writing whole or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::{NamedTempFile, TempPath};

use super::FileError;
use super::error::{self, INTO};

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
pub(crate) fn write(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), FileError> {
    let mut batch = Batch::default();
    batch.add(path, content)?;
    batch.finish()
}

/// Files that are written one after the other and put in place together: all of them, or none. Dropped before
/// [`Batch::finish`], it leaves everything as it was.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    ready: Vec<Ready>,
}

/// A file that is whole and on the disk, beside the place that it is for.
#[derive(Debug)]
struct Ready {
    path: PathBuf,
    /// With links followed.
    target: PathBuf,
    temporary: NamedTempFile,
}

impl Batch {
    /// Writes a file into a temporary sibling of `path` and flushes it to disk. A device is written to at once.
    ///
    /// # Errors
    /// [`FileError`]; what was at `path` is then as it was, and the temporary file is removed.
    pub(crate) fn add(
        &mut self,
        path: &Path,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), FileError> {
        let fail = |error| FileError::new("write", path, error);
        if path.is_dir() {
            return Err(fail(io::ErrorKind::IsADirectory.into()));
        }
        if is_device(path) {
            let mut device = File::options().write(true).open(path).map_err(fail)?;
            return content(&mut device).map_err(fail);
        }
        let target = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        remove_stale(folder_of(&target));
        let mut writer = BufWriter::new(sibling(folder_of(&target)).map_err(fail)?);
        content(&mut writer).map_err(fail)?;
        let temporary = writer.into_inner().map_err(|error| fail(error.into_error()))?;
        temporary.as_file().sync_all().map_err(fail)?;
        self.ready.push(Ready { path: path.to_path_buf(), target, temporary });
        Ok(())
    }

    /// Puts all files in place, by renaming alone.
    ///
    /// # Errors
    /// [`FileError`] of the first that cannot be; what was at all the places is then there again.
    pub(crate) fn finish(self) -> Result<(), FileError> {
        // One rename is whole by itself; of several, each must be able to be undone.
        let several = self.ready.len() > 1;
        let mut steps = Vec::with_capacity(self.ready.len());
        for Ready { path, target, temporary } in self.ready {
            let old = if several { Old::new(&target) } else { Ok(Old::Nothing) };
            let old = old.map_err(|error| FileError::new("write", &path, after_undoing(&path, error, several, &[])))?;
            steps.push((path, target, temporary, old));
        }
        let mut placed = Vec::with_capacity(steps.len());
        for (path, target, temporary, old) in steps {
            if let Err(error) = temporary.persist(&target) {
                let undone: Vec<String> = placed.into_iter().rev().filter_map(put_back).collect();
                return Err(FileError::new("write", &path, after_undoing(&path, error.error, several, &undone)));
            }
            placed.push((target, old));
        }
        Ok(())
    }
}

/// What is at a place before a file is put there.
enum Old {
    Nothing,
    /// The same content under a second name, locked for as long as it is needed, so that no [`remove_stale`] takes it.
    Kept(TempPath, File),
}

impl Old {
    /// A second name where the file system has such names, else a copy.
    fn new(target: &Path) -> io::Result<Self> {
        let file = match File::open(target) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Nothing),
            Err(error) => return Err(error),
        };
        let linked = named().make_in(folder_of(target), |name| std::fs::hard_link(target, name));
        let kept = if let Ok(linked) = linked {
            let _ = file.try_lock();
            Self::Kept(linked.into_temp_path(), file)
        } else {
            let mut copy = sibling(folder_of(target))?;
            io::copy(&mut &file, &mut copy)?;
            copy.as_file().set_permissions(file.metadata()?.permissions())?;
            copy.as_file().sync_all()?;
            let (copy, name) = copy.into_parts();
            Self::Kept(name, copy)
        };
        Ok(kept)
    }
}

/// Makes a place what it was; where that fails, says where its content is.
fn put_back((target, old): (PathBuf, Old)) -> Option<String> {
    match old {
        Old::Nothing => {
            let removed = std::fs::remove_file(&target);
            removed.err().map(|_| format!("`{}` is new and could not be removed again", target.display()))
        }
        Old::Kept(name, _lock) => {
            let error = name.persist(&target).err()?;
            let name = error.path.keep().ok()?;
            Some(format!("what was in `{}` is in `{}` now", target.display(), name.display()))
        }
    }
}

/// The reason of a rename that failed, and what that means for the files before it.
fn after_undoing(path: &Path, error: io::Error, several: bool, left: &[String]) -> io::Error {
    if !several {
        return error;
    }
    let state = if left.is_empty() { "all outputs are as they were before".to_owned() } else { left.join("; ") };
    io::Error::other(format!("{}; {state}", error::reason(path, &error)))
}

/// A nameless file in the folder of `path`, for what is too large for memory; it is gone with the program.
///
/// # Errors
/// [`FileError`] if the folder cannot be written to.
pub(crate) fn scratch(path: &Path) -> Result<File, FileError> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let folder = if is_device(path) { std::env::temp_dir() } else { folder_of(&target).to_path_buf() };
    tempfile::tempfile_in(folder).map_err(|error| FileError::new("write", path, error))
}

/// Fails now, rather than after an hour of work, if [`write()`] could not write to `path`.
///
/// # Errors
/// [`FileError`] as [`write()`] would give it; nothing is changed either way.
pub(crate) fn check_writable(path: &Path) -> Result<(), FileError> {
    let fail = |error| FileError::new("write", path, error);
    if path.is_dir() {
        return Err(fail(io::ErrorKind::IsADirectory.into()));
    }
    if is_device(path) {
        return Ok(());
    }
    let target = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let folder = folder_of(&target);
    if !folder.exists() {
        return Err(FileError::new(INTO, folder, io::ErrorKind::NotFound.into()));
    }
    sibling(folder).map(drop).map_err(fail)
}

/// Whether this is `/dev/null`, a terminal or a pipe: written to as it is, for a rename would put a file in its place.
fn is_device(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// The folder that a file lies in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// A temporary file beside the final one: a rename is atomic only within one file system. It is locked as long as
/// somebody writes to it, so that [`remove_stale`] tells it from one that was left behind.
fn sibling(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = named();
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

/// Names of temporary files and folders.
pub(super) fn named() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    builder
}

/// Removes the temporary files of writers that were killed: of our own name, unlocked, and not written to for a while.
/// What cannot be removed stays; it is in nobody's way. [`write()`] does it by itself.
pub(crate) fn remove_stale(folder: &Path) {
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

    #[test]
    fn a_batch_is_put_in_place_whole_or_leaves_everything_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let names = || super::super::names(folder.path()).unwrap();
        let batch = || {
            let mut batch = Batch::default();
            for name in ["a", "b", "c"] {
                batch.add(&path(name), |file| file.write_all(b"new")).unwrap();
            }
            batch
        };
        write(&path("a"), |file| file.write_all(b"old")).unwrap();
        drop(batch());
        assert_eq!((names(), read(&path("a"), 9).unwrap()), (vec!["a".to_owned()], b"old".to_vec()));

        // The last place is gone when all is written already.
        super::super::make_folder(&path("sub")).unwrap();
        let mut last = batch();
        last.add(&path("sub/d"), |file| file.write_all(b"new")).unwrap();
        std::fs::remove_dir_all(path("sub")).unwrap();
        let error = last.finish().unwrap_err().to_string();
        assert!(error.contains("sub/d`: no such file or folder; all outputs are as they were before"), "{error}");
        assert_eq!((names(), read(&path("a"), 9).unwrap()), (vec!["a".to_owned()], b"old".to_vec()));

        batch().finish().unwrap();
        assert_eq!(names(), ["a", "b", "c"]);
        assert!(names().iter().all(|name| read(&path(name), 9).unwrap() == b"new"));
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
        assert!(error.to_string().contains("absent`"), "{error}");
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
