//! GIF: the first frame on its canvas.
//!
//! The frame is read as palette indices, because the palette defines the result of dropping alpha, as in Pillow: a
//! transparent pixel has the colour of its index, and pixels outside the first frame have the transparent index or else 0.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, Frame, MemoryLimit};

use super::deadline::DeadlineReader;
use super::{DecodeError, Format, Limits, Rgb};

const FORMAT: Format = Format::Gif;

/// A decoder positioned before the pixels of its first frame, whose canvas is within the limits.
pub(super) struct Open<'a> {
    decoder: Decoder<DeadlineReader<'a>>,
    frame: Frame<'static>,
    width: u32,
    height: u32,
}

impl<'a> Open<'a> {
    pub(super) fn new(bytes: DeadlineReader<'a>, limits: &Limits) -> Result<Self, DecodeError> {
        let failed = |error| error_of(error, limits);
        let mut options = DecodeOptions::new();
        options.set_color_output(ColorOutput::Indexed);
        options.set_memory_limit(NonZeroU64::new(limits.max_memory).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
        let mut decoder = options.read_info(bytes).map_err(failed)?;
        let Some(frame) = decoder.next_frame_info().map_err(failed)?.cloned() else {
            return Err(DecodeError::Damaged { format: FORMAT, reason: "it has no frames".to_owned() });
        };
        // A frame that extends beyond the logical screen enlarges the canvas.
        let width = u32::from(decoder.width()).max(u32::from(frame.left) + u32::from(frame.width));
        let height = u32::from(decoder.height()).max(u32::from(frame.top) + u32::from(frame.height));
        // Bytes per pixel: 1 for the frame's indices, 1 for the canvas's, 3 for RGB.
        limits.admit(FORMAT, width, height, 5)?;
        Ok(Self { decoder, frame, width, height })
    }
}

pub(super) fn decode(bytes: DeadlineReader<'_>, limits: &Limits) -> Result<Rgb, DecodeError> {
    let Open { mut decoder, frame, width, height } = Open::new(bytes, limits)?;
    let failed = |error| error_of(error, limits);
    let (left, top, frame_width) = (usize::from(frame.left), usize::from(frame.top), usize::from(frame.width));
    let background = frame.transparent.unwrap_or(0);
    let palette = frame.palette.or_else(|| decoder.global_palette().map(<[u8]>::to_vec)).unwrap_or_default();
    let mut indices = vec![0; frame_width * usize::from(frame.height)];
    decoder.read_into_buffer(&mut indices).map_err(failed)?;

    let canvas_width = width as usize;
    let mut canvas = vec![background; canvas_width * height as usize];
    let lines = canvas.chunks_exact_mut(canvas_width).skip(top);
    for (line, row) in lines.zip(indices.chunks_exact(frame_width.max(1))) {
        if let Some(line) = line.get_mut(left..left + frame_width) {
            line.copy_from_slice(row);
        }
    }
    let colours = colours(&palette);
    let data = canvas.iter().map(|index| colours[usize::from(*index)]).collect::<Vec<_>>().into_flattened();
    Ok(Rgb { width, height, data })
}

/// All 256 colours: those of the palette, padded with black.
fn colours(palette: &[u8]) -> [[u8; 3]; 256] {
    let known = palette.as_chunks::<3>().0;
    std::array::from_fn(|index| known.get(index).copied().unwrap_or_default())
}

fn error_of(error: DecodingError, limits: &Limits) -> DecodeError {
    match error {
        DecodingError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            DecodeError::Truncated { format: FORMAT }
        }
        DecodingError::MemoryLimit | DecodingError::OutOfMemory => {
            DecodeError::TooMuchMemory { format: FORMAT, limit: limits.max_memory }
        }
        other => DecodeError::Damaged { format: FORMAT, reason: other.to_string() },
    }
}
