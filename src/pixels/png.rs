//! PNG: the still image, and its orientation wherever writers have put it.
//!
//! Read through the `png` crate itself, because the orientation may stand in an `eXIf` chunk before or after the
//! pixels, in XMP, or in the text chunk that `ImageMagick` wrote before `eXIf` existed.

use std::io;

use image::ColorType;
use png::{BitDepth, Decoder, DecodingError, Info, Reader, Transformations};

use super::deadline::DeadlineReader;
use super::levels::Depth;
use super::orientation::{self, Orientation};
use super::{DecodeError, Format, Limits, Rgb, convert};

const FORMAT: Format = Format::Png;

/// Most bytes of text that are unpacked in search of an orientation; real ones take a few thousand.
const MAX_TEXT: usize = 1 << 20;

/// A decoder whose image is within the limits.
pub(super) fn open<'a>(bytes: DeadlineReader<'a>, limits: &Limits) -> Result<Reader<DeadlineReader<'a>>, DecodeError> {
    check_palette(bytes.all())?;
    let budget = png::Limits { bytes: usize::try_from(limits.max_memory).unwrap_or(usize::MAX) };
    let mut decoder = Decoder::new_with_limits(bytes, budget);
    // Palettes become colours, 1, 2 and 4 bits become 8, transparency becomes an alpha channel.
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_iccp_chunk(true);
    let reader = decoder.read_info().map_err(|error| error_of(error, limits))?;
    let (width, height) = reader.info().size();
    let color = color_type(reader.output_color_type());
    limits.admit(FORMAT, width, height, u64::from(color.bytes_per_pixel()) + 3)?;
    Ok(reader)
}

pub(super) fn decode(
    bytes: DeadlineReader<'_>,
    limits: &Limits,
    depth: &mut Depth,
) -> Result<(Rgb, Orientation), DecodeError> {
    let mut reader = open(bytes, limits)?;
    let (width, height) = reader.info().size();
    let color = color_type(reader.output_color_type());
    let length =
        reader.output_buffer_size().ok_or(DecodeError::TooMuchMemory { format: FORMAT, limit: limits.max_memory })?;
    let mut samples = vec![0; length];
    reader.next_frame(&mut samples).map_err(|error| error_of(error, limits))?;
    // What follows the pixels is only read for its metadata: damage there costs no pixel.
    let _ = reader.finish();
    let orientation = orientation_of(reader.info());
    if matches!(color, ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16) {
        for sample in samples.as_chunks_mut::<2>().0 {
            *sample = u16::from_be_bytes(*sample).to_ne_bytes();
        }
    }
    let data = convert::to_rgb(color, samples, depth)?;
    Ok((Rgb { width, height, data }, orientation))
}

/// A palette of anything but whole colours, on which the decoder panics.
fn check_palette(bytes: &[u8]) -> Result<(), DecodeError> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        match after.first_chunk::<4>() {
            Some(b"PLTE") if !length.is_multiple_of(3) => {
                let reason = format!("its palette has {length} bytes, which is not a multiple of 3");
                return Err(DecodeError::Damaged { format: FORMAT, reason });
            }
            Some(b"PLTE" | b"IDAT") | None => break,
            // The name and the checksum beside the content.
            Some(_) => rest = after.get(length.saturating_add(8)..).unwrap_or_default(),
        }
    }
    Ok(())
}

fn color_type((color, depth): (png::ColorType, BitDepth)) -> ColorType {
    let wide = depth == BitDepth::Sixteen;
    match color {
        png::ColorType::Grayscale if wide => ColorType::L16,
        png::ColorType::Grayscale => ColorType::L8,
        png::ColorType::GrayscaleAlpha if wide => ColorType::La16,
        png::ColorType::GrayscaleAlpha => ColorType::La8,
        png::ColorType::Rgba if wide => ColorType::Rgba16,
        png::ColorType::Rgba => ColorType::Rgba8,
        png::ColorType::Rgb if wide => ColorType::Rgb16,
        // EXPAND leaves no indexed image.
        png::ColorType::Rgb | png::ColorType::Indexed => ColorType::Rgb8,
    }
}

fn orientation_of(info: &Info) -> Orientation {
    let exif = info.exif_metadata.as_deref().map(<[u8]>::to_vec).or_else(|| raw_profile(info));
    orientation::read(exif.as_deref(), xmp(info).as_deref())
}

/// EXIF as `ImageMagick` stored it in a text chunk: an empty line, the name, the length, then hexadecimal digits.
fn raw_profile(info: &Info) -> Option<Vec<u8>> {
    const KEYWORD: &str = "Raw profile type exif";
    let plain = info.uncompressed_latin1_text.iter().find(|chunk| chunk.keyword == KEYWORD);
    let packed = info.compressed_latin1_text.iter().find(|chunk| chunk.keyword == KEYWORD);
    let text = match (plain, packed) {
        (Some(chunk), _) => chunk.text.clone(),
        (None, Some(chunk)) => {
            let mut chunk = chunk.clone();
            chunk.decompress_text_with_limit(MAX_TEXT).ok()?;
            chunk.get_text().ok()?
        }
        (None, None) => return None,
    };
    let digits: Vec<u8> = text.lines().skip(3).flat_map(str::bytes).collect();
    digits.as_chunks::<2>().0.iter().map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}

fn xmp(info: &Info) -> Option<Vec<u8>> {
    let mut chunk = info.utf8_text.iter().find(|chunk| chunk.keyword == "XML:com.adobe.xmp")?.clone();
    chunk.decompress_text_with_limit(MAX_TEXT).ok()?;
    Some(chunk.get_text().ok()?.into_bytes())
}

fn error_of(error: DecodingError, limits: &Limits) -> DecodeError {
    match error {
        DecodingError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            DecodeError::Truncated { format: FORMAT }
        }
        DecodingError::LimitsExceeded => DecodeError::TooMuchMemory { format: FORMAT, limit: limits.max_memory },
        other => DecodeError::Damaged { format: FORMAT, reason: convert::reason(&other) },
    }
}
