//! Which camera took a photo: make and model of its EXIF data, wherever the format keeps them.

use super::super::Format;
use super::super::chunks::Chunks;
use super::super::heif;
use super::super::jpeg::Segments;
use super::MAX_CAMERA_BYTES;

const MAKE: u16 = 0x010f;
const MODEL: u16 = 0x0110;

/// The TIFF type of text.
const ASCII: u16 = 2;

/// Such as `NIKON E990`; the make is not repeated where the model begins with it.
pub(super) fn read(bytes: &[u8], format: Format) -> Option<String> {
    let of_heif;
    let exif = match format {
        Format::Jpeg => Segments::header(bytes)
            .filter(|(marker, _)| *marker == 0xe1)
            .find_map(|(_, payload)| payload.strip_prefix(b"Exif\0\0"))?,
        Format::Png => Chunks::png(bytes)?.find(|(name, _)| name == b"eXIf")?.1,
        Format::WebP => Chunks::riff(bytes)?.find(|(name, _)| name == b"EXIF")?.1,
        Format::Tiff => bytes,
        Format::Heic | Format::Avif => {
            of_heif = heif::exif(bytes)?;
            &of_heif
        }
        Format::Gif | Format::Bmp | Format::Pnm => return None,
    };
    let tags = Directory::first(exif.strip_prefix(b"Exif\0\0").unwrap_or(exif))?;
    let (make, model) = (tags.text(MAKE).unwrap_or_default(), tags.text(MODEL).unwrap_or_default());
    let both = if model.starts_with(&make) { model } else { format!("{make} {model}") };
    let mut name = both.trim().to_owned();
    // Only ASCII is left, so every byte is a character.
    name.truncate(MAX_CAMERA_BYTES);
    (!name.is_empty()).then_some(name)
}

/// The first directory of a TIFF structure.
struct Directory<'a> {
    structure: &'a [u8],
    is_little: bool,
    entries: &'a [u8],
}

impl<'a> Directory<'a> {
    fn first(structure: &'a [u8]) -> Option<Self> {
        let is_little = match structure.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        let mut directory = Self { structure, is_little, entries: &[] };
        let start = directory.u32(structure.get(4..8)?)? as usize;
        let count = usize::from(directory.u16(structure.get(start..)?)?);
        let entries = structure.get(start.checked_add(2)?..)?;
        // A count that is too large leaves what there is.
        directory.entries = entries.get(..count * 12).unwrap_or(entries);
        Some(directory)
    }

    /// The text of a tag: printable ASCII only, without blanks around it.
    fn text(&self, tag: u16) -> Option<String> {
        let entry = self.entries.as_chunks::<12>().0.iter().find(|entry| self.u16(*entry) == Some(tag))?;
        let (kind, count) = (self.u16(&entry[2..])?, self.u32(&entry[4..])? as usize);
        if kind != ASCII {
            return None;
        }
        let text = if count <= 4 {
            entry[8..].get(..count)?
        } else {
            self.structure.get(self.u32(&entry[8..])? as usize..)?.get(..count)?
        };
        let printable = text.iter().take_while(|byte| **byte != 0).filter(|byte| matches!(byte, b' '..=b'~'));
        let text: String = printable.take(MAX_CAMERA_BYTES).map(|byte| char::from(*byte)).collect();
        Some(text.trim().to_owned())
    }

    fn u16(&self, bytes: &[u8]) -> Option<u16> {
        let bytes = *bytes.first_chunk()?;
        Some(if self.is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn u32(&self, bytes: &[u8]) -> Option<u32> {
        let bytes = *bytes.first_chunk()?;
        Some(if self.is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }
}
