//! Files as memory, read by the system as they are touched, without a copy.

use std::fs::File;
use std::io;
use std::ops::Range;

use memmap2::Mmap;

/// The content of a file. It stands for the file's bytes as they are: a program that writes into the same file while it
/// is mapped changes them, so a mapping is held while weights are loaded, and of files of features, which are only ever
/// replaced, while their rows are worked with.
#[derive(Debug)]
pub(crate) struct Mapping(Mmap);

impl Mapping {
    /// Maps a whole file.
    pub(crate) fn new(file: &File) -> io::Result<Self> {
        // SAFETY: the mapping is private and read-only, and its bytes are only ever read as plain numbers, for
        // which every bit pattern is valid. A file that is cut shorter by another program while it is mapped ends this
        // one with SIGBUS, as it does for every program that maps files; ours are replaced by renaming, which keeps the
        // old content alive.
        unsafe { Mmap::map(file) }.map(Self)
    }

    /// Some bytes of the file as numbers in the order of this machine; `None` where they do not lie or are not as many as
    /// that takes.
    pub(crate) fn floats(&self, place: Range<usize>) -> Option<&[f32]> {
        // SAFETY: every four bytes are a valid f32.
        let (before, floats, after) = unsafe { self.0.get(place)?.align_to::<f32>() };
        (before.is_empty() && after.is_empty()).then_some(floats)
    }

    /// The bytes of the file.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
