//! The objective that both solvers minimise.
//!
//! For logits z `[N]`, labels y, the weight p of a positive, and W = Σ [ p·y + (1 - y) ], the sum of the weights:
//!
//! ```text
//! objective = 1/W · Σ [ p·y·ln(1 + e^-z) + (1 - y)·ln(1 + e^z) ]  +  X/2 · ‖w‖²
//! ```
//!
//! The first part is the log loss with a weight for each class, as scikit-learn's `log_loss(sample_weight=…)`. It is
//! divided by the sum of the weights and not, as in `torch.nn.BCEWithLogitsLoss(pos_weight=p)`, by N: swapping the
//! classes, with 1/p for p, then gives the same objective, and the same optimum with its sign flipped. The L2 penalty X
//! (`--l2`) applies to the weights of the scaled features, not to the bias. For w and the bias of scaled features the
//! objective is that of scikit-learn's `LogisticRegression(C = 1/(W·X), class_weight={1: p})`, divided by W·C.

/// ln(1 + e^x) without overflow, accurate in both tails.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// The weighted loss of one image.
pub(crate) fn loss(logit: f64, label: bool, pos_weight: f64) -> f64 {
    if label { pos_weight * softplus(-logit) } else { softplus(logit) }
}

/// The sum of the weights of the images.
pub(super) fn total_weight(labels: &[bool], pos_weight: f64) -> f64 {
    labels.iter().map(|&label| if label { pos_weight } else { 1.0 }).sum()
}

/// The weighted mean log loss of logits `[N]`, positives weighted by `pos_weight`: ln 2 for logits of 0; 0 for no
/// images.
pub(crate) fn log_loss(logits: &[f64], labels: &[bool], pos_weight: f64) -> f64 {
    let total: f64 = logits.iter().zip(labels).map(|(&logit, &label)| loss(logit, label, pos_weight)).sum();
    total / total_weight(labels, pos_weight).max(f64::MIN_POSITIVE)
}

/// First and second derivative of [`loss`] with respect to the logit.
pub(super) fn derivatives(logit: f64, label: bool, pos_weight: f64) -> (f64, f64) {
    let weight = if label { pos_weight } else { 1.0 };
    // The probability of the wrong class keeps full relative precision; 1 - p would lose it near p = 1.
    let wrong = super::probability(if label { -logit } else { logit });
    let slope = if label { -weight * wrong } else { weight * wrong };
    (slope, weight * wrong * (1.0 - wrong))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn far_logits_neither_overflow_nor_vanish() {
        assert!((loss(1000.0, false, 1.0) - 1000.0).abs() < 1e-9);
        assert!((loss(-40.0, false, 1.0) / (-40.0_f64).exp() - 1.0).abs() < 1e-12);
        assert!(loss(-1000.0, true, 3.0).is_finite());
        assert!(log_loss(&[], &[], 1.0).abs() < f64::MIN_POSITIVE);
    }

    #[test]
    fn with_weights_the_log_loss_of_a_coin_stays_ln_2() {
        let loss = log_loss(&[0.0; 5], &[true, false, false, false, true], 1.5);
        assert!((loss - std::f64::consts::LN_2).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn derivatives_are_those_of_the_loss(logit in -20.0..20.0_f64, label: bool, weight in 0.1..10.0_f64) {
            let step = 1e-4;
            let (slope, curvature) = derivatives(logit, label, weight);
            let (below, here, above) =
                (loss(logit - step, label, weight), loss(logit, label, weight), loss(logit + step, label, weight));
            prop_assert!((slope - (above - below) / (2.0 * step)).abs() < 1e-6);
            prop_assert!((curvature - (above - 2.0 * here + below) / (step * step)).abs() < 1e-4);
        }
    }
}
