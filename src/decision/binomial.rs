//! The exact binomial tail probability and the Clopper–Pearson lower bound.

/// P(X ≥ `successes`) for X of Binomial(`trials`, `share`).
///
/// It is the regularised incomplete beta function `I_share(successes, trials − successes + 1)` (DLMF 8.17.5), accurate
/// to about 1e-9 up to millions of trials, without a loop over all terms.
pub(crate) fn at_least(successes: usize, trials: usize, share: f64) -> f64 {
    if successes == 0 {
        return 1.0;
    }
    if successes > trials || share <= 0.0 {
        return 0.0;
    }
    if share >= 1.0 {
        return 1.0;
    }
    incomplete_beta(successes as f64, (trials - successes + 1) as f64, share).clamp(0.0, 1.0)
}

/// The one-sided lower confidence bound of the success probability (Clopper and Pearson 1934, Biometrika 26): it exceeds
/// the true value with probability at most `risk`.
pub(crate) fn lower_bound(successes: usize, trials: usize, risk: f64) -> f64 {
    if successes == 0 {
        return 0.0;
    }
    // The tail grows with the share; sixty bisections exhaust the precision of f64.
    let (mut low, mut high) = (0.0, successes as f64 / trials as f64);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if at_least(successes, trials, middle) < risk { low = middle } else { high = middle }
    }
    low
}

/// The smallest number of trials that, if all succeed, shows a success probability of at least `share`: the smallest n
/// with `shareⁿ ≤ risk`; `None` if there is none.
#[expect(clippy::cast_sign_loss, reason = "it is at least 1")]
pub(crate) fn fewest_trials(share: f64, risk: f64) -> Option<usize> {
    if share >= 1.0 {
        return None;
    }
    let trials = (risk.ln() / share.ln()).ceil().max(1.0);
    // Beyond this, counts are not exact in f64, and no data set is that large.
    (trials.is_finite() && trials < 1e15).then_some(trials as usize)
}

/// `I_x(a, b)` by its continued fraction (DLMF 8.17.22), which converges quickly on the side of the mean used here.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * continued_fraction(a, b, x) / a
    } else {
        1.0 - front * continued_fraction(b, a, 1.0 - x) / b
    }
}

/// Lentz's method, modified by Thompson and Barnett (1986). It takes about √max(a, b) steps.
fn continued_fraction(a: f64, b: f64, x: f64) -> f64 {
    const MAX_STEPS: u32 = 200_000;
    let away_from_zero = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut above = 1.0;
    let mut below = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut product = below;
    for step in 1..MAX_STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            below = 1.0 / away_from_zero(1.0 + term * below);
            above = away_from_zero(1.0 + term / above);
            change = above * below;
            product *= change;
        }
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    product
}

/// ln Γ(x) for x ≥ 1, by Stirling's series (DLMF 5.11.1) for x ≥ 10, where the error after five terms is below 1e-13.
fn ln_gamma(x: f64) -> f64 {
    let mut shifted = x;
    let mut product = 1.0;
    while shifted < 10.0 {
        product *= shifted;
        shifted += 1.0;
    }
    let inverse = 1.0 / shifted;
    let square = inverse * inverse;
    let series = inverse
        * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0))));
    (shifted - 0.5) * shifted.ln() - shifted + 0.5 * std::f64::consts::TAU.ln() + series - product.ln()
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "certainty is exact")]
mod tests {
    use super::*;

    /// The tail as the sum of its terms.
    fn summed(successes: usize, trials: usize, share: f64) -> f64 {
        let mut term = (1.0 - share).powf(trials as f64);
        let mut below = 0.0;
        for count in 0..successes {
            below += term;
            term *= (trials - count) as f64 / (count + 1) as f64 * share / (1.0 - share);
        }
        1.0 - below
    }

    #[test]
    fn the_tail_is_the_sum_of_its_terms() {
        for trials in [1, 2, 7, 30, 120] {
            for successes in 0..=trials {
                for share in [0.02, 0.3, 0.5, 0.95] {
                    let difference = at_least(successes, trials, share) - summed(successes, trials, share);
                    assert!(difference.abs() < 1e-11, "{successes} of {trials} at {share}: {difference}");
                }
            }
        }
    }

    #[test]
    fn the_ends_are_certain() {
        assert_eq!(at_least(0, 0, 0.5), 1.0);
        assert_eq!(at_least(1, 0, 0.5), 0.0);
        assert_eq!(at_least(3, 3, 1.0), 1.0);
        assert_eq!(at_least(1, 3, 0.0), 0.0);
        assert_eq!(lower_bound(0, 10, 0.05), 0.0);
    }

    #[test]
    fn all_of_n_show_the_nth_root_of_the_risk() {
        for trials in [1, 10, 59, 1000] {
            let root = 0.05f64.powf(1.0 / trials as f64);
            assert!((lower_bound(trials, trials, 0.05) - root).abs() < 1e-12);
        }
    }

    #[test]
    fn the_fewest_trials_are_those_of_the_textbook() {
        let fewest = [0.9, 0.95, 0.98, 0.99].map(|share| fewest_trials(share, 0.05));
        assert_eq!(fewest, [29, 59, 149, 299].map(Some));
        assert_eq!(fewest_trials(1.0, 0.05), None);
        assert_eq!(fewest_trials(1e-9, 0.05), Some(1));
    }
}
