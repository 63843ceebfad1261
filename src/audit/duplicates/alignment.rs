//! The comparison of two thumbnails, aligned by shift, scale and mirroring.
//!
//! A cropped copy shows its original shifted and enlarged, so the shift and the scale with the highest correlation are
//! searched, first at half the resolution. Correlation is invariant to changes of brightness and contrast. Smooth
//! images (a flower before green, sky above land) correlate without being copies, so their details, the differences
//! from the local mean, must correlate too.

use crate::pixels::Thumbnail;

/// The side of the coarse image.
const COARSE: usize = 16;

/// The side of the fine image.
const FINE: usize = Thumbnail::SIDE;

/// The largest shift as a fraction of the side: a crop that keeps 90 % of a 16:9 photo moves it by no more.
const FURTHEST: f32 = 0.125;

/// The range of scales, from either image to the other.
const SCALES: std::ops::RangeInclusive<f32> = 0.87..=1.15;

/// The lowest correlation at the best whole-pixel shift of the coarse images at which a pair is aligned further.
const MIN_AT_A_GLANCE: f32 = 0.6;

/// The lowest correlations of the coarse images after steps of a pixel, half a pixel and so on; finer steps hardly
/// increase it. Of 6325 pairs among 8000 crops of photos that are found without these limits and the next two, 6307 are
/// found with them, in a third of the time.
const LEAST_COARSE: [f32; 4] = [0.7, 0.8, 0.83, 0.85];

/// The lowest correlation of the details of the coarse images.
const MIN_OF_COARSE_DETAILS: f32 = 0.4;

/// The lowest correlations of the fine images; a duplicate reaches the last one.
const LEAST_FINE: [f32; 3] = [0.8, 0.87, 0.9];

/// The lowest correlation of the details of a duplicate.
const MIN_OF_DETAILS: f32 = 0.65;

/// The standard deviation, in grey levels, below which an image is too uniform to be compared.
const MIN_CONTRAST: f32 = 2.5;

/// The largest difference of the mean levels: above it the light differs, and not only the brightness of one photo.
const MAX_BRIGHTER: f32 = 100.0;

/// A thumbnail prepared for comparison; the fine image is computed only if the coarse ones agree, to save memory.
pub(super) struct Picture<'a> {
    coarse: Grid<COARSE>,
    thumbnail: &'a Thumbnail,
    is_mirrored: bool,
    mean: f32,
}

/// Grey levels by row and column.
type Grid<const SIDE: usize> = Box<[[f32; SIDE]; SIDE]>;

impl<'a> Picture<'a> {
    /// `None` if the thumbnail is too uniform to be compared.
    pub(super) fn new(thumbnail: &'a Thumbnail) -> Option<Self> {
        let fine = fine(thumbnail);
        let levels = fine.as_flattened();
        let count = levels.len() as f32;
        let mean = levels.iter().sum::<f32>() / count;
        let variance = levels.iter().map(|level| (level - mean).powi(2)).sum::<f32>() / count;
        (variance.sqrt() >= MIN_CONTRAST).then(|| Self { coarse: halved(&fine), thumbnail, is_mirrored: false, mean })
    }

    pub(super) fn mirrored(&self) -> Self {
        let mut mirrored = Self { coarse: self.coarse.clone(), is_mirrored: !self.is_mirrored, ..*self };
        mirror(&mut mirrored.coarse);
        mirrored
    }

    fn fine(&self) -> Grid<FINE> {
        let mut fine = fine(self.thumbnail);
        if self.is_mirrored {
            mirror(&mut fine);
        }
        fine
    }

    /// The correlation of the two at the best shift and scale if they are duplicates.
    pub(super) fn same_as(&self, other: &Self) -> Option<f32> {
        if (self.mean - other.mean).abs() > MAX_BRIGHTER {
            return None;
        }
        let (glance, start) = at_a_glance(&self.coarse, &other.coarse);
        if glance < MIN_AT_A_GLANCE {
            return None;
        }
        let (_, placing) = climb(&self.coarse, &other.coarse, start, &LEAST_COARSE)?;
        if Overlap::new(&self.coarse, placing)?.details(&other.coarse) < MIN_OF_COARSE_DETAILS {
            return None;
        }
        let (here, there) = (self.fine(), other.fine());
        let (correlation, placing) = climb(&here, &there, placing, &LEAST_FINE)?;
        let details = Overlap::new(&here, placing)?.details(&there);
        (details >= MIN_OF_DETAILS).then_some(correlation)
    }
}

