//! One picture of HEVC: its slices in their order, each block of the picture once, and no data left over.
//!
//! The syntax and the pixels are heifer's, the loop over the slices is not: its own looks neither at the clock nor at what
//! is left behind the last block of a slice, and garbage from lost data mostly ends too soon or too late. As in a JPEG,
//! damage after which exactly as many blocks can be read as before is seen by nobody.

use std::panic;

use heifer_hevc_dec::Error;
use heifer_hevc_dec::nal::{NalHeader, NalUnit};
use heifer_hevc_dec::params::{ParameterSets, Sps};
use heifer_hevc_dec::recon::{Frame, Reconstructor};
use heifer_hevc_dec::slice::SliceHeader;
use heifer_hevc_dec::syntax::{CodingUnit, Picture, SaoParams, Sink, TransformBlock, decode_slice_segment};
use heifer_isobmff::boxes::HevcConfig;

use super::super::DecodeError;
use super::super::deadline::Deadline;
use super::{Format, damaged, unsupported};

const FORMAT: Format = Format::Heic;

/// Most rows or columns by which a coded picture may exceed what is seen of it: blocks have 64 of them at most.
const MAX_PADDING: u32 = 127;

/// The clock is looked at once in so many blocks of 8 x 8 to 64 x 64.
const BLOCKS_A_LOOK: u32 = 1 << 12;

/// What a picture may cost.
#[derive(Clone, Copy)]
pub(super) struct Budget {
    /// Width and height that are to be seen.
    pub(super) size: (u32, u32),
    /// What is left of the memory, in bytes.
    pub(super) memory: u64,
    /// All of it, for the message.
    pub(super) limit: u64,
}

impl Budget {
    fn admit(self, sps: &Sps) -> Result<(), DecodeError> {
        let (width, height) = (sps.pic_width_in_luma_samples, sps.pic_height_in_luma_samples);
        let most = |side: u32| side.saturating_add(MAX_PADDING);
        if width > most(self.size.0) || height > most(self.size.1) {
            return Err(damaged(FORMAT, "it is larger than it says"));
        }
        let (across, down) = sps.chroma_subsampling();
        let colours = if sps.chroma_format_idc == 0 { 0 } else { 4 / (across * down) };
        // Samples of 16 bits before and after the filters, and 2 bytes for what is known of each block.
        let bytes = u64::from(width) * u64::from(height) * u64::from(2 * (2 + colours) + 2);
        // The decoder counts samples in 32 bits.
        if bytes > self.memory.min(u32::MAX.into()) {
            return Err(DecodeError::TooMuchMemory { format: FORMAT, limit: self.limit });
        }
        Ok(())
    }
}

