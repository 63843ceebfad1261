//! Whether one thumbnail shows the same picture as another: laid over it, shifted, scaled or mirrored.
//!
//! A copy that was cropped shows its original shifted and larger, so the search is for the shift and the scale with the
//! highest correlation, first coarsely at a quarter of the pixels. Correlation does not see a change of brightness or
//! contrast. Smooth pictures (a flower before green, sky above land) correlate without being copies, so their details,
//! which is what is left when the mean around each pixel is taken away, must correlate too.

use crate::pixels::Thumbnail;

/// Side of the coarse picture.
const COARSE: usize = 16;

/// Side of the fine picture.
const FINE: usize = Thumbnail::SIDE;

/// Furthest shift, as a part of the side: a crop that keeps 90 % of a photo of 16:9 moves it by no more.
const FURTHEST: f32 = 0.125;

/// Scales that are tried, either way round.
const SCALES: std::ops::RangeInclusive<f32> = 0.87..=1.15;

/// A pair below it at the coarse picture's best whole shift is not looked at any more.
const MIN_AT_A_GLANCE: f32 = 0.6;

/// The same for the best coarse shift and scale, by steps of a pixel, of half a pixel and so on: what comes of finer steps
/// is never much more. Of 6325 copies found among 8000 photos none was below these.
const LEAST_COARSE: [f32; 4] = [0.7, 0.8, 0.83, 0.85];

/// The same for the details of the coarse pictures.
const MIN_OF_COARSE_DETAILS: f32 = 0.4;

/// The same for the fine pictures; from the last on two may be one.
const LEAST_FINE: [f32; 3] = [0.8, 0.87, 0.9];

/// Correlation of the details from which they are.
const MIN_OF_DETAILS: f32 = 0.65;

/// Standard deviation, in levels, below which a picture shows nothing that could be compared.
const MIN_CONTRAST: f32 = 2.5;

/// Differences of the mean level above this are another light, not another brightness of one photo.
const MAX_BRIGHTER: f32 = 100.0;

/// A thumbnail made ready for comparing; its fine picture is made where the coarse ones agree, for memory's sake.
pub(super) struct Picture<'a> {
    coarse: Grid,
    thumbnail: &'a Thumbnail,
    is_mirrored: bool,
    mean: f32,
}

/// `side` x `side` levels.
#[derive(Clone)]
struct Grid {
    side: usize,
    levels: Vec<f32>,
}

impl<'a> Picture<'a> {
    /// `None` where there is nothing to compare.
    pub(super) fn new(thumbnail: &'a Thumbnail) -> Option<Self> {
        let fine = Grid::new(thumbnail);
        let count = fine.levels.len() as f32;
        let mean = fine.levels.iter().sum::<f32>() / count;
        let variance = fine.levels.iter().map(|level| (level - mean).powi(2)).sum::<f32>() / count;
        (variance.sqrt() >= MIN_CONTRAST).then(|| Self { coarse: fine.halved(), thumbnail, is_mirrored: false, mean })
    }

    pub(super) fn mirrored(&self) -> Self {
        Self { coarse: self.coarse.mirrored(), is_mirrored: !self.is_mirrored, ..*self }
    }

    fn fine(&self) -> Grid {
        let fine = Grid::new(self.thumbnail);
        if self.is_mirrored { fine.mirrored() } else { fine }
    }

    /// The correlation of the two at the best shift and scale, if they show the same.
    pub(super) fn same_as(&self, other: &Self) -> Option<f32> {
        if (self.mean - other.mean).abs() > MAX_BRIGHTER {
            return None;
        }
        let (glance, start) = at_a_glance(&self.coarse, &other.coarse);
        if glance < MIN_AT_A_GLANCE {
            return None;
        }
        let (_, placing) = climb(&self.coarse, &other.coarse, start, &LEAST_COARSE)?;
        if Overlap::details(&self.coarse, &other.coarse, placing)? < MIN_OF_COARSE_DETAILS {
            return None;
        }
        let (here, there) = (self.fine(), other.fine());
        let (correlation, placing) = climb(&here, &there, placing, &LEAST_FINE)?;
        (Overlap::details(&here, &there, placing)? >= MIN_OF_DETAILS).then_some(correlation)
    }
}

