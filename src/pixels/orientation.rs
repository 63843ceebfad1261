//! Which way up: the orientation that a camera wrote beside the pixels, found where Pillow's `exif_transpose` finds it.
//!
//! EXIF first (JPEG, PNG, WebP), TIFF's own tag, then XMP's `tiff:Orientation` where EXIF has none.

pub(super) use image::metadata::Orientation;

use super::Rgb;

/// The orientation that metadata asks for; upright where it says nothing or nonsense.
///
/// `exif` is a TIFF structure, with or without JPEG's `Exif` in front, which some writers leave there in other formats.
pub(super) fn of(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> Orientation {
    let from_exif = exif.map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif));
    from_exif
        .and_then(Orientation::from_exif_chunk)
        .or_else(|| xmp.and_then(from_xmp))
        .unwrap_or(Orientation::NoTransforms)
}

/// `tiff:Orientation="6"` or `<tiff:Orientation>6</tiff:Orientation>`, searched as Pillow does, without parsing XML.
fn from_xmp(xmp: &[u8]) -> Option<Orientation> {
    const NAME: &[u8] = b"tiff:Orientation";
    let values = xmp.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME);
    let mut digits = values.filter_map(|(start, _)| match xmp.get(start + NAME.len()..)? {
        [b'=', b'"', digit @ b'0'..=b'9', ..] | [b'>', digit @ b'0'..=b'9', ..] => Some(digit - b'0'),
        _ => None,
    });
    digits.next().and_then(Orientation::from_exif)
}

/// Turns an image as its orientation asks.
pub(super) fn upright(image: Rgb, orientation: Orientation) -> Rgb {
    if orientation == Orientation::NoTransforms {
        return image;
    }
    let (width, height) = (image.width as usize, image.height as usize);
    let source = image.data.as_chunks::<3>().0;
    let (last_column, last_row) = (width - 1, (height - 1) * width);
    // Where the new top left pixel is in the source, and how far one step right and one step down lead there.
    let (origin, right, down) = match orientation {
        Orientation::NoTransforms => (0, 1, width.cast_signed()),
        Orientation::FlipHorizontal => (last_column, -1, width.cast_signed()),
        Orientation::Rotate180 => (last_row + last_column, -1, -width.cast_signed()),
        Orientation::FlipVertical => (last_row, 1, -width.cast_signed()),
        Orientation::Rotate90FlipH => (0, width.cast_signed(), 1),
        Orientation::Rotate90 => (last_row, -width.cast_signed(), 1),
        Orientation::Rotate270FlipH => (last_row + last_column, -width.cast_signed(), -1),
        Orientation::Rotate270 => (last_column, width.cast_signed(), -1),
    };
    let turned = orientation.to_exif() > 4;
    let (new_width, new_height) = if turned { (height, width) } else { (width, height) };
    let mut data = vec![[0_u8; 3]; source.len()];
    // In tiles, so that the lines of the source that a tile needs stay in the cache.
    for tile_top in (0..new_height).step_by(TILE) {
        for tile_left in (0..new_width).step_by(TILE) {
            for row in tile_top..(tile_top + TILE).min(new_height) {
                let tile_right = (tile_left + TILE).min(new_width);
                let line = &mut data[row * new_width + tile_left..row * new_width + tile_right];
                let mut from = origin.cast_signed() + row.cast_signed() * down + tile_left.cast_signed() * right;
                for pixel in line {
                    *pixel = source[from.cast_unsigned()];
                    from += right;
                }
            }
        }
    }
    Rgb { width: new_width as u32, height: new_height as u32, data: data.into_flattened() }
}

/// Side of a tile in pixels: two tiles of RGB fit into a small first-level cache.
const TILE: usize = 64;
