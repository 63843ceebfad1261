//! What the backbone leaves of the images and the head works on: one row of numbers an image.
//!
//! A [`FeatureMatrix`] is plain memory, `[N, D]` in row-major f32, with no tensor in it: the head, the audit and the
//! file formats read it without libtorch. Its promise is that every row has the same width; that the numbers are finite
//! is checked where they are used (`head`), since only there a non-finite one does harm.

use std::slice::ChunksExact;

/// A row of another width than the matrix has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a feature row has {given} numbers, this matrix has {expected} columns")]
pub struct WidthError {
    /// Columns of the matrix.
    pub expected: usize,
    /// Numbers that were given.
    pub given: usize,
}

/// Features of N images, `[N, D]` row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureMatrix {
    values: Vec<f32>,
    width: usize,
    rows: usize,
}

impl FeatureMatrix {
    /// An empty matrix, `[0, width]`; 2048 columns for ResNet-50.
    pub fn new(width: usize) -> Self {
        Self::with_capacity(width, 0)
    }

    /// An empty matrix with room for `rows` rows.
    pub fn with_capacity(width: usize, rows: usize) -> Self {
        Self { values: Vec::with_capacity(width.saturating_mul(rows)), width, rows: 0 }
    }

    /// Makes room for so many more rows; whether there was memory for it.
    pub fn reserve(&mut self, rows: usize) -> bool {
        self.width.checked_mul(rows).is_some_and(|values| self.values.try_reserve_exact(values).is_ok())
    }

    /// Takes over row-major values.
    ///
    /// # Errors
    /// [`WidthError`] if they do not fill whole rows.
    pub fn from_values(width: usize, values: Vec<f32>) -> Result<Self, WidthError> {
        let last_row = values.len().checked_rem(width).unwrap_or(values.len());
        if last_row != 0 {
            return Err(WidthError { expected: width, given: last_row });
        }
        Ok(Self { rows: values.len().checked_div(width).unwrap_or(0), values, width })
    }

    /// Adds one image.
    ///
    /// # Errors
    /// [`WidthError`] if the row has another width.
    pub fn push_row(&mut self, row: &[f32]) -> Result<(), WidthError> {
        if row.len() != self.width {
            return Err(WidthError { expected: self.width, given: row.len() });
        }
        self.values.extend_from_slice(row);
        self.rows += 1;
        Ok(())
    }

    /// N, the number of images.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// D, the number of features an image.
    pub fn width(&self) -> usize {
        self.width
    }

    /// All values, row-major, `[N · D]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The rows in order, `[D]` each.
    pub fn rows(&self) -> ChunksExact<'_, f32> {
        // A width of zero would make the chunks panic; such a matrix has no values to give.
        self.values.chunks_exact(self.width.max(1))
    }

    /// The features of one image, `[D]`.
    ///
    /// # Panics
    /// Like a slice, if `index` is not below [`FeatureMatrix::len`].
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.width..(index + 1) * self.width]
    }

    /// A copy of some rows, in the order of `indices`, which may repeat.
    ///
    /// # Panics
    /// As [`FeatureMatrix::row`].
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        let mut values = Vec::with_capacity(self.width.saturating_mul(indices.len()));
        for &index in indices {
            values.extend_from_slice(self.row(index));
        }
        Self { values, width: self.width, rows: indices.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_in_the_order_they_were_pushed() {
        let mut matrix = FeatureMatrix::new(2);
        assert!(matrix.is_empty());
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
        assert!(matrix.is_empty());
        assert_eq!(FeatureMatrix::from_values(3, vec![0.0; 7]).unwrap_err().given, 1);
        assert!(FeatureMatrix::from_values(0, vec![0.0; 7]).is_err());
    }

    #[test]
    fn selecting_may_repeat_and_reorder() {
        let matrix = FeatureMatrix::from_values(1, vec![10.0, 11.0, 12.0]).unwrap();
        assert_eq!(matrix.select(&[2, 0, 2]).values(), [12.0, 10.0, 12.0]);
        assert_eq!(matrix.select(&[]).len(), 0);
    }

    #[test]
    fn a_matrix_without_columns_still_counts_its_rows() {
        let mut matrix = FeatureMatrix::new(0);
        matrix.push_row(&[]).unwrap();
        assert_eq!((matrix.len(), matrix.rows().count(), matrix.row(0).len()), (1, 0, 0));
    }
}
