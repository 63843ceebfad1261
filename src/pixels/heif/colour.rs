//! Samples to RGB, to the level as libheif does it: colours of fewer samples are repeated and not interpolated. It computes
//! with the upper 8 bits of those photos that have four times as many pixels as colours, and with all bits of others.

use std::iter;

use heifer_hevc_dec::recon::Frame;

use super::super::{DecodeError, Rgb};
use super::{Format, unsupported};

const FORMAT: Format = Format::Heic;

/// How samples stand for colours.
pub(super) struct Colours {
    /// Samples are green, blue and red.
    is_rgb: bool,
    is_full_range: bool,
    /// What a step of the second colour sample adds to red, of the first and of the second to green, of the first to blue.
    factors: [f32; 4],
}

impl Colours {
    /// As the container says, or else the picture.
    pub(super) fn new(nclx: Option<(u16, bool)>, frame: &Frame) -> Result<Self, DecodeError> {
        let (matrix, is_full_range) = nclx.unwrap_or((u16::from(frame.matrix_coeffs), frame.full_range));
        if frame.widths[1] > 0 && frame.bit_depth[0] != frame.bit_depth[1] {
            return Err(unsupported(FORMAT, "with colours of another depth"));
        }
        let (red, blue): (f32, f32) = match matrix {
            // Where nothing is said it is that of most photos, in libheif's digits.
            0 | 2 => {
                return Ok(Self {
                    is_rgb: matrix == 0,
                    is_full_range,
                    factors: [1.402, -0.344_136, -0.714_136, 1.772],
                });
            }
            1 => (0.2126, 0.0722),
            4 => (0.30, 0.11),
            5 | 6 => (0.299, 0.114),
            7 => (0.212, 0.087),
            9 => (0.2627, 0.0593),
            other => return Err(unsupported(FORMAT, &format!("with colours of matrix {other}"))),
        };
        let green = |part: f32| 2.0 * part * (1.0 - part) / (blue + red - 1.0);
        let factors = [2.0 * (1.0 - red), green(blue), green(red), 2.0 * (1.0 - blue)];
        Ok(Self { is_rgb: false, is_full_range, factors })
    }

    /// Writes the first `width` x `height` pixels of a frame to a place of an image, both of which have as many.
    pub(super) fn paint(&self, frame: &Frame, (width, height): (u32, u32), image: &mut Rgb, (left, top): (u32, u32)) {
        let rows = image.data.chunks_exact_mut(3 * image.width as usize).skip(top as usize).take(height as usize);
        let [across, down] = [frame.widths, frame.heights].map(|sides| sides[0].checked_div(sides[1]).unwrap_or(1));
        let is_grey = frame.widths[1] == 0;
        // The way that libheif takes for most photos: integers, of the upper 8 bits.
        let is_integer = across * down == 4 && self.is_full_range && !self.is_rgb;
        let bits = frame.bit_depth[0].max(8) - 8;
        let (before, after) = if is_integer || is_grey { (bits, 0) } else { (0, bits) };
        let scale = f32::from(1_u16 << after);
        let factors = if is_integer { self.factors.map(|factor| (256.0 * factor).round()) } else { self.factors };
        let mut terms: Vec<[f32; 4]> = Vec::new();
        for (y, row) in (0..).zip(rows) {
            if y % down == 0 {
                terms.clear();
                let [first, second] = [1, 2].map(|plane| row_of(frame, plane, y / down, before));
                let of_one =
                    first.zip(second).map(|(first, second)| self.terms(factors, [first, second], scale, is_integer));
                terms.extend(of_one.flat_map(|terms| iter::repeat_n(terms, across as usize)));
            }
            let pixels = row.as_chunks_mut::<3>().0.iter_mut().skip(left as usize).take(width as usize);
            let pixels = pixels.zip(row_of(frame, 0, y, before));
            if is_grey {
                pixels.for_each(|(pixel, luma)| *pixel = [level(luma, 0); 3]);
            } else {
                pixels.zip(&terms).for_each(|((pixel, luma), terms)| *pixel = self.pixel(luma, terms, scale, after));
            }
        }
    }

    /// What two colour samples add to red, to green one after the other, and to blue.
    fn terms(&self, factors: [f32; 4], [first, second]: [f32; 2], scale: f32, is_integer: bool) -> [f32; 4] {
        if self.is_rgb {
            return [second, 0.0, 0.0, first];
        }
        let (first, second) = (first - 128.0 * scale, second - 128.0 * scale);
        let [red, green, more_green, blue] = factors;
        if is_integer {
            // In units of 1/256; the sums are whole numbers, and small.
            let whole = |sum: f32| ((sum as i32 + 128) >> 8) as f32;
            return [whole(red * second), whole(green * first + more_green * second), 0.0, whole(blue * first)];
        }
        let (first, second) = if self.is_full_range { (first, second) } else { (first * 1.1429, second * 1.1429) };
        [red * second, green * first, more_green * second, blue * first]
    }

    fn pixel(&self, luma: f32, [red, green, more_green, blue]: &[f32; 4], scale: f32, shift: u8) -> [u8; 3] {
        if self.is_rgb {
            return [*red, luma, *blue].map(|sum| level(sum, shift));
        }
        let luma = if self.is_full_range { luma } else { (luma - 16.0 * scale) * 1.1689 };
        [luma + red, luma + green + more_green, luma + blue].map(|sum| level(sum + 0.5, shift))
    }
}

/// A row of a plane without its lowest bits; nothing of a plane that is not there.
fn row_of(frame: &Frame, plane: usize, y: u32, shift: u8) -> impl Iterator<Item = f32> {
    let width = frame.widths[plane] as usize;
    let row = frame.planes[plane].get(y as usize * width..).and_then(|rows| rows.get(..width)).unwrap_or_default();
    row.iter().map(move |sample| f32::from(sample >> shift))
}

/// The upper 8 bits of a number that has some more.
#[expect(clippy::cast_sign_loss, reason = "just clamped")]
fn level(number: f32, shift: u8) -> u8 {
    (number as i32 >> shift).clamp(0, 255) as u8
}
