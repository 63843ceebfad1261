//! What the TIFF decoder does not say: whether the file is a camera's raw, which of its images is the photo, whether
//! colours are multiplied by their alpha already, and whether it is stored in a way that the decoder fails on.

use std::borrow::Cow;

use image::ColorType;

use super::DecodeError;
use super::kind;
use super::levels::Stored;

/// Tags of a directory.
const NEW_SUBFILE_TYPE: u16 = 254;
const IMAGE_WIDTH: u16 = 256;
const IMAGE_LENGTH: u16 = 257;
const BITS_PER_SAMPLE: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const STRIPS: [u16; 2] = [273, 279];
const PLANAR_CONFIGURATION: u16 = 284;
const TILE_WIDTH: u16 = 322;
const TILES: [u16; 2] = [324, 325];
const SUB_IFDS: u16 = 330;
const EXTRA_SAMPLES: u16 = 338;
const SAMPLE_FORMAT: u16 = 339;
const JPEG_TABLES: u16 = 347;
const DNG_VERSION: u16 = 50706;

/// The compression whose strips and tiles are JPEGs that share their tables.
const JPEG: u64 = 7;

/// Photometric interpretations of a sensor's own numbers: one colour a pixel, and all three before any curve.
const SENSOR: [u64; 2] = [32_803, 34_892];

/// Most directories that are looked at, and most numbers of a tag: raw files have a dozen and four.
const MAX_DIRECTORIES: usize = 1024;
const MAX_NUMBERS: usize = 16;

/// Most strips or tiles, and most bytes of the tables that they share, of which a segment holds less.
const MAX_PARTS: usize = 1 << 20;

/// Most entries of all directories together: hostile files have directories that overlap.
const MAX_ENTRIES: usize = 1 << 18;

/// The file with the photo as its first image: where the first is marked as a reduced copy, such as the thumbnail that
/// some programs put in front, that is the first one that is larger and no copy.
///
/// # Errors
/// Camera raw, whose pixels are no colours yet and whose first image is a thumbnail; levels without a scale; tiles of one
/// channel each, which the decoder panics on.
pub(super) fn photo_within(bytes: &[u8]) -> Result<Cow<'_, [u8]>, DecodeError> {
    let Some(file) = File::open(bytes) else { return Ok(bytes.into()) };
    let directories = file.directories();
    if file.is_raw(&directories) {
        return Err(DecodeError::OtherKind(&kind::RAW));
    }
    let bytes = match file.photo(&directories).and_then(|photo| file.beginning_with(photo)) {
        Some(changed) => Cow::Owned(changed),
        None => Cow::Borrowed(bytes),
    };
    check(&bytes)?;
    Ok(bytes)
}

fn check(bytes: &[u8]) -> Result<(), DecodeError> {
    let scale = |what: String| Err(DecodeError::NoScale { what });
    match (first_number(bytes, SAMPLE_FORMAT), bits_per_sample(bytes)) {
        (Some(2), _) => return scale("a TIFF image of signed samples".to_owned()),
        (Some(3), _) => return scale("a TIFF image of floating-point samples".to_owned()),
        (_, Some(bits @ 17..)) => return scale(format!("a TIFF image of {bits} bits a sample")),
        _ => {}
    }
    if first_number(bytes, PLANAR_CONFIGURATION) == Some(2) && first_number(bytes, TILE_WIDTH).is_some() {
        return Err(DecodeError::Unsupported {
            what: "a TIFF image with the channels in tiles of their own".to_owned(),
        });
    }
    Ok(())
}

/// The strips or tiles of the first image where these are JPEGs, each with the tables that they share.
pub(super) fn jpegs(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let parts = || {
        let file = File::open(bytes)?;
        let directory = file.directory(file.first()?)?;
        if file.one(&directory, COMPRESSION) != Some(JPEG) {
            return None;
        }
        let numbers = |tag| file.first_numbers(&directory, tag, MAX_PARTS).into_iter();
        let tables: Vec<u8> = numbers(JPEG_TABLES).map(|byte| byte as u8).collect();
        let parts = [STRIPS, TILES].map(|[places, lengths]| numbers(places).zip(numbers(lengths)));
        Some((tables, parts.into_iter().flatten()))
    };
    parts().into_iter().flat_map(move |(tables, parts)| {
        let tables = tables.strip_suffix(b"\xff\xd9").unwrap_or(&tables).to_vec();
        parts.map_while(move |(place, length)| {
            let place = usize::try_from(place).ok()?;
            let part = bytes.get(place..place.checked_add(usize::try_from(length).ok()?)?)?;
            // Both begin with a marker for the beginning.
            Some(if tables.is_empty() { part.to_vec() } else { [&tables, part.get(2..)?].concat() })
        })
    })
}

