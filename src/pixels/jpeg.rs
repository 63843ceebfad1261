//! JPEG, where nearly all photos are: to the bit what libjpeg-turbo makes of it, and never half of it.
//!
//! Every decoder that we found paints grey, or goes on with the colour of the last block, where data is lost, and at most
//! mumbles about it. A classifier would learn grey. So the entropy-coded data is read here, and each of these is an error:
//! a bit that the file does not hold (it was cut off, with or without an end marker put on; bytes of it were lost or
//! zeroed), data left over behind the last block, bits that are no code, more coefficients than a block has, a mean that no
//! image can have, restart markers out of order, coefficients of a progressive image that no scan has finished. What
//! remains is damage after which exactly as many blocks can be read as before, without one impossible mean: nobody can
//! see it in the file. Only a checksum could, and JPEG has none.
//!
//! A file without its end marker is read if all blocks are there: no pixel is missing, and so do Pillow and torchvision.
//!
//! For upstream, zune-jpeg (0.5.15), which was used here before and still decodes JPEG within TIFF: `BitStream::refill` puts
//! zeros into the buffer once it has seen a marker, also in strict mode, and nothing counts how many of them are used; a
//! baseline file cut at half its length with `FF D9` put on decodes without an error, its lower half in the colour of the last
//! block. A progressive file that ends after its first scan does too. To reproduce: `head -c 50000 photo.jpg > cut.jpg;
//! printf '\xff\xd9' >> cut.jpg`. Wanted: in strict mode an error once more bits are taken than the scan holds.

mod colour;
mod frame;
mod huffman;
mod idct;
mod plane;
mod scan;
mod segments;

use std::ops::Range;

use pulp::Arch;

use super::deadline::Deadline;
use super::orientation::{self, Orientation};
use super::{DecodeError, Format, Limits, Rgb};
use colour::Pixels;
use frame::Header;
use huffman::Fault;
use plane::Plane;

pub(super) use frame::read_steps;
pub(super) use segments::{DQT, Segments};

const FORMAT: Format = Format::Jpeg;

/// A rectangle of pixels of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Region {
    /// Where these columns and rows meet.
    pub(super) fn new(columns: &Range<usize>, rows: &Range<usize>) -> Self {
        let number = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
        let (x, y) = (number(columns.start), number(rows.start));
        Self { x, y, width: number(columns.len()), height: number(rows.len()) }
    }
}

/// The whole image, and how to turn it upright.
pub(super) fn decode(bytes: &[u8], deadline: &Deadline, limits: &Limits) -> Result<(Rgb, Orientation), DecodeError> {
    let whole = |(width, height), orientation| (Region { x: 0, y: 0, width, height }, orientation);
    decode_part(bytes, deadline, limits, whole)
}

/// The region that is `wanted` of an image of some size and orientation, and what else is said with it.
pub(super) fn decode_part<T>(
    bytes: &[u8],
    deadline: &Deadline,
    limits: &Limits,
    wanted: impl FnOnce((u32, u32), Orientation) -> (Region, T),
) -> Result<(Rgb, T), DecodeError> {
    if deadline.is_over(1) {
        return Err(truncated());
    }
    let jpeg = Jpeg::open(bytes, limits)?;
    let (region, besides) = wanted(jpeg.size(), jpeg.orientation());
    Ok((jpeg.decode(region, deadline)?, besides))
}

/// Whether a JPEG inside of another `format` is all there, for decoders that would not say; one of a kind that is not read
/// here is left to them.
pub(super) fn check(bytes: &[u8], deadline: &Deadline, limits: &Limits, format: Format) -> Result<(), DecodeError> {
    let corner = |_, _| (Region { x: 0, y: 0, width: 1, height: 1 }, ());
    match decode_part(bytes, deadline, limits, corner) {
        Err(DecodeError::Truncated { .. }) => Err(DecodeError::Truncated { format }),
        Err(DecodeError::Damaged { reason, .. }) => Err(DecodeError::Damaged { format, reason }),
        _ => Ok(()),
    }
}

/// A JPEG whose headers are read, and within the limits.
pub(super) struct Jpeg<'a>(Header<'a>);

impl<'a> Jpeg<'a> {
    pub(super) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self, DecodeError> {
        let header = Header::parse(bytes)?;
        let frame = &header.frame;
        let components = frame.components.len() as u64;
        // RGB, the levels of every component, and where there are several scans its 16-bit coefficients.
        limits.admit(FORMAT, frame.width, frame.height, 3 + 3 * components)?;
        Ok(Self(header))
    }

    /// Width and height as it is stored.
    pub(super) fn size(&self) -> (u32, u32) {
        (self.0.frame.width, self.0.frame.height)
    }

    pub(super) fn orientation(&self) -> Orientation {
        orientation::read(self.0.exif, self.0.xmp)
    }

    /// The pixels of a region, which must lie within the image; all others are read too, and no error is passed over.
    pub(super) fn decode(self, region: Region, deadline: &Deadline) -> Result<Rgb, DecodeError> {
        let colours = self.0.colours;
        let planes = self.0.frame.components.iter().map(|component| Plane::new(component, region)).collect();
        let planes = scan::decode(self.0, planes, deadline)?;
        let data = Arch::new().dispatch(Pixels { planes: &planes, colours, region });
        Ok(Rgb { width: region.width, height: region.height, data })
    }
}

fn damaged(reason: &str) -> DecodeError {
    DecodeError::Damaged { format: FORMAT, reason: reason.to_owned() }
}

fn truncated() -> DecodeError {
    DecodeError::Truncated { format: FORMAT }
}

fn unsupported(what: &str) -> DecodeError {
    DecodeError::Unsupported { what: what.to_owned() }
}

fn error_of(fault: Fault) -> DecodeError {
    damaged(match fault {
        Fault::Short => return truncated(),
        Fault::Left => "some of its data is lost: more is left after the last block",
        Fault::Code => "its data holds bits that are no code",
        Fault::Place => "its data holds more coefficients than a block has",
        Fault::Level => "some of its data is lost: a block has a mean that no pixels have",
        Fault::Restart => "some of its data is lost: a restart marker is missing",
    })
}
