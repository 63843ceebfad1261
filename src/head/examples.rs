//! Labelled feature rows to fit a head to, validated once.

use rayon::prelude::*;

use super::{HeadError, product, scaling};
use crate::features::FeatureMatrix;

/// What to do about classes of different size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Balance {
    /// Weigh positives so that both classes count the same.
    #[default]
    Auto,
    /// Every image counts the same.
    None,
}

/// The weight of a positive: negatives ÷ positives for [`Balance::Auto`], otherwise 1.
///
/// It is 1 too if a class is empty, which [`Examples::new`] refuses anyway.
pub(crate) fn pos_weight(labels: &[bool], balance: Balance) -> f64 {
    let positives = labels.iter().filter(|&&label| label).count();
    let negatives = labels.len() - positives;
    match balance {
        Balance::Auto if positives > 0 && negatives > 0 => negatives as f64 / positives as f64,
        Balance::Auto | Balance::None => 1.0,
    }
}

/// Labelled features that a head can be fitted to: finite values, both classes present, one label per row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Examples<'a> {
    features: &'a FeatureMatrix,
    labels: &'a [bool],
    pos_weight: f64,
}

impl<'a> Examples<'a> {
    /// Validates features `[N, D]` and labels `[N]`, `true` for the positive class.
    ///
    /// # Errors
    /// [`HeadError::LabelCount`], [`HeadError::OneClass`] (also for no images at all), [`HeadError::NotFinite`] with
    /// the first row that holds NaN or an infinity, [`HeadError::InvalidSetting`] for a `pos_weight` that is not positive.
    pub(crate) fn new(features: &'a FeatureMatrix, labels: &'a [bool], pos_weight: f64) -> Result<Self, HeadError> {
        if labels.len() != features.len() {
            return Err(HeadError::LabelCount { labels: labels.len(), rows: features.len() });
        }
        let positives = labels.iter().filter(|&&label| label).count();
        if positives == 0 || positives == labels.len() {
            return Err(HeadError::OneClass { positives, negatives: labels.len() - positives });
        }
        require_positive("pos_weight", pos_weight)?;
        let rows: Vec<&[f32]> = features.rows().collect();
        let damaged = rows.par_iter().position_first(|row| !row.iter().all(|value| value.is_finite()));
        if let Some(row) = damaged {
            return Err(HeadError::NotFinite { row });
        }
        Ok(Self { features, labels, pos_weight })
    }

    /// Refuses images from which nothing can be learnt: their head would give every image the same probability.
    ///
    /// # Errors
    /// [`HeadError::IdenticalRows`] if all rows are the same, [`HeadError::EqualClassMeans`] if both classes have the
    /// same mean in every column: then the optimal weights are 0, whatever the L2 penalty.
    pub(crate) fn require_difference(&self) -> Result<(), HeadError> {
        let first = self.features.rows().next().unwrap_or_default();
        if self.features.rows().all(|row| row == first) {
            return Err(HeadError::IdenticalRows { images: self.labels.len() });
        }
        let [negative, positive] = [false, true].map(|class| {
            let rows: Vec<usize> = (0..self.labels.len()).filter(|&row| self.labels[row] == class).collect();
            let sums = scaling::column_sums(self.features, &rows, |sums, row| product::add_scaled(sums, 1.0, row));
            sums.into_iter().map(move |sum| sum / rows.len() as f64)
        });
        // Sums in another order differ by rounding.
        let is_same = |(left, right): (f64, f64)| (left - right).abs() <= 1e-9 * (left.abs() + right.abs());
        if negative.zip(positive).all(is_same) { Err(HeadError::EqualClassMeans) } else { Ok(()) }
    }

    /// The features, `[N, D]`.
    pub(crate) fn features(&self) -> &'a FeatureMatrix {
        self.features
    }

    /// The labels, `[N]`, `true` for the positive class.
    pub(crate) fn labels(&self) -> &'a [bool] {
        self.labels
    }

    /// The weight of a positive relative to a negative.
    pub(crate) fn pos_weight(&self) -> f64 {
        self.pos_weight
    }
}

/// Refuses zero, negative numbers, NaN and infinities.
pub(super) fn require_positive(name: &'static str, value: f64) -> Result<(), HeadError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(HeadError::InvalidSetting { name, value: value.to_string(), expected: "a number above 0" })
}
