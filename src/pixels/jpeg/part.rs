//! The part of a JPEG that a crop needs, through libjpeg-turbo.

use super::super::deadline::{Deadline, Fading};
use super::super::decode::guarded;
use super::super::orientation::{Orientation, Turn};
use super::super::resize::Axis;
use super::super::{Limits, Rgb};
use super::{FORMAT, open};
use crate::foreign::jpeg::{Jpeg, Region};

/// An ordinary JPEG that is all there and within the limits.
pub(crate) struct Part<'a> {
    jpeg: Jpeg<'a>,
    orientation: Orientation,
}

impl<'a> Part<'a> {
    /// `None` for every file that the general decoder should judge.
    pub(crate) fn open(bytes: &'a [u8], limits: &Limits) -> Option<Self> {
        if !bytes.starts_with(b"\xff\xd8\xff") {
            return None;
        }
        let deadline = Deadline::of(limits);
        let header = guarded(FORMAT, || open(Fading::new(bytes, &deadline), limits, true));
        let (_, width, height, orientation) = header.ok()?;
        let jpeg = Jpeg::open(bytes, limits.max_memory >> 20)?;
        (jpeg.scaled(1) == (width, height)).then_some(Self { jpeg, orientation })
    }

    /// How the image is stored.
    pub(crate) fn orientation(&self) -> Orientation {
        self.orientation
    }

    /// Width and height as they are seen.
    pub(crate) fn upright_size(&self) -> (u32, u32) {
        let (width, height) = self.jpeg.scaled(1);
        if Turn::from(self.orientation).transposed { (height, width) } else { (width, height) }
    }

    /// Decodes what the axes of the crop need, at the smallest fraction whose short side is at least `smallest`;
    /// `axes` gives them for the sides of the image. The axes that come back are those of the part.
    pub(crate) fn decode(&self, smallest: u32, axes: impl Fn((u32, u32)) -> [Axis; 2]) -> Option<(Rgb, [Axis; 2])> {
        let short = |denominator: &u32| {
            let (width, height) = self.jpeg.scaled(*denominator);
            width.min(height)
        };
        let denominator = [8, 4, 2].into_iter().find(|denominator| short(denominator) >= smallest).unwrap_or(1);
        let (width, height) = self.jpeg.scaled(denominator);
        let [x, y] = axes((width, height));
        // Chroma is interpolated from its neighbours, so a block more on every side keeps the pixels exact.
        let block = self.jpeg.block(denominator);
        let around = |axis: Axis, side: u32| {
            let (start, length) = axis.needs(side);
            let first = (start / block).saturating_sub(1) * block;
            let end = start.saturating_add(length).saturating_add(block).min(side);
            (first, end - first)
        };
        let ((left, columns), (top, rows)) = (around(x, width), around(y, height));
        let data = self.jpeg.decode(denominator, Region { x: left, y: top, width: columns, height: rows })?;
        Some((Rgb { width: columns, height: rows, data }, [x.after(left), y.after(top)]))
    }
}

#[cfg(test)]
mod tests {
    use image::codecs::jpeg::JpegEncoder;

    use super::super::super::Preprocess;
    use super::*;

    /// A smooth picture with a few edges, as photos are.
    fn photo(width: u32, height: u32) -> Vec<u8> {
        let picture = image::RgbImage::from_fn(width, height, |x, y| {
            let wave = |length: f32| 127.0 + 100.0 * ((x as f32 + 0.7 * y as f32) / length).sin();
            image::Rgb([wave(137.0) as u8, wave(291.0) as u8, if (x / 340 + y / 460) % 2 == 0 { 40 } else { 200 }])
        });
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 92).encode_image(&picture).unwrap();
        bytes
    }

    fn distance(left: &[u8], right: &[u8]) -> (f64, u8) {
        let each = || left.iter().zip(right).map(|(left, right)| left.abs_diff(*right));
        (each().map(f64::from).sum::<f64>() / left.len() as f64, each().max().unwrap())
    }

    #[test]
    fn a_part_gives_the_crop_of_the_whole() {
        let (exact, limits) = (Preprocess { scaled_jpeg: false, ..Preprocess::default() }, Limits::default());
        for (width, height) in [(500, 375), (375, 500), (1600, 300), (100, 900), (224, 224), (17, 9), (1, 1)] {
            let bytes = photo(width, height);
            let part = Part::open(&bytes, &limits).unwrap();
            let all = part.jpeg.decode(1, Region { x: 0, y: 0, width, height }).unwrap();
            let whole = exact.apply(&Rgb { width, height, data: all }).unwrap();
            assert_eq!(exact.load(&bytes, &limits).unwrap(), whole, "{width}x{height}");
        }
    }

    #[test]
    fn a_large_photo_at_a_fraction_stays_near_the_exact_crop_and_the_switch_turns_it_off() {
        let (scaled, limits) = (Preprocess::default(), Limits::default());
        let exact = Preprocess { scaled_jpeg: false, ..scaled.clone() };
        assert_ne!(scaled.id(), exact.id());
        for (side, differs) in [(2600, true), (1000, false)] {
            let bytes = photo(side + side / 3, side);
            let [scaled, exact] = [&scaled, &exact].map(|how| how.load(&bytes, &limits).unwrap().rgb);
            let (mean, most) = distance(&scaled, &exact);
            assert!(mean < 1.0 && most < 30, "{side}: mean {mean}, most {most}");
            assert_eq!(scaled != exact, differs, "{side}");
        }
    }

    #[test]
    fn what_is_damaged_is_left_to_the_decoder_that_says_why() {
        let bytes = photo(300, 200);
        let limits = Limits::default();
        assert!(Part::open(&bytes[..bytes.len() / 2], &limits).is_none());
        assert!(Part::open(b"\x89PNG", &limits).is_none());
        let error = Preprocess::default().load(&bytes[..bytes.len() - 40], &limits).unwrap_err();
        assert!(error.to_string().contains("cut off") || error.to_string().contains("ends"), "{error}");
        for at in (200..bytes.len()).step_by(7) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x24;
            let _ = Preprocess::default().load(&flipped, &limits);
        }
    }
}