/// How one picture lies on the other: its pixel at `u` from the middle lies at `scale · u + shift`, shifts as parts of the
/// side.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Placing {
    scale: f32,
    right: f32,
    down: f32,
}

/// Most whole pixels that the coarse pictures are shifted by, either way.
const SHIFTS: usize = 2;

/// Side of the middle of a coarse picture, which stays inside the other one at every shift.
const MIDDLE: usize = COARSE - 2 * SHIFTS;

/// The best shift by whole pixels, by the middle of the narrow picture.
fn at_a_glance(wide: &Grid, narrow: &Grid) -> (f32, Placing) {
    let middle = narrow.window(SHIFTS, SHIFTS);
    let mut best = (f32::NEG_INFINITY, Placing { scale: 1.0, right: 0.0, down: 0.0 });
    for top in 0..=2 * SHIFTS {
        for left in 0..=2 * SHIFTS {
            let mut sums = Sums::default();
            sums.add_all(&wide.window(left, top), &middle);
            let found = sums.correlation();
            if found > best.0 {
                let part = |start: usize| (start as f32 - SHIFTS as f32) / COARSE as f32;
                best = (found, Placing { scale: 1.0, right: part(left), down: part(top) });
            }
        }
    }
    best
}

/// Goes from one placing to better ones beside it, in steps that are halved once for each number of `least`; `None` as soon
/// as the best of one size of step is below its number.
fn climb(wide: &Grid, narrow: &Grid, start: Placing, least: &[f32]) -> Option<(f32, Placing)> {
    pulp::Arch::new().dispatch(Climb { wide, narrow, start, least })
}

struct Climb<'a> {
    wide: &'a Grid,
    narrow: &'a Grid,
    start: Placing,
    least: &'a [f32],
}

impl pulp::WithSimd for Climb<'_> {
    type Output = Option<(f32, Placing)>;

    #[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> Self::Output {
        const MAX_STEPS: usize = 12;
        let Self { wide, narrow, start, least } = self;
        let mut overlap = Overlap::new();
        let mut best = (overlap.correlation(wide, narrow, start), start);
        // A pixel of the picture, and a scale that moves its edge by about as much.
        let mut step = 1.0 / wide.side as f32;
        for &least in least {
            for _ in 0..MAX_STEPS {
                let from = best.1;
                for (scale, right, down) in [
                    (1.0, 0.0, 0.0),
                    (-1.0, 0.0, 0.0),
                    (0.0, 1.0, 0.0),
                    (0.0, -1.0, 0.0),
                    (0.0, 0.0, 1.0),
                    (0.0, 0.0, -1.0),
                ] {
                    let placing = Placing {
                        scale: from.scale + scale * step,
                        right: from.right + right * step,
                        down: from.down + down * step,
                    };
                    let found = overlap.correlation(wide, narrow, placing);
                    if found > best.0 {
                        best = (found, placing);
                    }
                }
                if best.1 == from {
                    break;
                }
            }
            if best.0 < least {
                return None;
            }
            step /= 2.0;
        }
        Some(best)
    }
}

/// What both pictures show of the same place, `[height, width]` each.
struct Overlap {
    width: usize,
    height: usize,
    wide: [f32; FINE * FINE],
    narrow: [f32; FINE * FINE],
}

impl Overlap {
    #[expect(clippy::inline_always, reason = "as `Climb`")]
    #[inline(always)]
    fn new() -> Self {
        Self { width: 0, height: 0, wide: [0.0; FINE * FINE], narrow: [0.0; FINE * FINE] }
    }