/// The alignment of two images: the pixel of the narrow one at `u` from the centre lies at `scale · u + shift` in the
/// wide one, shifts as fractions of the side.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Placing {
    scale: f32,
    right: f32,
    down: f32,
}

/// The largest shift of the coarse images in whole pixels, in both directions.
const SHIFTS: usize = 2;

/// The side of the centre of a coarse image, which stays inside the other one at every shift.
const MIDDLE: usize = COARSE - 2 * SHIFTS;

/// The best whole-pixel shift by the correlation of the centre of the narrow image.
fn at_a_glance(wide: &Grid<COARSE>, narrow: &Grid<COARSE>) -> (f32, Placing) {
    pulp::Arch::new().dispatch(Glance { wide, narrow })
}

struct Glance<'a> {
    wide: &'a [[f32; COARSE]; COARSE],
    narrow: &'a [[f32; COARSE]; COARSE],
}

impl pulp::WithSimd for Glance<'_> {
    type Output = (f32, Placing);

    #[expect(clippy::inline_always, reason = "as `Climb`")]
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> Self::Output {
        let mut best = (f32::NEG_INFINITY, Placing { scale: 1.0, right: 0.0, down: 0.0 });
        // Padded with zeros to the width of a vector register.
        let mut middle = [[0.0_f32; COARSE]; MIDDLE];
        let mut is_in = [0.0_f32; COARSE];
        is_in[..MIDDLE].fill(1.0);
        for (middle, row) in middle.iter_mut().zip(self.narrow.iter().skip(SHIFTS)) {
            middle[..MIDDLE].copy_from_slice(&row[SHIFTS..SHIFTS + MIDDLE]);
        }
        let mut shifted = [[0.0_f32; COARSE + 2 * SHIFTS]; COARSE];
        for (shifted, row) in shifted.iter_mut().zip(self.wide) {
            shifted[..COARSE].copy_from_slice(row);
        }
        for top in 0..=2 * SHIFTS {
            for left in 0..=2 * SHIFTS {
                let [mut here, mut there, mut here_squared, mut there_squared, mut product] = [[0.0_f32; COARSE]; 5];
                for (wide, narrow) in shifted.iter().skip(top).zip(&middle) {
                    for lane in 0..COARSE {
                        let (wide, narrow) = (is_in[lane] * wide[left + lane], narrow[lane]);
                        here[lane] += wide;
                        there[lane] += narrow;
                        here_squared[lane] += wide * wide;
                        there_squared[lane] += narrow * narrow;
                        product[lane] += wide * narrow;
                    }
                }
                let sums = [here, there, here_squared, there_squared, product];
                let found = Sums::of((MIDDLE * MIDDLE) as f32, sums).correlation();
                if found > best.0 {
                    let part = |start: usize| (start as f32 - SHIFTS as f32) / COARSE as f32;
                    best = (found, Placing { scale: 1.0, right: part(left), down: part(top) });
                }
            }
        }
        best
    }
}

/// Hill climbing from `start` to better adjacent placings, with a step that is halved after each value of `least`;
/// `None` as soon as the best correlation at a step size is below its value.
fn climb<const SIDE: usize>(
    wide: &Grid<SIDE>,
    narrow: &Grid<SIDE>,
    start: Placing,
    least: &[f32],
) -> Option<(f32, Placing)> {
    pulp::Arch::new().dispatch(Climb { wide, narrow, start, least })
}

struct Climb<'a, const SIDE: usize> {
    wide: &'a [[f32; SIDE]; SIDE],
    narrow: &'a [[f32; SIDE]; SIDE],
    start: Placing,
    least: &'a [f32],
}

