//! What makes two files the same: the SHA-256 of their content.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::FileError;
use super::read::content;

/// The SHA-256 of a file's content: what makes two photos byte-identical, and half of a cache key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ContentHash(pub [u8; 32]);

impl ContentHash {
    /// Hashes bytes already in memory.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Its first 8 bytes: enough to know a file again among millions.
    pub(crate) fn short(&self) -> [u8; 8] {
        *self.0.first_chunk().unwrap_or(&[0; 8])
    }

    /// Hashes a file of any size, or a member of an archive, in bounded memory.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be opened or read.
    pub(crate) fn from_file(path: &Path) -> Result<Self, FileError> {
        Self::from_copy(&mut content(path)?.0, &mut io::sink()).map_err(|error| FileError::new("read", path, error))
    }

    /// Copies all that is left of `from` to `to`, and hashes what was copied.
    ///
    /// # Errors
    /// The first of either side.
    pub(crate) fn from_copy(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<Self> {
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
