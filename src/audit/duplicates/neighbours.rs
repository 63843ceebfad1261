//! Nearest neighbours of many images by the cosine of short vectors.
//!
//! Up to 100,000 rows all pairs are compared. With vectors this short that is affordable (ten seconds of processor time
//! for 50,000 photos and their mirror images), it is exact, and it needs memory for the nearest neighbours only. Of
//! more rows, each is compared with those in the cells nearest to it: the time then grows as N^1.5, and the nearest
//! rows are nearly always found (inverted files, Sivic & Zisserman 2003, "Video Google").

use rayon::prelude::*;

/// The width of a row.
pub(super) const WIDTH: usize = 32;

/// A unit vector, or zeros for an image that is similar to none.
pub(super) type Row = [f32; WIDTH];

/// The row scaled to length 1; zeros stay zeros.
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

/// Pairs of each image and its at most `most` nearest neighbours by cosine, at least `least`, each pair once, sorted.
///
/// With `turned`, which gives the row of the mirrored image, the neighbours of mirrored images are included.
pub(super) fn pairs(rows: &[Row], turned: Option<fn(&Row) -> Row>, most: usize, least: f32) -> Vec<(usize, usize)> {
    let cells = if rows.len() <= MOST_IN_ONE { Cells::one(rows) } else { Cells::new(rows) };
    cells.pairs(rows, turned, most, least)
}

/// The largest number of rows of which all pairs are compared.
const MOST_IN_ONE: usize = 100_000;

/// The number of nearest cells that are searched for a row.
const LOOKED_INTO: usize = 32;

/// Rows compared at once: as many as the registers hold, so that the inner loop does not stall.
const BLOCK: usize = 64;

/// Images whose neighbours are searched together, so that a block is loaded once for all of them.
const ASKED: usize = 16;

/// A block of rows, transposed: each value of the query row is multiplied with one value of all rows at once.
type Block = [[f32; BLOCK]; WIDTH];

/// Some images with their rows in blocks; the last one is padded with zeros.
struct Cell {
    images: Vec<usize>,
    blocks: Vec<Block>,
}

impl Cell {
    fn new(rows: &[Row], images: Vec<usize>) -> Self {
        let block = |images: &[usize]| {
            let mut block = [[0.0; BLOCK]; WIDTH];
            for (place, &image) in images.iter().enumerate() {
                block.iter_mut().zip(&rows[image]).for_each(|(numbers, &number)| numbers[place] = number);
            }
            block
        };
        Self { blocks: images.par_chunks(BLOCK).map(block).collect(), images }
    }

    /// Compares all rows with those of `asked` at the indices `meant`.
    fn search(&self, asked: &mut [Nearest], meant: &(impl Iterator<Item = usize> + Clone)) {
        let mut cosines = [0.0_f32; BLOCK];
        for (block, images) in self.blocks.iter().zip(self.images.chunks(BLOCK)) {
            for place in meant.clone() {
                let asked = &mut asked[place];
                pulp::Arch::new().dispatch(Compare { asked: &asked.row, block, cosines: &mut cosines });
                asked.take(images, &cosines[..images.len()]);
            }
        }
    }
}

/// All images, each in one cell.
struct Cells {
    cells: Vec<Cell>,
    /// The centres of the cells, if there are several; its "images" are the cells.
    centres: Option<Cell>,
}

impl Cells {
    fn one(rows: &[Row]) -> Self {
        Self { cells: vec![Cell::new(rows, (0..rows.len()).collect())], centres: None }
    }

    /// Assigns each row to the nearest of 4·√N centres, which are rows taken evenly from the list.
    fn new(rows: &[Row]) -> Self {
        let images: Vec<usize> =
            (0..rows.len()).filter(|&image| rows[image].iter().any(|value| value.abs() > 0.0)).collect();
        // The cost of finding the cell and of searching cells then grow alike.
        let apart = (images.len().isqrt() / 4).max(1);
        let centres: Vec<Row> = images.iter().step_by(apart).map(|&image| rows[image]).collect();
        let centres = Cell::new(&centres, (0..centres.len()).collect());
        let nearest = |images: &[usize]| nearest(&centres, images.iter().map(|&image| rows[image]), 1);
        let homes: Vec<(usize, usize)> = images.par_chunks(ASKED).flat_map_iter(nearest).collect();
        let mut cells = vec![Vec::new(); centres.images.len()];
        for (image, (_, cell)) in images.into_iter().zip(homes) {
            cells[cell].push(image);
        }
        let cells = cells.into_iter().map(|images| Cell::new(rows, images)).collect();
        Self { cells, centres: Some(centres) }
    }

