//! Bytes → upright RGB8, within limits, whatever the bytes are.
//!
//! The one door to the decoders: it checks what the header declares before anything of that size is allocated, turns
//! the image upright, and keeps a decoder's panic from leaving.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::time::Duration;

use image::codecs::{bmp::BmpDecoder, pnm::PnmDecoder, tiff::TiffDecoder, webp::WebPDecoder};
use image::{ColorType, ImageDecoder};

use super::deadline::{Deadline, DeadlineReader};
use super::levels::{Depth, Stored};
use super::orientation::{self, Orientation};
use super::sniff::{self, Content};
use super::{DecodeError, Format, convert, gif, heif, jpeg, levels, png, tiff, webp};

/// What one image may cost. Several are decoded at once, so the memory of all threads together is a multiple of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most pixels that an image may declare. Default: 300 million, above every camera and below most bombs' aim.
    pub max_pixels: u64,
    /// Longest file, in bytes, for whoever reads it; also checked here. Default: 1 GiB.
    pub max_file_bytes: u64,
    /// Most memory, in bytes, that the decoded image may take in all its forms. Default: 3 GiB.
    pub max_memory: u64,
    /// Longest time that decoding may take, and reading before it. Default: a minute, some ten times what the largest photo takes.
    pub max_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_pixels: 300_000_000, max_file_bytes: 1 << 30, max_memory: 3 << 30, max_time: Duration::from_mins(1) }
    }
}

impl Limits {
    /// Refuses dimensions as a header declares them; `bytes_per_pixel` counts every buffer that decoding will hold.
    pub(super) fn admit(
        &self,
        format: Format,
        width: u32,
        height: u32,
        bytes_per_pixel: u64,
    ) -> Result<(), DecodeError> {
        if width == 0 || height == 0 {
            return Err(DecodeError::Damaged { format, reason: format!("its size is {width} x {height} pixels") });
        }
        let pixels = u64::from(width) * u64::from(height);
        if pixels > self.max_pixels {
            return Err(DecodeError::TooLarge { width, height, limit: self.max_pixels });
        }
        if pixels.saturating_mul(bytes_per_pixel) > self.max_memory || usize::try_from(pixels).is_err() {
            return Err(DecodeError::TooMuchMemory { format, limit: self.max_memory });
        }
        Ok(())
    }
}

/// An upright image of 8 bits a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rgb {
    /// Width in pixels, at least 1.
    pub width: u32,
    /// Height in pixels, at least 1.
    pub height: u32,
    /// `[height, width, 3]`: rows from the top, pixels from the left, R, G, B.
    pub data: Vec<u8>,
}

impl Rgb {
    /// Whether an image from outside this module holds the pixels that it declares, and at least one.
    pub(super) fn check(&self) -> Result<(), DecodeError> {
        let levels = u64::from(self.width).checked_mul(u64::from(self.height)).and_then(|pixels| pixels.checked_mul(3));
        if levels == Some(self.data.len() as u64) && !self.data.is_empty() {
            return Ok(());
        }
        Err(DecodeError::NotRgb { width: self.width, height: self.height, levels: self.data.len() })
    }
}

/// Decodes the bytes of an image file: its first frame or page, upright as its metadata says, as RGB.
///
/// Colours follow Pillow's `convert("RGB")`: alpha is dropped and not blended, CMYK is converted without a profile,
/// of 16 bits a channel the upper 8 are kept ([`Preprocess::levels`](super::Preprocess::levels) can say otherwise). One difference is deliberate: Pillow clips 16-bit grey at 255, which
/// turns nearly every such image white, here its upper 8 bits are kept too.
///
/// # Errors
/// [`DecodeError`] says what was found instead of an image, what is wrong with it, or which limit it exceeds.
pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Rgb, DecodeError> {
    let (image, orientation) = stored(bytes, limits, &mut Depth::new(None))?;
    Ok(orientation::upright(image, orientation))
}

