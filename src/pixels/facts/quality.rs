//! The quality of a JPEG, from its quantisation table.

use super::super::Format;
use super::super::jpeg::{DQT, Segments, read_steps};

/// Luminance at quality 50: table K.1 of the JPEG standard (ITU-T T.81), by rows.
const STANDARD: [u16; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
];

/// The quality whose luminance table, by libjpeg's formula, is nearest to that of the file: exact for whatever libjpeg
/// wrote with its own tables, an equivalent for cameras and programs with others.
pub(super) fn estimate(bytes: &[u8], format: Format) -> Option<u8> {
    if format != Format::Jpeg {
        return None;
    }
    let table = first_table(bytes)?;
    let distance = |quality: &u8| -> u32 {
        let steps = STANDARD.iter().map(|&step| scaled(step, *quality));
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

/// The table of the first component, which is luminance, by rows.
fn first_table(bytes: &[u8]) -> Option<[u16; 64]> {
    let mut tables = [None; 4];
    for (marker, content) in Segments::header(bytes) {
        match marker {
            DQT => read_steps(content, &mut tables)?,
            // The frame: precision, height, width, number of components, then the first one's id, sampling and table.
            0xc0..=0xc2 => return *tables.get(usize::from(*content.get(8)?))?,
            _ => {}
        }
    }
    None
}
