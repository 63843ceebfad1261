//! Some of the photos: their rows, labels and groups, side by side.

use crate::dataset::split::Split;
use crate::features::FeatureMatrix;
use crate::pipeline::photos::Photos;

/// The photos of one side of the split, or of several.
#[derive(Debug, Clone)]
pub(super) struct Subset {
    /// `[N, D]`
    pub(super) features: FeatureMatrix,
    /// `[N]`, true for the positive class.
    pub(super) labels: Vec<bool>,
    /// `[N]`, the same number for photos that belong together.
    pub(super) groups: Vec<usize>,
    /// `[N]`, their places among all photos.
    pub(super) rows: Vec<usize>,
}

impl Subset {
    /// Those whose split `is_in`.
    pub(super) fn new(
        photos: &Photos,
        features: &FeatureMatrix,
        groups: &[usize],
        is_in: impl Fn(Option<Split>) -> bool,
    ) -> Self {
        let samples = photos.samples.iter().enumerate();
        let rows: Vec<usize> = samples.filter(|(_, sample)| is_in(sample.split)).map(|(row, _)| row).collect();
        let labels = photos.labels();
        Self { features: features.select(&rows), labels: pick(&labels, &rows), groups: pick(groups, &rows), rows }
    }

    /// Some of these, by their places here.
    pub(super) fn select(&self, rows: &[usize]) -> Self {
        Self {
            features: self.features.select(rows),
            labels: pick(&self.labels, rows),
            groups: pick(&self.groups, rows),
            rows: pick(&self.rows, rows),
        }
    }

    /// Each photo's place among all, its features and its label.
    pub(super) fn each(&self) -> impl Iterator<Item = (usize, &[f32], bool)> {
        let rows = self.rows.iter().copied().zip(self.features.rows());
        rows.zip(&self.labels).map(|((photo, row), label)| (photo, row, *label))
    }

    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    pub(super) fn positives(&self) -> usize {
        self.labels.iter().filter(|&&label| label).count()
    }
}

/// The items at these places.
pub(super) fn pick<T: Copy>(items: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().filter_map(|&row| items.get(row).copied()).collect()
}
