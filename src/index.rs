//! The training photos that a model remembers: which of them look most like a given photo, and whether any does.
//!
//! A head answers whatever it is shown; a photo of something else gets a probability too. An [`Index`] keeps the features
//! of up to [`MAX_ROWS`] training photos, chosen evenly over classes and groups, each to the power 1.5, divided by the
//! largest of its row and rounded to 8 bits: 2 KB a photo. Two photos are as similar as the cosine of the angle between
//! their rows, 1 for the same. The power gives the features that a photo shows most of more say: on four sets it lets fewer
//! photos of other kinds pass than the plain features do, and a root many more.
//!
//! A photo is unfamiliar where its [`K`]-th most similar row is less similar than a threshold (Sun et al. 2022,
//! Out-of-distribution detection with deep nearest neighbors, ICML). The threshold is the 4 % quantile of what training
//! photos reach with the rows of their own group left out, so about one new photo of 25 of the same kind is marked, and
//! near-duplicates among the training photos do not make it stricter. Over 40 draws of 50 to 150 training photos from each
//! of four sets, 1 to 7 of a hundred new photos of the kind were marked on average, more than ten in 24 of 600 draws; of
//! the other set that came nearest at least 92 of a hundred were, fewer than 95 in 3 of 600. The quantile is that of a
//! normal distribution with their mean and standard deviation: of 50 photos the empirical one is decided by the two
//! oddest. Columns are not standardised first: that spoils it.
//!
//! Promises: a training photo that is kept finds itself first, at exactly 1; similarities are quotients of whole numbers,
//! so they are the same on every machine.

use rayon::prelude::*;

use crate::dataset::subset;
use crate::features::FeatureMatrix;

/// Rows that are kept at most: half a megabyte.
pub(crate) const MAX_ROWS: usize = 256;

/// Fewer training photos do not say what is usual among them.
pub(crate) const MIN_PHOTOS: usize = 10;

/// Which of the most similar rows counts. The first alone would trust a single odd training photo.
pub(crate) const K: usize = 3;

/// The 96 % quantile of the normal distribution: new photos of the trained kind beyond it are marked all the same.
const Z: f64 = 1.750_686_071_252_169_6;

/// A smaller standard deviation of similarities is rounding.
const MIN_STD: f64 = 1e-6;

/// Training photos that the threshold is taken from at most: more add nothing to a quantile.
const MAX_MEASURED: usize = 2000;

/// Features of training photos, and from which similarity on a photo is familiar.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Index {
    width: usize,
    /// `[R, D]`
    rows: Vec<i8>,
    /// The product of each with itself, `[R]`.
    squares: Vec<f64>,
    threshold: Option<f64>,
}

/// One of the rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Neighbour {
    /// Its place.
    pub row: usize,
    /// Cosine of the angle between the features, 1 for the same photo.
    pub similarity: f64,
}

impl Index {
    /// An index of training photos with these features `[N, D]`, classes and groups `[N]`, and the places `[R]` of those
    /// that it keeps. Photos of one group show the same and never vouch for each other.
    pub(crate) fn new(features: &FeatureMatrix, classes: &[usize], groups: &[usize]) -> (Self, Vec<usize>) {
        let kept = subset::evenly(classes, groups, MAX_ROWS);
        let mut index = Self::from_rows(features.width(), kept.iter().map(|&photo| features.row(photo)));
        let group_of = |photo: usize| groups.get(photo).copied();
        let measured = subset::evenly(classes, groups, MAX_MEASURED);
        let similarities: Vec<f64> = measured
            .par_iter()
            .filter_map(|&photo| {
                let is_other = |row: usize| kept.get(row).and_then(|&other| group_of(other)) != group_of(photo);
                index.kth(features.row(photo), &is_other)
            })
            .collect();
        index.threshold = (similarities.len() >= MIN_PHOTOS).then(|| quantile(&similarities));
        (index, kept)
    }

