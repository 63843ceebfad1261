//! Detection of duplicates: identical bytes, or resized, recompressed, brighter, lightly cropped or mirrored copies.
//!
//! The search has two stages, a cheap one for candidates and an exact one. The candidates of each photo are its nearest
//! neighbours by two vectors: the lowest frequencies of its thumbnail (those of a perceptual hash, but not quantised;
//! mirroring only flips signs) and its features, standardised and randomly projected to few dimensions (Johnson and
//! Lindenstrauss). Each candidate pair is then aligned by shift and scale (`alignment`), and only that decides, so an
//! untrained backbone only adds useless candidates. Memory grows linearly with the number of photos.
//!
//! Bursts of one scene can be found too: they leak across a split just as copies do.

mod alignment;
mod neighbours;

use std::collections::HashMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

use super::groups::Sets;
use crate::features::FeatureMatrix;
use crate::files::ContentHash;
use crate::pixels::Thumbnail;

use alignment::Picture;
use neighbours::{Row, WIDTH};

/// How two files are duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// The same bytes.
    Identical,
    /// The same image: resized, recompressed, brighter or darker, lightly cropped.
    NearCopy,
    /// The mirrored image.
    Mirrored,
}

/// A pair of duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Pair {
    /// The row of the first photo.
    pub a: usize,
    /// The row of the second photo, always the greater one.
    pub b: usize,
    /// How they are duplicates.
    pub kind: Kind,
    /// The correlation of the thumbnails, 1 for the same bytes.
    pub similarity: f64,
}

/// All duplicates among some photos.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Duplicates {
    /// The pairs, sorted by `a`, then `b`: of many copies of one photo not all pairs, but enough to connect them.
    pub pairs: Vec<Pair>,
    /// The index of the first photo of each photo's group, `[N]`.
    pub groups: Vec<usize>,
}

/// Candidates for each photo and its mirror image by thumbnail, and for each photo by features.
const CANDIDATES: usize = 16;

/// The lowest cosine of the low frequencies of a candidate pair.
const MIN_OF_FREQUENCIES: f32 = 0.6;

/// The lowest cosine of the low frequencies, plain or mirrored, at which that alignment of a candidate pair is tried.
const MIN_TO_TRY: f32 = 0.3;

/// The lowest cosine of the projected features of a candidate pair.
const MIN_OF_FEATURES: f32 = 0.5;

/// Frequencies along each axis; without the mean and the highest ones on both axes they are the [`WIDTH`] values.
const FREQUENCIES: usize = 6;

/// The seed of the random projection: any value would do, but it must not change.
const SEED: u64 = 0;

/// Finds the duplicates among N photos by their features `[N, D]`, thumbnails `[N]` and hashes `[N]`.
///
/// Photos beyond the end of the shortest of the three are ignored, and features with NaN are similar to none.
pub(crate) fn find(features: &FeatureMatrix, thumbnails: &[&Thumbnail], hashes: &[ContentHash]) -> Duplicates {
    let count = features.len().min(thumbnails.len()).min(hashes.len());
    let mut first_of = HashMap::with_capacity(count);
    let (mut pairs, mut distinct) = (Vec::new(), Vec::new());
    for (photo, hash) in hashes.iter().enumerate().take(count) {
        match *first_of.entry(hash).or_insert(photo) {
            first if first == photo => distinct.push(photo),
            first => pairs.push(Pair { a: first, b: photo, kind: Kind::Identical, similarity: 1.0 }),
        }
    }
    pairs.extend(near_copies(features, thumbnails, &distinct));
    pairs.sort_unstable_by_key(|pair| (pair.a, pair.b));
    let mut sets = Sets::new(count);
    for pair in &pairs {
        sets.merge(pair.a, pair.b);
    }
    Duplicates { pairs, groups: sets.ids() }
}