    /// The wide picture taken where the pixels of the narrow one lie; false if too little of it does.
    #[expect(clippy::inline_always, reason = "as `Climb`")]
    #[inline(always)]
    fn take(&mut self, wide: &Grid, narrow: &Grid, placing: Placing) -> bool {
        let side = wide.side;
        let columns = Axis::new(side, placing.scale, placing.right);
        let rows = Axis::new(side, placing.scale, placing.down);
        (self.width, self.height) = (columns.count, rows.count);
        if 4 * columns.count < 3 * side || 4 * rows.count < 3 * side {
            return false;
        }
        // As long as a byte can say, so that no place has to be checked.
        let mut line = [0.0; 256];
        let overlap = self.wide.chunks_exact_mut(self.width).zip(self.narrow.chunks_exact_mut(self.width));
        for (row, (wide_row, narrow_row)) in overlap.take(self.height).enumerate() {
            let upper = &wide.levels[usize::from(rows.before[row]) * side..][..side];
            let lower = &wide.levels[usize::from(rows.after[row]) * side..][..side];
            for (mixed, (upper, lower)) in line.iter_mut().zip(upper.iter().zip(lower)) {
                *mixed = upper + rows.part[row] * (lower - upper);
            }
            let columns_at = columns.before.iter().zip(&columns.after).zip(&columns.part);
            for (level, ((&before, &after), part)) in wide_row.iter_mut().zip(columns_at) {
                let (here, next) = (line[usize::from(before)], line[usize::from(after)]);
                *level = here + part * (next - here);
            }
            narrow_row.copy_from_slice(&narrow.levels[(rows.first + row) * side + columns.first..][..columns.count]);
        }
        true
    }

    /// Less than any where it may not or cannot be taken.
    #[expect(clippy::inline_always, reason = "as `Climb`")]
    #[inline(always)]
    fn correlation(&mut self, wide: &Grid, narrow: &Grid, placing: Placing) -> f32 {
        let is_in = SCALES.contains(&placing.scale) && placing.right.abs().max(placing.down.abs()) <= FURTHEST;
        if !is_in || !self.take(wide, narrow, placing) {
            return f32::NEG_INFINITY;
        }
        let mut sums = Sums::default();
        let count = self.width * self.height;
        sums.add_all(&self.wide[..count], &self.narrow[..count]);
        sums.correlation()
    }

    /// The correlation of what is left of a placing when the mean of the 3 x 3 pixels around each is taken away.
    fn details(wide: &Grid, narrow: &Grid, placing: Placing) -> Option<f32> {
        let mut overlap = Self::new();
        if !overlap.take(wide, narrow, placing) {
            return None;
        }
        let width = overlap.width;
        let detail = |levels: &[f32], row: usize, column: usize| {
            let around: f32 =
                (row - 1..=row + 1).map(|row| levels[row * width + column - 1..][..3].iter().sum::<f32>()).sum();
            levels[row * width + column] - around / 9.0
        };
        let mut sums = Sums::default();
        for row in 1..overlap.height.checked_sub(1)? {
            for column in 1..width.checked_sub(1)? {
                sums.add(detail(&overlap.wide, row, column), detail(&overlap.narrow, row, column));
            }
        }
        Some(sums.correlation())
    }
}

/// Where along one axis pixels of the narrow picture lie in the wide one: from pixel `first`, between which two, and the
/// part of the way from one to the other.
struct Axis {
    first: usize,
    count: usize,
    before: [u8; FINE],
    after: [u8; FINE],
    part: [f32; FINE],
}

