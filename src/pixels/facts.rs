//! What a photo tells besides its pixels: how large, how compressed, how bright, taken with what.
//!
//! The audit asks whether such facts alone tell the classes apart, and looks for copies among the thumbnails. They are
//! made beside the crop, so that nothing is decoded twice. What a file does not say, or says in nonsense, is `None`:
//! nothing here is an error, whatever the bytes.

mod camera;
mod quality;

use super::{Crop, Format};

/// Counts up with the layout of [`PhotoFacts::to_bytes`] and with what the numbers mean.
const LAYOUT: u8 = 2;

/// Stored as their place here, to which formats are only ever added.
const FORMATS: [Format; 9] = [
    Format::Jpeg,
    Format::Png,
    Format::Gif,
    Format::WebP,
    Format::Tiff,
    Format::Bmp,
    Format::Pnm,
    Format::Heic,
    Format::Avif,
];

/// Facts of one photo.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PhotoFacts {
    /// Length of the file.
    pub bytes: u64,
    /// By the content, not by the name.
    pub format: Format,
    /// In pixels, as it is seen: upright.
    pub width: u32,
    /// In pixels, as it is seen: upright.
    pub height: u32,
    /// Mean luma of the crop, from 0 to 1.
    pub brightness: f32,
    /// Standard deviation of the luma of the crop, from 0 to 0.5.
    pub contrast: f32,
    /// The quality, from 1 to 100, at which libjpeg would have written such a JPEG.
    pub jpeg_quality: Option<u8>,
    /// Make and model as the camera wrote them, at most [`MAX_CAMERA_BYTES`] long.
    pub camera: Option<String>,
    /// The smallest and the largest level, as they stand in the file, of a photo with 16 bits a channel.
    pub levels: Option<[u16; 2]>,
    /// The crop in small.
    pub thumbnail: Thumbnail,
}

/// Longest [`PhotoFacts::camera`]; real ones take half of it.
pub(crate) const MAX_CAMERA_BYTES: usize = 64;

impl PhotoFacts {
    /// Of a file with these bytes, seen at `width` x `height`, and the crop made from it.
    pub(super) fn new(
        bytes: &[u8],
        format: Format,
        (width, height): (u32, u32),
        crop: &Crop,
        levels: Option<[u16; 2]>,
    ) -> Self {
        let luma: Vec<u8> = crop.rgb.as_chunks().0.iter().copied().map(luma).collect();
        let (brightness, contrast) = moments(&luma);
        Self {
            bytes: bytes.len() as u64,
            format,
            width,
            height,
            brightness,
            contrast,
            jpeg_quality: quality::estimate(bytes, format),
            camera: camera::read(bytes, format),
            levels,
            thumbnail: Thumbnail::shrink(&luma, crop.size as usize),
        }
    }

    /// A compact form for the cache, a little longer than the thumbnail.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let format = FORMATS.iter().position(|format| *format == self.format).unwrap_or_default();
        let camera = self.camera.as_deref().unwrap_or_default();
        let mut bytes = vec![LAYOUT, format as u8, self.jpeg_quality.unwrap_or_default(), camera.len() as u8];
        bytes.extend(self.bytes.to_le_bytes());
        bytes.extend(self.width.to_le_bytes());
        bytes.extend(self.height.to_le_bytes());
        bytes.extend(self.brightness.to_le_bytes());
        bytes.extend(self.contrast.to_le_bytes());
        // No two levels are the wrong way round.
        bytes.extend(self.levels.unwrap_or([1, 0]).into_iter().flat_map(u16::to_le_bytes));
        bytes.extend(camera.as_bytes());
        bytes.extend(self.thumbnail.levels());
        bytes
    }

    /// What [`PhotoFacts::to_bytes`] made; `None` for anything else, such as the form of another version.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([layout, format, quality, camera_length], rest) = bytes.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (width, rest) = rest.split_first_chunk()?;
        let (height, rest) = rest.split_first_chunk()?;
        let (brightness, rest) = rest.split_first_chunk()?;
        let (contrast, rest) = rest.split_first_chunk()?;
        let (lowest, rest) = rest.split_first_chunk()?;
        let (highest, rest) = rest.split_first_chunk()?;
        let ends = [lowest, highest].map(|level| u16::from_le_bytes(*level));
        let (camera, levels) = rest.split_at_checked(usize::from(*camera_length))?;
        let camera = std::str::from_utf8(camera).ok()?;
        (*layout == LAYOUT).then_some(Self {
            bytes: u64::from_le_bytes(*length),
            format: *FORMATS.get(usize::from(*format))?,
            width: u32::from_le_bytes(*width),
            height: u32::from_le_bytes(*height),
            brightness: f32::from_le_bytes(*brightness),
            contrast: f32::from_le_bytes(*contrast),
            jpeg_quality: (*quality > 0).then_some(*quality),
            camera: (!camera.is_empty()).then(|| camera.to_owned()),
            levels: (ends[0] <= ends[1]).then_some(ends),
            thumbnail: Thumbnail::new(levels)?,
        })
    }
}

