//! Whether a photo is of the kind that was trained on: a distance in feature space against the training set's own.
//!
//! A head answers whatever it is shown; a photo of something else gets a probability too. [`Familiarity`] learns from
//! the training features `[N, D]` where photos of this kind lie, in three steps that take 13.5 KB:
//!
//! 1. Each feature goes through a signed square root, which makes the skewed features behind a `ReLU` nearly normal
//!    (Tukey's ladder; Yang et al. 2021, Free Lunch for Few-Shot Learning, ICLR), and is divided by its deviation.
//! 2. D features become [`COORDINATES`]: their mean, their root mean square, and sums with random signs (`sketch`).
//! 3. The distance is Mahalanobis's under a shrunk covariance (`spread`), about 1 for a familiar photo. How strong the
//!    features are altogether counts as much as half of the rest: an empty photo differs in little else.
//!
//! The threshold is the 95 % quantile of the distances of training images, each measured by a fit to the other folds, so
//! about one new photo of twenty of the same kind is marked, whatever N is. Up to [`MOST_IMAGES`] images are looked
//! at, evenly chosen, which bounds time and memory. Wide features (a flattened map) share deviations between
//! neighbouring columns. The same features give the same numbers on every machine.

mod sketch;

mod spread;

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::features::matrix::FeatureMatrix;
pub use sketch::COORDINATES;
use sketch::{STRENGTHS, Sketch, rooted};
use spread::Spread;

/// Fewer images say nothing about their own spread.
pub const LEAST_IMAGES: usize = 10;

/// More images add nothing to some thousand numbers; of features wider than [`MOST_SCALES`] it is fewer, down to 1000.
pub const MOST_IMAGES: usize = 10_000;

/// The most columns that have a deviation of their own.
pub const MOST_SCALES: usize = 2048;

/// The share of familiar photos that are not marked, in percent.
pub const SHARE_PERCENT: usize = 95;

/// The quantile of the normal distribution at that share.
const SHARE_Z: f64 = 1.644_853_626_951_472_7;

/// What each of the two strengths weighs beside one other coordinate.
const STRENGTH_WEIGHT: f64 = 12.0;

/// Beyond this width it is no feature of a network of ours; a damaged file may say anything.
const MOST_COLUMNS: usize = 1 << 24;

/// Familiar distances are about 1; this one is rounding.
const LEAST_DISTANCE: f64 = 0.01;

/// Where photos of the trained kind lie.
#[derive(Debug, Clone, PartialEq)]
pub struct Familiarity {
    parts: Parts,
    sketch: Sketch,
}

/// The numbers of a [`Familiarity`] as they are stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// D, the number of features.
    pub width: usize,
    /// Deviations of the columns, or of groups of `⌈D / 2048⌉` neighbouring ones, `[≤ 2048]`.
    pub scales: Vec<f32>,
    /// Centre of the coordinates, `[50]`.
    pub mean: Vec<f32>,
    /// Cholesky factor of their covariance, lower triangle row by row, `[1275]`.
    pub factor: Vec<f32>,
    /// A larger distance is unfamiliar.
    pub threshold: f64,
}

impl Familiarity {
    /// Learns from training features `[N, D]`; images of one group `[N]` are near each other and are never measured by
    /// a fit to each other.
    ///
    /// # Errors
    /// [`FamiliarityError`] for fewer than [`LEAST_IMAGES`] images or two groups, and for features that are not finite.
    pub fn fit(features: &FeatureMatrix, groups: &[usize]) -> Result<Self, FamiliarityError> {
        let images = features.len();
        if groups.len() != images {
            return Err(FamiliarityError::Groups { groups: groups.len(), images });
        }
        check_width(features.width())?;
        // Of a wide map, a thousand: the time of a fit stays that of ten thousand plain ones, about.
        let most = (MOST_IMAGES * MOST_SCALES / features.width()).clamp(1000, MOST_IMAGES);
        let looked_at = images.min(most);
        let chosen: Vec<usize> = (0..looked_at).map(|place| place * images / looked_at.max(1)).collect();
        let rows: Vec<&[f32]> = chosen.iter().map(|&image| features.row(image)).collect();
        let damaged = rows.par_iter().position_first(|row| !row.iter().all(|value| value.is_finite()));
        if let Some(place) = damaged {
            return Err(FamiliarityError::NotFinite { image: chosen.get(place).copied().unwrap_or(place) });
        }
        let groups: Vec<usize> = chosen.iter().filter_map(|&image| groups.get(image).copied()).collect();
        let folds = folds(&groups);
        let different = folds.iter().max().map_or(0, |last| last + 1);
        if images < LEAST_IMAGES || different < 2 {
            return Err(FamiliarityError::TooFew { images, groups: different });
        }
        let sketch = Sketch::new(features.width());
        let measured = |fold: usize| -> Vec<f64> {
            let side = |is_inside: bool| -> Vec<&[f32]> {
                let sides = rows.iter().zip(&folds).filter(|(_, other)| (**other == fold) == is_inside);
                sides.map(|(row, _)| *row).collect()
            };
            let others = Parts::fit(&sketch, features.width(), &side(false));
            side(true).iter().map(|row| others.distance(&sketch, row)).collect()
        };
        let distances: Vec<Vec<f64>> = (0..different).into_par_iter().map(measured).collect();
        let mut parts = Parts::fit(&sketch, features.width(), &rows);
        parts.threshold = quantile(distances.concat()).max(LEAST_DISTANCE);
        Ok(Self { parts, sketch })
    }

