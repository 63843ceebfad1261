//! From an upright image to the input of the network.

use serde::{Deserialize, Serialize};

use super::jpeg::Region;
use super::levels::{Depth, Levels};
use super::orientation::{self, Orientation, Turn};
use super::resize::{self, Geometry};
use super::{DecodeError, Format, Limits, PhotoFacts, Rgb, decode, sniff};

/// Counts up whenever a change in this module may change a level of a [`Crop`], so that features that were computed from
/// older pixels are not mistaken for today's.
const PIXELS_VERSION: u32 = 3;

/// Sides above this are refused: nothing is gained, and a mistyped number would ask for gigabytes an image.
const MAX_SIDE: u32 = 4096;

/// What is done to an image between decoding and the network.
///
/// The default is the evaluation transform that the `ImageNet` weights of torchvision were published with
/// (`ImageClassification(crop_size=224, resize_size=256)`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preprocess {
    /// Length of the short side after resizing, in pixels. Default: 256.
    pub resize: u32,
    /// Side of the centre crop, in pixels. Default: 224.
    pub crop: u32,
    /// Mean of each channel (R, G, B) on a scale of 0 to 1. Default: that of `ImageNet`.
    pub mean: [f32; 3],
    /// Standard deviation of each channel (R, G, B) on a scale of 0 to 1. Default: that of `ImageNet`.
    pub std: [f32; 3],
    /// Which levels of 16-bit samples are black and white; `None` for their whole range, of which the upper 8 bits are
    /// kept. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<Levels>,
}

impl Default for Preprocess {
    fn default() -> Self {
        Self { resize: 256, crop: 224, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], levels: None }
    }
}

/// The pixels that the network sees, before normalisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crop {
    /// Side `S`, in pixels.
    pub size: u32,
    /// `[S, S, 3]`: rows from the top, pixels from the left, R, G, B from 0 to 255.
    pub rgb: Vec<u8>,
}

impl Preprocess {
    /// The default transform for another input size: the crop is `size`, the short side keeps the proportion 256 : 224.
    #[must_use]
    pub fn with_image_size(size: u32) -> Self {
        // Halves round up; u64 so that no size overflows.
        let resize = (u64::from(size) * 256 + 112) / 224;
        Self { resize: u32::try_from(resize).unwrap_or(u32::MAX), crop: size, ..Self::default() }
    }

    /// A text that is the same for equal transforms and changes with anything that may change the pixels, this module's
    /// own version included: for cache keys and the model file.
    pub(crate) fn id(&self) -> String {
        let numbers = |values: [f32; 3]| values.map(|value| value.to_string()).join(",");
        let levels = self.levels.map(|levels| format!("-levels{levels}")).unwrap_or_default();
        format!(
            "pixels{PIXELS_VERSION}-resize{}-crop{}-bilinear-mean{}-std{}{levels}",
            self.resize,
            self.crop,
            numbers(self.mean),
            numbers(self.std)
        )
    }

