//! Where points lie and how they spread: mean and Cholesky factor of a covariance that is sound for few points too.

/// Of points `[N, d]`.
pub(super) struct Spread {
    /// `[d]`
    pub(super) mean: Vec<f64>,
    /// L of covariance = L·Lᵀ, lower triangle row by row, `[d (d + 1) / 2]`.
    pub(super) factor: Vec<f64>,
}

impl Spread {
    /// The covariance in units of each coordinate's deviation, shrunk by [`shrunk`], which makes it one even for fewer
    /// points than coordinates.
    pub(super) fn of(points: &[Vec<f64>]) -> Self {
        let size = points.first().map_or(0, Vec::len);
        let count = points.len().max(1) as f64;
        let mut mean = vec![0.0; size];
        let mut variances = vec![0.0; size];
        for point in points {
            mean.iter_mut().zip(point).for_each(|(mean, value)| *mean += value / count);
        }
        for point in points {
            for ((variance, value), mean) in variances.iter_mut().zip(point).zip(&mean) {
                *variance += (value - mean).powi(2) / count;
            }
        }
        let deviation = |(variance, mean): (&f64, &f64)| {
            // What rounding leaves where all points have the same value is no deviation.
            let rounding = 1e-6 * f64::max(1.0, mean.abs());
            if variance.sqrt() > rounding { variance.sqrt() } else { 1.0 }
        };
        let deviations: Vec<f64> = variances.iter().zip(&mean).map(deviation).collect();
        let standardised: Vec<Vec<f64>> = points
            .iter()
            .map(|point| (0..size).map(|column| (point[column] - mean[column]) / deviations[column]).collect())
            .collect();
        let (mut covariance, _) = shrunk(&standardised);
        for (column, row) in covariance.iter_mut().enumerate() {
            // Positive definite even where nothing varies.
            row[column] += 1e-6;
        }
        let mut factor = cholesky(&covariance);
        let mut rest = factor.as_mut_slice();
        for (row, deviation) in deviations.iter().enumerate() {
            let (entries, below) = std::mem::take(&mut rest).split_at_mut(row + 1);
            for entry in entries {
                *entry *= deviation;
            }
            rest = below;
        }
        Self { mean, factor }
    }
}

/// Ledoit and Wolf's covariance of centred points and how far it was drawn towards a multiple of the identity: the share
/// with the least expected error (2004, Journal of Multivariate Analysis 88).
pub(super) fn shrunk(points: &[Vec<f64>]) -> (Vec<Vec<f64>>, f64) {
    let size = points.first().map_or(0, Vec::len);
    let (count, width) = (points.len().max(1) as f64, size.max(1) as f64);
    let mut covariance = vec![vec![0.0; size]; size];
    let mut fourth = 0.0;
    for point in points {
        for (row, &value) in covariance.iter_mut().zip(point) {
            row.iter_mut().zip(point).for_each(|(entry, other)| *entry += value * other / count);
        }
        fourth += point.iter().map(|value| value * value).sum::<f64>().powi(2) / count;
    }
    let diagonal = (0..size).map(|column| covariance[column][column]).sum::<f64>() / width;
    let squares: f64 = covariance.iter().flatten().map(|entry| entry * entry).sum();
    let distance = squares / width - diagonal * diagonal;
    let error = ((fourth - squares) / (width * count)).min(distance);
    let amount = if error > 0.0 && distance > 0.0 { error / distance } else { 0.0 };
    for (column, row) in covariance.iter_mut().enumerate() {
        for entry in row.iter_mut() {
            *entry *= 1.0 - amount;
        }
        row[column] += amount * diagonal;
    }
    (covariance, amount)
}

/// The lower triangle, row by row.
fn cholesky(matrix: &[Vec<f64>]) -> Vec<f64> {
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(matrix.len());
    for (size, given) in matrix.iter().enumerate() {
        let mut row: Vec<f64> = Vec::with_capacity(size + 1);
        for (column, above) in rows.iter().enumerate() {
            let known: f64 = row.iter().zip(above).map(|(left, right)| left * right).sum();
            row.push((given[column] - known) / above[column]);
        }
        let rest = given[size] - row.iter().map(|value| value * value).sum::<f64>();
        // The ridge of 1e-6 is far above what rounding takes away.
        row.push(rest.max(1e-9).sqrt());
        rows.push(row);
    }
    rows.concat()
}

/// x of L·x = `centred`, in its place.
pub(super) fn whitened(factor: &[f32], mut centred: Vec<f64>) -> Vec<f64> {
    let mut rest = factor;
    for row in 0..centred.len() {
        let (entries, below) = rest.split_at_checked(row + 1).unwrap_or((rest, &[]));
        let known: f64 = entries.iter().zip(&centred).take(row).map(|(entry, value)| f64::from(*entry) * value).sum();
        centred[row] = (centred[row] - known) / entries.last().map_or(1.0, |entry| f64::from(*entry));
        rest = below;
    }
    centred
}

/// The diagonal of a lower triangle row by row.
pub(super) fn diagonal(factor: &[f32]) -> impl Iterator<Item = &f32> {
    // Row r ends at place (r + 1)(r + 2) / 2 − 1.
    (1..).map(|row: usize| row * (row + 1) / 2 - 1).map_while(|place| factor.get(place))
}
