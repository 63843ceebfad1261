//! The effective sample size of images in groups (near-duplicates, one burst, one patient), which are not independent.
//!
//! [`Design::new`] computes the ratio of the variance of the mean of grouped values to that of as many independent
//! values: the design effect of survey sampling (Kish 1965). It is estimated from the sums over the groups (the
//! cluster-robust variance), with the quantile of t for few groups (Korn and Graubard 1998, Survey Methodology 24), and
//! clamped between 1, where groups do not matter, and Kish's Σm² / n, where all values of a group are the same. It is
//! the latter too if all values are equal, since nothing can be estimated from them. With groups of one image the
//! result is exact: an effect of 1.

use std::collections::BTreeMap;

use super::interval::Z;

/// The effect of grouping on the mean of some values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Design {
    /// The number of groups.
    pub(super) groups: usize,
    /// The mean of the values.
    pub(super) mean: f64,
    /// The design effect: the factor by which grouping increases the variance of the mean, at least 1.
    pub(super) effect: f64,
    /// The effective sample size if all values of a group were the same.
    pub(super) least_trials: f64,
    /// The variance of the mean; `None` for fewer than two groups.
    pub(super) variance: Option<f64>,
}

impl Design {
    /// The effect for values with their group ids; `None` for no values.
    pub(super) fn new(values: &[(f64, usize)]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let count = values.len() as f64;
        let mean = values.iter().map(|(value, _)| value).sum::<f64>() / count;
        let squares: f64 = values.iter().map(|(value, _)| (value - mean).powi(2)).sum();
        let groups = sums(values, mean);
        if groups.len() == values.len() {
            let variance = (count > 1.0).then(|| squares / (count - 1.0) / count);
            return Some(Self { groups: groups.len(), mean, effect: 1.0, least_trials: count, variance });
        }
        let most = groups.values().map(|(_, images)| images * images).sum::<f64>() / count;
        let between: f64 = groups.values().map(|(sum, _)| sum * sum).sum();
        let effect =
            if squares > 0.0 { (between / squares * for_few(groups.len()).powi(2)).max(1.0).min(most) } else { most };
        let least_trials = count / most;
        let variance =
            (groups.len() > 1).then(|| effect * squares / count.powi(2) * least_trials / (least_trials - 1.0));
        Some(Self { groups: groups.len(), mean, effect, least_trials, variance })
    }
}

/// For each group, the sum of the deviations of its values from `mean`, and their number.
pub(super) fn sums(values: &[(f64, usize)], mean: f64) -> BTreeMap<usize, (f64, f64)> {
    let mut sums = BTreeMap::new();
    for (value, group) in values {
        let (sum, count) = sums.entry(*group).or_insert((0.0, 0.0));
        *sum += value - mean;
        *count += 1.0;
    }
    sums
}

/// The 97.5 % quantile of t with one degree of freedom fewer than there are groups ÷ that of the normal distribution:
/// the first terms of its expansion (Abramowitz and Stegun 26.7.5), accurate to 2 % from five groups up.
fn for_few(groups: usize) -> f64 {
    let freedom = groups.saturating_sub(1).max(1) as f64;
    let square = Z * Z;
    1.0 + (square + 1.0) / (4.0 * freedom) + ((5.0 * square + 16.0) * square + 3.0) / (96.0 * freedom * freedom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_count_once_and_images_that_have_nothing_in_common_count_each() {
        let once: Vec<(f64, usize)> = (0..12_u32).map(|image| (f64::from(image % 5), image as usize)).collect();
        let copied: Vec<(f64, usize)> = once.iter().flat_map(|&pair| [pair; 7]).collect();
        let (once, copied) = (Design::new(&once).unwrap(), Design::new(&copied).unwrap());
        assert!((copied.effect - 7.0).abs() < 1e-9 && (copied.least_trials - 12.0).abs() < 1e-9);
        assert!((copied.variance.unwrap() - once.variance.unwrap()).abs() < 1e-12);
        let unlike: Vec<(f64, usize)> = (0..400_u32).map(|image| (f64::from(image % 2), image as usize / 20)).collect();
        assert!((Design::new(&unlike).unwrap().effect - 1.0).abs() < 1e-9);
    }

    #[test]
    fn one_group_has_no_variance() {
        assert!(Design::new(&[(0.0, 3), (1.0, 3)]).unwrap().variance.is_none());
        assert!(Design::new(&[]).is_none());
    }

    #[test]
    fn the_quantile_of_t_is_that_of_the_tables() {
        for (groups, quantile) in [(5, 2.776_445), (11, 2.228_139), (31, 2.042_272)] {
            assert!((for_few(groups) * Z - quantile).abs() < 0.02 * quantile, "{groups}");
        }
    }
}
