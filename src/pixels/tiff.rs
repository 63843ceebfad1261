//! What the TIFF decoder does not say: whether colours are multiplied by their alpha already, and whether the image is
//! stored in a way that the decoder fails on.

use image::ColorType;

use super::DecodeError;

/// Tags of the first directory.
const PLANAR_CONFIGURATION: u16 = 284;
const TILE_WIDTH: u16 = 322;
const EXTRA_SAMPLES: u16 = 338;

/// Refuses tiles of one channel each, which the decoder panics on.
pub(super) fn check(bytes: &[u8]) -> Result<(), DecodeError> {
    if first_number(bytes, PLANAR_CONFIGURATION) == Some(2) && first_number(bytes, TILE_WIDTH).is_some() {
        return Err(DecodeError::Unsupported {
            what: "a TIFF image with the channels in tiles of their own".to_owned(),
        });
    }
    Ok(())
}

/// Whether the last channel is an alpha that the others are multiplied by.
pub(super) fn is_premultiplied(bytes: &[u8]) -> bool {
    first_number(bytes, EXTRA_SAMPLES) == Some(1)
}

/// Undoes the multiplication in the upper 8 bits of each sample, as Pillow does; where alpha is 0 there is no colour.
pub(super) fn divide_by_alpha(color: ColorType, samples: &mut [u8]) {
    let bytes = usize::from(color.bytes_per_pixel());
    // The upper byte of a sample of 16 bits, in the machine's order.
    let (step, upper) = match color {
        ColorType::La8 | ColorType::Rgba8 => (1, 0),
        ColorType::La16 | ColorType::Rgba16 => (2, usize::from(cfg!(target_endian = "little"))),
        _ => return,
    };
    for pixel in samples.chunks_exact_mut(bytes) {
        let alpha = u16::from(pixel[bytes - step + upper]);
        if alpha == 0 {
            continue;
        }
        for at in (upper..bytes - step).step_by(step) {
            pixel[at] = u8::try_from(u16::from(pixel[at]) * 255 / alpha).unwrap_or(u8::MAX);
        }
    }
}

/// The first number of a tag of the first directory, if it has the tag and its numbers are 16 or 32 bits wide.
fn first_number(bytes: &[u8], tag: u16) -> Option<u32> {
    let is_little = bytes.starts_with(b"II");
    let number = |at: usize, count: usize| {
        let bytes = bytes.get(at..at.checked_add(count)?)?;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if is_little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    };
    // 42 has offsets of 4 bytes, 43 (BigTIFF) of 8.
    let is_big = number(2, 2)? == 43;
    let (start, count_bytes, offset) = if is_big { (number(8, 8)?, 8, 8) } else { (number(4, 4)?, 2, 4) };
    let start = usize::try_from(start).ok()?;
    let entries = usize::try_from(number(start, count_bytes)?).ok()?.min(usize::from(u16::MAX));
    let first = start.checked_add(count_bytes)?;
    // Tag and type of 2 bytes each, how many numbers there are, and they themselves or where they stand.
    let length = 4 + 2 * offset;
    let entry =
        (0..entries).map(|entry| first.saturating_add(entry * length)).find(|&at| number(at, 2) == Some(tag.into()))?;
    let width = match number(entry + 2, 2)? {
        3 => 2,
        4 => 4,
        _ => return None,
    };
    let values = usize::try_from(number(entry + 4, offset)?).ok()?.checked_mul(width)?;
    let inline = entry + 4 + offset;
    let at = if values <= offset { inline } else { usize::try_from(number(inline, offset)?).ok()? };
    u32::try_from(number(at, width)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A classic file with one directory of these 16-bit numbers and no pixels.
    fn directory(is_little: bool, entries: &[(u16, u16)]) -> Vec<u8> {
        let two = |number: u16| if is_little { number.to_le_bytes() } else { number.to_be_bytes() };
        let four = |number: u32| if is_little { number.to_le_bytes() } else { number.to_be_bytes() };
        let mut bytes = if is_little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
        bytes.extend(four(8));
        bytes.extend(two(entries.len() as u16));
        for (tag, value) in entries {
            bytes.extend([two(*tag), two(3)].concat());
            bytes.extend(four(1));
            bytes.extend([two(*value), [0, 0]].concat());
        }
        bytes
    }

    #[test]
    fn tags_are_found_in_either_byte_order_and_a_cut_file_has_none() {
        for is_little in [true, false] {
            let bytes =
                directory(is_little, &[(256, 7), (PLANAR_CONFIGURATION, 2), (TILE_WIDTH, 16), (EXTRA_SAMPLES, 1)]);
            assert!(is_premultiplied(&bytes));
            assert!(check(&bytes).unwrap_err().to_string().contains("tiles of their own"));
            assert!(check(&directory(is_little, &[(PLANAR_CONFIGURATION, 2)])).is_ok());
            assert!(!is_premultiplied(&directory(is_little, &[(EXTRA_SAMPLES, 2)])));
            for length in 0..bytes.len() {
                assert!(!is_premultiplied(&bytes[..length.min(bytes.len() - 4)]), "{length}");
            }
        }
        assert_eq!(first_number(b"II+\0\x08\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 256), None);
        assert_eq!(first_number(b"II*\0\xff\xff\xff\xff", 256), None);
    }

    #[test]
    fn colours_are_what_they_were_before_alpha() {
        let mut samples = vec![64, 0, 128, 128, 9, 9, 9, 0, 200, 1, 0, 100, 3, 2, 1, 255];
        divide_by_alpha(ColorType::Rgba8, &mut samples);
        assert_eq!(samples, [127, 0, 255, 128, 9, 9, 9, 0, 255, 2, 0, 100, 3, 2, 1, 255]);
        let mut samples: Vec<u8> = [0x4000_u16, 0x8000].iter().flat_map(|sample| sample.to_ne_bytes()).collect();
        divide_by_alpha(ColorType::La16, &mut samples);
        assert_eq!(u16::from_ne_bytes([samples[0], samples[1]]) >> 8, 127);
        let mut samples = vec![1, 2, 3];
        divide_by_alpha(ColorType::Rgb8, &mut samples);
        assert_eq!(samples, [1, 2, 3]);
    }
}
