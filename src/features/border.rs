//! Features of the border of a photo alone, to test whether a frame, a logo or a date reveals the class.
//!
//! A cell of the last map has the whole crop as its receptive field, so the middle is blanked before the network and
//! not after it. Only the outermost cells of the map are used, averaged over each of the [`regions`]: a small mark in
//! one corner is then a large part of one region, while it would vanish in the mean of all cells.

use std::ops::Range;

use crate::backbone::layout::{FEATURES, map_side};

/// One region of the last map: its name, its rows and its columns.
type Region = (&'static str, Range<usize>, Range<usize>);

/// The width in pixels of the visible border of a crop, 24 of 224.
pub(crate) fn width(crop: u32) -> u32 {
    (crop * 3 / 28).max(1)
}

/// The names of the regions for a crop of this size, in the order of their feature blocks.
pub(crate) fn regions(crop: u32) -> Vec<&'static str> {
    cells(map_side(crop)).into_iter().map(|(name, ..)| name).collect()
}

/// The corners (two of seven cells a side) and, between them, the outermost rows and columns. A map of fewer than four
/// cells a side has no middle and is one region.
fn cells(side: usize) -> Vec<Region> {
    if side < 4 {
        return vec![("border", 0..side, 0..side)];
    }
    let corner = (side * 2 / 7).max(1);
    let (first, last, between) = (0..corner, side - corner..side, corner..side - corner);
    vec![
        ("top left corner", first.clone(), first.clone()),
        ("top right corner", first.clone(), last.clone()),
        ("bottom left corner", last.clone(), first),
        ("bottom right corner", last.clone(), last),
        ("top edge", 0..1, between.clone()),
        ("bottom edge", side - 1..side, between.clone()),
        ("left edge", between.clone(), 0..1),
        ("right edge", between, side - 1..side),
    ]
}

/// The means over the regions of a flattened map: `[2048·side·side]` → `[R·2048]`.
pub(super) fn averaged(map: &[f32], side: usize) -> Vec<f32> {
    let channels = || map.chunks_exact((side * side).max(1)).take(FEATURES);
    let mean = |channel: &[f32], (_, rows, columns): &Region| {
        let chosen = channel.chunks_exact(side.max(1)).skip(rows.start).take(rows.len());
        let sum: f32 = chosen.flat_map(|row| row.iter().skip(columns.start).take(columns.len())).sum();
        sum / (rows.len() * columns.len()).max(1) as f32
    };
    cells(side).iter().flat_map(|region| channels().map(move |channel| mean(channel, region))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_regions_cover_the_border_once_and_leave_the_middle() {
        for side in 4..20 {
            let mut seen = vec![0; side * side];
            for (_, rows, columns) in cells(side) {
                rows.for_each(|row| columns.clone().for_each(|column| seen[row * side + column] += 1));
            }
            assert!(seen.iter().all(|&times| times <= 1), "{side}");
            let edge =
                (0..side).flat_map(|place| [place, (side - 1) * side + place, place * side, place * side + side - 1]);
            assert!(edge.into_iter().all(|cell| seen[cell] == 1), "{side}");
            assert!(seen.contains(&0), "{side}");
        }
        assert_eq!((regions(224).len(), regions(32), width(224), width(32)), (8, vec!["border"], 24, 3));
    }

    #[test]
    fn each_region_is_the_mean_of_its_cells() {
        // Channel c is c + the number of the cell.
        let map: Vec<f32> = (0..FEATURES * 49).map(|place| (place / 49 + place % 49) as f32).collect();
        let rows = averaged(&map, 7);
        assert_eq!(rows.len(), 8 * FEATURES);
        // Cells 0, 1, 7, 8; the last is the column 6 of rows 2, 3, 4.
        assert_eq!((rows[0], rows[5], rows[7 * FEATURES]), (4.0, 9.0, 27.0));
        assert_eq!(averaged(&map[..FEATURES * 4], 2).len(), FEATURES);
    }
}
