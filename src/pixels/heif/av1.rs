//! One picture of AV1, by `re_rav1d`: dav1d in Rust, without its assembler.
//!
//! The decoder is told to be strict: it then looks at what is left behind the last symbol of a tile, so that nearly all
//! damage is an error, where dav1d as it comes makes a picture of it. It cannot be interrupted; its time is bounded by the
//! pixels that a header may declare.

use heifer_hevc_dec::recon::Frame;
use re_rav1d::dav1d::{Decoder, Error, Picture, PixelLayout, PlanarImageComponent, Settings};

use super::super::DecodeError;
use super::{Format, damaged, unsupported};

const FORMAT: Format = Format::Avif;

/// The samples of the picture in the `data` of an item, which says that it has this `size`.
pub(super) fn decode(data: Vec<u8>, size: (u32, u32)) -> Result<Frame, DecodeError> {
    let mut settings = Settings::new();
    // Photos are decoded side by side already.
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    // Of a picture that comes in layers, the best.
    settings.set_all_layers(false);
    settings.set_strict_std_compliance(true);
    settings.set_frame_size_limit(u32::try_from(u64::from(size.0) * u64::from(size.1)).unwrap_or(u32::MAX));
    let mut decoder = Decoder::with_settings(&settings).map_err(error_of)?;
    match decoder.send_data(data, None, None, None) {
        // More data than one picture: the rest is that of a sequence.
        Ok(()) | Err(Error::Again) => {}
        Err(error) => return Err(error_of(error)),
    }
    let picture = decoder.get_picture().map_err(error_of)?;
    if (picture.width(), picture.height()) != size {
        return Err(damaged(FORMAT, "it has another size than it says"));
    }
    frame_of(&picture)
}

fn frame_of(picture: &Picture) -> Result<Frame, DecodeError> {
    let chroma_format = match picture.pixel_layout() {
        PixelLayout::I400 => 0,
        PixelLayout::I420 => 1,
        PixelLayout::I422 => 2,
        PixelLayout::I444 => 3,
    };
    let depth = picture.bits_per_component().map(|bits| bits.0 as u8).filter(|bits| matches!(bits, 8 | 10 | 12));
    let depth = depth.ok_or_else(|| unsupported(FORMAT, "of an unknown depth"))?;
    let mut frame = Frame {
        widths: [picture.width(), 0, 0],
        heights: [picture.height(), 0, 0],
        planes: Default::default(),
        bit_depth: [depth; 2],
        chroma_format,
        full_range: picture.color_range() == re_rav1d::dav1d::pixel::YUVRange::Full,
        matrix_coeffs: picture.matrix_coefficients() as u8,
    };
    let components = [PlanarImageComponent::Y, PlanarImageComponent::U, PlanarImageComponent::V];
    let planes = if chroma_format == 0 { 1 } else { 3 };
    for (plane, component) in components.into_iter().enumerate().take(planes) {
        let (across, down) = subsampling(&frame, plane);
        let (width, height) = (picture.width().div_ceil(across), picture.height().div_ceil(down));
        (frame.widths[plane], frame.heights[plane]) = (width, height);
        let samples = picture.plane(component);
        let rows = samples.chunks(picture.stride(component) as usize).take(height as usize);
        frame.planes[plane] = if depth == 8 {
            rows.flat_map(|row| row.iter().take(width as usize)).map(|sample| u16::from(*sample)).collect()
        } else {
            rows.flat_map(|row| row.as_chunks().0.iter().take(width as usize))
                .map(|sample| u16::from_ne_bytes(*sample))
                .collect()
        };
        if frame.planes[plane].len() != width as usize * height as usize {
            return Err(damaged(FORMAT, "it is smaller than it says"));
        }
    }
    Ok(frame)
}

/// An empty frame of this `size` for tiles such as `tile`.
pub(super) fn canvas(tile: &Frame, size: (u32, u32)) -> Frame {
    let mut whole = Frame { planes: Default::default(), ..tile.clone() };
    for plane in 0..3 {
        let (across, down) = subsampling(tile, plane);
        if tile.widths[plane] > 0 {
            (whole.widths[plane], whole.heights[plane]) = (size.0.div_ceil(across), size.1.div_ceil(down));
        }
        whole.planes[plane] = vec![0; whole.widths[plane] as usize * whole.heights[plane] as usize];
    }
    whole
}

/// Copies what is `seen` of a tile to its place on the canvas.
pub(super) fn place(
    canvas: &mut Frame,
    tile: &Frame,
    (left, top): (u32, u32),
    seen: (u32, u32),
) -> Result<(), DecodeError> {
    if (tile.chroma_format, tile.bit_depth) != (canvas.chroma_format, canvas.bit_depth) {
        return Err(unsupported(FORMAT, "of tiles of different kinds"));
    }
    for plane in 0..3 {
        if tile.widths[plane] == 0 {
            continue;
        }
        let (across, down) = subsampling(tile, plane);
        if left % across != 0 || top % down != 0 {
            return Err(unsupported(FORMAT, "of tiles of odd sides"));
        }
        let (left, width) = ((left / across) as usize, seen.0.div_ceil(across) as usize);
        let rows = canvas.planes[plane].chunks_exact_mut(canvas.widths[plane] as usize).skip((top / down) as usize);
        let rows = rows.take(seen.1.div_ceil(down) as usize);
        for (row, samples) in rows.zip(tile.planes[plane].chunks_exact(tile.widths[plane] as usize)) {
            row[left..left + width].copy_from_slice(&samples[..width]);
        }
    }
    Ok(())
}

/// Pixels that share a sample, across and down.
pub(super) fn subsampling(frame: &Frame, plane: usize) -> (u32, u32) {
    match (plane, frame.chroma_format) {
        (1 | 2, 1) => (2, 2),
        (1 | 2, 2) => (2, 1),
        _ => (1, 1),
    }
}

fn error_of(error: Error) -> DecodeError {
    match error {
        Error::Again => damaged(FORMAT, "some of its data is lost: it ends before its picture"),
        Error::UnsupportedBitstream => unsupported(FORMAT, "of a profile that is not in use"),
        other => damaged(FORMAT, &format!("some of its data is lost ({other})")),
    }
}
