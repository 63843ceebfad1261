//! Blocked Cholesky factorisation of a symmetric positive definite matrix; matrix products do most of the work.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, s};

/// Columns factored at a time: few enough that the part without matrix products costs little.
const BLOCK: usize = 32;

/// The factor L of A = L·Lᵀ, `[n, n]`, with zeros above the diagonal.
#[derive(Debug)]
pub(super) struct Cholesky {
    factor: Array2<f64>,
}

impl Cholesky {
    /// Factors A, reading its lower triangle only; `None` if it is not positive definite.
    pub(super) fn new(mut matrix: Array2<f64>) -> Option<Self> {
        let size = matrix.nrows();
        for begin in (0..size).step_by(BLOCK) {
            let end = (begin + BLOCK).min(size);
            // Subtract the product of the columns to the left from this block of columns, the diagonal block included.
            let explained = matrix.slice(s![begin.., ..begin]).dot(&matrix.slice(s![begin..end, ..begin]).t());
            let mut columns = matrix.slice_mut(s![begin.., begin..end]);
            columns -= &explained;
            let width = end - begin;
            let diagonal = factor_block(&columns.slice(s![..width, ..]))?;
            let below = columns.slice(s![width.., ..]).dot(&to_matrix(&inverse_of_lower(&diagonal)).t());
            columns.slice_mut(s![width.., ..]).assign(&below);
            columns.slice_mut(s![..width, ..]).assign(&to_matrix(&diagonal));
        }
        Some(Self { factor: matrix })
    }

    /// Solves A·x = b for x, `[n]`.
    pub(super) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let mut solution = Array1::from_vec(right.to_vec());
        let size = solution.len();
        for row in 0..size {
            let known = self.factor.slice(s![row, ..row]).dot(&solution.slice(s![..row]));
            solution[row] = (solution[row] - known) / self.factor[[row, row]];
        }
        for row in (0..size).rev() {
            let value = solution[row] / self.factor[[row, row]];
            solution[row] = value;
            let column: ArrayView1<'_, f64> = self.factor.slice(s![row, ..row]);
            solution.slice_mut(s![..row]).scaled_add(-value, &column);
        }
        solution.to_vec()
    }
}

/// A block of at most [`BLOCK`] rows and columns as plain arrays, faster than ndarray views in loops this short.
type Rows = Vec<[f64; BLOCK]>;

/// The Cholesky factor of one diagonal block, computed element by element.
fn factor_block(block: &ArrayView2<'_, f64>) -> Option<Rows> {
    let mut factor: Rows = Vec::with_capacity(block.nrows());
    for (row, given) in block.rows().into_iter().enumerate() {
        let mut current = [0.0; BLOCK];
        for (column, above) in factor.iter().enumerate() {
            let known: f64 = current.iter().zip(above).take(column).map(|(left, right)| left * right).sum();
            current[column] = (given[column] - known) / above[column];
        }
        let square: f64 = given[row] - current.iter().take(row).map(|value| value * value).sum::<f64>();
        if square.is_nan() || square <= 0.0 {
            return None;
        }
        current[row] = square.sqrt();
        factor.push(current);
    }
    Some(factor)
}

/// The inverse of a lower triangular block.
fn inverse_of_lower(lower: &Rows) -> Rows {
    let mut inverse: Rows = Vec::with_capacity(lower.len());
    for (row, factors) in lower.iter().enumerate() {
        let mut current = [0.0; BLOCK];
        current[row] = 1.0;
        for (done, factor) in inverse.iter().zip(factors) {
            current.iter_mut().zip(done).for_each(|(value, done)| *value -= factor * done);
        }
        for value in &mut current {
            *value /= factors[row];
        }
        inverse.push(current);
    }
    inverse
}

/// The first `len` columns of a block as a square matrix.
fn to_matrix(block: &Rows) -> Array2<f64> {
    Array2::from_shape_fn((block.len(), block.len()), |(row, column)| block[row][column])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Positive definite and without any structure that blocks could hide.
    fn matrix(size: usize) -> Array2<f64> {
        let root = Array2::from_shape_fn((size, size), |(row, column)| ((row * 37 + column * 101) as f64).sin());
        root.dot(&root.t()) + Array2::<f64>::eye(size)
    }

    #[test]
    fn solutions_satisfy_the_system_for_whole_and_partial_blocks() {
        for size in [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5] {
            let matrix = matrix(size);
            let right: Vec<f64> = (0..size).map(|index| (index as f64).cos()).collect();
            let solution = Array1::from_vec(Cholesky::new(matrix.clone()).unwrap().solve(&right));
            let error = matrix.dot(&solution) - Array1::from_vec(right);
            assert!(error.iter().all(|value| value.abs() < 1e-9), "size {size}: {error}");
        }
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_is_refused() {
        let mut matrix = matrix(40);
        matrix[[35, 35]] = -1.0;
        assert!(Cholesky::new(matrix.clone()).is_none());
        matrix[[35, 35]] = f64::NAN;
        assert!(Cholesky::new(matrix).is_none());
    }
}
