//! Platt's line and the isotonic curve are scikit-learn's, and a calibration is taken only where it helps.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde_json::Value;

use super::golden;
use crate::decision::Calibration;
use crate::decision::calibration::{CalibrationError, Fitted, MAX_KNOTS, fit, logistic};

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn labels(value: &Value) -> Vec<bool> {
    value.as_array().unwrap().iter().map(|label| label == 1).collect()
}

#[test]
fn platts_line_is_the_optimum_that_scikit_learn_finds() {
    let golden = golden("platt.json");
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let fitted = Calibration::platt(&numbers(&case["logits"]), &labels(&case["labels"]));
        let Some(Calibration::Platt { slope, intercept }) = fitted else { panic!("{}: {fitted:?}", case["name"]) };
        let near = |ours: f64, theirs: &Value, tolerance: f64| {
            let theirs = theirs.as_f64().unwrap();
            assert!((ours - theirs).abs() < tolerance * (1.0 + theirs.abs()), "{}: {ours} {theirs}", case["name"]);
        };
        near(slope, &case["slope"], 1e-9);
        near(intercept, &case["intercept"], 1e-9);
        near(slope, &case["sigmoid_calibration"][0], 1e-5);
        near(intercept, &case["sigmoid_calibration"][1], 1e-5);
    }
}

#[test]
fn the_isotonic_curve_is_scikit_learns_kept_away_from_certainty() {
    let golden = golden("isotonic.json");
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let logits = numbers(&case["logits"]);
        let curve = Calibration::isotonic(&logits, &labels(&case["labels"])).unwrap();
        let limit = 1.0 / (logits.len() as f64 + 2.0);
        let Calibration::Isotonic { knots } = &curve else { panic!("{curve:?}") };
        // Where the curve is level at 0 or 1 it may be clipped before it is interpolated; there theirs is clipped too.
        let clipped_ends: Vec<f64> =
            knots.iter().filter(|knot| knot[1] <= limit || knot[1] >= 1.0 - limit).map(|knot| knot[0]).collect();
        for (logit, theirs) in numbers(&case["asked"]).into_iter().zip(numbers(&case["predicted"])) {
            let on_a_slope_to_an_end = {
                let above = knots.partition_point(|knot| knot[0] <= logit);
                above > 0
                    && above < knots.len()
                    && (clipped_ends.contains(&knots[above - 1][0]) != clipped_ends.contains(&knots[above][0]))
            };
            let tolerance = if on_a_slope_to_an_end { limit } else { 1e-12 };
            let difference = curve.apply(logit) - theirs.clamp(limit, 1.0 - limit);
            assert!(difference.abs() <= tolerance, "{} at {logit}: off by {difference}", case["name"]);
        }
    }
}

/// Logits whose true probability is `logistic(truth(logit))`, in five folds.
fn drawn(count: usize, seed: u64, truth: impl Fn(f64) -> f64) -> (Vec<f64>, Vec<bool>, Vec<usize>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut logits = Vec::new();
    let mut labels = Vec::new();
    for _ in 0..count {
        let normal: f64 = StandardNormal.sample(&mut random);
        logits.push(3.0 * normal);
        labels.push(random.random::<f64>() < logistic(truth(3.0 * normal)));
    }
    (logits, labels, (0..count).map(|image| image % 5).collect())
}

fn fitted(count: usize, seed: u64, truth: impl Fn(f64) -> f64) -> Fitted {
    let (logits, labels, folds) = drawn(count, seed, truth);
    fit(&logits, &labels, &folds, 1.0).unwrap()
}

#[test]
fn logits_that_are_too_certain_are_calibrated_by_platt() {
    let fitted = fitted(500, 1, |logit| 0.4 * logit - 1.0);
    let Calibration::Platt { slope, intercept } = fitted.calibration else { panic!("{fitted:?}") };
    assert!((slope - 0.4).abs() < 0.1 && (intercept + 1.0).abs() < 0.3, "{slope} {intercept}");
    assert!(fitted.log_loss_after < fitted.log_loss_before - 0.1);
    assert_eq!(fitted.platt, Some(fitted.log_loss_after));
    assert_eq!(fitted.isotonic, None, "500 images are too few for it");
}

