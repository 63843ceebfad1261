//! The feature matrix: one row of numbers per image, written by the backbone and read by the head.
//!
//! A [`FeatureMatrix`] is plain memory, `[N, D]` in row-major f32, without tensors: the head, the audit and the file
//! formats read it without libtorch. Every row has the same width; whether the numbers are finite is checked where they
//! are used (`head`), since only there a non-finite one does harm. Neither a clone nor a selection, such as one split,
//! copies rows, and rows may lie in files that are larger than memory.

use std::fmt;
use std::sync::Arc;

/// A row whose width differs from that of the matrix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a feature row has {given} numbers, this matrix has {expected} columns")]
pub struct WidthError {
    /// The number of columns of the matrix.
    pub expected: usize,
    /// The length of the given row.
    pub given: usize,
}

/// A source of rows outside the matrix, such as files.
pub(crate) trait RowSource: Send + Sync {
    /// The numbers of a row, `[D]`; empty beyond the last row.
    fn row(&self, index: usize) -> &[f32];
}

/// The features of N images, `[N, D]` row-major.
#[derive(Clone)]
pub(crate) struct FeatureMatrix {
    values: Values,
    width: usize,
    /// The selected rows, in order; `None` for all.
    chosen: Option<Arc<[usize]>>,
    rows: usize,
}

/// The storage of the numbers.
#[derive(Clone)]
enum Values {
    Here(Arc<Vec<f32>>),
    Elsewhere(Arc<dyn RowSource>),
}

impl FeatureMatrix {
    /// Creates an empty matrix, `[0, width]`; ResNet-50 has 2048 columns.
    pub(crate) fn new(width: usize) -> Self {
        Self::with_capacity(width, 0)
    }

    /// Creates an empty matrix with capacity for `rows` rows.
    pub(crate) fn with_capacity(width: usize, rows: usize) -> Self {
        Self::of(width, 0, Vec::with_capacity(width.saturating_mul(rows)))
    }

    fn of(width: usize, rows: usize, values: Vec<f32>) -> Self {
        Self { values: Values::Here(Arc::new(values)), width, chosen: None, rows }
    }

    /// Creates a matrix of rows that stay in their source.
    pub(crate) fn elsewhere(width: usize, rows: usize, source: Arc<dyn RowSource>) -> Self {
        Self { values: Values::Elsewhere(source), width, chosen: None, rows }
    }

    /// Reserves memory for additional rows; returns whether there was enough.
    pub(crate) fn reserve(&mut self, rows: usize) -> bool {
        let values = self.width.checked_mul(rows);
        values.is_some_and(|values| self.own().try_reserve_exact(values).is_ok())
    }

    /// Creates a matrix from row-major values.
    ///
    /// # Errors
    /// [`WidthError`] if the values do not fill whole rows.
    pub(crate) fn from_values(width: usize, values: Vec<f32>) -> Result<Self, WidthError> {
        let last_row = values.len().checked_rem(width).unwrap_or(values.len());
        if last_row != 0 {
            return Err(WidthError { expected: width, given: last_row });
        }
        Ok(Self::of(width, values.len().checked_div(width).unwrap_or(0), values))
    }

    /// Appends the row of one image.
    ///
    /// # Errors
    /// [`WidthError`] if the row has another width.
    pub(crate) fn push_row(&mut self, row: &[f32]) -> Result<(), WidthError> {
        if row.len() != self.width {
            return Err(WidthError { expected: self.width, given: row.len() });
        }
        self.own().extend_from_slice(row);
        self.rows += 1;
        Ok(())
    }

    /// The values for appending; copied first if they are shared, selected or outside the matrix.
    fn own(&mut self) -> &mut Vec<f32> {
        if self.chosen.is_some() || matches!(self.values, Values::Elsewhere(_)) {
            *self = Self::of(self.width, self.rows, self.values());
        }
        match &mut self.values {
            Values::Here(values) => Arc::make_mut(values),
            Values::Elsewhere(_) => unreachable!("they were copied"),
        }
    }

    /// N, the number of images.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// D, the number of features per image.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// A copy of all values, row-major, `[N · D]`.
    pub(crate) fn values(&self) -> Vec<f32> {
        self.rows().flatten().copied().collect()
    }