impl Axis {
    #[expect(clippy::inline_always, reason = "as `Climb`")]
    #[inline(always)]
    fn new(side: usize, scale: f32, shift: f32) -> Self {
        let (last, middle) = ((side - 1) as f32, (side - 1) as f32 / 2.0);
        let place = |pixel: usize| (pixel as f32 - middle) * scale + middle + shift * side as f32;
        // Half a pixel over the edge is still the edge's pixel.
        let is_inside = |pixel: &usize| (-0.5..=last + 0.5).contains(&place(*pixel));
        let first = (0..side).find(is_inside).unwrap_or(side);
        let mut axis = Self { first, count: 0, before: [0; FINE], after: [0; FINE], part: [0.0; FINE] };
        for pixel in (first..side).take_while(is_inside) {
            let place = place(pixel).clamp(0.0, last);
            #[expect(clippy::cast_sign_loss, reason = "it is clamped")]
            let before = place as u8;
            axis.before[axis.count] = before;
            axis.after[axis.count] = (before + 1).min(side as u8 - 1);
            axis.part[axis.count] = place - f32::from(before);
            axis.count += 1;
        }
        axis
    }
}

impl Grid {
    fn new(thumbnail: &Thumbnail) -> Self {
        Self { side: FINE, levels: thumbnail.levels().iter().map(|&level| f32::from(level)).collect() }
    }

    fn halved(&self) -> Self {
        let side = COARSE;
        let at = |row: usize, column: usize| self.levels[row * self.side + column];
        let level = |place: usize| {
            let (row, column) = (2 * (place / side), 2 * (place % side));
            (at(row, column) + at(row, column + 1) + at(row + 1, column) + at(row + 1, column + 1)) / 4.0
        };
        Self { side, levels: (0..side * side).map(level).collect() }
    }

    /// [`MIDDLE`] x [`MIDDLE`] levels from a corner on.
    fn window(&self, left: usize, top: usize) -> [f32; MIDDLE * MIDDLE] {
        let mut window = [0.0; MIDDLE * MIDDLE];
        for (row, line) in window.chunks_exact_mut(MIDDLE).enumerate() {
            line.copy_from_slice(&self.levels[(top + row) * self.side + left..][..MIDDLE]);
        }
        window
    }

    fn mirrored(&self) -> Self {
        let levels = self.levels.chunks_exact(self.side).flat_map(|row| row.iter().rev().copied()).collect();
        Self { side: self.side, levels }
    }
}

/// The five sums of a correlation.
#[derive(Default)]
struct Sums {
    count: f32,
    left: f32,
    right: f32,
    left_squared: f32,
    right_squared: f32,
    product: f32,
}

impl Sums {
    fn add(&mut self, left: f32, right: f32) {
        self.count += 1.0;
        self.left += left;
        self.right += right;
        self.left_squared += left * left;
        self.right_squared += right * right;
        self.product += left * right;
    }

    #[expect(clippy::inline_always, reason = "as `Climb`")]
    #[inline(always)]
    fn add_all(&mut self, left: &[f32], right: &[f32]) {
        const LANES: usize = 8;
        let mut sums = [[0.0_f32; LANES]; 5];
        let ((left, left_rest), (right, right_rest)) = (left.as_chunks::<LANES>(), right.as_chunks::<LANES>());
        for (left, right) in left.iter().zip(right) {
            for lane in 0..LANES {
                sums[0][lane] += left[lane];
                sums[1][lane] += right[lane];
                sums[2][lane] += left[lane] * left[lane];
                sums[3][lane] += right[lane] * right[lane];
                sums[4][lane] += left[lane] * right[lane];
            }
        }
        let [of_left, of_right, left_squared, right_squared, product] = sums.map(|lanes| lanes.iter().sum::<f32>());
        self.count += (left.len() * LANES) as f32;
        self.left += of_left;
        self.right += of_right;
        self.left_squared += left_squared;
        self.right_squared += right_squared;
        self.product += product;
        for (&left, &right) in left_rest.iter().zip(right_rest) {
            self.add(left, right);
        }
    }

    /// From -1 to 1; 0 where one side does not vary.
    fn correlation(&self) -> f32 {
        let product = self.product - self.left * self.right / self.count;
        let left = self.left_squared - self.left * self.left / self.count;
        let right = self.right_squared - self.right * self.right / self.count;
        let both = (left.max(0.0) * right.max(0.0)).sqrt();
        if both > 1e-3 { (product / both).clamp(-1.0, 1.0) } else { 0.0 }
    }
}
