//! The matrix product of all convolutions here: rows of pixels times panels of packed weights.
//!
//! `out[M, P] = max(floor, bias[P] + a[M, K] panel[K, P] (+ out[M, P]))`, with `P` = [`Simd::PANEL`] columns in two
//! vectors. A tile of up to [`Simd::ROWS`] rows by `P` columns stays in registers over the loop along `K`. A value of
//! `out` is the same chain of fused multiply-adds in any tile: the division of rows into tiles, and of images into
//! calls, does not change a bit.

use std::sync::atomic::{Ordering, compiler_fence};

use super::simd::{Kernel, Simd};

/// Rows of numbers, `stride` apart, of which a product reads the first `K` each.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) numbers: &'a [f32],
    pub(super) stride: usize,
    pub(super) count: usize,
}

/// The last operations on a sum before it is stored.
#[derive(Clone, Copy)]
pub(super) struct Epilogue<'a> {
    /// One value per column of the panel, the initial value of its sums.
    pub(super) bias: &'a [f32],
    /// Whether the previous content of `out` is added after the products.
    pub(super) accumulate: bool,
    /// The minimum of the results: 0 for ReLU, −∞ for none.
    pub(super) floor: f32,
}

/// `rows` times one `panel` of `[K, P]` packed weights, into rows of `out` at intervals of `out_stride`. `next`, the
/// data that will be read next, is prefetched.
pub(super) fn multiply<S: Simd>(
    simd: S,
    rows: Rows,
    panel: &[f32],
    next: &[f32],
    epilogue: Epilogue,
    out: &mut [f32],
    out_stride: usize,
) {
    let depth = panel.len() / S::PANEL;
    if rows.count == 0 {
        return;
    }
    assert!(depth > 0 && panel.len() == depth * S::PANEL && epilogue.bias.len() >= S::PANEL, "the panel is whole");
    assert!(rows.numbers.len() >= (rows.count - 1) * rows.stride + depth, "the rows end inside of their numbers");
    assert!(out.len() >= (rows.count - 1) * out_stride + S::PANEL, "the results have a place");
    // Tiles of nearly equal size: `tall` ones of `height` rows, then `short` ones of a row less.
    let tiles = rows.count.div_ceil(S::ROWS);
    let height = rows.count.div_ceil(tiles);
    let short = height * tiles - rows.count;
    let tall = tiles - short;
    let stripe = Stripe {
        a: rows.numbers.as_ptr(),
        a_stride: rows.stride,
        panel: panel.as_ptr(),
        depth,
        next: next.as_ptr_range(),
        // Each tile prefetches its share, but at least one cache line in four steps.
        ahead: next.len().div_ceil(tiles * depth).max(4),
        bias: epilogue.bias.as_ptr(),
        accumulate: epilogue.accumulate,
        floor: epilogue.floor,
        out: out.as_mut_ptr(),
        out_stride,
        tiles: tall,
    };
    // SAFETY: the lengths were compared above, and the tiles of both heights together are `rows.count` rows.
    unsafe {
        stripe.clone().run(simd, height);
        if short > 0 {
            let mut rest = stripe;
            rest.skip(tall, height);
            rest.tiles = short;
            rest.run(simd, height - 1);
        }
    }
}

/// Tiles of equal height, one below the other, times one panel.
#[derive(Clone)]
struct Stripe {
    a: *const f32,
    a_stride: usize,
    panel: *const f32,
    depth: usize,
    next: std::ops::Range<*const f32>,
    /// Values of `next` that are prefetched per step.
    ahead: usize,
    bias: *const f32,
    accumulate: bool,
    floor: f32,
    out: *mut f32,
    out_stride: usize,
    tiles: usize,
}

impl Stripe {
    /// Multiplies `tiles` tiles of `height` rows.
    ///
    /// # Safety
    /// `height` is 1 to [`Simd::ROWS`]; all rows of `a` and `out`, the panel and the bias are valid for reading, the
    /// rows of `out` also for writing.
    unsafe fn run<S: Simd>(self, simd: S, height: usize) {
        macro_rules! tiles_of {
            ($($rows:literal)*) => {
                match height {
                    $($rows if $rows <= S::ROWS => simd.vectorize(Tiles::<$rows>(self)),)*
                    _ => unreachable!("a tile has 1 to {} rows", S::ROWS),
                }
            };
        }
        tiles_of!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    }

