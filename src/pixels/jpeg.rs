//! JPEG, where nearly all photos are: zune-jpeg in its strict mode, and a check that the image is all there.
//!
//! A lenient decoder fills what is missing with grey, and a classifier would learn grey.

#[cfg(feature = "turbo")]
mod part;

use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::deadline::{Deadline, Fading};
use super::orientation::{self, Orientation};
use super::{DecodeError, Format, Limits, Rgb};

#[cfg(feature = "turbo")]
pub(super) use part::Part;

const FORMAT: Format = Format::Jpeg;

/// What strict mode says about bytes between two segments, which neither cost a pixel nor trouble any other decoder.
const JUNK_BETWEEN_SEGMENTS: &str = "[strict-mode]: Extra bytes between headers";

/// What decodes JPEGs in this build, for whoever must tell its pixels from another's.
pub(super) fn decoder(scaled: bool) -> &'static str {
    match (cfg!(feature = "turbo"), scaled) {
        (false, _) => "zune",
        (true, false) => "turbo",
        (true, true) => "turboscaled",
    }
}

pub(super) fn decode(bytes: &[u8], deadline: &Deadline, limits: &Limits) -> Result<(Rgb, Orientation), DecodeError> {
    let decode_as = |strict| decode_as(Fading::new(bytes, deadline), limits, strict);
    match decode_as(true) {
        Err(DecodeError::Damaged { reason, .. }) if reason == JUNK_BETWEEN_SEGMENTS => decode_as(false),
        result => result,
    }
}

fn decode_as(bytes: Fading<'_>, limits: &Limits, strict: bool) -> Result<(Rgb, Orientation), DecodeError> {
    let (mut decoder, width, height, orientation) = open(bytes, limits, strict)?;
    let data = decoder.decode().map_err(|error| error_of(&error))?;
    Ok((Rgb { width, height, data }, orientation))
}

type Open<'a> = (JpegDecoder<ZCursor<Fading<'a>>>, u32, u32, Orientation);

/// Reads the headers of a complete JPEG within the limits.
fn open<'a>(bytes: Fading<'a>, limits: &Limits, strict: bool) -> Result<Open<'a>, DecodeError> {
    let options = DecoderOptions::default()
        .set_strict_mode(strict)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let is_whole = is_complete(bytes.all());
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| error_of(&error))?;
    let Some(info) = decoder.info() else {
        return Err(DecodeError::Damaged { format: FORMAT, reason: "it has no header".to_owned() });
    };
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    // RGB, and for a progressive image the 16-bit coefficients of every component.
    limits.admit(FORMAT, width, height, 3 + 2 * u64::from(info.components))?;
    if !is_whole {
        return Err(DecodeError::Truncated { format: FORMAT });
    }
    let orientation = orientation::of(info.exif_data.as_deref(), info.xmp_data.as_deref());
    Ok((decoder, width, height, orientation))
}

/// Whether the end-of-image marker follows the scans; what comes after it does not matter.
fn is_complete(bytes: &[u8]) -> bool {
    // Nearly every file ends so; a file cut behind a thumbnail's end marker has no scan and fails without this check.
    if bytes.ends_with(b"\xff\xd9") {
        return true;
    }
    let mut rest = bytes.get(2..).unwrap_or_default();
    let mut in_scan = false;
    loop {
        // Outside a scan bytes before a marker are junk, inside they are the image.
        let Some(start) = rest.iter().position(|byte| *byte == 0xff) else {
            return false;
        };
        rest = &rest[start + 1..];
        let Some(marker) = rest.first() else { return false };
        match marker {
            // A filled byte, a stuffed zero, a restart: no segment follows.
            0xff => continue,
            0x00 | 0x01 | 0xd0..=0xd8 => {}
            0xd9 if in_scan => return true,
            0xd9 => return false,
            _ => {
                in_scan |= *marker == 0xda;
                let length = match rest {
                    [_, high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
                    _ => return false,
                };
                rest = rest.get(1 + length..).unwrap_or_default();
                continue;
            }
        }
        rest = &rest[1..];
    }
}

fn error_of(error: &DecodeErrors) -> DecodeError {
    let reason = match error {
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => return DecodeError::Truncated { format: FORMAT },
        DecodeErrors::FormatStatic("Premature end of buffer" | "Premature End of image") => {
            return DecodeError::Truncated { format: FORMAT };
        }
        DecodeErrors::Unsupported(scheme) => {
            return DecodeError::Unsupported { what: format!("this kind of JPEG image ({scheme:?})") };
        }
        DecodeErrors::FormatStatic(reason) => (*reason).to_owned(),
        DecodeErrors::Format(reason)
        | DecodeErrors::HuffmanDecode(reason)
        | DecodeErrors::DqtError(reason)
        | DecodeErrors::SosError(reason)
        | DecodeErrors::SofError(reason)
        | DecodeErrors::MCUError(reason) => reason.clone(),
        DecodeErrors::ZeroError => "its width or height is zero".to_owned(),
        other => format!("{other:?}"),
    };
    DecodeError::Damaged { format: FORMAT, reason: reason.trim().trim_end_matches('.').to_owned() }
}