#[test]
fn a_curve_that_no_line_follows_is_calibrated_isotonically() {
    let fitted = fitted(20_000, 2, |logit| if logit.abs() < 1.0 { 0.0 } else { 2.0 * logit.signum() });
    let Calibration::Isotonic { knots } = &fitted.calibration else { panic!("{fitted:?}") };
    assert!(knots.len() <= MAX_KNOTS);
    assert!(serde_json::to_string(&fitted.calibration).unwrap().len() < 4096);
    assert!(fitted.isotonic.unwrap() < fitted.platt.unwrap());
    assert!((fitted.calibration.apply(0.2) - 0.5).abs() < 0.05);
    assert!((fitted.calibration.apply(3.0) - logistic(2.0)).abs() < 0.03);
}

#[test]
fn logits_that_hold_already_are_left_alone_or_hardly_touched() {
    let mut alone = 0;
    for seed in 0..40 {
        let fitted = fitted(2000, seed, |logit| logit);
        assert!(fitted.log_loss_after <= fitted.log_loss_before);
        assert!(fitted.log_loss_before - fitted.log_loss_after < 0.01);
        alone += u32::from(fitted.calibration == Calibration::None);
    }
    println!("left alone: {alone} of 40");
    assert!(alone >= 20);
}

#[test]
fn what_is_taken_helps_on_fresh_images_too() {
    let truth = |logit: f64| 0.5 * logit + 0.7;
    let (fresh_logits, fresh_labels, _) = drawn(20_000, 99, truth);
    let loss = |calibration: &Calibration| {
        let costs = fresh_logits.iter().zip(&fresh_labels).map(|(&logit, &label)| {
            let probability = calibration.apply(logit);
            -(if label { probability } else { 1.0 - probability }).ln()
        });
        costs.sum::<f64>() / fresh_logits.len() as f64
    };
    for (count, seed) in [(60, 3), (200, 4), (3000, 5)] {
        let fitted = fitted(count, seed, truth);
        assert_ne!(fitted.calibration, Calibration::None);
        assert!(loss(&fitted.calibration) < loss(&Calibration::None), "{count}: {fitted:?}");
        assert!((loss(&fitted.calibration) - fitted.log_loss_after).abs() < 3.0 / (count as f64).sqrt());
    }
}

#[test]
fn what_cannot_be_fitted_is_left_alone() {
    let (labels, folds) = ([true, false, true, false], [0, 0, 1, 1]);
    for logits in [[1.0; 4], [-1.0, 1.0, -2.0, 2.0], [f64::MAX, -f64::MAX, f64::MAX, 0.0]] {
        assert_eq!(fit(&logits, &labels, &folds, 1.0).unwrap().calibration, Calibration::None, "{logits:?}");
    }
    // The other folds lack a class.
    let one_sided = fit(&[2.0, -1.0, 1.0, -2.0], &labels, &[0, 1, 0, 1], 1.0).unwrap();
    assert_eq!((one_sided.calibration, one_sided.platt), (Calibration::None, None));
    assert_eq!(one_sided.out_of_fold.len(), 4);
}

#[test]
fn inputs_that_do_not_belong_together_are_refused() {
    let lengths = fit(&[0.0], &[true, false], &[0, 1], 1.0).unwrap_err();
    assert_eq!(lengths, CalibrationError::Lengths { logits: 1, labels: 2, folds: 2 });
    assert_eq!(fit(&[0.0, f64::NAN], &[true, false], &[0, 1], 1.0), Err(CalibrationError::NotFinite { image: 1 }));
    assert_eq!(fit(&[0.0, 1.0], &[true, false], &[3, 3], 1.0), Err(CalibrationError::Folds(1)));
    assert_eq!(fit(&[], &[], &[], 1.0), Err(CalibrationError::Folds(0)));
}