    /// Advances by `tiles` tiles of `height` rows.
    #[inline(always)]
    fn skip(&mut self, tiles: usize, height: usize) {
        self.a = self.a.wrapping_add(tiles * height * self.a_stride);
        self.out = self.out.wrapping_add(tiles * height * self.out_stride);
        self.next.start = self.next.start.wrapping_add(tiles * self.ahead * self.depth);
    }
}

/// A stripe whose tiles have `R` rows.
struct Tiles<const R: usize>(Stripe);

impl<const R: usize> Kernel for Tiles<R> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self(mut stripe) = self;
        for _ in 0..stripe.tiles {
            if stripe.next.start >= stripe.next.end {
                (stripe.next.start, stripe.ahead) = (stripe.panel, 0);
            }
            // SAFETY: `Stripe::run` was promised that all rows of the stripe are there.
            unsafe { tile::<S, R>(simd, &stripe) };
            stripe.skip(1, R);
        }
    }
}

/// The micro-kernel: `R` rows times a panel.
///
/// # Safety
/// `R` rows of `a` and `out`, the panel and the bias are valid for reading, the rows of `out` also for writing.
#[inline(always)]
unsafe fn tile<S: Simd, const R: usize>(simd: S, stripe: &Stripe) {
    let &Stripe { panel, depth, ahead, out_stride, .. } = stripe;
    let mut next = stripe.next.start;
    // Plain loops throughout: a closure called by `std` is not compiled with the token's instructions.
    let (mut a, mut out) = ([stripe.a; R], [stripe.out; R]);
    for r in 1..R {
        a[r] = a[r - 1].wrapping_add(stripe.a_stride);
        out[r] = out[r - 1].wrapping_add(out_stride);
    }
    if stripe.accumulate {
        for out in out {
            for line in (0..S::PANEL).step_by(16) {
                simd.prefetch(out.wrapping_add(R * out_stride + line));
            }
        }
    }
    // SAFETY: by the caller's promise all of this is there; `b` is at row `k` of the panel at every step `k`.
    unsafe {
        let mut sums = [[simd.load(stripe.bias), simd.load(stripe.bias.add(S::LANES))]; R];
        let mut b = panel;
        let unrolled = if S::UNROLL { depth - depth % 4 } else { 0 };
        for k in (0..unrolled).step_by(4) {
            // Unrolled by hand: LLVM does not always unroll such a loop, and then the sums go through memory.
            simd.prefetch(next);
            simd.prefetch(next.wrapping_add(16));
            step(simd, &mut sums, &a, k, b);
            step(simd, &mut sums, &a, k.wrapping_add(1), b.add(S::PANEL));
            simd.prefetch(next.wrapping_add(32));
            simd.prefetch(next.wrapping_add(48));
            step(simd, &mut sums, &a, k.wrapping_add(2), b.add(2 * S::PANEL));
            step(simd, &mut sums, &a, k.wrapping_add(3), b.add(3 * S::PANEL));
            b = b.add(4 * S::PANEL);
            next = next.wrapping_add(4 * ahead);
        }
        for k in unrolled..depth {
            for line in (0..S::PANEL).step_by(16) {
                simd.prefetch(next.wrapping_add(line));
            }
            step(simd, &mut sums, &a, k, b);
            b = b.add(S::PANEL);
            next = next.wrapping_add(ahead);
        }
        let floor = simd.splat(stripe.floor);
        if stripe.accumulate {
            for r in 0..R {
                sums[r][0] = simd.add(sums[r][0], simd.load(out[r]));
                sums[r][1] = simd.add(sums[r][1], simd.load(out[r].add(S::LANES)));
            }
        }
        for r in 0..R {
            simd.store(out[r], simd.max(floor, sums[r][0]));
            simd.store(out[r].add(S::LANES), simd.max(floor, sums[r][1]));
        }
    }
}

/// Adds the outer product of column `k` of `a` and row `b` of the panel.
///
/// # Safety
/// The column and the row are valid for reading.
#[inline(always)]
unsafe fn step<S: Simd, const R: usize>(
    simd: S,
    sums: &mut [[S::V; 2]; R],
    a: &[*const f32; R],
    k: usize,
    b: *const f32,
) {
    // Prevents moving up the loads of later steps, for which there are no registers.
    compiler_fence(Ordering::SeqCst);
    // SAFETY: the caller's promise.
    unsafe {
        let b = [simd.load(b), simd.load(b.add(S::LANES))];
        for r in 0..R {
            let a = simd.splat(*a[r].add(k));
            sums[r][0] = simd.mul_add(a, b[0], sums[r][0]);
            sums[r][1] = simd.mul_add(a, b[1], sums[r][1]);
        }
    }
}