/// How the decoder changes the numbers of the first image.
pub(super) fn stored(bytes: &[u8]) -> Stored {
    match first_number(bytes, PHOTOMETRIC) {
        Some(0) => Stored::Inverted,
        Some(5) => Stored::Inks,
        _ => Stored::Plain,
    }
}

/// Bits of a sample of the first image.
pub(super) fn bits_per_sample(bytes: &[u8]) -> Option<u64> {
    first_number(bytes, BITS_PER_SAMPLE)
}

/// Whether the last channel is an alpha that the others are multiplied by.
pub(super) fn is_premultiplied(bytes: &[u8]) -> bool {
    first_number(bytes, EXTRA_SAMPLES) == Some(1)
}

/// Undoes the multiplication in the upper 8 bits of each sample, as Pillow does; where alpha is 0 there is no colour.
pub(super) fn divide_by_alpha(color: ColorType, samples: &mut [u8]) {
    let bytes = usize::from(color.bytes_per_pixel());
    // The upper byte of a sample of 16 bits, in the machine's order.
    let (step, upper) = match color {
        ColorType::La8 | ColorType::Rgba8 => (1, 0),
        ColorType::La16 | ColorType::Rgba16 => (2, usize::from(cfg!(target_endian = "little"))),
        _ => return,
    };
    for pixel in samples.chunks_exact_mut(bytes) {
        let alpha = u16::from(pixel[bytes - step + upper]);
        if alpha == 0 {
            continue;
        }
        for at in (upper..bytes - step).step_by(step) {
            pixel[at] = u8::try_from(u16::from(pixel[at]) * 255 / alpha).unwrap_or(u8::MAX);
        }
    }
}

/// The first number of a tag of the first directory, if it has the tag and its numbers are whole.
fn first_number(bytes: &[u8], tag: u16) -> Option<u64> {
    let file = File::open(bytes)?;
    file.numbers(&file.directory(file.first()?)?, tag).first().copied()
}

/// A file, read where its numbers lie; what is not there is `None`.
struct File<'a> {
    bytes: &'a [u8],
    is_little: bool,
    /// Bytes of an offset: 4, or 8 in a `BigTIFF`.
    offset: usize,
}

/// The description of one image.
struct Directory {
    at: usize,
    /// Where the first entry stands, and how many there are.
    entries: (usize, usize),
    /// Whether it hangs at another directory, beside the row of pages.
    is_sub: bool,
}

impl<'a> File<'a> {
    fn open(bytes: &'a [u8]) -> Option<Self> {
        let is_little = bytes.starts_with(b"II");
        let classic = Self { bytes, is_little, offset: 4 };
        let is_big = classic.number(2, 2)? == 43;
        Some(if is_big { Self { offset: 8, ..classic } } else { classic })
    }

