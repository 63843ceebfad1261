//! What a WebP file says beside its pixels, read where it lies: the decoder would take the memory that a chunk's header
//! states, up to 4 GiB, before it looks whether the file has so many bytes.

use super::chunks::Chunks;
use super::orientation::{self, Orientation};

/// The orientation in the metadata of an extended file; those of the simple kinds have none.
pub(super) fn orientation(bytes: &[u8]) -> Orientation {
    let Some(mut chunks) = Chunks::riff(bytes) else { return Orientation::NoTransforms };
    if chunks.next().is_none_or(|(name, _)| &name != b"VP8X") {
        return Orientation::NoTransforms;
    }
    let (mut exif, mut xmp) = (None, None);
    for (name, content) in chunks {
        // Of several the first counts.
        match &name {
            b"EXIF" => exif = exif.or(Some(content)),
            b"XMP " => xmp = xmp.or(Some(content)),
            _ => {}
        }
    }
    orientation::read(exif, xmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WEBP".to_vec();
        for (name, content) in chunks {
            bytes.extend(*name);
            bytes.extend((content.len() as u32).to_le_bytes());
            bytes.extend(*content);
            bytes.extend(vec![0; content.len() % 2]);
        }
        bytes
    }

    const EXIF: &[u8] = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    const XMP: &[u8] = b"<tiff:Orientation>3</tiff:Orientation>";

    #[test]
    fn the_first_exif_counts_then_xmp() {
        let of = |chunks: &[(&[u8; 4], &[u8])]| orientation(&file(chunks));
        assert_eq!(of(&[(b"VP8X", b""), (b"VP8 ", b"odd"), (b"EXIF", EXIF), (b"XMP ", XMP)]), Orientation::Rotate90);
        assert_eq!(of(&[(b"VP8X", b""), (b"EXIF", b""), (b"EXIF", EXIF), (b"XMP ", XMP)]), Orientation::Rotate180);
        assert_eq!(of(&[(b"VP8 ", b""), (b"EXIF", EXIF)]), Orientation::NoTransforms);
        assert_eq!(of(&[]), Orientation::NoTransforms);
    }

    #[test]
    fn a_chunk_that_states_more_than_there_is_ends_the_list() {
        let whole = file(&[(b"VP8X", b""), (b"EXIF", EXIF)]);
        assert_eq!(orientation(&whole), Orientation::Rotate90);
        for length in 0..whole.len() {
            assert_eq!(orientation(&whole[..length]), Orientation::NoTransforms, "{length}");
        }
        let mut huge = whole;
        huge[24..28].copy_from_slice(&[0xff; 4]);
        assert_eq!(orientation(&huge), Orientation::NoTransforms);
    }
}
