//! Which way up: the orientation that a camera wrote beside the pixels, found where Pillow's `exif_transpose` finds it.
//!
//! EXIF first (JPEG, PNG, WebP), TIFF's own tag, then XMP's `tiff:Orientation` where EXIF has none. HEIC has properties of its
//! own, and nothing else counts there.

pub(super) use image::metadata::Orientation;

use super::Rgb;

/// The orientation that metadata asks for; upright where it says nothing or nonsense.
///
/// `exif` is a TIFF structure, with or without JPEG's `Exif` in front, which some writers leave there in other formats.
pub(super) fn read(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> Orientation {
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

/// An orientation as what it does to the axes of the stored image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    /// Upright columns are stored as rows.
    pub(super) transposed: bool,
    /// Upright columns, from left to right, are stored backwards.
    pub(super) columns_reversed: bool,
    /// Upright rows, from the top, are stored backwards.
    pub(super) rows_reversed: bool,
}

impl From<Orientation> for Turn {
    fn from(orientation: Orientation) -> Self {
        let (transposed, columns_reversed, rows_reversed) = match orientation {
            Orientation::NoTransforms => (false, false, false),
            Orientation::FlipHorizontal => (false, true, false),
            Orientation::Rotate180 => (false, true, true),
            Orientation::FlipVertical => (false, false, true),
            Orientation::Rotate90FlipH => (true, false, false),
            Orientation::Rotate90 => (true, true, false),
            Orientation::Rotate270FlipH => (true, true, true),
            Orientation::Rotate270 => (true, false, true),
        };
        Self { transposed, columns_reversed, rows_reversed }
    }
}

/// Side of a tile in pixels: two tiles of RGB fit into a small first-level cache.
const TILE: usize = 64;

/// Turns a stored image upright.
pub(super) fn upright(image: Rgb, orientation: Orientation) -> Rgb {
    if orientation == Orientation::NoTransforms {
        return image;
    }
    let turn = Turn::from(orientation);
    let (width, height) = (image.width as usize, image.height as usize);
    let (new_width, new_height) = if turn.transposed { (height, width) } else { (width, height) };
    // Where one step right and one step down in the upright image lead in the stored one, and where its corner is.
    let (right, down) = if turn.transposed { (width, 1) } else { (1, width) };
    let axis = |step: usize, length: usize, reversed: bool| {
        if reversed { (step * (length - 1), -step.cast_signed()) } else { (0, step.cast_signed()) }
    };
    let (start_column, right) = axis(right, new_width, turn.columns_reversed);
    let (start_row, down) = axis(down, new_height, turn.rows_reversed);
    let corner = (start_column + start_row).cast_signed();

    let stored = image.data.as_chunks::<3>().0;
    let mut data = vec![[0_u8; 3]; stored.len()];
    // In tiles, so that the lines of the stored image that a tile needs stay in the cache.
    for tile_top in (0..new_height).step_by(TILE) {
        for tile_left in (0..new_width).step_by(TILE) {
            let tile_right = (tile_left + TILE).min(new_width);
            for row in tile_top..(tile_top + TILE).min(new_height) {
                let line = &mut data[row * new_width + tile_left..row * new_width + tile_right];
                let mut from = corner + row.cast_signed() * down + tile_left.cast_signed() * right;
                for pixel in line {
                    *pixel = stored[from.cast_unsigned()];
                    from += right;
                }
            }
        }
    }
    Rgb { width: new_width as u32, height: new_height as u32, data: data.into_flattened() }
}
