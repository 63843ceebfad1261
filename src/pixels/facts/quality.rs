//! The quality of a JPEG, from its quantisation table.

use super::super::Format;

/// Luminance at quality 50: table K.1 of the JPEG standard (ITU-T T.81), by rows.
const STANDARD: [u16; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
];

/// Where the numbers of a table stand by rows, in the order in which a file has them.
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// The quality whose luminance table, by libjpeg's formula, is nearest to that of the file: exact for whatever libjpeg
/// wrote with its own tables, an equivalent for cameras and programs with others.
pub(super) fn estimate(bytes: &[u8], format: Format) -> Option<u8> {
    if format != Format::Jpeg {
        return None;
    }
    let table = first_table(bytes)?;
    let distance = |quality: &u8| -> u32 {
        let steps = ZIGZAG.iter().filter_map(|&place| STANDARD.get(place)).map(|&step| scaled(step, *quality));
        steps.zip(&table).map(|(expected, &found)| u32::from(expected.abs_diff(found))).sum()
    };
    // Of equals the higher one: nothing was lost below it.
    (1..=100).rev().min_by_key(distance)
}

/// libjpeg's `jpeg_quality_scaling` and `jpeg_add_quant_table` for baseline files.
fn scaled(step: u16, quality: u8) -> u16 {
    let quality = u32::from(quality.max(1));
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    ((u32::from(step) * percent + 50) / 100).clamp(1, 255) as u16
}

/// The table of the first component, which is luminance, in the file's order.
fn first_table(bytes: &[u8]) -> Option<[u16; 64]> {
    let mut tables = [None; 4];
    for (marker, payload) in Segments::of(bytes) {
        match marker {
            0xdb => read_tables(payload, &mut tables)?,
            // The frame: precision, height, width, number of components, then the first one's id, sampling and table.
            0xc0..=0xc2 => return *tables.get(usize::from(*payload.get(8)?))?,
            _ => {}
        }
    }
    None
}

fn read_tables(mut payload: &[u8], tables: &mut [Option<[u16; 64]>; 4]) -> Option<()> {
    while let Some((kind, rest)) = payload.split_first() {
        let wide = kind >> 4 != 0;
        let (numbers, rest) = rest.split_at_checked(if wide { 128 } else { 64 })?;
        let mut table = [0; 64];
        if wide {
            table.iter_mut().zip(numbers.as_chunks().0).for_each(|(step, pair)| *step = u16::from_be_bytes(*pair));
        } else {
            table.iter_mut().zip(numbers).for_each(|(step, byte)| *step = u16::from(*byte));
        }
        *tables.get_mut(usize::from(kind & 15))? = Some(table);
        payload = rest;
    }
    Some(())
}

/// The segments of a JPEG before its first scan: marker and content.
pub(super) struct Segments<'a>(&'a [u8]);

impl<'a> Segments<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = self.0.iter().position(|byte| *byte == 0xff)?;
            let (marker, rest) = self.0.get(start + 1..)?.split_first()?;
            match marker {
                // A filled byte, which may be the first of a marker.
                0xff => self.0 = self.0.get(start + 1..)?,
                // Markers without content.
                0x00 | 0x01 | 0xd0..=0xd8 => self.0 = rest,
                // The end, or the first scan.
                0xd9 | 0xda => return None,
                marker => {
                    let (length, _) = rest.split_first_chunk()?;
                    let length = usize::from(u16::from_be_bytes(*length));
                    let (segment, later) = rest.split_at_checked(length)?;
                    self.0 = later;
                    return Some((*marker, segment.get(2..)?));
                }
            }
        }
    }
}
