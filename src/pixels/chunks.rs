//! The named pieces that PNG and RIFF files (WebP) are made of, read where they lie: a length that a header states is never
//! believed before the file has so many bytes.

/// Named pieces of a file that are all there, one after the other.
pub(super) struct Chunks<'a> {
    rest: &'a [u8],
    /// Whether it is PNG, where the length comes first and a checksum last, or RIFF.
    is_png: bool,
}

impl<'a> Chunks<'a> {
    pub(super) fn png(bytes: &'a [u8]) -> Option<Self> {
        Some(Self { rest: bytes.get(8..)?, is_png: true })
    }

    pub(super) fn riff(bytes: &'a [u8]) -> Option<Self> {
        Some(Self { rest: bytes.get(12..)?, is_png: false })
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (first, rest) = self.rest.split_first_chunk::<4>()?;
        let (second, rest) = rest.split_first_chunk::<4>()?;
        let (name, length) = if self.is_png {
            (*second, u32::from_be_bytes(*first) as usize)
        } else {
            (*first, u32::from_le_bytes(*second) as usize)
        };
        let (content, rest) = rest.split_at_checked(length)?;
        // A checksum, or a byte that makes the length even.
        let after = if self.is_png { 4 } else { length % 2 };
        self.rest = rest.get(after..).unwrap_or_default();
        Some((name, content))
    }
}
