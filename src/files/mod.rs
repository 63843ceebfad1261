//! Reading with the path in the error, and writing whole or not at all.
//!
//! Promise: a reader of any file this program writes sees the old content or the new, never a part. That is why the
//! plain `std::fs` writers are banned elsewhere (`clippy.toml`). Users' photos are only ever opened for reading.

mod atomic;
pub mod escaped;
mod folder;
mod leftovers;
mod text;

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::ffi::mapping::Mapping;

pub use atomic::{Batch, check_writable, remove_stale, scratch, write};
pub use folder::{NewFolder, new_folder};
pub use leftovers::{WalkRoot, is_leftover};
pub use text::Text;

/// A file operation that failed: what was tried, on which path, and the system's reason.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{}`: {}", path.display(), reason(path, cause))]
pub struct FileError {
    /// The verb, such as `read` or `write`.
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The system's reason; part of the message, so no source of its own that would say it twice.
    pub cause: io::Error,
}

/// The action on a folder that something is written into.
const INTO: &str = "write into the folder";

impl FileError {
    /// Names the action and the path of an I/O error.
    pub fn new(action: &'static str, path: &Path, cause: io::Error) -> Self {
        Self { action, path: path.to_path_buf(), cause }
    }

    /// The system's reason alone, in words a user knows.
    pub fn reason(&self) -> String {
        reason(&self.path, &self.cause)
    }

    /// What the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let path = self.path.display();
        match self.cause.kind() {
            io::ErrorKind::NotFound if mistaken(&self.path).is_some() => None,
            io::ErrorKind::NotFound if self.action == INTO => {
                Some(format!("make it: `mkdir -p {}`", shell_word(&path.to_string())))
            }
            io::ErrorKind::NotFound => Some(format!("check the spelling; nothing is at `{path}`")),
            io::ErrorKind::PermissionDenied => Some(format!("check the permissions with `ls -ld {path}`")),
            io::ErrorKind::StorageFull => Some("free some space, or write to another disk".to_owned()),
            io::ErrorKind::ReadOnlyFilesystem => Some("write to a folder that is not read-only".to_owned()),
            io::ErrorKind::IsADirectory => Some(format!("name a file, such as one in `{path}`")),
            io::ErrorKind::NotADirectory => Some("check the path: one of its folders is a file".to_owned()),
            io::ErrorKind::OutOfMemory => {
                Some("close other programs, or raise the limit that `ulimit -v` shows".to_owned())
            }
            io::ErrorKind::TimedOut => Some("copy it to a disk of this machine, or raise `--max-seconds`".to_owned()),
            _ => None,
        }
    }
}

/// What a path is that leads to nothing because it is none, with the remedy: a row of results has no room for a hint.
fn mistaken(path: &Path) -> Option<&'static str> {
    let text = path.to_string_lossy();
    let is_scheme = |scheme: &str| !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if text.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme)) {
        Some("it is a web address, and only files on this machine are read: download it first")
    } else if text.contains(['*', '?', '[']) {
        Some("it is a pattern that no shell has filled in: leave out the quotes, or give the folder")
    } else {
        None
    }
}

/// The reason in words a user knows, without the operating system's number.
fn reason(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            let nothing = "no such file or folder";
            mistaken(path).map_or(nothing.to_owned(), |what| format!("{nothing}: {what}"))
        }
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::NotADirectory => "a part of the path is not a folder".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        io::ErrorKind::InvalidFilename => "its name or path is too long".to_owned(),
        _ => {
            let text = error.to_string();
            text.split_once(" (os error").map_or(text.as_str(), |(words, _)| words).to_owned()
        }
    }
}

/// The SHA-256 of a file's content: what makes two photos byte-identical, and half of a cache key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    /// Hashes bytes already in memory.
    pub fn new(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Its first 8 bytes: enough to know a file again among millions.
    pub fn short(&self) -> [u8; 8] {
        *self.0.first_chunk().unwrap_or(&[0; 8])
    }

    /// Hashes a file of any size in bounded memory.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be opened or read.
    pub fn from_file(path: &Path) -> Result<Self, FileError> {
        Self::from_copy(&mut open(path)?, &mut io::sink()).map_err(|error| FileError::new("read", path, error))
    }

    /// Copies all that is left of `from` to `to`, and hashes what was copied.
    ///
    /// # Errors
    /// The first of either side.
    pub fn from_copy(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<Self> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(Self(hasher.finalize().into())),
                Ok(count) => {
                    let bytes = buffer.get(..count).unwrap_or_default();
                    hasher.update(bytes);
                    to.write_all(bytes)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

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
