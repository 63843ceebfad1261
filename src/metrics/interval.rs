//! 95 % confidence intervals from counts and variances alone.

use serde::{Deserialize, Serialize};

/// The 97.5 % quantile of the standard normal distribution: both tails together have 5 %.
pub(crate) const Z: f64 = 1.959_963_984_540_054;

/// A metric with its 95 % interval, if there are enough photos for one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value of the metric.
    pub value: f64,
    /// The lower end of the interval; `None` if there are too few photos.
    pub low: Option<f64>,
    /// The upper end of the interval; `None` if `low` is.
    pub high: Option<f64>,
}

impl Estimate {
    /// An estimate with an interval.
    pub(crate) fn new(value: f64, low: f64, high: f64) -> Self {
        Self { value, low: Some(low), high: Some(high) }
    }

    /// An estimate without an interval.
    pub(crate) fn without_interval(value: f64) -> Self {
        Self { value, low: None, high: None }
    }

    /// Both ends of the interval.
    pub fn interval(&self) -> Option<[f64; 2]> {
        Some([self.low?, self.high?])
    }

    /// The estimate with the interval clamped to the range of the metric.
    #[must_use]
    pub(crate) fn within(self, least: f64, most: f64) -> Self {
        Self { low: self.low.map(|low| low.max(least)), high: self.high.map(|high| high.min(most)), ..self }
    }
}

/// Wilson's score interval of `successes / trials`; `None` without trials.
///
/// Unlike the textbook's `p ± 1.96 √(p (1 − p) / n)` it never leaves \[0, 1\] and has a width at 0 and at 1, values
/// that are common in a small validation split. Wilson (1927), JASA 22.
pub(crate) fn wilson(successes: usize, trials: usize) -> Option<Estimate> {
    (trials > 0).then(|| score_interval(successes as f64 / trials as f64, trials as f64))
}

/// Wilson's interval of a proportion with an effective number of independent trials, which need not be an integer.
pub(crate) fn score_interval(value: f64, trials: f64) -> Estimate {
    let n = trials;
    let spread = Z * Z / n;
    let centre = value + spread / 2.0;
    let half = Z * (value * (1.0 - value) / n + spread / (4.0 * n)).sqrt();
    let end = |end: f64| (end / (1.0 + spread)).clamp(0.0, 1.0);
    // At 0 and 1 the exact ends, without rounding errors.
    let low = if value <= 0.0 { 0.0 } else { end(centre - half) };
    let high = if value >= 1.0 { 1.0 } else { end(centre + half) };
    Estimate::new(value, low, high)
}

/// The interval of `measure(a, b)`, which increases with both, from those of two independent proportions.
///
/// The distances of the ends from the value are `√(Δa² + Δb²)`, where Δa is the decrease (increase) of the measure if
/// `a` alone moves to its lower (upper) end. For a sum this is Newcombe's hybrid score interval (1998, Statistics in
/// Medicine 17), in general the MOVER of Zou and Donner (2008, ibid. 27). Unlike a bootstrap interval it has a width
/// even if no error was observed. There is no interval if one of the two proportions has none.
pub(crate) fn combine(a: Estimate, b: Estimate, measure: impl Fn(f64, f64) -> f64) -> Estimate {
    let value = measure(a.value, b.value);
    let (Some([a_low, a_high]), Some([b_low, b_high])) = (a.interval(), b.interval()) else {
        return Estimate::without_interval(value);
    };
    let down = (value - measure(a_low, b.value)).hypot(value - measure(a.value, b_low));
    let up = (measure(a_high, b.value) - value).hypot(measure(a.value, b_high) - value);
    Estimate::new(value, value - down, value + up)
}

/// Newcombe's interval of a ROC-AUC of `value` for these effective numbers of positive and negative images.
///
/// The score interval that solves |θ − value| = z·√V(θ), where V is Hanley and `McNeil`'s variance at the true θ with
/// both counts replaced by their mean; wide even at 1, where no variance can be estimated from the scores. Newcombe
/// (2006), Statistics in Medicine 25, part 2, method 5.
pub(crate) fn newcombe_auc(value: f64, positives: f64, negatives: f64) -> Estimate {
    let (m, n) = (positives, negatives);
    let other_pairs = f64::midpoint(m, n) - 1.0;
    let variance = |theta: f64| {
        let same_image = (1.0 - theta) / (2.0 - theta) + theta / (1.0 + theta);
        (theta * (1.0 - theta) * (1.0 + other_pairs * same_image) / (m * n)).max(0.0)
    };
    let is_within = |theta: f64| (theta - value).abs() <= Z * variance(theta).sqrt();
    Estimate::new(value, boundary(value, 0.0, is_within), boundary(value, 1.0, is_within))
}

/// The last point from `inside` towards `outside` at which the condition holds, by bisection.
fn boundary(mut inside: f64, mut outside: f64, holds: impl Fn(f64) -> bool) -> f64 {
    // After 60 bisections the ends are adjacent floats of [0, 1].
    for _ in 0..60 {
        let middle = f64::midpoint(inside, outside);
        if holds(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    inside
}

/// The interval `value ± z·deviation` transformed to the logit scale, so that it stays within \[0, 1\] and is wider
/// towards the middle, like the distribution of a proportion near 0 or 1. `value` lies strictly between 0 and 1.
pub(crate) fn on_logit_scale(value: f64, deviation: f64) -> Estimate {
    let logit = (value / (1.0 - value)).ln();
    let half = Z * deviation / (value * (1.0 - value));
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    // If the standard deviation is 0, rounding could put the value outside.
    Estimate::new(value, sigmoid(logit - half).min(value), sigmoid(logit + half).max(value))
}

/// The interval of a positive `value` without an upper bound, on the logarithmic scale; no interval if it would reach
/// more than 100 times the value, where it would be useless.
pub(crate) fn on_log_scale(value: f64, deviation: f64) -> Estimate {
    const MAX: f64 = 100.0;
    let factor = (Z * deviation / value).exp();
    if factor <= MAX { Estimate::new(value, value / factor, value * factor) } else { Estimate::without_interval(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_result_on_few_images_is_not_certain() {
        let accuracy = wilson(20, 20).unwrap();
        let [low, high] = accuracy.interval().unwrap();
        assert!((low - 0.8389).abs() < 1e-4 && high >= 1.0, "{accuracy:?}");
        let auc = newcombe_auc(1.0, 10.0, 10.0);
        let [low, high] = auc.interval().unwrap();
        assert!(low > 0.7 && low < 0.95 && high >= 1.0, "{auc:?}");
    }

    #[test]
    fn a_proportion_of_nothing_has_no_interval() {
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn combining_with_a_constant_changes_nothing() {
        let share = wilson(7, 10).unwrap();
        let same = combine(share, Estimate::new(1.0, 1.0, 1.0), |a, b| a * b);
        let ends = share.interval().unwrap().into_iter().zip(same.interval().unwrap());
        assert!(ends.into_iter().all(|(share, same)| (share - same).abs() < 1e-15));
        let alone = combine(share, Estimate::without_interval(1.0), |a, b| a * b);
        assert_eq!(alone, Estimate::without_interval(share.value));
    }
}
