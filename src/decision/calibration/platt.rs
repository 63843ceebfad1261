//! Platt calibration: two parameters by Newton's method.

use super::{Calibration, logistic};

/// Newton's method doubles the number of correct digits per step, so this many steps are never needed.
const MAX_STEPS: usize = 100;

/// Tolerance for the mean loss, which is about 1.
const ROUNDING: f64 = 1e-14;

/// As in Lin, Lin and Weng (2007), A Note on Platt's Probabilistic Outputs, Machine Learning 68: Newton's method with
/// backtracking, and a loss computed without overflow. Logits are standardised first, which decorrelates the two
/// parameters.
pub(super) fn fit(logits: &[f64], labels: &[bool]) -> Option<Calibration> {
    let count = logits.len() as f64;
    let positives = labels.iter().filter(|&&label| label).count();
    if positives == 0 || positives == labels.len() {
        return None;
    }
    let positives = positives as f64;
    let mean = logits.iter().sum::<f64>() / count;
    let deviation = (logits.iter().map(|logit| (logit - mean).powi(2)).sum::<f64>() / count).sqrt();
    if !(deviation > 0.0 && deviation.is_finite()) {
        return None;
    }
    let targets = [1.0 / (count - positives + 2.0), (positives + 1.0) / (positives + 2.0)];
    let rows: Vec<[f64; 2]> = logits
        .iter()
        .zip(labels)
        .map(|(logit, &label)| [(logit - mean) / deviation, targets[usize::from(label)]])
        .collect();
    let line = descend(&rows, [0.0, ((positives + 1.0) / (count - positives + 1.0)).ln()]);
    let slope = line[0] / deviation;
    let intercept = line[1] - slope * mean;
    (slope > 0.0 && slope.is_finite() && intercept.is_finite()).then_some(Calibration::Platt { slope, intercept })
}

/// The parameters with the least loss over rows of (standardised logit, target).
fn descend(rows: &[[f64; 2]], start: [f64; 2]) -> [f64; 2] {
    let mut line = start;
    let mut loss = loss_of(rows, line);
    for _ in 0..MAX_STEPS {
        let Some((step, slope)) = newton_step(rows, line) else {
            break;
        };
        let mut length = 1.0;
        let (next, next_loss) = loop {
            let next = [line[0] + length * step[0], line[1] + length * step[1]];
            let next_loss = loss_of(rows, next);
            // The last steps gain less than the rounding error of the loss, where Newton's method is reliable.
            if next_loss <= loss + 1e-4 * length * slope + ROUNDING {
                break (next, next_loss);
            }
            length /= 2.0;
            if length < 1e-10 {
                return line;
            }
        };
        let moved = (next[0] - line[0]).abs().max((next[1] - line[1]).abs());
        (line, loss) = (next, next_loss);
        if moved <= 1e-14 * (1.0 + line[0].abs().max(line[1].abs())) {
            break;
        }
    }
    line
}

/// Mean cross-entropy against the targets.
fn loss_of(rows: &[[f64; 2]], line: [f64; 2]) -> f64 {
    let loss = |&[logit, target]: &[f64; 2]| {
        let logit = line[0] * logit + line[1];
        logit.max(0.0) - target * logit + (-logit.abs()).exp().ln_1p()
    };
    rows.iter().map(loss).sum::<f64>() / rows.len() as f64
}

/// Newton's step and the slope of the loss along it; `None` if the loss no longer decreases.
fn newton_step(rows: &[[f64; 2]], line: [f64; 2]) -> Option<([f64; 2], f64)> {
    let (mut gradient, mut curvature) = ([0.0; 2], [0.0; 3]);
    for &[logit, target] in rows {
        let probability = logistic(line[0] * logit + line[1]);
        let weight = probability * (1.0 - probability);
        gradient[0] += (probability - target) * logit;
        gradient[1] += probability - target;
        curvature[0] += weight * logit * logit;
        curvature[1] += weight * logit;
        curvature[2] += weight;
    }
    // As small a ridge as lets the system be solved where all weights have gone to 0.
    let [first, mixed, second] = [curvature[0] + 1e-12, curvature[1], curvature[2] + 1e-12];
    let determinant = first * second - mixed * mixed;
    let step = [
        -(second * gradient[0] - mixed * gradient[1]) / determinant,
        -(first * gradient[1] - mixed * gradient[0]) / determinant,
    ];
    let slope = (gradient[0] * step[0] + gradient[1] * step[1]) / rows.len() as f64;
    (slope < 0.0 && step.iter().all(|part| part.is_finite())).then_some((step, slope))
}
