//! The marker segments of a JPEG, one after the other.

/// Start of frame, sequential and progressive with Huffman codes: what is decoded.
pub(in super::super) const SOF_SEQUENTIAL: [u8; 2] = [0xc0, 0xc1];
pub(in super::super) const SOF_PROGRESSIVE: u8 = 0xc2;
/// Huffman tables.
pub(in super::super) const DHT: u8 = 0xc4;
/// End of image.
pub(in super::super) const EOI: u8 = 0xd9;
/// Start of scan: its entropy-coded data follows.
pub(in super::super) const SOS: u8 = 0xda;
/// Quantisation tables.
pub(in super::super) const DQT: u8 = 0xdb;
/// Restart interval.
pub(in super::super) const DRI: u8 = 0xdd;

/// Marker and content of each segment from `at` on, that of a scan without its data; ends with the file, or at a segment
/// that is cut off. Bytes between two segments are passed over, as all decoders do.
#[derive(Debug, Clone)]
pub(in super::super) struct Segments<'a> {
    pub(in super::super) bytes: &'a [u8],
    /// Where the next one is looked for.
    pub(in super::super) at: usize,
}

impl<'a> Segments<'a> {
    pub(in super::super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Those before the first scan.
    pub(in super::super) fn header(bytes: &'a [u8]) -> impl Iterator<Item = (u8, &'a [u8])> {
        Self::new(bytes).take_while(|(marker, _)| !matches!(*marker, SOS | EOI))
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            let start = rest.iter().position(|byte| *byte == 0xff)?;
            let (marker, rest) = rest.get(start + 1..)?.split_first()?;
            self.at += start + 2;
            match marker {
                // A filled byte, which may be the first of a marker.
                0xff => self.at -= 1,
                // Markers without content.
                0x00 | 0x01 | 0xd0..=0xd8 => {}
                &EOI => return Some((EOI, &[])),
                marker => {
                    let (length, _) = rest.split_first_chunk()?;
                    let length = usize::from(u16::from_be_bytes(*length));
                    let content = rest.get(2..length)?;
                    self.at += length;
                    return Some((*marker, content));
                }
            }
        }
    }
}
