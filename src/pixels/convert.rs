//! Samples and errors of the `image` crate in this module's terms.

use std::io;

use image::error::{ImageError, LimitErrorKind};
use image::{ColorType, ExtendedColorType};

use super::levels::Depth;
use super::{DecodeError, Format, Limits};

/// Samples of any integer colour type → `[N, 3]` RGB8, as Pillow's `convert("RGB")`: grey is repeated, alpha dropped.
pub(super) fn to_rgb(color: ColorType, samples: Vec<u8>, depth: &mut Depth) -> Result<Vec<u8>, DecodeError> {
    let rgb = match color {
        ColorType::Rgb8 => samples,
        ColorType::L8 => pixels(samples.as_chunks().0, |[grey]| [grey; 3]),
        ColorType::La8 => pixels(samples.as_chunks().0, |[grey, _]| [grey; 3]),
        ColorType::Rgba8 => pixels(samples.as_chunks().0, |[red, green, blue, _]| [red, green, blue]),
        ColorType::L16 => pixels(depth.eight_bits(&samples, 1, 1).as_chunks().0, |[grey]| [grey; 3]),
        ColorType::La16 => pixels(depth.eight_bits(&samples, 2, 1).as_chunks().0, |[grey, _]| [grey; 3]),
        ColorType::Rgb16 => depth.eight_bits(&samples, 3, 3),
        ColorType::Rgba16 => {
            pixels(depth.eight_bits(&samples, 4, 3).as_chunks().0, |[red, green, blue, _]| [red, green, blue])
        }
        // No level of a floating-point image is white by definition, so any scale would be a guess.
        _ => {
            return Err(DecodeError::NoScale { what: "an image of floating-point samples".to_owned() });
        }
    };
    Ok(rgb)
}

fn pixels<const CHANNELS: usize>(samples: &[[u8; CHANNELS]], rgb: impl Fn([u8; CHANNELS]) -> [u8; 3]) -> Vec<u8> {
    samples.iter().map(|sample| rgb(*sample)).collect::<Vec<_>>().into_flattened()
}

/// An error of the `image` crate in words for the owner of the file.
pub(super) fn error(format: Format, error: ImageError, limits: &Limits) -> DecodeError {
    match error {
        ImageError::IoError(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof => DecodeError::Truncated { format },
            _ => DecodeError::Damaged { format, reason: error.to_string() },
        },
        ImageError::Limits(error) if matches!(error.kind(), LimitErrorKind::InsufficientMemory) => {
            DecodeError::TooMuchMemory { format, limit: limits.max_memory }
        }
        ImageError::Unsupported(error) => DecodeError::Unsupported { what: unsupported(format, &error) },
        ImageError::Decoding(error) if ends_early(&error) => DecodeError::Truncated { format },
        other => DecodeError::Damaged { format, reason: reason(&other) },
    }
}

fn unsupported(format: Format, error: &image::error::UnsupportedError) -> String {
    use image::error::UnsupportedErrorKind::{Color, GenericFeature};
    match error.kind() {
        Color(ExtendedColorType::Unknown(bits)) => format!("a {format} image of {bits} bits a pixel"),
        Color(color) => format!("a {format} image of colour type {color:?}"),
        GenericFeature(feature) => {
            let feature = feature.trim_end_matches(" is unsupported").trim_end_matches(" is not supported");
            format!("a {format} image with this feature ({feature})")
        }
        _ => format!("this kind of {format} image"),
    }
}

/// Whether the file ended too soon: some decoders wrap that I/O error.
fn ends_early(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof) {
            return true;
        }
        next = error.source();
    }
    false
}

/// The first cause, which is the specific one: the errors around it only repeat the format.
pub(super) fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    text.trim().trim_end_matches('.').to_owned()
}