/// The near-duplicates among photos of different bytes.
fn near_copies(features: &FeatureMatrix, thumbnails: &[&Thumbnail], photos: &[usize]) -> Vec<Pair> {
    let frequencies: Vec<Row> = photos.par_iter().map(|&photo| lowest_frequencies(thumbnails[photo])).collect();
    let mut candidates = neighbours::pairs(&frequencies, Some(mirrored), CANDIDATES, MIN_OF_FREQUENCIES);
    let projected = project(features, photos);
    candidates.extend(neighbours::pairs(&projected, None, CANDIDATES, MIN_OF_FEATURES));
    candidates.par_sort_unstable();
    candidates.dedup();
    let pictures: Vec<Option<Picture>> = photos.par_iter().map(|&photo| Picture::new(thumbnails[photo])).collect();
    candidates
        .par_iter()
        .filter_map(|&(a, b)| {
            let (left, right) = (pictures[a].as_ref()?, pictures[b].as_ref()?);
            let [here, there] = [&frequencies[a], &frequencies[b]];
            let is_possible = |turned: &Row| neighbours::cosine(here, turned) >= MIN_TO_TRY;
            let same = |other: &Picture, kind| left.same_as(other).map(|similarity| (kind, similarity));
            let plain = if is_possible(there) { same(right, Kind::NearCopy) } else { None };
            let in_mirror = if is_possible(&mirrored(there)) { same(&right.mirrored(), Kind::Mirrored) } else { None };
            // A symmetric image counts as a plain copy.
            let (kind, similarity) = match (plain, in_mirror) {
                (Some(plain), Some(mirror)) if mirror.1 > plain.1 => mirror,
                (one, other) => one.or(other)?,
            };
            Some(Pair { a: photos[a], b: photos[b], kind, similarity: f64::from(similarity) })
        })
        .collect()
}

/// The vertical and horizontal frequency of each of the [`WIDTH`] coefficients, which describe the coarsest shapes.
fn frequencies() -> impl Iterator<Item = (usize, usize)> {
    let all = (0..FREQUENCIES).flat_map(|down| (0..FREQUENCIES).map(move |right| (down, right)));
    let mut all: Vec<_> = all.filter(|place| *place != (0, 0)).collect();
    all.sort_by_key(|&(down, right)| (down * down + right * right, down));
    all.into_iter().take(WIDTH)
}

/// The lowest frequencies of a thumbnail as a unit vector: its discrete cosine transform without the mean.
fn lowest_frequencies(thumbnail: &Thumbnail) -> Row {
    const SIDE: usize = Thumbnail::SIDE;
    let wave = |frequency: usize, at: usize| {
        let angle = std::f32::consts::PI * frequency as f32 * (at as f32 + 0.5) / SIDE as f32;
        angle.cos() * if frequency == 0 { std::f32::consts::FRAC_1_SQRT_2 } else { 1.0 }
    };
    let waves: [[f32; SIDE]; FREQUENCIES] =
        std::array::from_fn(|frequency| std::array::from_fn(|at| wave(frequency, at)));
    // Rows first, then columns: `[row][frequency]`.
    let rows: Vec<[f32; FREQUENCIES]> = thumbnail
        .levels()
        .chunks_exact(SIDE)
        .map(|row| waves.map(|wave| wave.iter().zip(row).map(|(wave, &level)| wave * f32::from(level)).sum()))
        .collect();
    let mut unscaled = [0.0; WIDTH];
    for (value, (down, right)) in unscaled.iter_mut().zip(frequencies()) {
        *value = rows.iter().zip(&waves[down]).map(|(row, wave)| row[right] * wave).sum();
    }
    neighbours::unit(unscaled)
}

/// The coefficients of the mirror image: those of odd horizontal frequency change sign.
fn mirrored(row: &Row) -> Row {
    let mut row = *row;
    for (value, (_, right)) in row.iter_mut().zip(frequencies()) {
        if right % 2 == 1 {
            *value = -*value;
        }
    }
    row
}

/// The features of some photos, columns standardised, projected on [`WIDTH`] random directions, as unit vectors.
fn project(features: &FeatureMatrix, photos: &[usize]) -> Vec<Row> {
    let width = features.width();
    let count = photos.len().max(1) as f64;
    let (mut sums, mut squares) = (vec![0.0_f64; width], vec![0.0_f64; width]);
    for &photo in photos {
        for (column, &value) in features.row(photo).iter().enumerate() {
            let value = if value.is_finite() { f64::from(value) } else { 0.0 };
            sums[column] += value;
            squares[column] += value * value;
        }
    }
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    // Directions of +1 and -1, divided by the standard deviation; a constant column gets 0.
    let directions: Vec<(f32, Row)> = (sums.iter().zip(&squares))
        .map(|(sum, squares)| {
            let mean = sum / count;
            let variance = squares / count - mean * mean;
            let scale = if variance > 1e-12 * (1.0 + mean * mean) { variance.sqrt().recip() as f32 } else { 0.0 };
            let signs = random.next_u32();
            (mean as f32, std::array::from_fn(|bit| if signs >> bit & 1 == 1 { scale } else { -scale }))
        })
        .collect();
    let row = |&photo: &usize| {
        let mut row = [0.0; WIDTH];
        for (&value, (mean, direction)) in features.row(photo).iter().zip(&directions) {
            row.iter_mut().zip(direction).for_each(|(sum, direction)| *sum += (value - mean) * direction);
        }
        neighbours::unit(row)
    };
    photos.par_iter().map(row).collect()
}

#[cfg(test)]
mod tests;