/// The image as it is stored, and how to turn it upright.
pub(super) fn stored(bytes: &[u8], limits: &Limits, depth: &mut Depth) -> Result<(Rgb, Orientation), DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    if bytes.len() as u64 > limits.max_file_bytes {
        return Err(DecodeError::TooManyBytes { bytes: bytes.len() as u64, limit: limits.max_file_bytes });
    }
    let format = match sniff::content(bytes) {
        Content::Known(format) => format,
        Content::OtherImage(kind) => return Err(DecodeError::OtherKind(kind)),
        Content::Other(found) => return Err(DecodeError::NotAnImage { found }),
    };
    let deadline = Deadline::new(limits);
    let pieces = || DeadlineReader::new(bytes, &deadline);
    let image = guarded(format, || match format {
        Format::Jpeg => jpeg::decode(bytes, &deadline, limits),
        Format::Gif => Ok((gif::decode(pieces(), limits)?, Orientation::NoTransforms)),
        Format::Png => png::decode(pieces(), limits, depth),
        Format::WebP => {
            let decoder = admitted(format, WebPDecoder::new(pieces()), limits)?;
            Ok((pixels(format, decoder, limits, depth, &|_, _| {})?, webp::orientation(bytes)))
        }
        Format::Tiff => {
            let bytes = &*tiff::photo_within(bytes)?;
            depth.stored = tiff::stored(bytes);
            let mut decoder = admitted(format, TiffDecoder::new(DeadlineReader::new(bytes, &deadline)), limits)?;
            let orientation = orientation_of(&mut decoder);
            let change = |color, samples: &mut [u8]| {
                if tiff::is_premultiplied(bytes) {
                    tiff::divide_by_alpha(color, samples);
                }
            };
            tiff::jpegs(bytes).try_for_each(|part| jpeg::check(&part, &deadline, limits, format))?;
            Ok((pixels(format, decoder, limits, depth, &change)?, orientation))
        }
        Format::Bmp => read(format, BmpDecoder::new(pieces()), limits, depth),
        Format::Pnm => {
            let largest = levels::pnm_largest(bytes).and_then(|largest| u16::try_from(largest).ok());
            depth.stored = largest.map_or(Stored::Plain, Stored::UpTo);
            read(format, PnmDecoder::new(pieces()), limits, depth)
        }
        Format::Heic | Format::Avif => heif::Heif::open(bytes, format, limits)?.decode(&deadline, limits),
    });
    deadline.or_timed_out(format, image)
}

/// Whether a file is within the limits of bytes, pixels and memory, by its headers: for a photo whose features are known, so
/// that a limit holds for it as for any other. The time that it would take to decode cannot be told.
///
/// # Errors
/// [`DecodeError`] names the limit; whatever else is wrong with the file is none here.
pub(crate) fn check_limits(bytes: &[u8], limits: &Limits) -> Result<(), DecodeError> {
    if bytes.len() as u64 > limits.max_file_bytes {
        return Err(DecodeError::TooManyBytes { bytes: bytes.len() as u64, limit: limits.max_file_bytes });
    }
    let Some(format) = sniff::sniff(bytes) else { return Ok(()) };
    let deadline = Deadline::new(&Limits { max_time: Duration::MAX, ..*limits });
    let pieces = || DeadlineReader::new(bytes, &deadline);
    let opened = guarded(format, || match format {
        Format::Jpeg => jpeg::Jpeg::open(bytes, limits).map(drop),
        Format::Gif => gif::Open::new(pieces(), limits).map(drop),
        Format::Png => png::open(pieces(), limits).map(drop),
        Format::WebP => admitted(format, WebPDecoder::new(pieces()), limits).map(drop),
        Format::Tiff => {
            let bytes = tiff::photo_within(bytes)?;
            admitted(format, TiffDecoder::new(DeadlineReader::new(&bytes, &deadline)), limits).map(drop)
        }
        Format::Bmp => admitted(format, BmpDecoder::new(pieces()), limits).map(drop),
        Format::Pnm => admitted(format, PnmDecoder::new(pieces()), limits).map(drop),
        Format::Heic | Format::Avif => heif::Heif::open(bytes, format, limits).map(drop),
    });
    match opened {
        Err(error @ (DecodeError::TooLarge { .. } | DecodeError::TooMuchMemory { .. })) => Err(error),
        _ => Ok(()),
    }
}

/// The region that is `wanted` of a JPEG of some size and orientation, as it is stored, and what else is said with it.
pub(super) fn jpeg<T>(
    bytes: &[u8],
    limits: &Limits,
    wanted: impl FnOnce((u32, u32), Orientation) -> (jpeg::Region, T),
) -> Result<(Rgb, T), DecodeError> {
    let deadline = Deadline::new(limits);
    let part = guarded(Format::Jpeg, || jpeg::decode_part(bytes, &deadline, limits, wanted));
    deadline.or_timed_out(Format::Jpeg, part)
}

/// Reads an image through one of the `image` crate's decoders.
fn read<D: ImageDecoder>(
    format: Format,
    decoder: Result<D, image::ImageError>,
    limits: &Limits,
    depth: &mut Depth,
) -> Result<(Rgb, Orientation), DecodeError> {
    let mut decoder = admitted(format, decoder, limits)?;
    let orientation = orientation_of(&mut decoder);
    Ok((pixels(format, decoder, limits, depth, &|_, _| {})?, orientation))
}

