//! The index of training photos in a model: their features, for finding similar photos and unfamiliar ones.
//!
//! A head gives a probability for any photo, also one of something else. An [`Index`] keeps the features of up to
//! [`MAX_ROWS`] training photos, chosen evenly over classes and groups: each divided by the largest of its row, raised
//! to the power 1.5 and rounded to 8 bits, 2 KB a photo. The similarity of two photos is the cosine of their rows, 1
//! for the same photo. The power gives large features more weight: on four data sets it lets fewer photos of other
//! kinds pass than the plain features do, and a root many more.
//!
//! A photo is unfamiliar (out of distribution) if its [`K`]-th most similar row is less similar than a threshold (Sun
//! et al. 2022, Out-of-distribution detection with deep nearest neighbors, ICML). The threshold is the 4 % quantile
//! over training photos, each compared with the rows of other groups only, so about one in 25 new photos of the same
//! kind is marked, and near-duplicates among the training photos do not make it stricter. Over 40 draws of 50 to 150
//! training photos from each of four data sets, 1 to 7 % of new photos of the same kind were marked on average, more
//! than 10 % in 24 of 600 draws; of the most similar other data set at least 92 % were, fewer than 95 % in 3 of 600.
//! The quantile is that of a normal distribution with the mean and standard deviation of the similarities: with 50
//! photos, two outliers decide the empirical one. Columns are not standardised: the results are worse with that.
//!
//! Guarantees: the similarity of a kept training photo to its own row is exactly 1, the maximum; similarities are
//! computed from sums of integers, so they are the same on every machine.

use rayon::prelude::*;

use crate::dataset::subset;
use crate::features::FeatureMatrix;

/// The largest number of rows that are kept: half a megabyte.
pub(crate) const MAX_ROWS: usize = 256;

/// The smallest number of training photos from which a threshold can be estimated.
pub(crate) const MIN_PHOTOS: usize = 10;

/// The rank of the similar row that counts. With the first, a single outlier among the training photos would suffice.
pub(crate) const K: usize = 3;

/// The 96 % quantile of the standard normal distribution: 4 % of new photos of the trained kind are marked.
const Z: f64 = 1.750_686_071_252_169_6;

/// The lower bound of the standard deviation of similarities; smaller ones are rounding errors.
const MIN_STD: f64 = 1e-6;

/// The largest number of training photos for estimating the threshold: more do not change a quantile.
const MAX_MEASURED: usize = 2000;

/// Quantised features of training photos, and the similarity below which a photo is unfamiliar.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Index {
    width: usize,
    /// The quantised rows, `[R, D]`.
    rows: Vec<i8>,
    /// The inner product of each row with itself, `[R]`.
    squares: Vec<f64>,
    threshold: Option<f64>,
}

/// A row of the index with its similarity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Neighbour {
    /// The index of the row.
    pub row: usize,
    /// Cosine of the angle between the features, 1 for the same photo.
    pub similarity: f64,
}

impl Index {
    /// An index of training photos with features `[N, D]`, classes and groups `[N]`, and the indices `[R]` of the
    /// photos that it keeps. The threshold never compares photos of one group.
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

    /// An index of all given rows `[R, D]`, without a threshold.
    pub(crate) fn from_rows<'a>(width: usize, rows: impl Iterator<Item = &'a [f32]>) -> Self {
        Self::from_stored(width, rows.flat_map(rounded).collect(), None)
    }

    /// An index of quantised rows `[R, D]`; an incomplete last row is dropped.
    pub(crate) fn from_stored(width: usize, mut rows: Vec<i8>, threshold: Option<f64>) -> Self {
        rows.truncate(rows.len() - rows.len() % width.max(1));
        let squares = rows.chunks_exact(width.max(1)).map(|row| product(row, row)).collect();
        Self { width, rows, squares, threshold }
    }

    /// The quantised rows, `[R, D]`: features divided by the largest of their row, to the power 1.5, times 127.
    pub(crate) fn stored(&self) -> &[i8] {
        &self.rows
    }

    /// D, the width of a row.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// R, the number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len() / self.width.max(1)
    }

    /// Whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The similarity below which a photo is unfamiliar; `None` if there were too few training photos.
    pub(crate) fn threshold(&self) -> Option<f64> {
        self.threshold
    }

    /// Whether the photo with the features `[D]` is unfamiliar; `None` without a threshold or without comparable rows.
    pub(crate) fn is_unfamiliar(&self, features: &[f32]) -> Option<bool> {
        let threshold = self.threshold?;
        Some(self.kth(features, &|_| true)? < threshold)
    }

    /// The `count` rows most similar to the features `[D]`, in descending order, ties by row; none for features of
    /// another width.
    pub(crate) fn nearest(&self, features: &[f32], count: usize) -> Vec<Neighbour> {
        self.nearest_among(features, count, &|_| true)
    }

    /// The [`K`]-th highest similarity among some of the rows, or the lowest if they are fewer; `None` without rows.
    fn kth(&self, features: &[f32], is_meant: &dyn Fn(usize) -> bool) -> Option<f64> {
        self.nearest_among(features, K, is_meant).last().map(|neighbour| neighbour.similarity)
    }

    /// [`Self::nearest`] among the rows that `is_meant` accepts.
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

/// A row quantised to 8 bits with a scale of its own, since only its direction counts. A row with values that are not
/// finite becomes zeros, with similarity 0 to all.
fn rounded(features: &[f32]) -> impl Iterator<Item = i8> {
    let largest = features.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let is_usable = largest > 0.0 && features.iter().all(|value| value.is_finite());
    let scale = if is_usable { 1.0 / f64::from(largest) } else { 0.0 };
    features.iter().map(move |&value| {
        let part = f64::from(value) * scale;
        // Square roots are correctly rounded everywhere (IEEE 754); `powf` is not.
        if scale > 0.0 { (127.0 * part * part.abs().sqrt()).round() as i8 } else { 0 }
    })
}

/// The inner product, exact: 2048 products sum to less than 2²⁶.
fn product(a: &[i8], b: &[i8]) -> f64 {
    // In chunks, so that the 32-bit sum of each cannot overflow, whatever the width.
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
            // It cannot overflow, and without the check the loop is vectorised.
            sum = sum.wrapping_add(i32::from(*a) * i32::from(*b));
        }
        sum
    }
}

/// The similarity that 96 % of new photos of the same kind reach.
fn quantile(similarities: &[f64]) -> f64 {
    let count = similarities.len() as f64;
    let mean = similarities.iter().sum::<f64>() / count;
    let variance = similarities.iter().map(|similarity| (similarity - mean).powi(2)).sum::<f64>() / (count - 1.0);
    mean - Z * variance.sqrt().max(MIN_STD)
}

#[cfg(test)]
mod tests;
