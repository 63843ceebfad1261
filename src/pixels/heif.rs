//! HEIF: HEIC, the photos of every iPhone, and AVIF. To the level what libheif and libavif make of them for Pillow, and
//! never half of one.
//!
//! The container and the syntax of HEVC are read by the crates of heifer, which are safe Rust, AV1 by rav1d. What goes on
//! around them is here: a photo is decoded tile by tile onto its canvas, so that its memory is that of its pixels, the clock
//! is looked at between two tiles, and nothing is decoded that nobody sees; `picture` and `av1` say how lost data is
//! noticed.
//!
//! Orientation and crop are those of the container. One in the EXIF data beside it counts for nothing, as in libheif:
//! cameras repeat theirs there. Colour profiles are ignored as in all other formats, and so is alpha.

mod av1;
mod colour;
mod picture;
mod yuv;

use std::borrow::Cow;

use heifer_hevc_dec::recon::Frame;
use heifer_isobmff::boxes::{ColorInfo, Property};
use heifer_isobmff::{BoxIter, Error, FourCC, HeifFile, ItemId};

use super::deadline::Deadline;
use super::orientation::{self, Orientation};
use super::{DecodeError, Format, Limits, Rgb};
use colour::Colours;

/// Most bytes that the lists of a file's images may take. They are looked through once for each image; of the largest
/// photo, of 768 tiles, they take 40 KB.
const MAX_LISTS: usize = 1 << 18;

/// Most bytes of all properties of a file's images: colour profiles are the largest of them.
const MAX_PROPERTIES: usize = 1 << 24;

/// A photo whose headers are read, and within the limits: tiles on a canvas, or one that covers it.
pub(super) struct Heif<'a> {
    file: HeifFile<'a>,
    format: Format,
    size: (u32, u32),
    /// By rows.
    tiles: Vec<ItemId>,
    columns: u32,
    tile: (u32, u32),
}

impl<'a> Heif<'a> {
    pub(super) fn open(bytes: &'a [u8], format: Format, limits: &Limits) -> Result<Self, DecodeError> {
        let file = parse(bytes, format)?;
        let id = file.primary_id;
        let error_of = |error| error_of(format, error);
        let damaged = |reason| damaged(format, reason);
        let (size, tiles, columns) = match &file.primary_item().map_err(error_of)?.item_type.0 {
            b"hvc1" | b"av01" => (size_of(&file, id, format)?, vec![id], 1),
            b"grid" => {
                let grid = file.grid(id).map_err(error_of)?;
                let tiles = file.referenced_items(id, b"dimg").to_vec();
                if tiles.len() != usize::from(grid.rows) * usize::from(grid.columns) {
                    return Err(damaged("it has not as many tiles as it says"));
                }
                ((grid.output_width, grid.output_height), tiles, u32::from(grid.columns))
            }
            other => return Err(unsupported(format, &format!("of the type `{}`", FourCC(*other)))),
        };
        let tile = tiles.first().map_or(Ok(size), |tile| size_of(&file, *tile, format))?;
        let rows = (tiles.len() as u64).div_ceil(u64::from(columns));
        let covers = |count: u64, tile: u32, side: u32| count * u64::from(tile) >= u64::from(side);
        if !covers(columns.into(), tile.0, size.0) || !covers(rows, tile.1, size.1) {
            return Err(damaged("its tiles do not cover it"));
        }
        let is_av1 = tiles.first().is_some_and(|tile| file.item(*tile).is_ok_and(|item| &item.item_type.0 == b"av01"));
        // Pixels, and of AVIF their samples; of one tile of HEIC the samples before and after its filters, where there is a
        // quarter of the colours or none.
        let (format, of_pixel, of_tile) = if is_av1 { (Format::Avif, 9, 12) } else { (Format::Heic, 3, 6) };
        limits.admit(format, size.0, size.1, of_pixel)?;
        limits.admit(format, tile.0, tile.1, of_tile)?;
        Ok(Self { file, format, size, tiles, columns, tile })
    }

    pub(super) fn decode(self, deadline: &Deadline, limits: &Limits) -> Result<(Rgb, Orientation), DecodeError> {
        let image = if self.format == Format::Avif { self.avif(deadline)? } else { self.heic(deadline, limits)? };
        self.upright(image)
    }