    /// See [`pairs`].
    fn pairs(&self, rows: &[Row], turned: Option<fn(&Row) -> Row>, most: usize, least: f32) -> Vec<(usize, usize)> {
        let with_mirrored = |&image: &usize| {
            let mirrored = turned.map(|turned| turned(&rows[image]));
            std::iter::once(rows[image]).chain(mirrored).map(move |row| Nearest::new(image, row, most, least))
        };
        let together: Vec<&[usize]> = self.cells.iter().flat_map(|cell| cell.images.chunks(ASKED)).collect();
        let mut pairs: Vec<(usize, usize)> = together
            .into_par_iter()
            .flat_map_iter(|images| {
                let mut asked: Vec<Nearest> = images.iter().flat_map(with_mirrored).collect();
                self.search(&mut asked);
                asked.into_iter().flat_map(|asked| asked.pairs().collect::<Vec<_>>())
            })
            .collect();
        pairs.par_sort_unstable();
        pairs.dedup();
        pairs
    }

    fn search(&self, asked: &mut [Nearest]) {
        let Some(centres) = &self.centres else {
            let all = 0..asked.len();
            return self.cells.iter().for_each(|cell| cell.search(asked, &all));
        };
        // Sorted by cell, so that each is loaded once.
        let mut visits = nearest(centres, asked.iter().map(|asked| asked.row), LOOKED_INTO);
        visits.sort_unstable_by_key(|&(place, cell)| (cell, place));
        for visits in visits.chunk_by(|one, other| one.1 == other.1) {
            if let Some(cell) = visits.first().and_then(|&(_, cell)| self.cells.get(cell)) {
                cell.search(asked, &visits.iter().map(|&(place, _)| place));
            }
        }
    }
}

/// For each row the `most` nearest images of a cell, as pairs with the index of the row.
fn nearest(cell: &Cell, rows: impl Iterator<Item = Row>, most: usize) -> Vec<(usize, usize)> {
    let mut asked: Vec<Nearest> = rows.map(|row| Nearest::new(usize::MAX, row, most, -2.0)).collect();
    let all = 0..asked.len();
    cell.search(&mut asked, &all);
    let found = |(place, asked): (usize, Nearest)| asked.best.into_iter().map(move |(_, image)| (place, image));
    asked.into_iter().enumerate().flat_map(found).collect()
}

/// The nearest neighbours of an image found so far.
struct Nearest {
    image: usize,
    row: Row,
    most: usize,
    /// The lowest cosine that is still accepted.
    bar: f32,
    /// The neighbours in descending order of cosine.
    best: Vec<(f32, usize)>,
}

impl Nearest {
    fn new(image: usize, row: Row, most: usize, least: f32) -> Self {
        Self { image, row, most, bar: least, best: Vec::with_capacity(most + 1) }
    }

