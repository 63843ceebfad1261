//! Reading with the path in the error, and writing whole or not at all.
//!
//! Promise: a reader of any file this program writes sees the old content or the new, never a part. That is why the
//! plain `std::fs` writers are banned elsewhere (`clippy.toml`). Users' photos are only ever opened for reading.

mod atomic;
mod error;
pub mod escaped;
mod folder;
mod hash;
mod leftovers;
mod text;

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::ffi::mapping::Mapping;

pub use atomic::{Batch, check_writable, remove_stale, scratch, write};
pub use error::FileError;
pub use folder::{NewFolder, new_folder};
pub use hash::ContentHash;
pub use leftovers::{WalkRoot, is_leftover};
pub use text::Text;

/// Opens a regular file for reading.
///
/// # Errors
/// [`FileError`] with the path; also for anything but a regular file: a named pipe might never answer or never end.
pub fn open(path: &Path) -> Result<File, FileError> {
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

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// As [`open`], also when the file is larger than `limit`, before more than that is read.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    read_within(path, limit, Duration::MAX)
}

/// [`read`], given up when it takes longer than `time`, as from a network drive that only trickles. One that gives
/// nothing at all holds its reader up: the system has no way to ask a file for what is there already.
///
/// # Errors
/// As [`read`]; [`io::ErrorKind::TimedOut`] with the limit.
pub fn read_within(path: &Path, limit: u64, time: Duration) -> Result<Vec<u8>, FileError> {
    let fail = |error| FileError::new("read", path, error);
    let file = open(path)?;
    let metadata = file.metadata().map_err(fail)?;
    let too_large = || io::Error::other(format!("it is larger than the limit of {limit} bytes"));
    if metadata.len() > limit {
        return Err(fail(too_large()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    // One byte over the limit shows a file that grew since it was measured.
    InTime::new(file, time).take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > limit {
        return Err(fail(too_large()));
    }
    Ok(bytes)
}

/// A reader that is looked at by the clock before each read.
struct InTime<R> {
    reader: R,
    time: Duration,
    /// `None` for a limit beyond all time.
    end: Option<Instant>,
}

impl<R: Read> InTime<R> {
    fn new(reader: R, time: Duration) -> Self {
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
pub struct Mapped(Mapping);

impl Mapped {
    /// Maps a regular file of at most `limit` bytes.
    ///
    /// # Errors
    /// As [`read`].
    pub fn open(path: &Path, limit: u64) -> Result<Self, FileError> {
        let fail = |error| FileError::new("read", path, error);
        let file = open(path)?;
        if file.metadata().map_err(fail)?.len() > limit {
            return Err(fail(io::Error::other(format!("it is larger than the limit of {limit} bytes"))));
        }
        Mapping::new(&file).map(Self).map_err(fail)
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
}

/// The folder for what can be computed or fetched again: `RESNET_BINARY_CACHE`, or the user's cache folder as the system
/// has it.
pub fn cache_folder() -> PathBuf {
    let own = std::env::var_os("RESNET_BINARY_CACHE").filter(|value| !value.is_empty()).map(PathBuf::from);
    let of_system =
        || directories::ProjectDirs::from("", "", "resnet-binary").map(|user| user.cache_dir().to_path_buf());
    own.or_else(of_system).unwrap_or_else(|| std::env::temp_dir().join("resnet-binary"))
}

/// Makes a folder and those above it.
///
/// # Errors
/// [`FileError`] with the path.
pub fn make_folder(path: &Path) -> Result<(), FileError> {
    std::fs::create_dir_all(path).map_err(|error| FileError::new("create folder", path, error))
}

/// Gives a finished file its final name, over what was there.
///
/// # Errors
/// [`FileError`]; both names are then as they were.
pub fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    #[expect(clippy::disallowed_methods, reason = "the other modules are told to write through this one")]
    std::fs::rename(from, to).map_err(|error| FileError::new("write", to, error))
}

/// A kind of file that this program writes, and how one is known again.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Such as `model`.
    pub name: &'static str,
    /// Whether a file that begins with these bytes is one; [`Kind::HEAD`] of them, or all that there are.
    pub is_one: fn(&[u8]) -> bool,
}

impl Kind {
    /// So much of a file is looked at.
    pub const HEAD: usize = 1 << 16;
}

/// The first bytes of a regular file, `limit` of them at most.
///
/// # Errors
/// As [`open`].
pub fn head(path: &Path, limit: usize) -> Result<Vec<u8>, FileError> {
    let mut head = Vec::new();
    let read = open(path)?.take(limit as u64).read_to_end(&mut head);
    read.map(|_| head).map_err(|error| FileError::new("read", path, error))
}

/// Which file a path leads to, whatever links there are on the way; names of one file have the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity(IdentityOf);

#[cfg(unix)]
type IdentityOf = (u64, u64);
#[cfg(not(unix))]
type IdentityOf = PathBuf;

impl Identity {
    /// That of the regular file at a path, if there is one.
    pub fn new(path: &Path) -> Option<Self> {
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
pub fn fingerprint(path: &Path) -> Result<String, FileError> {
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
pub fn is_at(file: &File, path: &Path) -> bool {
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

/// Size of a file in bytes.
///
/// # Errors
/// [`FileError`] if there is no such file.
pub fn size(path: &Path) -> Result<u64, FileError> {
    std::fs::metadata(path).map(|metadata| metadata.len()).map_err(|error| FileError::new("read", path, error))
}

/// The names in a folder, sorted; those that are no Unicode are left out.
///
/// # Errors
/// [`FileError`] if the folder cannot be listed.
pub fn names(folder: &Path) -> Result<Vec<String>, FileError> {
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
pub fn remove(path: &Path) -> Result<(), FileError> {
    std::fs::remove_file(path).map_err(|error| FileError::new("remove", path, error))
}

/// A word that a shell takes as one, for commands to copy.
pub fn shell_word(word: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+=:,@".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_to_copy_survives_odd_names() {
        assert_eq!(shell_word("imgs/a.jpg"), "imgs/a.jpg");
        assert_eq!(shell_word("my dog's.jpg"), r"'my dog'\''s.jpg'");
    }

    #[test]
    fn reading_stops_at_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, |file| file.write_all(&[7; 11])).unwrap();
        assert!(read(&path, 10).unwrap_err().to_string().contains("limit of 10 bytes"));
        assert_eq!(read(&path, 11).unwrap().len(), 11);
    }

    #[test]
    fn a_file_that_trickles_is_given_up() {
        struct Trickle;
        impl Read for Trickle {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                std::thread::sleep(Duration::from_millis(2));
                buffer.fill(7);
                Ok(buffer.len().min(1))
            }
        }
        let error = InTime::new(Trickle, Duration::from_millis(20)).read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let error = FileError::new("read", Path::new("a.jpg"), error);
        assert_eq!(error.to_string(), "cannot read `a.jpg`: that took longer than the limit of 0.02 s");
        assert!(error.hint().unwrap().contains("--max-seconds"));
        let mut all = Vec::new();
        InTime::new(Trickle.take(9), Duration::MAX).read_to_end(&mut all).unwrap();
        assert_eq!(all, [7; 9]);
    }

    #[test]
    fn the_hash_of_a_file_is_that_of_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let content = vec![3; 100_000];
        write(&path, |file| file.write_all(&content)).unwrap();
        assert_eq!(ContentHash::from_file(&path).unwrap(), ContentHash::new(&content));
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(ContentHash::new(b"").to_string(), empty);
    }
}
