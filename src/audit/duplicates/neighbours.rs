//! For each of many images the few that are most like it, by the cosine of short rows of numbers.
//!
//! Every row is compared with every other. With rows this short that is bearable (finding the copies among 50,000 photos
//! takes 100 seconds of processor time in all, a fraction of what their features took), it finds what an index would miss,
//! and it needs memory for the few that are kept only.

use rayon::prelude::*;

/// Numbers of a row.
pub(super) const WIDTH: usize = 32;

/// A unit row, or zeros for an image that is like nothing.
pub(super) type Row = [f32; WIDTH];

/// Scaled to length 1; zeros stay zeros.
pub(super) fn unit(mut row: Row) -> Row {
    let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
    let factor = if length.is_finite() && length > 1e-6 { length.recip() } else { 0.0 };
    if factor == 0.0 {
        return [0.0; WIDTH];
    }
    for value in &mut row {
        *value *= factor;
    }
    row
}

/// The cosine of two unit rows.
pub(super) fn cosine(left: &Row, right: &Row) -> f32 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

/// Pairs `(image, other)` for the `most` others with the highest cosine of at least `least`, each pair once, in order.
///
/// Of rows that `turned` turns into those of the mirrored images the mirrored ones count too.
pub(super) fn pairs(rows: &[Row], turned: Option<fn(&Row) -> Row>, most: usize, least: f32) -> Vec<(usize, usize)> {
    let mut pairs: Vec<(usize, usize)> = (0..rows.len())
        .into_par_iter()
        .flat_map_iter(|image| {
            let asked = std::iter::once(rows[image]).chain(turned.map(|turned| turned(&rows[image])));
            let found = asked.flat_map(|row| nearest(rows, image, &row, most, least)).collect::<Vec<_>>();
            found.into_iter().map(move |other| (image.min(other), image.max(other)))
        })
        .collect();
    pairs.par_sort_unstable();
    pairs.dedup();
    pairs
}

/// Rows compared before the best are sorted out, so that the comparing loop has no branches.
const BLOCK: usize = 256;

fn nearest(rows: &[Row], image: usize, asked: &Row, most: usize, least: f32) -> Vec<usize> {
    let mut best: Vec<(f32, usize)> = Vec::with_capacity(most + 1);
    let mut cosines = [0.0_f32; BLOCK];
    let mut bar = least;
    for (block, rows) in rows.chunks(BLOCK).enumerate() {
        pulp::Arch::new().dispatch(Compare { asked, rows, cosines: &mut cosines });
        for (place, &cosine) in cosines.iter().enumerate().take(rows.len()) {
            let other = block * BLOCK + place;
            if cosine >= bar && other != image {
                let at = best.partition_point(|&(better, _)| better >= cosine);
                best.insert(at, (cosine, other));
                if best.len() > most {
                    best.pop();
                }
                // Of equals the first ones stay.
                bar = if best.len() == most { best.last().map_or(bar, |&(worst, _)| worst.next_up()) } else { bar };
            }
        }
    }
    best.into_iter().map(|(_, other)| other).collect()
}

struct Compare<'a> {
    asked: &'a Row,
    rows: &'a [Row],
    cosines: &'a mut [f32; BLOCK],
}

impl pulp::WithSimd for Compare<'_> {
    type Output = ();

    // Only what is inlined is compiled for the processor that was found.
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        const LANES: usize = 16;
        for (row, cosine) in self.rows.iter().zip(self.cosines) {
            let mut sums = [0.0_f32; LANES];
            for (asked, other) in self.asked.as_chunks::<LANES>().0.iter().zip(row.as_chunks::<LANES>().0) {
                for lane in 0..LANES {
                    sums[lane] += asked[lane] * other[lane];
                }
            }
            // In halves, so that the order is the same for every processor.
            let mut width = LANES;
            while width > 1 {
                width /= 2;
                for lane in 0..width {
                    sums[lane] += sums[lane + width];
                }
            }
            *cosine = sums[0];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seed: usize) -> Row {
        unit(std::array::from_fn(|at| (((seed * 31 + at * 17) * 2_654_435) % 1000) as f32 - 500.0))
    }

    #[test]
    fn the_nearest_are_those_that_sorting_gives() {
        let rows: Vec<Row> = (0..700).map(row).collect();
        let cosine = |a: usize, b: usize| rows[a].iter().zip(&rows[b]).map(|(a, b)| a * b).sum::<f32>();
        for image in [0, 255, 256, 699] {
            let mut all: Vec<usize> = (0..rows.len()).filter(|&other| other != image).collect();
            all.sort_by(|&a, &b| cosine(image, b).total_cmp(&cosine(image, a)));
            let found = nearest(&rows, image, &rows[image], 5, -1.0);
            let worst = cosine(image, found[4]);
            assert!((worst - cosine(image, all[4])).abs() < 1e-5 && found.len() == 5);
            assert!(found.iter().all(|&other| cosine(image, other) >= worst - 1e-6));
        }
    }

    #[test]
    fn rows_of_zeros_are_like_nothing_and_mirrored_rows_are_found() {
        let turned = |row: &Row| std::array::from_fn(|at| if at % 2 == 0 { row[at] } else { -row[at] });
        let mirrored = unit(turned(&row(3)));
        let rows = [row(3), unit([0.0; WIDTH]), mirrored, unit([f32::NAN; WIDTH])];
        assert_eq!(pairs(&rows, None, 4, 0.9), []);
        assert_eq!(pairs(&rows, Some(turned), 4, 0.9), [(0, 2)]);
    }
}