impl<const SIDE: usize> pulp::WithSimd for Climb<'_, SIDE> {
    type Output = Option<(f32, Placing)>;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> Self::Output {
        const MAX_STEPS: usize = 12;
        const WAYS: [[f32; 3]; 6] =
            [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, -1.0]];
        let mut best = (f32::NEG_INFINITY, self.start);
        // One pixel of the image, and a scale that moves its edge by about as much.
        let mut step = 1.0 / SIDE as f32;
        for (halvings, &least) in self.least.iter().enumerate() {
            for steps in 0..MAX_STEPS {
                let from = best.1;
                let itself = (halvings == 0 && steps == 0).then_some([0.0; 3]);
                for [scale, right, down] in itself.into_iter().chain(WAYS) {
                    let placing = Placing {
                        scale: from.scale + scale * step,
                        right: from.right + right * step,
                        down: from.down + down * step,
                    };
                    // No closure here: it would not be compiled for the instructions of the detected processor.
                    let Some(overlap) = Overlap::new(self.wide, placing) else { continue };
                    let found = overlap.correlation(self.narrow);
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

/// The wide image resampled at the pixels of the narrow one.
struct Overlap<'a, const SIDE: usize> {
    wide: &'a [[f32; SIDE]; SIDE],
    columns: Axis<SIDE>,
    rows: Axis<SIDE>,
}

impl<'a, const SIDE: usize> Overlap<'a, SIDE> {
    /// `None` for a placing outside the limits, or if too little of the narrow image lies in the wide one.
    #[expect(clippy::inline_always, reason = "as `Climb`")]
    #[inline(always)]
    fn new(wide: &'a [[f32; SIDE]; SIDE], placing: Placing) -> Option<Self> {
        if !SCALES.contains(&placing.scale) || placing.right.abs().max(placing.down.abs()) > FURTHEST {
            return None;
        }
        let (columns, rows) = (Axis::new(placing.scale, placing.right), Axis::new(placing.scale, placing.down));
        (4 * columns.count.min(rows.count) >= 3 * SIDE).then_some(Self { wide, columns, rows })
    }

    /// The levels at a row of the narrow image, 0 outside the wide one.
    #[expect(clippy::inline_always, reason = "as `Climb`")]
    #[inline(always)]
    fn row(&self, row: usize) -> [f32; SIDE] {
        let Axis { before, after, part, .. } = &self.rows;
        let (upper, lower) = (&self.wide[before[row] as usize % SIDE], &self.wide[after[row] as usize % SIDE]);
        let mut line = [0.0; SIDE];
        for column in 0..SIDE {
            line[column] = upper[column] + part[row] * (lower[column] - upper[column]);
        }
        let Axis { before, after, part, is_in, .. } = &self.columns;
        let mut levels = [0.0; SIDE];
        for column in 0..SIDE {
            let (here, next) = (line[before[column] as usize % SIDE], line[after[column] as usize % SIDE]);
            levels[column] = is_in[column] * (here + part[column] * (next - here));
        }
        levels
    }

    #[expect(clippy::inline_always, reason = "as `Climb`")]
    #[inline(always)]
    fn correlation(&self, narrow: &[[f32; SIDE]; SIDE]) -> f32 {
        let (rows, is_in) = (&self.rows, &self.columns.is_in);
        let mut sums = [[0.0_f32; SIDE]; 5];
        for (row, levels) in narrow.iter().enumerate().skip(rows.first).take(rows.count) {
            let wide = self.row(row);
            for lane in 0..SIDE {
                let (wide, narrow) = (wide[lane], is_in[lane] * levels[lane]);
                sums[0][lane] += wide;
                sums[1][lane] += narrow;
                sums[2][lane] += wide * wide;
                sums[3][lane] += narrow * narrow;
                sums[4][lane] += wide * narrow;
            }
        }
        Sums::of((rows.count * self.columns.count) as f32, sums).correlation()
    }

    /// The correlation of the details: the differences from the mean of the surrounding 3 × 3 pixels.
    fn details(&self, narrow: &[[f32; SIDE]; SIDE]) -> f32 {
        let Self { rows, columns, .. } = self;
        let wide: Vec<[f32; SIDE]> = (0..SIDE).map(|row| self.row(row)).collect();
        let detail = |levels: &[[f32; SIDE]], row: usize, column: usize| {
            let around: f32 =
                levels[row - 1..=row + 1].iter().map(|row| row[column - 1..=column + 1].iter().sum::<f32>()).sum();
            levels[row][column] - around / 9.0
        };
        let mut sums = Sums::default();
        for row in rows.first + 1..(rows.first + rows.count).saturating_sub(1) {
            for column in columns.first + 1..(columns.first + columns.count).saturating_sub(1) {
                sums.add(detail(&wide, row, column), detail(narrow, row, column));
            }
        }
        sums.correlation()
    }
}

/// The positions of the pixels of the narrow image along one axis of the wide one: the two adjacent pixels and the
/// fraction between them; and which positions are inside, `count` from `first` on, as 1 and 0.
struct Axis<const SIDE: usize> {
    first: usize,
    count: usize,
    before: [u32; SIDE],
    after: [u32; SIDE],
    part: [f32; SIDE],
    is_in: [f32; SIDE],
}

impl<const SIDE: usize> Axis<SIDE> {
    #[expect(clippy::inline_always, reason = "as `Climb`")]
    #[inline(always)]
    #[expect(clippy::cast_sign_loss, reason = "what is cast is not negative")]
    fn new(scale: f32, shift: f32) -> Self {
        let (last, middle) = ((SIDE - 1) as f32, (SIDE - 1) as f32 / 2.0);
        let offset = middle + shift * SIDE as f32;
        let (mut before, mut after, mut part, mut is_in) = ([0; SIDE], [0; SIDE], [0.0; SIDE], [0.0; SIDE]);
        for pixel in 0..SIDE {
            let place = (pixel as f32 - middle) * scale + offset;
            // Up to half a pixel beyond the edge still counts as the edge pixel.
            is_in[pixel] = if place >= -0.5 && place <= last + 0.5 { 1.0 } else { 0.0 };
            let place = place.clamp(0.0, last);
            before[pixel] = place as u32;
            after[pixel] = (before[pixel] + 1).min(SIDE as u32 - 1);
            part[pixel] = place - before[pixel] as f32;
        }
        let first = is_in.iter().take_while(|is_in| **is_in == 0.0).count();
        let count = is_in.iter().sum::<f32>() as usize;
        Self { first, count, before, after, part, is_in }
    }
}

fn fine(thumbnail: &Thumbnail) -> Grid<FINE> {
    let mut fine = Box::new([[0.0; FINE]; FINE]);
    fine.as_flattened_mut().iter_mut().zip(thumbnail.levels()).for_each(|(to, &level)| *to = f32::from(level));
    fine
}

fn halved(fine: &Grid<FINE>) -> Grid<COARSE> {
    let at = |row: usize, column: usize| fine[row][column];
    let level = |row: usize, column: usize| {
        (at(row, column) + at(row, column + 1) + at(row + 1, column) + at(row + 1, column + 1)) / 4.0
    };
    Box::new(std::array::from_fn(|row| std::array::from_fn(|column| level(2 * row, 2 * column))))
}

fn mirror<const SIDE: usize>(grid: &mut Grid<SIDE>) {
    grid.iter_mut().for_each(|row| row.reverse());
}

/// The sums from which a correlation is computed.
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

    /// Reduces partial sums per lane.
    #[expect(clippy::inline_always, reason = "as `Climb`")]
    #[inline(always)]
    fn of<const LANES: usize>(count: f32, sums: [[f32; LANES]; 5]) -> Self {
        let mut sums = sums;
        // By pairwise halving, so that additions do not wait for each other; the order is the same everywhere.
        let mut lanes = LANES;
        while lanes > 1 {
            let half = lanes.div_ceil(2);
            for sums in &mut sums {
                for lane in 0..lanes - half {
                    sums[lane] += sums[lane + half];
                }
            }
            lanes = half;
        }
        let [left, right, left_squared, right_squared, product] = sums;
        Self {
            count,
            left: left[0],
            right: right[0],
            left_squared: left_squared[0],
            right_squared: right_squared[0],
            product: product[0],
        }
    }

    /// The correlation, from -1 to 1; 0 if one side is constant.
    fn correlation(&self) -> f32 {
        let product = self.product - self.left * self.right / self.count;
        let left = self.left_squared - self.left * self.left / self.count;
        let right = self.right_squared - self.right * self.right / self.count;
        let both = (left.max(0.0) * right.max(0.0)).sqrt();
        if both > 1e-3 { (product / both).clamp(-1.0, 1.0) } else { 0.0 }
    }
}