    /// Takes stored numbers, checked.
    ///
    /// # Errors
    /// [`FamiliarityError::Damaged`] naming the first thing that is wrong.
    pub fn from_parts(parts: Parts) -> Result<Self, FamiliarityError> {
        parts.check()?;
        Ok(Self { sketch: Sketch::new(parts.width), parts })
    }

    /// What is to be stored.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// A larger distance is unfamiliar.
    pub fn threshold(&self) -> f64 {
        self.parts.threshold
    }

    /// How far the features `[D]` of a photo lie from those of the training images: about 1 for one of their kind.
    ///
    /// # Errors
    /// [`FamiliarityError::Width`] for features of another width.
    pub fn distance(&self, features: &[f32]) -> Result<f64, FamiliarityError> {
        if features.len() != self.parts.width {
            return Err(FamiliarityError::Width { expected: self.parts.width, given: features.len() });
        }
        Ok(self.parts.distance(&self.sketch, features))
    }

    /// Whether the photo with the features `[D]` is not of the kind that was trained on; so is one whose features are
    /// not finite.
    ///
    /// # Errors
    /// As [`Self::distance`].
    pub fn is_unfamiliar(&self, features: &[f32]) -> Result<bool, FamiliarityError> {
        let is_near = self.distance(features)? <= self.parts.threshold;
        Ok(!is_near)
    }
}

impl Parts {
    /// All but the threshold.
    fn fit(sketch: &Sketch, width: usize, rows: &[&[f32]]) -> Self {
        let scales = scales(width, rows);
        let coordinates: Vec<Vec<f64>> = rows.par_iter().map(|row| sketch.coordinates(row, &scales).to_vec()).collect();
        let spread = Spread::of(&coordinates);
        let to_f32 = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect();
        Self { width, scales, mean: to_f32(spread.mean), factor: to_f32(spread.factor), threshold: 0.0 }
    }

    fn distance(&self, sketch: &Sketch, features: &[f32]) -> f64 {
        let coordinates = sketch.coordinates(features, &self.scales);
        let centred = coordinates.iter().zip(&self.mean).map(|(value, mean)| value - f64::from(*mean)).collect();
        let squares = spread::whitened(&self.factor, centred).into_iter().map(|value| value * value);
        let weighed = squares
            .enumerate()
            .map(|(place, square)| if place < STRENGTHS { STRENGTH_WEIGHT * square } else { square });
        let weights = STRENGTH_WEIGHT * STRENGTHS as f64 + (COORDINATES - STRENGTHS) as f64;
        (weighed.sum::<f64>() / weights).sqrt()
    }

    fn check(&self) -> Result<(), FamiliarityError> {
        let damaged = |what: &'static str| Err(FamiliarityError::Damaged { what });
        check_width(self.width)?;
        if self.scales.len() != self.width.div_ceil(columns_a_scale(self.width)) {
            return damaged("the deviations are not as many as the features need");
        }
        if self.mean.len() != COORDINATES || self.factor.len() != COORDINATES * (COORDINATES + 1) / 2 {
            return damaged("its centre or covariance has another size");
        }
        let is_positive = |value: &f32| value.is_finite() && *value > 0.0;
        if !self.scales.iter().all(is_positive) || !spread::diagonal(&self.factor).all(is_positive) {
            return damaged("a deviation is not positive");
        }
        if !self.mean.iter().chain(&self.factor).all(|value| value.is_finite()) {
            return damaged("a number is not finite");
        }
        if !(self.threshold.is_finite() && self.threshold > 0.0) {
            return damaged("the threshold is not positive");
        }
        Ok(())
    }
}

fn check_width(width: usize) -> Result<(), FamiliarityError> {
    if (1..=MOST_COLUMNS).contains(&width) {
        return Ok(());
    }
    Err(FamiliarityError::Damaged { what: "no photo has so many features" })
}

/// How many neighbouring columns share a deviation: 1 up to 2048 columns, 49 (one channel) for a flattened 7×7 map.
fn columns_a_scale(width: usize) -> usize {
    width.div_ceil(MOST_SCALES).max(1)
}

