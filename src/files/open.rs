//! A regular file, opened with the path in the error.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

use super::{FileError, names};

/// Opens a regular file for reading.
///
/// # Errors
/// [`FileError`] with the path; also for anything but a regular file: a named pipe might never answer or never end.
pub(crate) fn open(path: &Path) -> Result<File, FileError> {
    let fail = |error| FileError::new("read", path, error);
    // Before it is opened, for opening a device can do something to it; and after, for it may be another file by then.
    let metadata = std::fs::metadata(path).map_err(fail)?;
    if metadata.is_dir() {
        // One that was to be walked, and could not be, comes here for the reason.
        names(path)?;
    }
    check_regular(&metadata).map_err(fail)?;
    let file = without_waiting().open(path).map_err(fail)?;
    check_regular(&file.metadata().map_err(fail)?).map_err(fail)?;
    Ok(file)
}

fn check_regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if metadata.is_file() { Ok(()) } else { Err(io::Error::other("it is not a regular file")) }
}

/// For reading; a pipe that took the file's place since it was looked at is not waited for.
fn without_waiting() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    options
}