#[test]
fn a_damaged_calibration_is_refused() {
    let damaged = [
        Calibration::Platt { slope: 0.0, intercept: 0.0 },
        Calibration::Platt { slope: f64::NAN, intercept: 0.0 },
        Calibration::Platt { slope: 1.0, intercept: f64::INFINITY },
        Calibration::Isotonic { knots: vec![] },
        Calibration::Isotonic { knots: vec![[0.0, 0.5], [0.0, 0.6]] },
        Calibration::Isotonic { knots: vec![[0.0, 0.5], [1.0, 0.4]] },
        Calibration::Isotonic { knots: vec![[0.0, 1.0]] },
        Calibration::Isotonic { knots: vec![[f64::NAN, 0.5]] },
        Calibration::Isotonic { knots: (0..=MAX_KNOTS).map(|knot| [knot as f64, 0.5]).collect() },
    ];
    for calibration in damaged {
        assert!(calibration.check().unwrap_err().hint().is_some(), "{calibration:?}");
        // Not even then does it bring the program down.
        let _ = calibration.apply(0.5);
    }
    assert!(Calibration::None.check().is_ok());
}

fn pairs() -> impl Strategy<Value = (Vec<f64>, Vec<bool>)> {
    let logit = prop_oneof![-8.0..8.0f64, (-4..4i32).prop_map(f64::from), -1e3..1e3f64];
    prop::collection::vec((logit, any::<bool>()), 1..200).prop_map(|pairs| pairs.into_iter().unzip())
}

proptest! {
    #[test]
    fn every_calibration_rises_within_0_and_1((logits, labels) in pairs(), mut asked in prop::collection::vec(any::<f64>(), 2..50)) {
        asked.retain(|logit| logit.is_finite());
        asked.extend([f64::MIN, f64::MAX, 0.0, -0.0]);
        asked.extend(&logits);
        asked.sort_by(f64::total_cmp);
        let fitted = [Some(Calibration::None), Calibration::platt(&logits, &labels), Calibration::isotonic(&logits, &labels)];
        for calibration in fitted.into_iter().flatten() {
            prop_assert!(calibration.check().is_ok(), "{:?}", calibration);
            let probabilities: Vec<f64> = asked.iter().map(|&logit| calibration.apply(logit)).collect();
            prop_assert!(probabilities.iter().all(|probability| *probability > 0.0 && *probability < 1.0));
            prop_assert!(probabilities.is_sorted(), "{:?}", calibration);
            let read: Calibration = serde_json::from_str(&serde_json::to_string(&calibration).unwrap()).unwrap();
            prop_assert_eq!(read, calibration);
        }
    }

    #[test]
    fn thinning_keeps_close_to_the_curve(seed in 0..50u64) {
        let (logits, labels, _) = drawn(6000, seed, |logit| logit);
        let curve = Calibration::isotonic(&logits, &labels).unwrap();
        // Every image lies in a level part of the whole curve; shares over many of them tell whether it was bent.
        for begin in [-4.0, -2.0, 0.0, 2.0] {
            let inside = |logit: f64| (begin..begin + 2.0).contains(&logit);
            let (mut expected, mut found, mut count) = (0.0, 0.0, 0.0);
            for (&logit, &label) in logits.iter().zip(&labels).filter(|(logit, _)| inside(**logit)) {
                expected += curve.apply(logit);
                found += f64::from(u8::from(label));
                count += 1.0;
            }
            let difference: f64 = (expected - found) / count;
            prop_assert!(difference.abs() < 0.03, "from {}: {}", begin, difference);
        }
    }
}

#[test]
fn the_weight_of_the_classes_comes_off_where_that_is_better() {
    // Heads that see nothing: with positives that weigh 4, even odds stand for one positive in five.
    let labels: Vec<bool> = (0..50).map(|image| image % 5 == 0).collect();
    let folds: Vec<usize> = (0..50).map(|image| image % 3).collect();
    let fitted = fit(&[0.0; 50], &labels, &folds, 4.0).unwrap();
    assert_eq!((fitted.calibration.clone(), fitted.platt), (Calibration::at_prior(4.0), None));
    assert!((fitted.calibration.apply(0.0) - 0.2).abs() < 1e-12 && fitted.log_loss_after < fitted.log_loss_before);
    assert_eq!(Calibration::at_prior(1.0), Calibration::None);
}