    /// Keeps the images with sufficient cosines.
    fn take(&mut self, images: &[usize], cosines: &[f32]) {
        // Nearly all blocks contain none, and this check is without branches.
        if cosines.iter().fold(f32::MIN, |most, &cosine| most.max(cosine)) < self.bar {
            return;
        }
        for (&cosine, &other) in cosines.iter().zip(images) {
            if cosine >= self.bar && other != self.image {
                let at = self.best.partition_point(|&(better, _)| better >= cosine);
                self.best.insert(at, (cosine, other));
                self.best.truncate(self.most);
                if let Some(&(worst, _)) = self.best.get(self.most.wrapping_sub(1)) {
                    // Of equal ones the first stay.
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

    // The order of summation is that of the values, the same on every processor.
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
    use std::path::Path;

    use super::*;
    use crate::audit::simulation::Rng;
    use crate::files;

    const COUNT: usize = 12_000;

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
            Cells::one(&rows).search(&mut asked);
            let found: Vec<usize> = asked[0].best.iter().map(|&(_, other)| other).collect();
            let worst = cosine(image, found[4]);
            assert!((worst - cosine(image, all[4])).abs() < 1e-5 && found.len() == 5);
            assert!(found.iter().all(|&other| cosine(image, other) >= worst - 1e-6));
        }
    }

    /// Rows as photos have them, whose coarsest shapes count most; slightly changed copies of a quarter of them follow.
    fn with_copies(count: usize) -> Vec<Row> {
        let mut random = Rng::new(3);
        let mut row = |strength: f64| -> [f64; WIDTH] {
            std::array::from_fn(|at| random.normal() * strength / (1.0 + at as f64 / 4.0))
        };
        let originals: Vec<[f64; WIDTH]> = (0..count).map(|_| row(1.0)).collect();
        let changed = originals.iter().take(count / 4).enumerate().map(|(place, original)| {
            let change = row([0.1, 0.3, 0.5][place % 3]);
            std::array::from_fn(|at| original[at] + change[at])
        });
        let rows: Vec<[f64; WIDTH]> = originals.iter().copied().chain(changed).collect();
        rows.into_iter().map(|row| unit(row.map(|number| number as f32))).collect()
    }

    /// How many of the copies with a cosine of 0.85 and more are among some pairs.
    fn copies(rows: &[Row], count: usize, pairs: &[(usize, usize)]) -> usize {
        let is_copy = |&&(a, b): &&(usize, usize)| b == a + count && cosine(&rows[a], &rows[b]) >= 0.85;
        pairs.iter().filter(is_copy).count()
    }

    #[test]
    fn cells_hold_nearly_all_that_is_alike_and_all_rows_are_in_one() {
        let rows = with_copies(COUNT);
        let cells = Cells::new(&rows);
        let mut images: Vec<usize> = cells.cells.iter().flat_map(|cell| cell.images.clone()).collect();
        images.sort_unstable();
        assert_eq!(images, (0..rows.len()).collect::<Vec<_>>());
        let found = cells.pairs(&rows, None, 16, 0.6);
        let all = Cells::one(&rows).pairs(&rows, None, 16, 0.6);
        let [found, all] = [found, all].map(|pairs| copies(&rows, COUNT, &pairs));
        println!("{found} of {all} copies among {} rows in {} cells", rows.len(), cells.cells.len());
        assert!(all > COUNT / 8 && found * 1000 >= all * 990, "{found} of {all}");
    }

    /// Seconds of processors for a search with mirrored images, and the copies that it found, of rows by the hundred thousand.
    #[test]
    #[ignore = "takes minutes"]
    fn cells_find_the_copies_among_a_million_in_little_more_than_ten_times_what_they_take_for_a_hundred_thousand() {
        let busy = || -> f64 {
            let stat = String::from_utf8(files::read(Path::new("/proc/self/stat"), 1 << 16).unwrap()).unwrap();
            let numbers = stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2);
            numbers.map(|ticks| ticks.parse::<f64>().unwrap() / 100.0).sum()
        };
        let turned = |row: &Row| -> Row { std::array::from_fn(|at| if at % 2 == 0 { row[at] } else { -row[at] }) };
        for count in [20_000, 80_000, 240_000, 800_000] {
            let rows = with_copies(count);
            let searched = |cells: &dyn Fn() -> Cells| {
                let start = busy();
                let pairs = cells().pairs(&rows, Some(turned), 16, 0.6);
                format!("{} copies in {:.0} s", copies(&rows, count, &pairs), busy() - start)
            };
            let in_cells = searched(&|| Cells::new(&rows));
            let in_one = if count < 100_000 { searched(&|| Cells::one(&rows)) } else { "not tried".to_owned() };
            println!("{} rows: in cells {in_cells}, all with all {in_one}", rows.len());
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
