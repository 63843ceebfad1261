//! How many pages or frames a file holds, of which the first alone becomes pixels: counted by its structure, without
//! decoding any.

use super::chunks::Chunks;
use super::{Format, heif, sniff, tiff};

/// Pages of a TIFF, images of a HEIC, frames of a GIF, an animated PNG or an animated WebP; 1 of everything else.
pub(crate) fn pages(bytes: &[u8]) -> usize {
    let counted = match sniff(bytes) {
        Some(Format::Tiff) => Some(tiff::pages(bytes)),
        Some(Format::Gif) => gif_frames(bytes),
        Some(Format::Png) => png_frames(bytes),
        Some(Format::WebP) => webp_frames(bytes),
        Some(Format::Heic | Format::Avif) => heif::pages(bytes),
        _ => None,
    };
    counted.unwrap_or(1).max(1)
}

/// The frames that an animated PNG announces before its still image.
fn png_frames(bytes: &[u8]) -> Option<usize> {
    let (_, content) = Chunks::png(bytes)?.take_while(|(name, _)| name != b"IDAT").find(|(name, _)| name == b"acTL")?;
    usize::try_from(u32::from_be_bytes(*content.first_chunk()?)).ok()
}

fn webp_frames(bytes: &[u8]) -> Option<usize> {
    Some(Chunks::riff(bytes)?.filter(|(name, _)| name == b"ANMF").count())
}

/// Walks over the blocks: of each frame its header, perhaps a palette, and pieces of compressed indices.
fn gif_frames(bytes: &[u8]) -> Option<usize> {
    let palette = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut rest = bytes.get(13 + palette(*bytes.get(10)?)..)?;
    let mut frames = 0;
    while let Some((kind, after)) = rest.split_first() {
        let pieces = match kind {
            // An extension has a label before its pieces.
            0x21 => after.get(1..),
            0x2c => {
                frames += 1;
                // Place and size, then the palette and the size of a code.
                after.get(8).and_then(|flags| after.get(9 + palette(*flags) + 1..))
            }
            _ => None,
        };
        match pieces.and_then(after_pieces) {
            Some(next) => rest = next,
            None => break,
        }
    }
    Some(frames)
}

/// What follows pieces of up to 255 bytes, each with its length in front, and the empty one at their end.
fn after_pieces(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, rest) = bytes.split_first()?;
        bytes = rest.get(usize::from(*length)..)?;
        if *length == 0 {
            return Some(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A GIF of so many frames of one pixel, with a palette in the header and an extension before each frame.
    fn gif(frames: usize) -> Vec<u8> {
        let mut bytes = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff".to_vec();
        for frame in 0..frames {
            bytes.extend(b"\x21\xf9\x04\0\0\0\0\0");
            // Every other frame has a palette of its own.
            if frame % 2 == 0 {
                bytes.extend(b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0");
            } else {
                bytes.extend(b"\x2c\0\0\0\0\x01\0\x01\0\x80\0\0\0\xff\xff\xff\x02\x02\x44\x01\0");
            }
        }
        bytes.push(0x3b);
        bytes
    }

    fn png(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        for (name, content) in chunks {
            bytes.extend((content.len() as u32).to_be_bytes());
            bytes.extend([&name[..], content, &[0; 4]].concat());
        }
        bytes
    }

    #[test]
    fn frames_of_animations_are_counted_and_everything_else_is_one() {
        for frames in 0..4 {
            assert_eq!(pages(&gif(frames)), frames.max(1));
        }
        assert_eq!(pages(&png(&[(b"IHDR", &[0; 13]), (b"acTL", &[0, 0, 0, 7, 0, 0, 0, 0]), (b"IDAT", b"x")])), 7);
        assert_eq!(pages(&png(&[(b"IHDR", &[0; 13]), (b"IDAT", b"x"), (b"acTL", &[0, 0, 0, 7])])), 1);
        let webp = b"RIFF\0\0\0\0WEBPVP8X\x02\0\0\0..ANMF\x01\0\0\0.\0ANMF\0\0\0\0";
        assert_eq!(pages(webp), 2);
        for bytes in [&b""[..], b"\xff\xd8\xff", b"GIF89a", b"II*\0", b"hello"] {
            assert_eq!(pages(bytes), 1);
        }
    }

    #[test]
    fn a_file_cut_anywhere_has_no_more_frames() {
        let whole = gif(3);
        for length in 0..whole.len() {
            assert!(pages(&whole[..length]) <= 3, "{length}");
        }
    }
}
