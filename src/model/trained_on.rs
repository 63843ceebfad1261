//! The photo files that a head was fitted to, so that its numbers are never taken on them.

use crate::files::ContentHash;

/// Some photo files, known again by their content under any name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TrainedOn(pub(super) Vec<[u8; 8]>);

impl TrainedOn {
    /// Files of these hashes.
    pub(crate) fn new<'a>(hashes: impl IntoIterator<Item = &'a ContentHash>) -> Self {
        let mut short: Vec<[u8; 8]> = hashes.into_iter().map(ContentHash::short).collect();
        short.sort_unstable();
        short.dedup();
        Self(short)
    }

    /// Whether a file of this hash is one of them.
    pub(crate) fn has(&self, content: &ContentHash) -> bool {
        self.0.binary_search(&content.short()).is_ok()
    }
}
