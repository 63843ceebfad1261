//! torchvision's `Resize(256)` and `CenterCrop(224)` on a Pillow image, to the bit, computing only the pixels that the crop
//! keeps.
//!
//! The arithmetic is Pillow's (`Resample.c`): bilinear weights in f64, rounded to 22 bits behind the point, one pass along
//! the rows, rounded to 8 bits, then one along the columns.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::Rgb;
use super::orientation::{Orientation, Turn};

/// Where the crop lies, in the arithmetic of torchvision's `_compute_resized_output_size` and `center_crop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Width and height after resizing; the side that is not short may be far beyond what is computed.
    pub(super) resized: (u64, u64),
    /// The columns and the rows of the resized image that the crop shows.
    pub(super) window: (Span, Span),
    /// Side of the crop.
    pub(super) crop: u32,
    /// Whether columns and rows are counted from the other end than in the upright image, whose arithmetic counts.
    pub(super) reversed: (bool, bool),
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
    pub(super) fn new(width: u32, height: u32, resize: u32, crop: u32) -> Self {
        let (short, long) = (width.min(height), width.max(height));
        // Python: int(resize * long / short).
        let resized_long = u64::from(resize) * u64::from(long) / u64::from(short.max(1));
        let resized_short = u64::from(resize);
        let resized = if width <= height { (resized_short, resized_long) } else { (resized_long, resized_short) };
        let window = (Span::centred(resized.0, crop), Span::centred(resized.1, crop));
        Self { resized, window, crop, reversed: (false, false) }
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
        let reversed = (turn.columns_reversed, turn.rows_reversed);
        if turn.transposed {
            let (resized, reversed) = ((self.resized.1, self.resized.0), (reversed.1, reversed.0));
            return Self { resized, window: (rows, columns), crop: self.crop, reversed };
        }
        Self { window: (columns, rows), reversed, ..self }
    }

    /// How the columns and the rows of the crop are made from those of an image of these sides.
    pub(super) fn axes(self, (width, height): (u32, u32)) -> [Axis; 2] {
        let axis = |span: Span, resized, side, is_reversed| {
            if is_reversed {
                return Axis::new(span.reversed(resized, self.crop), resized, side).reversed(side as usize);
            }
            Axis::new(span, resized, side)
        };
        let Self { window, resized, reversed, .. } = self;
        [axis(window.0, resized.0, width, reversed.0), axis(window.1, resized.1, height, reversed.1)]
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
}

/// Bits behind the point of a weight: Pillow's `PRECISION_BITS`.
const WEIGHT_BITS: u32 = 22;

/// One pixel that is shown: which pixels of the source it is made of.
#[derive(Debug, Clone)]
struct Taps {
    /// The first of them.
    first: usize,
    /// Where the weights of all of them are.
    weights: Range<usize>,
}

/// How the shown pixels of one axis are made from those of the source, at least one of them.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pixels: Vec<Taps>,
    weights: Vec<i32>,
}

impl Axis {
    /// Pillow's `precompute_coeffs` and `normalize_coeffs_8bpc` for the pixels of `span`, of an axis of `side` pixels that
    /// becomes one of `resized`.
    #[expect(clippy::cast_sign_loss, reason = "positions below 0 become 0, as in Pillow")]
    fn new(span: Span, resized: u64, side: u32) -> Self {
        // Pillow keeps the side as f32, which is not exact above 2^24.
        let scale = f64::from(side as f32) / resized as f64;
        let (support, per_pixel) = (scale.max(1.0), 1.0 / scale.max(1.0));
        let mut axis = Self { pixels: Vec::with_capacity(span.length as usize), weights: Vec::new() };
        let mut exact = Vec::new();
        for shown in span.start..span.start + u64::from(span.length) {
            let centre = (shown as f64 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as u32;
            let end = ((centre + support + 0.5) as u32).min(side);
            exact.clear();
            exact.extend((first..end).map(|x| {
                let away = (f64::from(x) - centre + 0.5) * per_pixel;
                (1.0 - away.abs()).max(0.0)
            }));
            // In this order, for the order decides the last bit.
            let sum: f64 = exact.iter().sum();
            let fixed = |weight: &f64| (0.5 + weight / sum * f64::from(1 << WEIGHT_BITS)) as i32;
            let start = axis.weights.len();
            axis.weights.extend(exact.iter().map(fixed));
            axis.pixels.push(Taps { first: first as usize, weights: start..axis.weights.len() });
        }
        axis
    }

    /// Counted from the other end of the source, of `side` pixels.
    fn reversed(mut self, side: usize) -> Self {
        self.pixels.reverse();
        for taps in &mut self.pixels {
            taps.first = side - taps.first - taps.weights.len();
            if let Some(weights) = self.weights.get_mut(taps.weights.clone()) {
                weights.reverse();
            }
        }
        self
    }

    /// The pixels of the source that are needed.
    pub(super) fn needs(&self) -> Range<usize> {
        let end = self.pixels.last().map_or(0, |taps| taps.first + taps.weights.len());
        self.pixels.first().map_or(0, |taps| taps.first)..end
    }

    /// The same, for a source of which these first pixels are not there.
    pub(super) fn after(mut self, left_out: usize) -> Self {
        self.pixels.iter_mut().for_each(|taps| taps.first -= left_out);
        self
    }

    /// For each shown pixel the first of the source and the weights.
    #[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
    #[inline(always)]
    fn taps(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.pixels.iter().map(|taps| (taps.first, self.weights.get(taps.weights.clone()).unwrap_or_default()))
    }
}

/// The crop of an image, `[S, S, 3]`, black where the resized image does not reach.
///
/// The columns of an image that is stored transposed are the upright rows, so there they come first, as in Pillow.
pub(super) fn resize_and_crop(image: &Rgb, [x, y]: [Axis; 2], geometry: Geometry, orientation: Orientation) -> Vec<u8> {
    let (columns, rows) = geometry.window;
    let (width, height) = (image.width as usize, image.height as usize);
    let arch = Arch::new();
    let shown = if Turn::from(orientation).transposed {
        let needed = x.needs();
        let band = arch.dispatch(Down { pixels: &image.data, width, columns: needed.clone(), axis: &y });
        let x = x.after(needed.start);
        arch.dispatch(Across { pixels: &band, width: needed.len(), rows: 0..rows.length as usize, axis: &x })
    } else {
        let needed = y.needs();
        let needed = needed.start..needed.end.min(height);
        let band = arch.dispatch(Across { pixels: &image.data, width, rows: needed.clone(), axis: &x });
        let y = y.after(needed.start);
        let width = columns.length as usize;
        arch.dispatch(Down { pixels: &band, width, columns: 0..width, axis: &y })
    };
    pad(shown, columns, rows, geometry.crop)
}

/// A sum of weighted levels as a level.
#[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
#[inline(always)]
#[expect(clippy::cast_sign_loss, reason = "it is clamped")]
fn level(sum: i32) -> u8 {
    (sum >> WEIGHT_BITS).clamp(0, 255) as u8
}

/// What sums begin with, so that they are rounded.
const HALF: i32 = 1 << (WEIGHT_BITS - 1);

/// Rows that are worked on side by side, so that vectors are full.
const ROWS: usize = 32;

/// Rows made shorter or longer.
struct Across<'a> {
    /// `[height, width, 3]`
    pixels: &'a [u8],
    width: usize,
    rows: Range<usize>,
    axis: &'a Axis,
}

