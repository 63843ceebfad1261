//! A failed file operation, in words that a user knows and with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use super::nearest::nearest_path;
use super::shell_word;

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
pub(super) const INTO: &str = "write into the folder";

impl FileError {
    /// Names the action and the path of an I/O error.
    pub(crate) fn new(action: &'static str, path: &Path, cause: io::Error) -> Self {
        Self { action, path: path.to_path_buf(), cause }
    }

    /// The system's reason alone, in words a user knows.
    pub(crate) fn reason(&self) -> String {
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
            io::ErrorKind::NotFound => Some(match nearest_path(&self.path) {
                Some(meant) => format!("did you mean `{}`?", meant.display()),
                None => format!("check the spelling; nothing is at `{path}`"),
            }),
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
pub(super) fn reason(path: &Path, error: &io::Error) -> String {
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