/// A crop in small and grey: what is left when size, compression and colour are taken away.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Thumbnail(Box<[u8; Self::LEVELS]>);

impl std::fmt::Debug for Thumbnail {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Thumbnail({0}x{0})", Self::SIDE)
    }
}

impl Thumbnail {
    /// Width and height in pixels.
    pub(crate) const SIDE: usize = 32;

    /// How many pixels that makes.
    pub(crate) const LEVELS: usize = Self::SIDE * Self::SIDE;

    /// From levels by rows, `[32, 32]`; `None` if there are not so many.
    pub(crate) fn new(levels: &[u8]) -> Option<Self> {
        Some(Self(Box::new(levels.try_into().ok()?)))
    }

    /// By rows from the top, `[32, 32]`.
    pub(crate) fn levels(&self) -> &[u8; Self::LEVELS] {
        &self.0
    }

    /// The mean of each cell of a `side` x `side` picture.
    fn shrink(luma: &[u8], side: usize) -> Self {
        let mut levels = Box::new([0; Self::LEVELS]);
        // Where the picture is smaller than the thumbnail, a pixel is in several cells.
        let span = |cell: usize| {
            let start = cell * side / Self::SIDE;
            (start, ((cell + 1) * side / Self::SIDE).max(start + 1).min(side))
        };
        for (row, line) in levels.chunks_exact_mut(Self::SIDE).enumerate() {
            let (top, bottom) = span(row);
            let mut sums = [0_u32; Self::SIDE];
            for picture_line in luma.chunks_exact(side.max(1)).take(bottom).skip(top) {
                for (column, sum) in sums.iter_mut().enumerate() {
                    let (left, right) = span(column);
                    *sum += picture_line[left..right].iter().map(|&level| u32::from(level)).sum::<u32>();
                }
            }
            for (column, (level, sum)) in line.iter_mut().zip(sums).enumerate() {
                let (left, right) = span(column);
                let pixels = ((bottom - top) * (right - left)).max(1) as u32;
                *level = ((sum + pixels / 2) / pixels) as u8;
            }
        }
        Self(levels)
    }
}

/// Rec. 601 luma, rounded as Pillow's `convert("L")` does.
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    ((19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue) + 0x8000) >> 16) as u8
}

/// Mean and standard deviation on a scale of 0 to 1; zeros of nothing.
fn moments(luma: &[u8]) -> (f32, f32) {
    let count = luma.len().max(1) as f64;
    // Of integers both sums are exact.
    let sum: u64 = luma.iter().map(|&level| u64::from(level)).sum();
    let squares: u64 = luma.iter().map(|&level| u64::from(level).pow(2)).sum();
    let mean = sum as f64 / count;
    let variance = (squares as f64 / count - mean * mean).max(0.0);
    ((mean / 255.0) as f32, (variance.sqrt() / 255.0) as f32)
}

#[cfg(test)]
mod tests;
