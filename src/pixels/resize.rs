//! torchvision's `Resize(256)` and `CenterCrop(224)` on a Pillow image, computing only the pixels that the crop keeps.
//!
//! Pillow interpolates the rows, rounds to 8 bits, then the columns. Both the order and the rounding between are kept
//! here, because swapping them is what takes a level further than 1 from Pillow's.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, IntoImageView, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::orientation::Turn;
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

    /// The same crop of the image as it is stored, before it is turned upright.
    pub(super) fn stored(self, turn: Turn) -> Self {
        let (mut columns, mut rows) = self.window;
        if turn.columns_reversed {
            columns = columns.reversed(self.resized.0, self.crop);
        }
        if turn.rows_reversed {
            rows = rows.reversed(self.resized.1, self.crop);
        }
        if turn.transposed {
            return Self { resized: (self.resized.1, self.resized.0), window: (rows, columns), crop: self.crop };
        }
        Self { window: (columns, rows), ..self }
    }

    /// What the crop shows of the columns and of the rows of an image of these sides.
    pub(super) fn axes(self, (width, height): (u32, u32)) -> [Axis; 2] {
        [self.window.0.axis(self.resized.0, width), self.window.1.axis(self.resized.1, height)]
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

    /// Counted from the other end of the axis.
    fn reversed(self, resized: u64, crop: u32) -> Self {
        Self {
            start: resized - self.start - u64::from(self.length),
            length: self.length,
            padding: crop - self.padding - self.length,
        }
    }

    /// The part of the source axis, of `side` pixels, that this span shows.
    fn axis(self, resized: u64, side: u32) -> Axis {
        let scale = f64::from(side) / resized as f64;
        let start = self.start as f64 * scale;
        let length = (f64::from(self.length) * scale).min(f64::from(side) - start);
        Axis { start, length, pixels: self.length }
    }
}

/// What part of one axis of a source becomes how many pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    /// Where the part begins, in source pixels.
    start: f64,
    /// How long the part is, in source pixels.
    length: f64,
    /// How many pixels it becomes.
    pixels: u32,
}

impl Axis {
    /// The whole source pixels that reach into this part, not scaled: what the pass along the other axis must compute.
    fn band(self, side: u32) -> Self {
        let (start, pixels) = self.needs(side);
        Self { start: f64::from(start), length: f64::from(pixels), pixels }
    }

    /// First and number of the source pixels, of `side`, that reach into this part.
    pub(super) fn needs(self, side: u32) -> (u32, u32) {
        // Half a filter beyond the part on both sides, and one for rounding.
        let reach = (self.length / f64::from(self.pixels)).max(1.0) + 1.0;
        let start = whole(self.start - reach);
        (start, whole(self.start + self.length + reach + 1.0).min(side) - start)
    }

    /// This part, of a source of which the first pixels are left out.
    #[cfg(feature = "turbo")]
    pub(super) fn after(self, left_out: u32) -> Self {
        Self { start: self.start - f64::from(left_out), ..self }
    }

    /// This part, of a source that has been reduced to a band.
    fn within(self, band: Self) -> Self {
        Self { start: self.start - band.start, ..self }
    }

    /// This part, of a source that has already been resized along this axis.
    fn done(self) -> Self {
        Self { start: 0.0, length: f64::from(self.pixels), pixels: self.pixels }
    }
}

/// The crop of an image, `[S, S, 3]`, black where the resized image does not reach.
///
/// `columns_first` keeps Pillow's order for an image that is stored transposed: its columns are the upright rows.
pub(super) fn resize_and_crop(image: &Rgb, geometry: Geometry, columns_first: bool) -> Result<Vec<u8>, DecodeError> {
    resize_part(image, geometry.axes((image.width, image.height)), geometry, columns_first)
}

/// As [`resize_and_crop`], for an image of which only the part around these axes is there.
pub(super) fn resize_part(
    image: &Rgb,
    [x, y]: [Axis; 2],
    geometry: Geometry,
    columns_first: bool,
) -> Result<Vec<u8>, DecodeError> {
    let (columns, rows) = geometry.window;
    let source = ImageRef::new(image.width, image.height, &image.data, PixelType::U8x3).map_err(internal)?;
    let shown = if columns_first {
        let band = x.band(image.width);
        interpolate(&interpolate(&source, band, y)?, x.within(band), y.done())?
    } else {
        let band = y.band(image.height);
        interpolate(&interpolate(&source, x, band)?, x.done(), y.within(band))?
    };
    Ok(pad(shown.into_vec(), columns, rows, geometry.crop))
}

fn interpolate(source: &impl IntoImageView, x: Axis, y: Axis) -> Result<Image<'static>, DecodeError> {
    // Bilinear as Pillow means it: the filter widens with the scale, so that scaling down does not alias.
    let bilinear = ResizeAlg::Convolution(FilterType::Bilinear);
    let part = ResizeOptions::new().resize_alg(bilinear).use_alpha(false).crop(x.start, y.start, x.length, y.length);
    let mut result = Image::new(x.pixels, y.pixels, PixelType::U8x3);
    Resizer::new().resize(source, &mut result, &part).map_err(internal)?;
    Ok(result)
}

/// The source pixel that a position falls into; before the first it is the first.
#[expect(clippy::cast_sign_loss, reason = "negative positions become 0 first, and the cast saturates")]
fn whole(position: f64) -> u32 {
    position.max(0.0) as u32
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