    /// Every tile of which something is seen: where its left upper corner lies, and how much of it is seen.
    fn places(&self) -> impl Iterator<Item = (ItemId, (u32, u32), (u32, u32))> {
        (0..).zip(&self.tiles).filter_map(|(place, id)| {
            let (row, column): (u32, u32) = (place / self.columns, place % self.columns);
            let (left, top) = (column.saturating_mul(self.tile.0), row.saturating_mul(self.tile.1));
            let seen =
                (self.tile.0.min(self.size.0.saturating_sub(left)), self.tile.1.min(self.size.1.saturating_sub(top)));
            (seen.0 > 0 && seen.1 > 0).then_some((*id, (left, top), seen))
        })
    }

    /// Tile by tile to RGB, as libheif does it.
    fn heic(&self, deadline: &Deadline, limits: &Limits) -> Result<Rgb, DecodeError> {
        let (width, height) = self.size;
        let mut canvas = Rgb { width, height, data: vec![0; width as usize * height as usize * 3] };
        let memory = limits.max_memory.saturating_sub(canvas.data.len() as u64);
        for (id, place, seen) in self.places() {
            let data = self.data(id, *b"hvc1")?;
            let config = self.file.hevc_config(id).map_err(|error| error_of(self.format, error))?;
            let config = config.ok_or_else(|| damaged(self.format, "its decoder is not set up"))?;
            let budget = picture::Budget { size: self.tile, memory, limit: limits.max_memory };
            let frame = picture::decode(config, &data, budget, deadline)?;
            if frame.widths[0] < seen.0 || frame.heights[0] < seen.1 {
                return Err(damaged(self.format, "it is smaller than it says"));
            }
            let colours = Colours::new(self.nclx(self.file.primary_id).or_else(|| self.nclx(id)), &frame)?;
            colours.paint(&frame, seen, &mut canvas, place);
        }
        Ok(canvas)
    }

    /// All tiles in one frame, then to RGB, as libavif does it: colours are interpolated across the borders of tiles.
    fn avif(&self, deadline: &Deadline) -> Result<Rgb, DecodeError> {
        let mut nclx = self.nclx(self.file.primary_id);
        let mut whole: Option<Frame> = None;
        for (id, place, seen) in self.places() {
            // The caller says so.
            if deadline.is_over(1) {
                break;
            }
            nclx = nclx.or_else(|| self.nclx(id));
            let frame = av1::decode(self.data(id, *b"av01")?.into_owned(), self.tile)?;
            if self.tile == self.size {
                whole = Some(frame);
                break;
            }
            av1::place(whole.get_or_insert_with(|| av1::canvas(&frame, self.size)), &frame, place, seen)?;
        }
        yuv::to_rgb(&whole.ok_or_else(|| damaged(self.format, "it has no tiles"))?, nclx)
    }

    /// The coded picture of a tile, which is of the `codec`.
    fn data(&self, id: ItemId, codec: [u8; 4]) -> Result<Cow<'a, [u8]>, DecodeError> {
        let error_of = |error| error_of(self.format, error);
        let is_turned = id != self.file.primary_id && self.turns(id)?.next().is_some();
        if self.file.item(id).map_err(error_of)?.item_type.0 != codec || is_turned {
            return Err(unsupported(self.format, "of tiles that are not plain pictures"));
        }
        self.file.item_data(id).map_err(error_of)
    }

    /// What the container says about colours: matrix, and whether samples use their full range.
    fn nclx(&self, id: ItemId) -> Option<(u16, bool)> {
        self.file.item_properties(id).ok()?.find_map(|property| match property {
            Property::Color(ColorInfo::Nclx { matrix, full_range, .. }) => Some((*matrix, *full_range)),
            _ => None,
        })
    }

    fn turns(&self, id: ItemId) -> Result<impl Iterator<Item = &Property>, DecodeError> {
        let properties = self.file.item_properties(id).map_err(|error| error_of(self.format, error))?;
        Ok(properties.filter(|property| {
            matches!(property, Property::Rotation(1..) | Property::Mirror(_) | Property::CleanAperture { .. })
        }))
    }

    /// What is seen of the canvas, and how it is still to be turned: crops and turns follow on each other.
    fn upright(&self, mut image: Rgb) -> Result<(Rgb, Orientation), DecodeError> {
        let mut orientation = Orientation::NoTransforms;
        for property in self.turns(self.file.primary_id)? {
            image = orientation::upright(image, orientation);
            orientation = match *property {
                Property::Rotation(1) => Orientation::Rotate270,
                Property::Rotation(2) => Orientation::Rotate180,
                Property::Rotation(_) => Orientation::Rotate90,
                Property::Mirror(true) => Orientation::FlipVertical,
                Property::Mirror(false) => Orientation::FlipHorizontal,
                Property::CleanAperture { width, height, horiz_offset, vert_offset } => {
                    // Half a pixel goes to the left and down, as in libheif.
                    let columns = aperture(image.width, width, horiz_offset, f64::floor);
                    let rows = aperture(image.height, height, vert_offset, f64::round);
                    let outside = || damaged(self.format, "its crop lies outside of it");
                    image = crop(&image, columns.ok_or_else(outside)?, rows.ok_or_else(outside)?);
                    Orientation::NoTransforms
                }
                _ => Orientation::NoTransforms,
            };
        }
        Ok((image, orientation))
    }
}

