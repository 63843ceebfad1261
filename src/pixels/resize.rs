//! torchvision's `Resize(256)` and `CenterCrop(224)` on a Pillow image, computing only the pixels that the crop keeps.
//!
//! Pillow interpolates the rows, rounds to 8 bits, then the columns. Both the order and the rounding between are kept
//! here, because swapping them is what takes a level further than 1 from Pillow's.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::{DecodeError, Rgb};

/// Where the crop lies, in the arithmetic of torchvision's `_compute_resized_output_size` and `center_crop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Width and height after resizing; the side that is not short may be far beyond what is computed.
    pub(super) resized: (u64, u64),
    /// The columns and the rows of the resized image that the crop shows.
    pub(super) window: (Span, Span),
    /// Side of the crop.
    pub(super) crop: u32,
}

/// One axis of the crop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// First pixel of the resized image that is shown.
    pub(super) start: u64,
    /// How many of its pixels are shown, at least 1.
    pub(super) length: u32,
    /// Black pixels of the crop before them; not 0 only where the resized image is smaller than the crop.
    pub(super) padding: u32,
}

impl Geometry {
    /// `width`, `height`, `resize` and `crop` are at least 1.
    pub(super) fn of(width: u32, height: u32, resize: u32, crop: u32) -> Self {
        let (short, long) = (width.min(height), width.max(height));
        // Python: int(resize * long / short).
        let resized_long = u64::from(resize) * u64::from(long) / u64::from(short.max(1));
        let resized_short = u64::from(resize);
        let resized = if width <= height { (resized_short, resized_long) } else { (resized_long, resized_short) };
        Self { resized, window: (Span::centred(resized.0, crop), Span::centred(resized.1, crop)), crop }
    }
}

impl Span {
    fn centred(side: u64, crop: u32) -> Self {
        let Some(spare) = side.checked_sub(u64::from(crop)) else {
            // Smaller than the crop, so it fits into its type; the odd pixel of padding goes after the image.
            let side = side as u32;
            return Self { start: 0, length: side, padding: (crop - side) / 2 };
        };
        // Python: int(round(spare / 2)), halves to even.
        let half = spare / 2;
        let start = half + (spare % 2) * (half % 2);
        Self { start, length: crop, padding: 0 }
    }

    /// The part of the source axis, in source pixels, that this span shows: start and length.
    fn source(&self, resized: u64, side: u32) -> (f64, f64) {
        let scale = f64::from(side) / resized as f64;
        let start = self.start as f64 * scale;
        (start, (f64::from(self.length) * scale).min(f64::from(side) - start))
    }
}

/// The crop of an image, `[S, S, 3]`, black where the resized image does not reach.
pub(super) fn resize_and_crop(image: &Rgb, geometry: &Geometry) -> Result<Vec<u8>, DecodeError> {
    let (columns, rows) = geometry.window;
    let (left, width) = columns.source(geometry.resized.0, image.width);
    let (top, height) = rows.source(geometry.resized.1, image.height);

    // The rows that reach into the crop: half a filter beyond it on both sides, and one for rounding.
    let reach = (height / f64::from(rows.length)).max(1.0) + 1.0;
    let band_top = whole(top - reach);
    let band_rows = whole(top + height + reach + 1.0).min(image.height) - band_top;

    let source = ImageRef::new(image.width, image.height, &image.data, PixelType::U8x3).map_err(internal)?;
    let mut band = Image::new(columns.length, band_rows, PixelType::U8x3);
    let horizontal = bilinear().crop(left, f64::from(band_top), width, f64::from(band_rows));
    Resizer::new().resize(&source, &mut band, &horizontal).map_err(internal)?;

    let mut shown = Image::new(columns.length, rows.length, PixelType::U8x3);
    let vertical = bilinear().crop(0.0, top - f64::from(band_top), f64::from(columns.length), height);
    Resizer::new().resize(&band, &mut shown, &vertical).map_err(internal)?;
    Ok(pad(shown.into_vec(), columns, rows, geometry.crop))
}

/// The row that a position falls into; above the image it is the first.
#[expect(clippy::cast_sign_loss, reason = "negative positions become 0 first, and the cast saturates")]
fn whole(position: f64) -> u32 {
    position.max(0.0) as u32
}

/// Bilinear as Pillow means it: the filter widens with the scale, so that scaling down does not alias.
fn bilinear() -> ResizeOptions {
    ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).use_alpha(false)
}

/// Puts the shown pixels on a black square where they do not fill it.
fn pad(shown: Vec<u8>, columns: Span, rows: Span, crop: u32) -> Vec<u8> {
    if columns.length == crop && rows.length == crop {
        return shown;
    }
    let crop = crop as usize;
    let mut square = vec![0; crop * crop * 3];
    let (before, width) = (columns.padding as usize * 3, columns.length as usize * 3);
    let lines = square.chunks_exact_mut(crop * 3).skip(rows.padding as usize);
    for (line, row) in lines.zip(shown.chunks_exact(width)) {
        if let Some(line) = line.get_mut(before..before + width) {
            line.copy_from_slice(row);
        }
    }
    square
}

/// The resizer refuses only sizes that do not fit each other, which the caller has checked.
fn internal(error: impl std::fmt::Display) -> DecodeError {
    DecodeError::InvalidPreprocess { reason: format!("the resizer refuses it: {error}") }
}