/// The deviation of each column, or group of columns, after the root.
///
/// It leans towards that of all columns as if that had been seen ten times, and never falls below a tenth of it: a
/// feature that no training image showed must not decide alone.
fn scales(width: usize, rows: &[&[f32]]) -> Vec<f32> {
    const PRIOR_IMAGES: f64 = 10.0;
    let count = rows.len() as f64;
    let (mut sums, mut squares) = (vec![0.0f64; width], vec![0.0f64; width]);
    for row in rows {
        for ((&value, sum), square) in row.iter().zip(&mut sums).zip(&mut squares) {
            let rooted = rooted(value);
            *sum += rooted;
            *square += rooted * rooted;
        }
    }
    let variances: Vec<f64> =
        sums.iter().zip(&squares).map(|(sum, square)| (square / count - (sum / count).powi(2)).max(0.0)).collect();
    let overall = variances.iter().sum::<f64>() / width as f64;
    let deviation = |columns: &[f64]| {
        let variance = columns.iter().sum::<f64>() / columns.len() as f64;
        let shrunk = (count * variance + PRIOR_IMAGES * overall) / (count + PRIOR_IMAGES) + 0.01 * overall;
        // Where all images are the same there is no scale; any will do.
        if shrunk > 0.0 { (shrunk.sqrt() as f32).max(f32::MIN_POSITIVE) } else { 1.0 }
    };
    variances.chunks(columns_a_scale(width)).map(deviation).collect()
}

/// Which fold measures each image: every group alone up to 50, then 10 folds, and 5 beyond 1000.
fn folds(groups: &[usize]) -> Vec<usize> {
    let mut places: BTreeMap<usize, usize> = groups.iter().map(|&group| (group, 0)).collect();
    let count = match places.len() {
        few @ 0..=50 => few,
        51..=1000 => 10,
        _ => 5,
    };
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(0));
    for (place, position) in places.values_mut().zip(order) {
        *place = position % count.max(1);
    }
    groups.iter().filter_map(|group| places.get(group).copied()).collect()
}

/// The distance that [`SHARE_PERCENT`] of new familiar photos stay within.
///
/// Of N honest distances, the k-th smallest holds a share of k / (N + 1) of new ones on average, whatever their
/// distribution. Below 19 there is no such k for 95 %; there it is the one-sided prediction bound of normal logarithms.
fn quantile(mut distances: Vec<f64>) -> f64 {
    let count = distances.len();
    let rank = ((count + 1) * SHARE_PERCENT).div_ceil(100);
    distances.sort_by(f64::total_cmp);
    if let Some(&distance) = rank.checked_sub(1).and_then(|place| distances.get(place)) {
        return distance;
    }
    let logarithms: Vec<f64> = distances.iter().map(|distance| distance.max(LEAST_DISTANCE).ln()).collect();
    let freedom = count as f64 - 1.0;
    let mean = logarithms.iter().sum::<f64>() / count as f64;
    let deviation = (logarithms.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / freedom).sqrt();
    (mean + students_quantile(freedom) * deviation * (1.0 + 1.0 / count as f64).sqrt()).exp()
}

/// Student's t at the share, from the normal quantile (Abramowitz and Stegun 26.7.5): right to 0.001 from 9 degrees on.
fn students_quantile(freedom: f64) -> f64 {
    let z = SHARE_Z;
    let [third, fifth, seventh] = [3, 5, 7].map(|power| z.powi(power));
    z + (third + z) / (4.0 * freedom)
        + (5.0 * fifth + 16.0 * third + 3.0 * z) / (96.0 * freedom.powi(2))
        + (3.0 * seventh + 19.0 * fifth + 17.0 * third - 15.0 * z) / (384.0 * freedom.powi(3))
}

/// Why there is no distance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FamiliarityError {
    /// Too few to know what is usual.
    #[error("there are {images} images in {groups} folds: expected at least {LEAST_IMAGES} images and 2 groups")]
    TooFew {
        /// How many images.
        images: usize,
        /// How many folds they can be divided into.
        groups: usize,
    },
    /// Not one group an image.
    #[error("there are {groups} groups for {images} images")]
    Groups {
        /// How many groups.
        groups: usize,
        /// How many images.
        images: usize,
    },
    /// Features with NaN or an infinity.
    #[error("image {image} has features that are not finite")]
    NotFinite {
        /// Its place, from 0.
        image: usize,
    },
    /// Features of another network or head.
    #[error("there are {given} features, the training images had {expected}")]
    Width {
        /// Of the training images.
        expected: usize,
        /// Of this photo.
        given: usize,
    },
    /// Stored numbers that make no distance.
    #[error("what is stored about familiar photos is damaged: {what}")]
    Damaged {
        /// What is wrong.
        what: &'static str,
    },
}

impl FamiliarityError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::TooFew { .. } => Some("train with more photos to have unfamiliar ones marked".into()),
            Self::Damaged { .. } => Some("copy the model again from where it was made, or train again".into()),
            Self::Groups { .. } | Self::NotFinite { .. } | Self::Width { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
