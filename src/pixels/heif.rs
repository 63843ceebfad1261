//! HEIC, the photos of every iPhone: to the level what libheif makes of them for Pillow, and never half of one.
//!
//! The container and the syntax of HEVC are read by the crates of heifer, which are safe Rust. What goes on around them is
//! here: a photo is decoded tile by tile onto its canvas, so that its memory is that of its pixels, the clock is looked at
//! between two tiles, and nothing is decoded that nobody sees; `picture` says how lost data is noticed.
//!
//! Orientation and crop are those of the container. One in the EXIF data beside it counts for nothing, as in libheif:
//! cameras repeat theirs there. Colour profiles are passed over as in all other formats, and so is alpha.

mod colour;
mod picture;

use heifer_isobmff::boxes::{ColorInfo, Property};
use heifer_isobmff::{BoxIter, Error, FourCC, HeifFile, ItemId};

use super::deadline::Deadline;
use super::orientation::{self, Orientation};
use super::{DecodeError, Format, Limits, Rgb, kind};
use colour::Colours;

const FORMAT: Format = Format::Heic;

/// Most bytes that the lists of a file's images may take. They are looked through once for each image; of the largest
/// photo, of 768 tiles, they take 40 KB.
const MAX_LISTS: usize = 1 << 18;

/// Most bytes of all properties of a file's images: colour profiles are the largest of them.
const MAX_PROPERTIES: usize = 1 << 24;

/// A photo whose headers are read, and within the limits: tiles on a canvas, or one that covers it.
pub(super) struct Heif<'a> {
    file: HeifFile<'a>,
    size: (u32, u32),
    /// By rows.
    tiles: Vec<ItemId>,
    columns: u32,
    tile: (u32, u32),
}

impl<'a> Heif<'a> {
    pub(super) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self, DecodeError> {
        let file = parse(bytes)?;
        let id = file.primary_id;
        let (size, tiles, columns) = match &file.primary_item().map_err(error_of)?.item_type.0 {
            b"hvc1" => (size_of(&file, id)?, vec![id], 1),
            b"grid" => {
                let grid = file.grid(id).map_err(error_of)?;
                let tiles = file.referenced_items(id, b"dimg").to_vec();
                if tiles.len() != usize::from(grid.rows) * usize::from(grid.columns) {
                    return Err(damaged("it has not as many tiles as it says"));
                }
                ((grid.output_width, grid.output_height), tiles, u32::from(grid.columns))
            }
            b"av01" => return Err(DecodeError::OtherKind(&kind::AVIF)),
            other => return Err(unsupported(&format!("of the type `{}`", FourCC(*other)))),
        };
        let tile = tiles.first().map_or(Ok(size), |tile| size_of(&file, *tile))?;
        let rows = (tiles.len() as u64).div_ceil(u64::from(columns));
        let covers = |count: u64, tile: u32, side: u32| count * u64::from(tile) >= u64::from(side);
        if !covers(columns.into(), tile.0, size.0) || !covers(rows, tile.1, size.1) {
            return Err(damaged("its tiles do not cover it"));
        }
        // Pixels; of one tile the samples before and after its filters, where there is a quarter of the colours or none.
        limits.admit(FORMAT, size.0, size.1, 3)?;
        limits.admit(FORMAT, tile.0, tile.1, 6)?;
        Ok(Self { file, size, tiles, columns, tile })
    }

    pub(super) fn decode(self, deadline: &Deadline, limits: &Limits) -> Result<(Rgb, Orientation), DecodeError> {
        let (width, height) = self.size;
        let mut canvas = Rgb { width, height, data: vec![0; width as usize * height as usize * 3] };
        let budget = limits.max_memory.saturating_sub(canvas.data.len() as u64);
        for (place, id) in (0..).zip(&self.tiles) {
            let (row, column): (u32, u32) = (place / self.columns, place % self.columns);
            let (left, top) = (column.saturating_mul(self.tile.0), row.saturating_mul(self.tile.1));
            // What is left of the canvas there.
            let (right, below) = (width.saturating_sub(left), height.saturating_sub(top));
            let seen = (self.tile.0.min(right), self.tile.1.min(below));
            if seen.0 == 0 || seen.1 == 0 {
                continue;
            }
            let frame = self.frame(*id, budget, deadline, limits)?;
            if frame.widths[0] < seen.0 || frame.heights[0] < seen.1 {
                return Err(damaged("it is smaller than it says"));
            }
            let colours = Colours::new(self.nclx(self.file.primary_id).or_else(|| self.nclx(*id)), &frame)?;
            colours.paint(&frame, seen, &mut canvas, (left, top));
        }
        self.upright(canvas)
    }

