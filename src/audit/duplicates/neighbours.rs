//! For each of many images the few that are most like it, by the cosine of short rows of numbers.
//!
//! Every row is compared with every other. With rows this short that is bearable (ten seconds of processor time for
//! 50,000 photos and their mirror images), it finds what an index would miss, and it needs memory for the few that are kept
//! only.

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
    let blocks = blocks(rows);
    let images: Vec<usize> = (0..rows.len()).collect();
    let mut pairs: Vec<(usize, usize)> = images
        .par_chunks(ASKED)
        .flat_map_iter(|images| {
            let with_mirrored = |&image: &usize| {
                let mirrored = turned.map(|turned| turned(&rows[image]));
                std::iter::once(rows[image]).chain(mirrored).map(move |row| Nearest::new(image, row, most, least))
            };
            let mut asked: Vec<Nearest> = images.iter().flat_map(with_mirrored).collect();
            search(&blocks, rows.len(), &mut asked);
            asked.into_iter().flat_map(|asked| asked.pairs().collect::<Vec<_>>())
        })
        .collect();
    pairs.par_sort_unstable();
    pairs.dedup();
    pairs
}

/// Rows compared at once: as many as fill the registers, so that the comparing loop waits for nothing.
const BLOCK: usize = 64;

/// Images whose neighbours are searched together, so that a block is fetched once for all of them.
const ASKED: usize = 16;

/// The first number of each row, then the second of each: one of the asked row's is multiplied with all of them.
type Block = [[f32; BLOCK]; WIDTH];

/// The rows in blocks; the last is filled up with zeros.
fn blocks(rows: &[Row]) -> Vec<Block> {
    let block = |rows: &[Row]| {
        let mut block = [[0.0; BLOCK]; WIDTH];
        for (place, row) in rows.iter().enumerate() {
            block.iter_mut().zip(row).for_each(|(numbers, &number)| numbers[place] = number);
        }
        block
    };
    rows.par_chunks(BLOCK).map(block).collect()
}

/// Compares all rows of the blocks, `count` of them, with those that are asked for.
fn search(blocks: &[Block], count: usize, asked: &mut [Nearest]) {
    let mut cosines = [0.0_f32; BLOCK];
    for (number, block) in blocks.iter().enumerate() {
        let first = number * BLOCK;
        for asked in &mut *asked {
            pulp::Arch::new().dispatch(Compare { asked: &asked.row, block, cosines: &mut cosines });
            asked.take(first, &cosines[..BLOCK.min(count - first)]);
        }
    }
}

/// The nearest of an image so far.
struct Nearest {
    image: usize,
    row: Row,
    most: usize,
    /// The cosine below which nothing is taken any more.
    bar: f32,
    /// The best first.
    best: Vec<(f32, usize)>,
}

impl Nearest {
    fn new(image: usize, row: Row, most: usize, least: f32) -> Self {
        Self { image, row, most, bar: least, best: Vec::with_capacity(most + 1) }
    }

    /// Keeps what is good enough of the rows from `first` on.
    fn take(&mut self, first: usize, cosines: &[f32]) {
        // Nearly all blocks hold nothing, and this takes no branches.
        if cosines.iter().fold(f32::MIN, |most, &cosine| most.max(cosine)) < self.bar {
            return;
        }
        for (&cosine, other) in cosines.iter().zip(first..) {
            if cosine >= self.bar && other != self.image {
                let at = self.best.partition_point(|&(better, _)| better >= cosine);
                self.best.insert(at, (cosine, other));
                self.best.truncate(self.most);
                if let Some(&(worst, _)) = self.best.get(self.most.wrapping_sub(1)) {
                    // Of equals the first ones stay.
                    self.bar = worst.next_up();
                }
            }
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        self.best.iter().map(|&(_, other)| (self.image.min(other), self.image.max(other)))
    }
}

struct Compare<'a> {
    asked: &'a Row,
    block: &'a Block,
    cosines: &'a mut [f32; BLOCK],
}

impl pulp::WithSimd for Compare<'_> {
    type Output = ();

    // The order of the sums is that of the numbers, the same for every processor.
    #[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let mut sums = [0.0_f32; BLOCK];
        for (asked, others) in self.asked.iter().zip(self.block) {
            for lane in 0..BLOCK {
                sums[lane] += asked * others[lane];
            }
        }
        *self.cosines = sums;
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
            let mut asked = [Nearest::new(image, rows[image], 5, -1.0)];
            search(&blocks(&rows), rows.len(), &mut asked);
            let found: Vec<usize> = asked[0].best.iter().map(|&(_, other)| other).collect();
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
