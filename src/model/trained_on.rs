//! The photo files on which a head was fitted, so that metrics are never computed on them.

use crate::files::ContentHash;

/// A set of photo files, identified by content under any name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TrainedOn(pub(super) Vec<[u8; 8]>);

impl TrainedOn {
    /// Creates the set of files with these hashes.
    pub(crate) fn new<'a>(hashes: impl IntoIterator<Item = &'a ContentHash>) -> Self {
        let mut short: Vec<[u8; 8]> = hashes.into_iter().map(ContentHash::short).collect();
        short.sort_unstable();
        short.dedup();
        Self(short)
    }

    /// Whether the set has a file with this hash.
    pub(crate) fn has(&self, content: &ContentHash) -> bool {
        self.0.binary_search(&content.short()).is_ok()
    }
}