impl WithSimd for Across<'_> {
    type Output = Vec<u8>;

    /// `[rows, shown, 3]`
    #[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Vec<u8> {
        let Self { pixels, width, rows, axis } = self;
        let (needed, length) = (axis.needs(), axis.pixels.len());
        let mut result = vec![[0; 3]; rows.len() * length];
        let mut band = vec![[[0_u8; 3]; ROWS]; needed.len()];
        let mut sums = [0; 3 * ROWS];
        let lines = &pixels.as_chunks::<3>().0[rows.start * width..rows.end * width];
        for (lines, shown) in lines.chunks(ROWS * width).zip(result.chunks_mut(ROWS * length)) {
            turn(lines, width, needed.clone(), &mut band);
            let sums = &mut sums[..lines.len() / width * 3];
            for (column, (first, weights)) in axis.taps().enumerate() {
                sums.fill(HALF);
                for (levels, weight) in band[first - needed.start..].iter().zip(weights) {
                    add(sums, levels.as_flattened(), *weight);
                }
                for (row, sums) in shown.chunks_exact_mut(length).zip(sums.as_chunks::<3>().0) {
                    row[column] = sums.map(level);
                }
            }
        }
        result.into_flattened()
    }
}

/// Columns of some lines, each with its pixels side by side; in parts that stay in the cache.
#[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
#[inline(always)]
fn turn(lines: &[[u8; 3]], width: usize, needed: Range<usize>, band: &mut [[[u8; 3]; ROWS]]) {
    for (part, band) in band.chunks_mut(ROWS).enumerate() {
        let start = needed.start + part * ROWS;
        for (row, line) in lines.chunks_exact(width).take(ROWS).enumerate() {
            for (turned, pixel) in band.iter_mut().zip(&line[start..needed.end]) {
                turned[row] = *pixel;
            }
        }
    }
}

/// Adds weighted levels to sums.
#[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
#[inline(always)]
fn add(sums: &mut [i32], levels: &[u8], weight: i32) {
    for (sum, level) in sums.iter_mut().zip(levels) {
        *sum = sum.wrapping_add(i32::from(*level).wrapping_mul(weight));
    }
}

/// Columns made shorter or longer.
struct Down<'a> {
    /// `[height, width, 3]`
    pixels: &'a [u8],
    width: usize,
    columns: Range<usize>,
    axis: &'a Axis,
}

impl WithSimd for Down<'_> {
    type Output = Vec<u8>;

    /// `[shown, columns, 3]`
    #[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Vec<u8> {
        let Self { pixels, width, columns, axis } = self;
        let length = columns.len() * 3;
        let mut result = vec![0; axis.pixels.len() * length];
        let mut sums = vec![HALF; length];
        for (shown, (first, weights)) in result.chunks_exact_mut(length.max(1)).zip(axis.taps()) {
            sums.fill(HALF);
            let lines = pixels.chunks_exact(3 * width).skip(first);
            for (line, weight) in lines.zip(weights) {
                let line = line.get(3 * columns.start..3 * columns.end).unwrap_or_default();
                add(&mut sums, line, *weight);
            }
            for (shown, sum) in shown.iter_mut().zip(&sums) {
                *shown = level(*sum);
            }
        }
        result
    }
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