/// The samples of the first picture in the `data` of an item.
pub(super) fn decode(
    config: &HevcConfig,
    data: &[u8],
    budget: Budget,
    deadline: &Deadline,
) -> Result<Frame, DecodeError> {
    let units = || Units { rest: data, length_size: usize::from(config.nal_length_size) };
    let mut sets = ParameterSets::default();
    let of_config = config.nal_units.iter().map(|unit| Ok(&unit[..]));
    // Those in the data count where they come before the picture.
    for unit in of_config.chain(units()) {
        let unit = unit?;
        let header = NalHeader::parse(unit).map_err(error_of)?;
        if header.unit_type.is_slice() || deadline.is_over(1) {
            break;
        }
        if header.layer_id == 0 {
            sets.add(&NalUnit::parse(unit).map_err(error_of)?).map_err(error_of)?;
        }
    }

    let mut state: Option<(Picture<'_>, Reconstructor<'_>)> = None;
    let mut previous: Option<SliceHeader> = None;
    for unit in units() {
        let unit = unit?;
        let header = NalHeader::parse(unit).map_err(error_of)?;
        if header.layer_id > 0 || !header.unit_type.is_slice() {
            continue;
        }
        let unit = NalUnit::parse(unit).map_err(error_of)?;
        let is_first = unit.rbsp.first().is_some_and(|byte| byte & 0x80 != 0);
        if is_first && state.is_some() {
            break;
        }
        let slice = SliceHeader::parse(&unit.rbsp, &unit.header, &sets, previous.as_ref()).map_err(error_of)?;
        let (pps, sps) = sets.get(usize::from(slice.slice_pic_parameter_set_id)).map_err(error_of)?;
        if state.is_none() {
            budget.admit(sps)?;
        }
        let (picture, pixels) = state.get_or_insert_with(|| (Picture::new(sps, pps), Reconstructor::new(sps, pps)));
        let begins = picture.layout.rs_to_ts.get(slice.slice_segment_address as usize);
        if begins != Some(&picture.decoded_ctbs) || pps.pps_pic_parameter_set_id != picture.pps.pps_pic_parameter_set_id
        {
            return Err(damaged(FORMAT, "some of its data is lost: its parts do not follow on each other"));
        }
        pixels.start_slice(&slice);
        let data = unit.rbsp.get(slice.header_size..).unwrap_or_default();
        let quality = slice.slice_qp_y(&sets).map_err(error_of)?;
        let read = decode_slice_segment(picture, &slice, quality, data, &mut Watched { pixels, deadline });
        let end = read.map_err(error_of)?.end_position;
        if let Some(error) = pixels.error.take() {
            return Err(error_of(error));
        }
        if data.get(end..).is_some_and(|left| left.iter().any(|byte| *byte != 0)) {
            return Err(damaged(FORMAT, "some of its data is lost: more is left after the last block"));
        }
        if !slice.dependent_slice_segment_flag {
            previous = Some(slice);
        }
    }
    let (picture, pixels) = state.filter(|(picture, _)| picture.is_complete()).ok_or_else(ends_early)?;
    let sps = picture.sps;
    drop(picture);
    let frame = pixels.finish(false);
    Ok(if sps.conf_win_offsets == [0; 4] { frame } else { frame.cropped(sps) })
}

/// The units of an item, each behind its length.
struct Units<'a> {
    rest: &'a [u8],
    length_size: usize,
}

impl<'a> Iterator for Units<'a> {
    type Item = Result<&'a [u8], DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let unit = self.rest.split_at_checked(self.length_size).and_then(|(length, rest)| {
            rest.split_at_checked(length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
        });
        self.rest = unit.map(|(_, rest)| rest).unwrap_or_default();
        Some(unit.map(|(unit, _)| unit).ok_or_else(ends_early))
    }
}

/// Takes the blocks of a picture until the time is up.
struct Watched<'a, 'b> {
    pixels: &'a mut Reconstructor<'b>,
    deadline: &'a Deadline,
}

impl Sink for Watched<'_, '_> {
    fn sao(&mut self, column: u32, row: u32, params: &SaoParams) {
        self.pixels.sao(column, row, params);
    }

    fn transform_block(&mut self, block: &TransformBlock<'_>) {
        self.pixels.transform_block(block);
    }

    fn pcm(&mut self, x: u32, y: u32, log2_size: u8, samples: [&[u16]; 3]) {
        self.pixels.pcm(x, y, log2_size, samples);
    }

    fn coding_unit(&mut self, unit: &CodingUnit) {
        if self.deadline.is_over(BLOCKS_A_LOOK) {
            // The parser has no other way out. It owns nothing that outlives it, and the deadline has the last word.
            panic::resume_unwind(Box::new("the time is up"));
        }
        self.pixels.coding_unit(unit);
    }
}

fn error_of(error: Error) -> DecodeError {
    match error {
        Error::UnexpectedEof => ends_early(),
        Error::Unimplemented(what) => unsupported(FORMAT, &format!("with {what}")),
        other => damaged(FORMAT, &other.to_string()),
    }
}

fn ends_early() -> DecodeError {
    damaged(FORMAT, "some of its data is lost: it ends before the last block")
}
