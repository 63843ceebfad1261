//! A part of one component: its samples, and what they are for each pixel, to the bit as in libjpeg.
//!
//! Colour is mostly stored at half the size. libjpeg's "fancy upsampling" weighs the nearer sample three times as much
//! as the next one; where it does not (samples for three or four pixels, planes of one or two samples) they are repeated.

use std::ops::Range;

use pulp::Arch;

use super::Region;
use super::frame::{Component, Steps};
use super::idct::Idct;

/// The coefficients of a block, by rows.
pub(super) type Block = [i16; 64];

/// The samples of some blocks of a component.
pub(super) struct Plane {
    factors: (usize, usize),
    /// Samples of the whole component.
    whole: (usize, usize),
    /// The blocks that are here, of all, across and down.
    across: Range<usize>,
    down: Range<usize>,
    samples: Vec<u8>,
}

impl Plane {
    /// Room for what a region of the image needs of a component.
    pub(super) fn new(component: &Component, region: Region) -> Self {
        let blocks = |start: u32, length: u32, factor: usize, whole: usize| {
            let (start, end) = (start as usize / factor, (start as usize + length as usize).div_ceil(factor));
            // The neighbours beyond the edge count too.
            start.saturating_sub(1) / 8..(end + 1).min(whole).div_ceil(8)
        };
        let (factors, whole) = (component.factors, component.samples);
        let across = blocks(region.x, region.width, factors.0, whole.0);
        let down = blocks(region.y, region.height, factors.1, whole.1);
        let samples = vec![0; across.len() * down.len() * 64];
        Self { factors, whole, across, down, samples }
    }

    /// Transforms the block at this place, if it is needed.
    pub(super) fn put(&mut self, arch: Arch, (x, y): (usize, usize), block: &Block, steps: &Steps, is_flat: bool) {
        if !self.across.contains(&x) || !self.down.contains(&y) {
            return;
        }
        let line = self.across.len() * 8;
        let corner = (y - self.down.start) * 8 * line + (x - self.across.start) * 8;
        if let Some(samples) = self.samples.get_mut(corner..) {
            arch.dispatch(Idct { coefficients: block, steps, is_flat, samples, line });
        }
    }

    /// A line of samples, as far as it is here; beyond the first and last one they repeat.
    #[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
    #[inline(always)]
    fn line(&self, y: usize) -> &[u8] {
        let length = self.across.len() * 8;
        let start = (y.min(self.whole.1 - 1) - self.down.start * 8) * length;
        &self.samples[start..start + length]
    }

    /// The levels of one row of pixels, `columns.len()` of them.
    #[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
    #[inline(always)]
    pub(super) fn row(&self, y: usize, columns: Range<usize>, scratch: &mut Scratch, levels: &mut [u8]) {
        let (wide, high) = self.factors;
        let near = self.line(y / high);
        let left = self.across.start * 8;
        let is_fancy = wide == 2 && high <= 2 && self.whole.0 > 2;
        if (wide, high) == (1, 1) {
            levels.copy_from_slice(&near[columns.start - left..columns.end - left]);
            return;
        }
        if !is_fancy && (wide, high) != (1, 2) {
            for (level, x) in levels.iter_mut().zip(columns) {
                *level = near[x / wide - left];
            }
            return;
        }
        let below = y % high == 1;
        let far = self.line(if high == 1 || below { y / high + high - 1 } else { (y / high).saturating_sub(1) });
        // One sample more on either side, repeated where there is none.
        let (start, end) = (columns.start / wide, (columns.end - 1) / wide + 1);
        let (first, last) = (start.saturating_sub(1), (end + 1).min(self.whole.0));
        let (near, far) = (&near[first - left..last - left], &far[first - left..last - left]);
        let Scratch { sums, pairs } = scratch;
        sums.resize(end - start + 2, 0);
        pairs.resize(end - start, [0; 2]);
        let inner = &mut sums[first + 1 - start..][..near.len()];
        if high == 1 {
            inner.iter_mut().zip(near).for_each(|(sum, near)| *sum = u16::from(*near));
        } else {
            for (sum, (near, far)) in inner.iter_mut().zip(near.iter().zip(far)) {
                *sum = u16::from(*near).wrapping_mul(3).wrapping_add(u16::from(*far));
            }
        }
        if first == start {
            sums[0] = sums[1];
        }
        if last == end {
            sums[end - start + 1] = sums[end - start];
        }
        if wide == 1 {
            let half = if below { 2 } else { 1 };
            levels.iter_mut().zip(&sums[1..]).for_each(|(level, sum)| *level = (sum.wrapping_add(half) >> 2) as u8);
            return;
        }
        if high == 1 {
            double::<2>(sums, pairs, 1, 2);
        } else {
            double::<4>(sums, pairs, 8, 7);
        }
        let pairs = pairs.as_flattened();
        levels.copy_from_slice(&pairs[columns.start - 2 * start..][..levels.len()]);
    }
}

/// Two levels for each sum but the outermost, a quarter of which comes from the neighbour on their side.
#[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
#[inline(always)]
fn double<const SHIFT: u32>(sums: &[u16], pairs: &mut [[u8; 2]], left: u16, right: u16) {
    let neighbours = sums.iter().zip(&sums[1..]).zip(&sums[2..]);
    for (pair, ((before, sum), after)) in pairs.iter_mut().zip(neighbours) {
        let near = sum.wrapping_mul(3);
        pair[0] = (near.wrapping_add(*before).wrapping_add(left) >> SHIFT) as u8;
        pair[1] = (near.wrapping_add(*after).wrapping_add(right) >> SHIFT) as u8;
    }
}

/// Room for a row.
#[derive(Default)]
pub(super) struct Scratch {
    sums: Vec<u16>,
    pairs: Vec<[u8; 2]>,
}
