//! Samples of AV1 to RGB, to the level as libavif does it with libyuv for Pillow: in integers, with the upper 8 bits of
//! deeper samples, and with colours of fewer samples interpolated bilinearly.

use std::iter;

use heifer_hevc_dec::recon::Frame;

use super::super::{DecodeError, Rgb};
use super::av1::subsampling;
use super::{Format, unsupported};

/// How samples stand for colours, in libyuv's fixed point of 6 bits.
enum Matrix {
    /// Samples are green, blue and red.
    Identity,
    Coefficients {
        /// Of luma, in 1/65536 of 64 levels.
        luma: u32,
        /// Added to luma: half a level for rounding, less what is black in video range.
        offset: i32,
        /// What the first colour sample adds to blue and takes from green; what the second takes from green and adds to red.
        factors: [i32; 4],
    },
}

impl Matrix {
    /// As the container says, or else the picture. libyuv stops at 128 where blue would need 135 or 137.
    fn new(matrix: u16, is_full_range: bool) -> Result<Self, DecodeError> {
        let (full, video) = match matrix {
            0 => return Ok(Self::Identity),
            1 => ([119, 12, 30, 101], [128, 14, 34, 115]),
            // Where nothing is said it is that of most photos.
            2 | 5 | 6 => ([113, 22, 46, 90], [128, 25, 52, 102]),
            9 => ([120, 11, 37, 94], [128, 12, 42, 107]),
            other => return Err(unsupported(Format::Avif, &format!("with colours of matrix {other}"))),
        };
        Ok(if is_full_range {
            Self::Coefficients { luma: 16320, offset: 32, factors: full }
        } else {
            Self::Coefficients { luma: if matrix == 9 { 19003 } else { 18997 }, offset: -1160, factors: video }
        })
    }

    fn pixel(&self, luma: u16, first: i32, second: i32) -> [u8; 3] {
        #[expect(clippy::cast_sign_loss, reason = "just clamped")]
        let level = |number: i32| number.clamp(0, 255) as u8;
        match self {
            Self::Identity => [level(second), level(luma.into()), level(first)],
            Self::Coefficients { luma: factor, offset, factors: [blue, green, more_green, red] } => {
                // 257 times a level fills 16 bits.
                let luma = ((u32::from(luma) * 257 * factor) >> 16).cast_signed() + offset;
                let (first, second) = (first - 128, second - 128);
                let green = luma - first * green - second * more_green;
                [luma + second * red, green, luma + first * blue].map(|sum| level(sum >> 6))
            }
        }
    }
}

/// `nclx` is what the container says about colours: matrix, and whether samples use their full range.
pub(super) fn to_rgb(frame: &Frame, nclx: Option<(u16, bool)>) -> Result<Rgb, DecodeError> {
    let (matrix, is_full_range) = nclx.unwrap_or((u16::from(frame.matrix_coeffs), frame.full_range));
    let [width, height] = [frame.widths[0], frame.heights[0]];
    let mut data = Vec::with_capacity(width as usize * height as usize * 3);
    if frame.chroma_format == 0 {
        let grey = |sample: &u16| grey_level(*sample, frame.bit_depth[0], is_full_range);
        data.extend(frame.planes[0].iter().flat_map(|sample| [grey(sample); 3]));
        return Ok(Rgb { width, height, data });
    }
    let matrix = Matrix::new(matrix, is_full_range)?;
    if matches!(matrix, Matrix::Identity) && frame.chroma_format != 3 {
        return Err(unsupported(Format::Avif, "of red, green and blue of different sizes"));
    }
    let shift = frame.bit_depth[0] - 8;
    for (y, row) in frame.planes[0].chunks_exact(width as usize).enumerate() {
        let (first, second) = (colour_row(frame, 1, y), colour_row(frame, 2, y));
        let pixels = row.iter().zip(iter::zip(first, second));
        data.extend(pixels.flat_map(|(luma, (first, second))| matrix.pixel(luma >> shift, first, second)));
    }
    Ok(Rgb { width, height, data })
}

/// Row `y` of the picture in a plane of colours, with 8 bits and as wide as the picture: of the four samples around a
/// pixel, that of the pixel counts 9/16, its neighbours beside and above or below 3/16, and the fourth 1/16.
fn colour_row(frame: &Frame, plane: usize, y: usize) -> impl Iterator<Item = i32> {
    let shift = frame.bit_depth[1] - 8;
    let samples = frame.widths[plane] as usize;
    let (across, down) = subsampling(frame, plane);
    let (near, far) = if down == 2 { (y / 2, beside(y, frame.heights[plane] as usize)) } else { (y, y) };
    let row = move |y: usize| frame.planes[plane][y * samples..].iter().map(move |sample| i32::from(sample >> shift));
    let column: Vec<i32> = iter::zip(row(near), row(far)).take(samples).map(|(near, far)| 3 * near + far).collect();
    let width = frame.widths[0] as usize;
    (0..width).map(move |x| {
        let (near, far) = match across {
            // libyuv takes the last pixel as it stands.
            2 if x + 1 == width => (x / 2, x / 2),
            2 => (x / 2, beside(x, samples)),
            _ => (x, x),
        };
        (3 * column[near] + column[far] + 8) >> 4
    })
}

/// Of `count` samples that stand for two pixels each, the nearest to a pixel but for its own; its own at the edges.
fn beside(pixel: usize, count: usize) -> usize {
    let own = pixel / 2;
    if pixel.is_multiple_of(2) { own.saturating_sub(1) } else { (own + 1).min(count - 1) }
}

/// Grey of all its bits, rounded.
#[expect(clippy::cast_sign_loss, reason = "the cast ends at 0, which is the darkest that there is")]
fn grey_level(sample: u16, depth: u8, is_full_range: bool) -> u8 {
    let unit = f32::from(1_u16 << (depth - 8));
    let (black, range) = if is_full_range { (0.0, 256.0 * unit - 1.0) } else { (16.0 * unit, 219.0 * unit) };
    ((f32::from(sample) - black) / range * 255.0 + 0.5) as u8
}