    fn number(&self, at: usize, count: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at.checked_add(count)?)?;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.is_little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    }

    fn place(&self, at: usize) -> Option<usize> {
        usize::try_from(self.number(at, self.offset)?).ok().filter(|&place| place > 0)
    }

    /// Where the first directory stands.
    fn first(&self) -> Option<usize> {
        self.place(self.offset)
    }

    fn directory(&self, at: usize) -> Option<Directory> {
        let count_bytes = if self.offset == 8 { 8 } else { 2 };
        let entries = usize::try_from(self.number(at, count_bytes)?).ok()?.min(usize::from(u16::MAX));
        Some(Directory { at, entries: (at.checked_add(count_bytes)?, entries), is_sub: false })
    }

    /// Tag and type of 2 bytes each, how many numbers there are, and they themselves or where they stand.
    fn entry_bytes(&self) -> usize {
        4 + 2 * self.offset
    }

    /// The pages in their order, each followed by what hangs at it.
    fn directories(&self) -> Vec<Directory> {
        let mut found: Vec<Directory> = Vec::new();
        let (mut next, mut entries) = (self.first(), 0);
        while let Some(directory) = next.and_then(|at| self.directory(at)) {
            let subs = self.numbers(&directory, SUB_IFDS).into_iter();
            let subs = subs.filter_map(|at| self.directory(usize::try_from(at).ok()?));
            let subs: Vec<_> = subs.map(|sub| Directory { is_sub: true, ..sub }).collect();
            entries += directory.entries.1 + subs.iter().map(|sub| sub.entries.1).sum::<usize>();
            let is_known = found.iter().any(|known| known.at == directory.at);
            if is_known || found.len() >= MAX_DIRECTORIES || entries > MAX_ENTRIES {
                break;
            }
            next = self.place(directory.entries.0.saturating_add(directory.entries.1 * self.entry_bytes()));
            found.push(directory);
            found.extend(subs);
        }
        found
    }

    /// The whole numbers of a tag, or their first few.
    fn numbers(&self, directory: &Directory, tag: u16) -> Vec<u64> {
        self.first_numbers(directory, tag, MAX_NUMBERS)
    }

    fn first_numbers(&self, directory: &Directory, tag: u16, most: usize) -> Vec<u64> {
        let (first, count) = directory.entries;
        let mut entries = (0..count).map(|entry| first.saturating_add(entry * self.entry_bytes()));
        let numbers = entries.find(|&at| self.number(at, 2) == Some(tag.into())).and_then(|entry| {
            let width = match self.number(entry + 2, 2)? {
                1 | 7 => 1,
                3 => 2,
                4 | 13 => 4,
                16 | 18 => 8,
                _ => return None,
            };
            let count = usize::try_from(self.number(entry + 4, self.offset)?).ok()?;
            let inline = entry + 4 + self.offset;
            let at = if count.checked_mul(width)? <= self.offset { inline } else { self.place(inline)? };
            let one = |index: usize| self.number(at.checked_add(index * width)?, width);
            Some((0..count.min(most)).map_while(one).collect())
        });
        numbers.unwrap_or_default()
    }

    fn one(&self, directory: &Directory, tag: u16) -> Option<u64> {
        self.numbers(directory, tag).first().copied()
    }

    /// NEF, DNG, ARW and their kind are TIFF files with the sensor's numbers in one of the directories; two makers say so
    /// in the header.
    fn is_raw(&self, directories: &[Directory]) -> bool {
        let is_sensor = |directory: &Directory| {
            self.one(directory, PHOTOMETRIC).is_some_and(|photometric| SENSOR.contains(&photometric))
                || self.one(directory, DNG_VERSION).is_some()
        };
        let after_header = self.bytes.get(8..).unwrap_or_default();
        self.offset == 4 && (after_header.starts_with(b"CR\x02") || after_header.starts_with(b"IIII"))
            || directories.iter().any(is_sensor)
    }

    /// Whether it is marked as a reduced copy or a mask of another image.
    fn is_secondary(&self, directory: &Directory) -> bool {
        self.one(directory, NEW_SUBFILE_TYPE).is_some_and(|kind| kind & 0b101 != 0)
    }

    fn pixels(&self, directory: &Directory) -> u64 {
        let side = |tag| self.one(directory, tag).unwrap_or(0);
        side(IMAGE_WIDTH).saturating_mul(side(IMAGE_LENGTH))
    }

    /// The photo, where it is another than the first image.
    fn photo<'d>(&self, directories: &'d [Directory]) -> Option<&'d Directory> {
        let first = directories.first().filter(|first| self.is_secondary(first))?;
        let is_photo = |other: &&Directory| !self.is_secondary(other) && self.pixels(other) > self.pixels(first);
        directories.iter().find(is_photo)
    }

    /// The same file with another image as its first.
    fn beginning_with(&self, photo: &Directory) -> Option<Vec<u8>> {
        let at = (photo.at as u64).to_le_bytes();
        let mut place = at.get(..self.offset)?.to_vec();
        if !self.is_little {
            place.reverse();
        }
        let mut bytes = self.bytes.to_vec();
        bytes.get_mut(self.offset..2 * self.offset)?.copy_from_slice(&place);
        Some(bytes)
    }
}

/// How many pages a file has; reduced copies and masks of them are none.
pub(super) fn pages(bytes: &[u8]) -> usize {
    let Some(file) = File::open(bytes) else { return 1 };
    let directories = file.directories();
    let pages = directories.iter().filter(|directory| !directory.is_sub && !file.is_secondary(directory));
    pages.count().max(1)
}

#[cfg(test)]
mod tests;