    /// Whether the numbers make sense together, for settings that come from a file or a command line.
    ///
    /// # Errors
    /// [`DecodeError::InvalidPreprocess`] names the number and what is allowed.
    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        let invalid = |reason: String| Err(DecodeError::InvalidPreprocess { reason });
        for (name, side) in [("resize", self.resize), ("crop", self.crop)] {
            if !(1..=MAX_SIDE).contains(&side) {
                return invalid(format!("`{name}` is {side}, it must lie between 1 and {MAX_SIDE}"));
            }
        }
        if self.mean.iter().any(|mean| !mean.is_finite()) {
            return invalid(format!("`mean` is {:?}, it must be finite", self.mean));
        }
        if self.std.iter().any(|std| !std.is_finite() || *std <= 0.0) {
            return invalid(format!("`std` is {:?}, it must be positive and finite", self.std));
        }
        if let Some(levels) = self.levels.filter(|levels| levels.low >= levels.high) {
            return invalid(format!("`levels` are {levels}, black must lie below white"));
        }
        Ok(())
    }

    /// The bytes of a file to its crop: what `decode` and `apply` make of it, but turning
    /// upright only the crop and not the whole photo, which for a phone's portrait photos halves the time.
    ///
    /// # Errors
    /// [`DecodeError`] says what was found instead of an image, or why these settings cannot be applied.
    pub fn load(&self, bytes: &[u8], limits: &Limits) -> Result<Crop, DecodeError> {
        self.load_sized(bytes, limits, &mut Depth::new(self.levels)).map(|(crop, _)| crop)
    }

    /// [`Preprocess::load`], and what the file tells besides.
    pub(crate) fn load_with_facts(&self, bytes: &[u8], limits: &Limits) -> Result<(Crop, PhotoFacts), DecodeError> {
        let mut depth = Depth::new(self.levels);
        let (crop, size) = self.load_sized(bytes, limits, &mut depth)?;
        let format = sniff(bytes).ok_or(DecodeError::Empty)?;
        // They are read from the same bytes of anybody's, so what goes wrong with them is the file's affair too.
        let facts = decode::guarded(format, || Ok(PhotoFacts::new(bytes, format, size, &crop, depth.seen)))?;
        Ok((crop, facts))
    }

    /// The crop, and width and height of the photo as it is seen.
    fn load_sized(&self, bytes: &[u8], limits: &Limits, depth: &mut Depth) -> Result<(Crop, (u32, u32)), DecodeError> {
        if sniff(bytes) == Some(Format::Jpeg) && bytes.len() as u64 <= limits.max_file_bytes {
            return self.load_jpeg(bytes, limits);
        }
        let (image, orientation) = decode::stored(bytes, limits, depth)?;
        let crop = self.crop_of(&image, orientation)?;
        let is_turned = Turn::from(orientation).transposed;
        Ok((crop, if is_turned { (image.height, image.width) } else { (image.width, image.height) }))
    }

    /// As [`Preprocess::load_sized`], making pixels of that part of a JPEG only that the crop shows.
    fn load_jpeg(&self, bytes: &[u8], limits: &Limits) -> Result<(Crop, (u32, u32)), DecodeError> {
        self.check()?;
        let wanted = |(width, height), orientation| {
            let (geometry, upright) = self.geometry((width, height), orientation);
            let [x, y] = geometry.axes((width, height));
            let (columns, rows) = (x.needs(), y.needs());
            (
                Region::new(&columns, &rows),
                (geometry, [x.after(columns.start), y.after(rows.start)], orientation, upright),
            )
        };
        let (part, (geometry, axes, orientation, upright)) = decode::jpeg(bytes, limits, wanted)?;
        Ok((self.turned(resize::resize_and_crop(&part, axes, geometry, orientation), orientation), upright))
    }

    /// Resizes the short side to [`resize`](Self::resize) with antialiased bilinear interpolation and cuts the centre
    /// square out, padding with black where the image is smaller than the crop, as torchvision does.
    ///
    /// Only the pixels of the crop are computed, so a panorama costs no more than a square.
    ///
    /// # Errors
    /// [`DecodeError::InvalidPreprocess`] if these settings fail [`Preprocess::check`], [`DecodeError::NotRgb`] if the
    /// image does not hold the pixels that it declares.
    pub(crate) fn apply(&self, image: &Rgb) -> Result<Crop, DecodeError> {
        self.crop_of(image, Orientation::NoTransforms)
    }

    /// The upright crop of an image that is stored in some orientation.
    pub(super) fn crop_of(&self, image: &Rgb, orientation: Orientation) -> Result<Crop, DecodeError> {
        self.check()?;
        image.check()?;
        let size = (image.width, image.height);
        let (geometry, _) = self.geometry(size, orientation);
        Ok(self.turned(resize::resize_and_crop(image, geometry.axes(size), geometry, orientation), orientation))
    }

    /// Where the crop lies in an image of this size, as it is stored; and the size as it is seen.
    fn geometry(&self, (width, height): (u32, u32), orientation: Orientation) -> (Geometry, (u32, u32)) {
        let turn = Turn::from(orientation);
        let (width, height) = if turn.transposed { (height, width) } else { (width, height) };
        (Geometry::new(width, height, self.resize, self.crop).stored(turn), (width, height))
    }

    /// The upright crop.
    fn turned(&self, stored: Vec<u8>, orientation: Orientation) -> Crop {
        let crop = Rgb { width: self.crop, height: self.crop, data: stored };
        Crop { size: self.crop, rgb: orientation::upright(crop, orientation).data }
    }

    /// Leaves of a crop only `border` pixels at each edge: all others get the mean level, which is 0 to the network.
    pub(crate) fn blank_middle(&self, crop: &mut Crop, border: u32) {
        let (side, border) = (crop.size as usize, border as usize);
        let inside = border..side.saturating_sub(border);
        #[expect(clippy::cast_sign_loss, reason = "a level is not negative")]
        let level = self.mean.map(|mean| (mean * 255.0).round().clamp(0.0, 255.0) as u8);
        for row in crop.rgb.chunks_mut(3 * side.max(1)).skip(border).take(inside.len()) {
            row.as_chunks_mut::<3>().0.iter_mut().skip(border).take(inside.len()).for_each(|pixel| *pixel = level);
        }
    }

    /// Writes the network's input, `[3, S, S]`: `(level / 255 - mean) / std`, rounded to f32 after every step as
    /// torchvision's `ToTensor` and `Normalize` do.
    ///
    /// `out` must hold `3 * S * S` numbers; what lies beyond them is left as it is, and of a shorter `out` only the
    /// part that fits is written.
    pub fn normalise(&self, crop: &Crop, out: &mut [f32]) {
        let plane = crop.rgb.len() / 3;
        let channels = self.mean.into_iter().zip(self.std);
        for ((channel, (mean, std)), out) in channels.enumerate().zip(out.chunks_mut(plane.max(1))) {
            // 256 divisions instead of 50 176 give the same bits.
            let table: [f32; 256] = std::array::from_fn(|level| (level as f32 / 255.0 - mean) / std);
            for (number, pixel) in out.iter_mut().zip(crop.rgb.as_chunks::<3>().0) {
                *number = table[usize::from(pixel[channel])];
            }
        }
    }
}