    /// An index of these rows `[R, D]`, all of them, that says nothing about what is unfamiliar.
    pub(crate) fn from_rows<'a>(width: usize, rows: impl Iterator<Item = &'a [f32]>) -> Self {
        Self::from_stored(width, rows.flat_map(rounded).collect(), None)
    }

    /// An index of stored rows `[R, D]`; what does not fill a row is left out.
    pub(crate) fn from_stored(width: usize, mut rows: Vec<i8>, threshold: Option<f64>) -> Self {
        rows.truncate(rows.len() - rows.len() % width.max(1));
        let squares = rows.chunks_exact(width.max(1)).map(|row| product(row, row)).collect();
        Self { width, rows, squares, threshold }
    }

    /// The rows as they are stored, `[R, D]`: features divided by the largest of their row, to the power 1.5, times 127.
    pub(crate) fn stored(&self) -> &[i8] {
        &self.rows
    }

    /// D, the numbers of a row.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// R, the rows that are kept.
    pub(crate) fn len(&self) -> usize {
        self.rows.len() / self.width.max(1)
    }

    /// Whether none is.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The similarity from which a photo is familiar; `None` where there were too few training photos to say.
    pub(crate) fn threshold(&self) -> Option<f64> {
        self.threshold
    }

    /// Whether the photo with the features `[D]` is unlike the training photos; `None` where that is not known.
    pub(crate) fn is_unfamiliar(&self, features: &[f32]) -> Option<bool> {
        let threshold = self.threshold?;
        Some(self.kth(features, &|_| true)? < threshold)
    }

    /// The `count` rows most similar to the features `[D]`, the most similar first; of equals the earlier. Features of
    /// another width are similar to none.
    pub(crate) fn nearest(&self, features: &[f32], count: usize) -> Vec<Neighbour> {
        self.nearest_among(features, count, &|_| true)
    }

    /// The [`K`]-th best similarity among some of the rows, or the last where they are fewer; `None` where there is none.
    fn kth(&self, features: &[f32], is_meant: &dyn Fn(usize) -> bool) -> Option<f64> {
        self.nearest_among(features, K, is_meant).last().map(|neighbour| neighbour.similarity)
    }

    /// As [`Self::nearest`], among some of the rows.
    pub(crate) fn nearest_among(
        &self,
        features: &[f32],
        count: usize,
        is_meant: &dyn Fn(usize) -> bool,
    ) -> Vec<Neighbour> {
        if features.len() != self.width || self.width == 0 {
            return Vec::new();
        }
        let given: Vec<i8> = rounded(features).collect();
        let length = product(&given, &given);
        let rows = self.rows.chunks_exact(self.width).zip(&self.squares).enumerate().filter(|(row, _)| is_meant(*row));
        let mut found: Vec<Neighbour> = rows
            .map(|(row, (stored, square))| {
                let lengths = (length * square).sqrt();
                let similarity = if lengths > 0.0 { product(stored, &given) / lengths } else { 0.0 };
                Neighbour { row, similarity }
            })
            .collect();
        found.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.row.cmp(&b.row)));
        found.truncate(count);
        found
    }
}

/// A row in 8 bits: its direction is what counts, so each has a scale of its own. Features that are not finite are similar
/// to nothing.
fn rounded(features: &[f32]) -> impl Iterator<Item = i8> {
    let largest = features.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let is_usable = largest > 0.0 && features.iter().all(|value| value.is_finite());
    let scale = if is_usable { 1.0 / f64::from(largest) } else { 0.0 };
    features.iter().map(move |&value| {
        let part = f64::from(value) * scale;
        // Roots are rounded right everywhere (IEEE 754); `powf` is not.
        if scale > 0.0 { (127.0 * part * part.abs().sqrt()).round() as i8 } else { 0 }
    })
}

/// The sum of products, exact: 2048 of them stay below 2²⁶.
fn product(a: &[i8], b: &[i8]) -> f64 {
    // In parts, so that no width is too large for 32 bits.
    let parts = a.chunks(1 << 16).zip(b.chunks(1 << 16));
    parts.map(|(a, b)| f64::from(pulp::Arch::new().dispatch(Product { a, b }))).sum()
}

struct Product<'a> {
    a: &'a [i8],
    b: &'a [i8],
}

impl pulp::WithSimd for Product<'_> {
    type Output = i32;

    #[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> i32 {
        let mut sum = 0_i32;
        for (a, b) in self.a.iter().zip(self.b) {
            // It cannot wrap, and without a check several are added at once.
            sum = sum.wrapping_add(i32::from(*a) * i32::from(*b));
        }
        sum
    }
}

/// The similarity that 96 % of new familiar photos reach.
fn quantile(similarities: &[f64]) -> f64 {
    let count = similarities.len() as f64;
    let mean = similarities.iter().sum::<f64>() / count;
    let variance = similarities.iter().map(|similarity| (similarity - mean).powi(2)).sum::<f64>() / (count - 1.0);
    mean - Z * variance.sqrt().max(MIN_STD)
}

#[cfg(test)]
mod tests;