/// How many images a file shows, without their thumbnails, tiles and maps of depth.
pub(super) fn pages(bytes: &[u8]) -> Option<usize> {
    Some(parse(bytes, Format::Heic).ok()?.top_level_image_ids().len())
}

/// The EXIF data of the photo, a TIFF structure.
pub(super) fn exif(bytes: &[u8]) -> Option<Vec<u8>> {
    let file = parse(bytes, Format::Heic).ok()?;
    file.exif(file.primary_id).ok()?
}

/// The container without what stands behind its last whole box: what is missing there is missed where it is needed.
fn parse(bytes: &[u8], format: Format) -> Result<HeifFile<'_>, DecodeError> {
    let mut end = 0;
    let (mut lists, mut properties) = (0, 0);
    for part in BoxIter::new(bytes).map_while(Result::ok) {
        end = part.offset + part.header.header_size as usize + part.content.len();
        if &part.header.box_type.0 != b"meta" {
            continue;
        }
        for part in BoxIter::new(part.content.get(4..).unwrap_or_default()).map_while(Result::ok) {
            match &part.header.box_type.0 {
                b"iinf" | b"iloc" | b"iref" => lists += part.content.len(),
                b"iprp" => {
                    for part in BoxIter::new(part.content).map_while(Result::ok) {
                        let is_list = &part.header.box_type.0 == b"ipma";
                        *(if is_list { &mut lists } else { &mut properties }) += part.content.len();
                    }
                }
                _ => {}
            }
        }
    }
    if lists > MAX_LISTS || properties > MAX_PROPERTIES {
        return Err(unsupported(format, "in one file with too many others"));
    }
    let is_cut = end < bytes.len();
    HeifFile::parse(bytes.get(..end).unwrap_or_default()).map_err(|error| match error {
        Error::MissingBox(_) if is_cut => DecodeError::Truncated { format },
        Error::MissingBox(FourCC(name)) if &name == b"meta" => unsupported(format, "sequence without a still image"),
        other => error_of(format, other),
    })
}

fn size_of(file: &HeifFile<'_>, id: ItemId, format: Format) -> Result<(u32, u32), DecodeError> {
    let size = file.image_size(id).map_err(|error| error_of(format, error))?;
    size.ok_or_else(|| damaged(format, "its size is not stated"))
}

/// Where the seen part of a side begins, and how long it is; length and offset from the middle are fractions.
fn aperture(
    side: u32,
    (length, of): (u32, u32),
    (offset, offset_of): (i32, u32),
    whole: fn(f64) -> f64,
) -> Option<(usize, usize)> {
    let length = f64::from(length) / f64::from(of);
    let start = whole(f64::from(offset) / f64::from(offset_of) + (f64::from(side) - length) / 2.0);
    let length = length.round();
    // Nothing that is no number is in a range.
    if start >= 0.0 && length >= 1.0 && start + length <= f64::from(side) {
        #[expect(clippy::cast_sign_loss, reason = "just looked at")]
        return Some((start as usize, length as usize));
    }
    None
}

fn crop(image: &Rgb, (left, width): (usize, usize), (top, height): (usize, usize)) -> Rgb {
    let rows = image.data.chunks_exact(3 * image.width as usize).skip(top).take(height);
    let data = rows.flat_map(|row| row.iter().skip(3 * left).take(3 * width)).copied().collect();
    Rgb { width: width as u32, height: height as u32, data }
}

fn error_of(format: Format, error: Error) -> DecodeError {
    match error {
        Error::UnexpectedEof => DecodeError::Truncated { format },
        Error::Unimplemented(what) => unsupported(format, &format!("with {what}")),
        other => damaged(format, &other.to_string()),
    }
}

fn damaged(format: Format, reason: &str) -> DecodeError {
    DecodeError::Damaged { format, reason: reason.to_owned() }
}

fn unsupported(format: Format, what: &str) -> DecodeError {
    let article = if format == Format::Avif { "an" } else { "a" };
    DecodeError::Unsupported { what: format!("{article} {format} image {what}") }
}

#[cfg(test)]
mod tests;