    /// The rows in order, `[D]` each.
    pub(crate) fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        (0..self.rows).map(|index| self.row(index))
    }

    /// The feature vector of one image, `[D]`.
    ///
    /// # Panics
    /// Panics like a slice if `index` is not below [`FeatureMatrix::len`].
    pub(crate) fn row(&self, index: usize) -> &[f32] {
        let index = self.chosen.as_ref().map_or(index, |chosen| chosen[index]);
        match &self.values {
            Values::Here(values) => &values[index * self.width..(index + 1) * self.width],
            Values::Elsewhere(source) => source.row(index),
        }
    }

    /// A selection of rows, in the order of `indices`, which may repeat.
    ///
    /// # Panics
    /// As [`FeatureMatrix::row`].
    #[must_use]
    pub(crate) fn select(&self, indices: &[usize]) -> Self {
        let place = |&index: &usize| {
            assert!(index < self.rows, "row {index} of {}", self.rows);
            self.chosen.as_ref().map_or(index, |chosen| chosen[index])
        };
        let chosen = indices.iter().map(place).collect();
        Self { values: self.values.clone(), width: self.width, chosen: Some(chosen), rows: indices.len() }
    }
}

impl PartialEq for FeatureMatrix {
    fn eq(&self, other: &Self) -> bool {
        self.width == other.width && self.rows == other.rows && self.rows().eq(other.rows())
    }
}

impl fmt::Debug for FeatureMatrix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FeatureMatrix[{}, {}]", self.rows, self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_in_the_order_they_were_pushed() {
        let mut matrix = FeatureMatrix::new(2);
        assert_eq!(matrix.len(), 0);
        matrix.push_row(&[1.0, 2.0]).unwrap();
        matrix.push_row(&[3.0, 4.0]).unwrap();
        assert_eq!(matrix.len(), 2);
        assert_eq!(matrix.row(1), [3.0, 4.0]);
        assert_eq!(matrix.rows().collect::<Vec<_>>(), [[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(matrix, FeatureMatrix::from_values(2, vec![1.0, 2.0, 3.0, 4.0]).unwrap());
    }

    #[test]
    fn a_row_of_another_width_is_refused_and_changes_nothing() {
        let mut matrix = FeatureMatrix::new(3);
        let error = matrix.push_row(&[1.0]).unwrap_err();
        assert_eq!(error, WidthError { expected: 3, given: 1 });
        assert_eq!(matrix.len(), 0);
        assert_eq!(FeatureMatrix::from_values(3, vec![0.0; 7]).unwrap_err().given, 1);
        assert!(FeatureMatrix::from_values(0, vec![0.0; 7]).is_err());
    }

    #[test]
    fn selecting_may_repeat_and_reorder() {
        let matrix = FeatureMatrix::from_values(1, vec![10.0, 11.0, 12.0]).unwrap();
        assert_eq!(matrix.select(&[2, 0, 2]).values(), [12.0, 10.0, 12.0]);
        assert_eq!(matrix.select(&[]).len(), 0);
        assert_eq!(matrix.select(&[2, 0, 1]).select(&[1, 1, 0]).values(), [10.0, 10.0, 12.0]);
    }

    #[test]
    fn adding_to_rows_that_are_shared_or_elsewhere_leaves_those_as_they_were() {
        struct Tens;
        impl RowSource for Tens {
            fn row(&self, index: usize) -> &[f32] {
                &[[10.0], [11.0], [12.0]][index]
            }
        }
        let here = FeatureMatrix::from_values(1, vec![10.0, 11.0, 12.0]).unwrap();
        let elsewhere = FeatureMatrix::elsewhere(1, 3, Arc::new(Tens));
        assert_eq!(here, elsewhere);
        for matrix in [here, elsewhere] {
            let mut some = matrix.select(&[2, 1]);
            some.push_row(&[7.0]).unwrap();
            assert_eq!((some.values(), matrix.values()), (vec![12.0, 11.0, 7.0], vec![10.0, 11.0, 12.0]));
        }
    }

    #[test]
    fn a_matrix_without_columns_still_counts_its_rows() {
        let mut matrix = FeatureMatrix::new(0);
        matrix.push_row(&[]).unwrap();
        assert_eq!((matrix.len(), matrix.rows().count(), matrix.row(0).len()), (1, 1, 0));
    }
}
