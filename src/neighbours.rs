//! The training photos that look most like a given one to the network: the third answer to "why this class?".
//!
//! Kept in the model file only when asked for, as 16-bit floats. Likeness is the cosine between features whose columns
//! are brought to mean 0 and deviation 1 over the training photos: without that, the few columns that are large in every
//! photo would decide alone. Promise: a training photo finds itself first, at a likeness of 1.

use half::f16;

use crate::features::matrix::FeatureMatrix;

/// The training photos' standardised features, each of length 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    mean: Vec<f32>,
    scale: Vec<f32>,
    /// `[N, D]` as they are stored.
    features: Vec<f16>,
    /// `[N]`, one over the length of each standardised row.
    inverse_lengths: Vec<f32>,
}

/// One of the photos that were kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Its row.
    pub row: usize,
    /// Cosine of the standardised features: 1 for the same photo, about 0 for an unrelated one.
    pub likeness: f64,
}

impl Neighbours {
    /// Keeps the features of the training photos, `[N, D]`.
    pub fn of(features: &FeatureMatrix) -> Self {
        Self::from_stored(features.width(), features.values().iter().map(|&value| f16::from_f32(value)).collect())
    }

    /// From what [`Neighbours::stored`] gave, `[N, D]` row-major; what does not fill a row is left out.
    pub fn from_stored(width: usize, features: Vec<f16>) -> Self {
        let width = width.max(1);
        let rows = || features.chunks_exact(width);
        let count = rows().len().max(1) as f64;
        let mut mean = vec![0.0_f64; width];
        rows().for_each(|row| mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += value.to_f64()));
        for sum in &mut mean {
            *sum /= count;
        }
        let mut squares = vec![0.0_f64; width];
        rows().for_each(|row| {
            let distances = row.iter().zip(&mean).map(|(value, mean)| value.to_f64() - mean);
            squares.iter_mut().zip(distances).for_each(|(sum, distance)| *sum += distance * distance);
        });
        // A column that never varies says nothing about likeness.
        let scale = |square: f64| if square > 0.0 { (square / count).sqrt().recip() as f32 } else { 0.0 };
        let scale: Vec<f32> = squares.into_iter().map(scale).collect();
        let mean: Vec<f32> = mean.into_iter().map(|mean| mean as f32).collect();
        let inverse_lengths = rows()
            .map(|row| {
                let row = row.iter().zip(&mean).zip(&scale);
                let square: f64 =
                    row.map(|((value, mean), scale)| f64::from((value.to_f32() - mean) * scale).powi(2)).sum();
                if square > 0.0 { square.sqrt().recip() as f32 } else { 0.0 }
            })
            .collect();
        Self { mean, scale, features, inverse_lengths }
    }

    /// Numbers a photo, D.
    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// Photos that are kept, N.
    pub fn len(&self) -> usize {
        self.inverse_lengths.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.inverse_lengths.is_empty()
    }

    /// The features as they are stored, `[N, D]` row-major.
    pub fn stored(&self) -> &[f16] {
        &self.features
    }

    /// The `count` photos most like the one with these features `[D]`, most alike first; of equals the earlier row.
    /// Features of another width are like none.
    pub fn nearest(&self, features: &[f32], count: usize) -> Vec<Neighbour> {
        if features.len() != self.width() {
            return Vec::new();
        }
        let standardised = features.iter().zip(&self.mean).zip(&self.scale);
        // The stored photos were rounded to 16 bits, so this one is too: a training photo is then its own equal.
        let given: Vec<f32> =
            standardised.map(|((value, mean), scale)| (f16::from_f32(*value).to_f32() - mean) * scale).collect();
        let length = given.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        let rows = self.features.chunks_exact(self.width()).zip(&self.inverse_lengths).enumerate();
        let mut found: Vec<Neighbour> = rows
            .map(|(row, (stored, inverse))| {
                let terms = stored.iter().zip(&given).zip(self.mean.iter().zip(&self.scale));
                let product: f64 = terms
                    .map(|((stored, given), (mean, scale))| f64::from((stored.to_f32() - mean) * scale * given))
                    .sum();
                let likeness = if length > 0.0 { product * f64::from(*inverse) / length } else { 0.0 };
                Neighbour { row, likeness }
            })
            .collect();
        found.sort_by(|a, b| b.likeness.total_cmp(&a.likeness).then(a.row.cmp(&b.row)));
        found.truncate(count);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features() -> FeatureMatrix {
        let value = |index: usize| ((index * 7919 % 101) as f32 / 10.0).powi(2);
        FeatureMatrix::from_values(5, (0..60).map(value).collect()).unwrap()
    }

    #[test]
    fn a_training_photo_finds_itself_first() {
        let features = features();
        let neighbours = Neighbours::of(&features);
        for (row, values) in features.rows().enumerate() {
            let nearest = neighbours.nearest(values, 3);
            assert_eq!((nearest.len(), nearest[0].row), (3, row));
            assert!((nearest[0].likeness - 1.0).abs() < 1e-5, "{nearest:?}");
            assert!(nearest[1].likeness < 0.999);
        }
    }

    #[test]
    fn what_was_stored_finds_the_same() {
        let features = features();
        let neighbours = Neighbours::of(&features);
        assert_eq!(Neighbours::from_stored(5, neighbours.stored().to_vec()), neighbours);
        assert_eq!((neighbours.len(), neighbours.width()), (12, 5));
    }

    #[test]
    fn another_width_or_no_photos_at_all_find_nothing() {
        assert!(Neighbours::of(&features()).nearest(&[1.0], 3).is_empty());
        let none = Neighbours::of(&FeatureMatrix::new(2));
        assert!(none.is_empty() && none.nearest(&[1.0, 2.0], 3).is_empty());
    }
}