    /// The samples of one tile.
    fn frame(
        &self,
        id: ItemId,
        budget: u64,
        deadline: &Deadline,
        limits: &Limits,
    ) -> Result<heifer_hevc_dec::recon::Frame, DecodeError> {
        let item = self.file.item(id).map_err(error_of)?;
        let is_turned = id != self.file.primary_id && self.turns(id)?.next().is_some();
        if &item.item_type.0 != b"hvc1" || is_turned {
            return Err(unsupported("of tiles that are not plain pictures"));
        }
        let config =
            self.file.hevc_config(id).map_err(error_of)?.ok_or_else(|| damaged("its decoder is not set up"))?;
        let data = self.file.item_data(id).map_err(error_of)?;
        let budget = picture::Budget { size: self.tile, memory: budget, limit: limits.max_memory };
        picture::decode(config, &data, budget, deadline)
    }

    /// What the container says about colours: matrix, and whether samples use their full range.
    fn nclx(&self, id: ItemId) -> Option<(u16, bool)> {
        self.file.item_properties(id).ok()?.find_map(|property| match property {
            Property::Color(ColorInfo::Nclx { matrix, full_range, .. }) => Some((*matrix, *full_range)),
            _ => None,
        })
    }

    fn turns(&self, id: ItemId) -> Result<impl Iterator<Item = &Property>, DecodeError> {
        Ok(self.file.item_properties(id).map_err(error_of)?.filter(|property| {
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
                    let columns = aperture(image.width, width, horiz_offset, f64::floor)?;
                    image = crop(&image, columns, aperture(image.height, height, vert_offset, f64::round)?);
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
    Some(parse(bytes).ok()?.top_level_image_ids().len())
}

/// The EXIF data of the photo, a TIFF structure.
pub(super) fn exif(bytes: &[u8]) -> Option<Vec<u8>> {
    let file = parse(bytes).ok()?;
    file.exif(file.primary_id).ok()?
}

/// The container without what stands behind its last whole box: what is missing there is missed where it is needed.
fn parse(bytes: &[u8]) -> Result<HeifFile<'_>, DecodeError> {
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
        return Err(unsupported("in one file with too many others"));
    }
    let is_cut = end < bytes.len();
    HeifFile::parse(bytes.get(..end).unwrap_or_default()).map_err(|error| match error {
        Error::MissingBox(_) if is_cut => DecodeError::Truncated { format: FORMAT },
        Error::MissingBox(FourCC(name)) if &name == b"meta" => unsupported("sequence without a still image"),
        other => error_of(other),
    })
}

fn size_of(file: &HeifFile<'_>, id: ItemId) -> Result<(u32, u32), DecodeError> {
    file.image_size(id).map_err(error_of)?.ok_or_else(|| damaged("its size is not stated"))
}

/// Where the seen part of a side begins, and how long it is; length and offset from the middle are fractions.
fn aperture(
    side: u32,
    (length, of): (u32, u32),
    (offset, offset_of): (i32, u32),
    whole: fn(f64) -> f64,
) -> Result<(usize, usize), DecodeError> {
    let length = f64::from(length) / f64::from(of);
    let start = whole(f64::from(offset) / f64::from(offset_of) + (f64::from(side) - length) / 2.0);
    let length = length.round();
    // Nothing that is no number is in a range.
    if start >= 0.0 && length >= 1.0 && start + length <= f64::from(side) {
        #[expect(clippy::cast_sign_loss, reason = "just looked at")]
        return Ok((start as usize, length as usize));
    }
    Err(damaged("its crop lies outside of it"))
}

fn crop(image: &Rgb, (left, width): (usize, usize), (top, height): (usize, usize)) -> Rgb {
    let rows = image.data.chunks_exact(3 * image.width as usize).skip(top).take(height);
    let data = rows.flat_map(|row| row.iter().skip(3 * left).take(3 * width)).copied().collect();
    Rgb { width: width as u32, height: height as u32, data }
}

fn error_of(error: Error) -> DecodeError {
    match error {
        Error::UnexpectedEof => DecodeError::Truncated { format: FORMAT },
        Error::Unimplemented(what) => unsupported(&format!("with {what}")),
        other => damaged(&other.to_string()),
    }
}

fn damaged(reason: &str) -> DecodeError {
    DecodeError::Damaged { format: FORMAT, reason: reason.to_owned() }
}

fn unsupported(what: &str) -> DecodeError {
    DecodeError::Unsupported { what: format!("a HEIC image {what}") }
}

#[cfg(test)]
mod tests;