/// A decoder whose image is within the limits, and which keeps to them.
fn admitted<D: ImageDecoder>(
    format: Format,
    decoder: Result<D, image::ImageError>,
    limits: &Limits,
) -> Result<D, DecodeError> {
    let failed = |error| convert::error(format, error, limits);
    let mut decoder = decoder.map_err(failed)?;
    let (width, height) = decoder.dimensions();
    // The decoder's own buffer, the samples it gives out, and what they are converted to.
    limits.admit(format, width, height, 2 * u64::from(decoder.color_type().bytes_per_pixel()) + 3)?;
    decoder.set_limits(allocation(limits)).map_err(failed)?;
    Ok(decoder)
}

/// The pixels, with something done to the samples before they become RGB.
fn pixels<D: ImageDecoder>(
    format: Format,
    decoder: D,
    limits: &Limits,
    depth: &mut Depth,
    change: &dyn Fn(ColorType, &mut [u8]),
) -> Result<Rgb, DecodeError> {
    let ((width, height), color) = (decoder.dimensions(), decoder.color_type());
    let length = usize::try_from(decoder.total_bytes())
        .map_err(|_| DecodeError::TooMuchMemory { format, limit: limits.max_memory })?;
    let mut samples = vec![0; length];
    decoder.read_image(&mut samples).map_err(|error| convert::error(format, error, limits))?;
    change(color, &mut samples);
    Ok(Rgb { width, height, data: convert::to_rgb(color, samples, depth)? })
}

/// Metadata that cannot be read is no reason to refuse the pixels.
fn orientation_of(decoder: &mut impl ImageDecoder) -> Orientation {
    // TIFF has a tag of its own, which the decoder knows; EXIF behind a prefix it does not.
    match decoder.orientation() {
        Ok(Orientation::NoTransforms) | Err(_) => {
            let exif = decoder.exif_metadata().ok().flatten();
            let xmp = decoder.xmp_metadata().ok().flatten();
            orientation::read(exif.as_deref(), xmp.as_deref())
        }
        Ok(orientation) => orientation,
    }
}

fn allocation(limits: &Limits) -> image::Limits {
    let mut allocation = image::Limits::default();
    allocation.max_image_width = None;
    allocation.max_image_height = None;
    allocation.max_alloc = Some(limits.max_memory);
    allocation
}

/// Some of the 16-bit levels of a photo, evenly chosen and at most 65536, as they stand in the file; `None` of a photo of
/// 8 bits, which is told without decoding it.
pub(crate) fn sample_levels(bytes: &[u8], limits: &Limits) -> Result<Option<Vec<u16>>, DecodeError> {
    if !is_sixteen_bit(bytes) {
        return Ok(None);
    }
    let mut depth = Depth::sampling();
    stored(bytes, limits, &mut depth)?;
    Ok(depth.into_samples())
}

/// Whether a file that begins with `head` is of a format that can have samples of 16 bits.
pub(crate) fn may_be_sixteen_bit(head: &[u8]) -> bool {
    matches!(sniff::sniff(head), Some(Format::Png | Format::Tiff | Format::Pnm))
}

/// Whether the header of a file promises samples of 16 bits.
pub(crate) fn is_sixteen_bit(bytes: &[u8]) -> bool {
    match sniff::sniff(bytes) {
        // The depth stands behind signature, length and name of the first chunk, and two sides.
        Some(Format::Png) => bytes.get(24) == Some(&16),
        Some(Format::Tiff) => tiff::bits_per_sample(bytes) == Some(16),
        Some(Format::Pnm) => levels::pnm_largest(bytes).is_some_and(|largest| largest > 255),
        _ => false,
    }
}

thread_local! {
    /// Whether this thread is inside a decoder, whose panic is an answer and not an accident.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Turns a decoder's panic into [`DecodeError::Panicked`] of the file that caused it.
pub(super) fn guarded<T>(format: Format, decoder: impl FnOnce() -> Result<T, DecodeError>) -> Result<T, DecodeError> {
    let outer = GUARDED.replace(true);
    // What the decoder leaves half-done is dropped with it: it owns all that it writes to.
    let result = panic::catch_unwind(AssertUnwindSafe(decoder));
    GUARDED.set(outer);
    result.unwrap_or_else(|payload| Err(DecodeError::Panicked { format, message: message_of(payload.as_ref()) }))
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

/// Keeps the panics that [`decode`] catches from being printed; all others are printed as before.
///
/// The panic hook belongs to the whole process, so it is the program's decision and not this library's: a program calls
/// this once when it starts. Without it [`decode`] returns the same errors, with the standard message on stderr as well.
pub(crate) fn silence_decoder_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                previous(info);
            }
        }));
    });
}
