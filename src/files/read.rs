//! Files opened and read with the path in the error, within a size and a time. What is read whole, or its first bytes, may be a
//! member of a tar archive.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use super::open::open;
use super::{FileError, tar};
use crate::ffi::mapping::Mapping;

/// Reads a whole file of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    read_within(path, limit, Duration::MAX)
}

/// [`read`], given up when it takes longer than `time`, as from a network drive that only trickles. One that gives
/// nothing at all holds its reader up: the system has no way to ask a file for what is there already.
pub(crate) fn read_within(path: &Path, limit: u64, time: Duration) -> Result<Vec<u8>, FileError> {
    let fail = |error| FileError::new("read", path, error);
    let (content, length) = content(path)?;
    let too_large = || io::Error::other(format!("it is larger than the limit of {limit} bytes"));
    if length > limit {
        return Err(fail(too_large()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    // One byte over the limit shows a file that grew since it was measured.
    InTime::new(content, time).take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > limit {
        return Err(fail(too_large()));
    }
    Ok(bytes)
}

/// All of a regular file, or of a member of an archive, and how many bytes that is.
pub(super) fn content(path: &Path) -> Result<(io::Take<File>, u64), FileError> {
    match open(path) {
        // What looks like a folder on the way is a file, which may be an archive.
        Err(error) if error.cause.kind() == io::ErrorKind::NotADirectory => tar::content(path).unwrap_or(Err(error)),
        opened => {
            let file = opened?;
            let length = file.metadata().map_err(|error| FileError::new("read", path, error))?.len();
            Ok((file.take(u64::MAX), length))
        }
    }
}

/// Whether a path is that of a regular file, or of a member of an archive.
pub(crate) fn is_file(path: &Path) -> bool {
    match std::fs::metadata(path) {
        Ok(metadata) => metadata.is_file(),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            tar::content(path).is_some_and(|content| content.is_ok())
        }
        Err(_) => false,
    }
}

/// A reader that is looked at by the clock before each read.
pub(super) struct InTime<R> {
    reader: R,
    time: Duration,
    /// `None` for a limit beyond all time.
    end: Option<Instant>,
}

impl<R: Read> InTime<R> {
    pub(super) fn new(reader: R, time: Duration) -> Self {
        Self { reader, time, end: Instant::now().checked_add(time) }
    }
}

impl<R: Read> Read for InTime<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.end.is_some_and(|end| Instant::now() >= end) {
            let reason = format!("that took longer than the limit of {} s", self.time.as_secs_f64());
            return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
        }
        self.reader.read(buffer)
    }
}

/// The content of a file as memory, for files of this program's own kind that are too large to copy without need.
#[derive(Debug)]
pub(crate) struct Mapped(Mapping);

impl Mapped {
    /// Maps a regular file of at most `limit` bytes.
    pub(crate) fn open(path: &Path, limit: u64) -> Result<Self, FileError> {
        let fail = |error| FileError::new("read", path, error);
        let file = open(path)?;
        if file.metadata().map_err(fail)?.len() > limit {
            return Err(fail(io::Error::other(format!("it is larger than the limit of {limit} bytes"))));
        }
        Mapping::new(&file).map(Self).map_err(fail)
    }

    /// The bytes of the file.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// Some of them as little-endian numbers where they lie; `None` where that cannot be.
    pub(crate) fn floats(&self, place: Range<usize>) -> Option<&[f32]> {
        if cfg!(target_endian = "little") { self.0.floats(place) } else { None }
    }
}

/// The first bytes of a regular file, `limit` of them at most.
pub(crate) fn head(path: &Path, limit: usize) -> Result<Vec<u8>, FileError> {
    let mut head = Vec::new();
    let read = content(path)?.0.take(limit as u64).read_to_end(&mut head);
    read.map(|_| head).map_err(|error| FileError::new("read", path, error))
}

/// Size of a file in bytes.
///
/// # Errors
/// [`FileError`] if there is no such file.
pub(crate) fn size(path: &Path) -> Result<u64, FileError> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => content(path).map(|(_, length)| length),
        metadata => metadata.map(|metadata| metadata.len()).map_err(|error| FileError::new("read", path, error)),
    }
}
