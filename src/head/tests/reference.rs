//! The head against scikit-learn, and against what users give it. Goldens: `scripts/golden/heads.py`.

#![expect(clippy::float_cmp, reason = "what is compared exactly is meant to be the same bits")]

use proptest::prelude::*;
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use crate::features::matrix::FeatureMatrix;
use crate::head::cross_validation::{Score, cross_validate, grid, usual_strength};
use crate::head::exact::{ExactOptions, Fit, L2, fit};
use crate::head::sgd::{self, SgdOptions};
use crate::head::{Balance, Examples, HeadError, objective, pos_weight, probability};
use crate::progress::{Interrupted, Progress, Silent, Unit};

fn fixed(l2: f64) -> ExactOptions {
    ExactOptions { l2: L2::Fixed(l2) }
}

fn fit_fixed(features: &FeatureMatrix, labels: &[bool], l2: f64) -> Result<Fit, HeadError> {
    fit(&Examples::new(features, labels, 1.0)?, None, &fixed(l2), &Silent)
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

/// Features `[N, D]` and labels of a golden.
fn data(golden: &Value) -> (FeatureMatrix, Vec<bool>) {
    #[expect(clippy::cast_possible_truncation, reason = "the script rounded them to f32")]
    let values = numbers(&golden["features"]).into_iter().map(|value| value as f32).collect();
    let width = usize::try_from(golden["width"].as_u64().unwrap()).unwrap();
    let labels = numbers(&golden["labels"]).into_iter().map(|label| label > 0.5).collect();
    (FeatureMatrix::from_values(width, values).unwrap(), labels)
}

fn largest_difference(left: &[f64], right: &[f64]) -> f64 {
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).map(|(left, right)| (left - right).abs()).fold(0.0, f64::max)
}

/// Numbers that look random and are the same everywhere, in ±1.
fn noise(index: usize) -> f32 {
    let mixed = (index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (((mixed >> 40) as f64) / f64::from(1 << 23) - 1.0) as f32
}

fn noisy(rows: usize, width: usize) -> (FeatureMatrix, Vec<bool>) {
    let values = (0..rows * width).map(noise).collect();
    let features = FeatureMatrix::from_values(width, values).unwrap();
    let labels = features.rows().enumerate().map(|(index, row)| row[0] + 0.7 * noise(index + 77_777) > 0.1).collect();
    (features, labels)
}

#[test]
fn the_optimum_is_scikit_learns() {
    let golden: Value = serde_json::from_str(include_str!("../../../tests/golden/head/optima.json")).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 7);
    for case in cases {
        let (features, labels) = data(case);
        let (l2, weight) = (case["l2"].as_f64().unwrap(), case["pos_weight"].as_f64().unwrap());
        let examples = Examples::new(&features, &labels, weight).unwrap();
        let fit = fit(&examples, None, &fixed(l2), &Silent).unwrap();
        let expected = case["objective"].as_f64().unwrap();
        let name = &case["name"];
        assert!((fit.objective - expected).abs() < 1e-9, "{name}: {} against {expected}", fit.objective);
        assert!(fit.gradient_ratio < 1e-8, "{name}: {}", fit.gradient_ratio);
        // The logits also pass through the f32 of the stored head.
        let logits = fit.head.logits(&features).unwrap();
        let difference = largest_difference(&logits, &numbers(&case["logits"]));
        assert!(difference < 1e-4, "{name}: logits differ by {difference}");
    }
}

#[test]
fn cross_validation_is_scikit_learns_pipeline_fold_by_fold() {
    let golden: Value = serde_json::from_str(include_str!("../../../tests/golden/head/cross_validation.json")).unwrap();
    let (features, labels) = data(&golden);
    let folds: Vec<usize> = serde_json::from_value(golden["folds"].clone()).unwrap();
    let examples = Examples::new(&features, &labels, 1.0).unwrap();
    for (index, l2) in numbers(&golden["l2"]).into_iter().enumerate() {
        let found = cross_validate(&examples, &folds, &[l2], &Silent).unwrap();
        let expected = numbers(&golden["log_loss"])[index];
        assert!((found.scores[0].log_loss - expected).abs() < 1e-5, "l2 {l2}: {:?} {expected}", found.scores);
        let difference = largest_difference(&found.logits, &numbers(&golden["logits"][index]));
        assert!(difference < 1e-3, "l2 {l2}: logits differ by {difference}");
    }
}

#[test]
fn both_systems_find_the_same_head() {
    // 1001 images are over the limit of the Gram system, 1000 are not, and twice the same image changes little enough.
    let (features, labels) = noisy(1001, 1100);
    let fewer: Vec<usize> = (0..1000).collect();
    let by_rows = fit_fixed(&features, &labels, 0.3).unwrap();
    let by_gram = fit_fixed(&features.select(&fewer), &labels[..1000], 0.3).unwrap();
    assert!((by_rows.objective - by_gram.objective).abs() < 1e-3);
    assert!(by_rows.gradient_ratio < 1e-8 && by_gram.gradient_ratio < 1e-8);
}

#[test]
fn the_same_input_gives_the_same_bits_on_any_number_of_threads() {
    let (features, labels) = noisy(700, 30);
    let folds: Vec<usize> = (0..700).map(|index| index % 5).collect();
    let examples = Examples::new(&features, &labels, 1.5).unwrap();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit(&examples, Some(&folds), &ExactOptions::default(), &Silent).unwrap())
    };
    let (one, three) = (run(1), run(3));
    assert_eq!(one.head, three.head);
    assert_eq!(one.cross_validation, three.cross_validation);
    assert_eq!(one.l2.to_bits(), three.l2.to_bits());
}

#[test]
fn auto_takes_the_best_of_its_scores_and_gives_its_logits() {
    let (features, labels) = noisy(120, 40);
    let folds: Vec<usize> = (0..120).map(|index| index % 4).collect();
    let examples = Examples::new(&features, &labels, 1.0).unwrap();
    let fit = fit(&examples, Some(&folds), &ExactOptions::default(), &Silent).unwrap();
    let found = fit.cross_validation.unwrap();
    let lowest = found.scores.iter().map(|score| score.with_prior).fold(f64::INFINITY, f64::min);
    let &Score { log_loss, with_prior, .. } = found.scores.iter().find(|score| score.l2 == fit.l2).unwrap();
    assert_eq!((with_prior, found.folds), (lowest, 4));
    assert!((objective::log_loss(&found.logits, &labels, 1.0) - log_loss).abs() < 1e-15);
    assert!(log_loss < 0.6, "there is a signal: {log_loss}");
}

#[test]
fn calling_the_other_class_positive_turns_the_sign_and_nothing_else() {
    let (features, labels) = noisy(90, 30);
    let turned: Vec<bool> = labels.iter().map(|label| !label).collect();
    let folds: Vec<usize> = (0..90).map(|index| index % 5).collect();
    let run = |labels: &[bool]| {
        let examples = Examples::new(&features, labels, pos_weight(labels, Balance::Auto)).unwrap();
        let exact = fit(&examples, Some(&folds), &ExactOptions::default(), &Silent).unwrap();
        let options = SgdOptions { epochs: 5, ..SgdOptions::default() };
        let stepped = sgd::fit(&examples, None, &options, Device::Cpu, &Silent).unwrap();
        (exact.l2, [exact.head, stepped.head].map(|head| head.logits(&features).unwrap()))
    };
    let ((strength, logits), (other_strength, other)) = (run(&labels), run(&turned));
    assert_eq!(strength, other_strength);
    for (solver, tolerance) in [(0, 1e-6), (1, 1e-4)] {
        let negated: Vec<f64> = other[solver].iter().map(|logit| -logit).collect();
        let difference = largest_difference(&logits[solver], &negated);
        assert!(difference < tolerance, "solver {solver}: {difference}");
    }
}

#[test]
fn photos_that_are_in_both_classes_give_the_head_of_zeros() {
    let (half, _) = noisy(20, 40);
    let twice: Vec<usize> = (0..20).chain(0..20).collect();
    let features = half.select(&twice);
    let labels: Vec<bool> = (0..40).map(|index| index < 20).collect();
    for l2 in [1e3, 1.0, 1e-6] {
        let fit = fit_fixed(&features, &labels, l2).unwrap();
        assert!(fit.head.logits(&features).unwrap().iter().all(|logit| logit.abs() < 1e-6));
    }
}

#[test]
fn held_out_images_do_not_reach_the_heads_that_judge_them() {
    let (features, labels) = noisy(60, 10);
    let folds: Vec<usize> = (0..60).map(|index| index % 3).collect();
    let logits = |features: &FeatureMatrix| {
        let examples = Examples::new(features, &labels, 1.0).unwrap();
        cross_validate(&examples, &folds, &[0.1], &Silent).unwrap().logits
    };
    let mut changed = FeatureMatrix::new(10);
    for (index, row) in features.rows().enumerate() {
        let row: Vec<f32> = if index == 4 { row.iter().map(|value| value * 1000.0).collect() } else { row.to_vec() };
        changed.push_row(&row).unwrap();
    }
    let (before, after) = (logits(&features), logits(&changed));
    for index in (0..60).filter(|index| index % 3 == 1 && *index != 4) {
        assert_eq!(before[index].to_bits(), after[index].to_bits(), "image {index} shares the fold of image 4");
    }
    assert_ne!(before[0], after[0], "image 0 is judged by a head that saw image 4");
}

#[test]
fn two_images_and_separable_classes_have_an_optimum() {
    let two = FeatureMatrix::from_values(3, vec![0.0, 1.0, 5.0, 0.0, 3.0, 5.0]).unwrap();
    for l2 in [1e3, 1.0, 1e-6, 1e-9] {
        let fit = fit_fixed(&two, &[false, true], l2).unwrap();
        assert!(fit.gradient_ratio < 1e-6);
        assert!(fit.head.logit(two.row(1)).unwrap() > 0.0 && fit.head.logit(two.row(0)).unwrap() < 0.0);
        assert_eq!((fit.head.weight[0], fit.head.weight[2]), (0.0, 0.0));
    }
}

#[test]
fn features_that_never_vary_leave_the_share_of_positives() {
    let constant = FeatureMatrix::from_values(4, vec![0.1; 20]).unwrap();
    let fit = fit_fixed(&constant, &[true, false, false, false, false], 0.5).unwrap();
    assert_eq!(fit.head.weight, [0.0; 4]);
    assert!((probability(fit.head.logit(constant.row(0)).unwrap()) - 0.2).abs() < 1e-6);
}

#[test]
fn large_offsets_and_scales_do_no_harm() {
    let (plain, labels) = noisy(90, 6);
    let shifted: Vec<f32> = plain.values().iter().map(|value| value * 1024.0 + 65_536.0).collect();
    let shifted = FeatureMatrix::from_values(6, shifted).unwrap();
    let (plain, shifted) = (fit_fixed(&plain, &labels, 0.01).unwrap(), fit_fixed(&shifted, &labels, 0.01).unwrap());
    assert!((plain.objective - shifted.objective).abs() < 1e-4, "{} {}", plain.objective, shifted.objective);
}

#[test]
fn what_cannot_be_fitted_is_named() {
    let (features, labels) = noisy(8, 3);
    let error = |labels: &[bool], weight| Examples::new(&features, labels, weight).unwrap_err();
    assert!(matches!(error(&[true; 8], 1.0), HeadError::OneClass { positives: 8, negatives: 0 }));
    assert!(matches!(error(&labels[..7], 1.0), HeadError::LabelCount { labels: 7, rows: 8 }));
    assert!(matches!(error(&labels, 0.0), HeadError::InvalidSetting { name: "pos_weight", .. }));
    let empty = FeatureMatrix::new(3);
    assert!(matches!(Examples::new(&empty, &[], 1.0).unwrap_err(), HeadError::OneClass { .. }));
    for damage in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = features.values();
        values[3 * 5 + 1] = damage;
        let damaged = FeatureMatrix::from_values(3, values).unwrap();
        let error = Examples::new(&damaged, &labels, 1.0).unwrap_err();
        assert_eq!(error.to_string(), "the features of row 5 are not finite, expected numbers");
    }
    for l2 in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(fit_fixed(&features, &labels, l2), Err(HeadError::InvalidSetting { name: "l2", .. })));
    }
}

#[test]
fn folds_that_leave_one_class_are_named_and_no_folds_are_no_error() {
    let (features, _) = noisy(6, 3);
    let labels = [true, true, false, false, false, false];
    let examples = Examples::new(&features, &labels, 1.0).unwrap();
    let with = |folds: &[usize]| fit(&examples, Some(folds), &ExactOptions::default(), &Silent);
    let error = with(&[7, 7, 7, 8, 8, 8]).unwrap_err();
    assert_eq!(error.to_string(), "fold 7 leaves no positive image to fit, expected both classes outside every fold");
    assert!(matches!(with(&[0; 6]), Err(HeadError::FoldWithoutClass { .. })));
    assert!(matches!(with(&[0; 5]), Err(HeadError::LabelCount { .. })));
    let without = fit(&examples, None, &ExactOptions::default(), &Silent).unwrap();
    assert_eq!((without.l2, without.cross_validation), (usual_strength(3), None));
}

/// Asks to stop at once.
struct Impatient;

impl Progress for Impatient {
    fn start(&self, _: &str, _: Unit, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn finish(&self) {}
    fn note(&self, _: &str) {}
    fn warn(&self, _: &str) {}
    fn check(&self) -> Result<(), Interrupted> {
        Err(Interrupted)
    }
}

#[test]
fn an_interrupt_ends_every_solver() {
    let (features, labels) = noisy(30, 4);
    let examples = Examples::new(&features, &labels, 1.0).unwrap();
    let exact = fit(&examples, None, &fixed(1.0), &Impatient);
    assert!(matches!(exact, Err(HeadError::Interrupted(_))));
    let stepped = sgd::fit(&examples, None, &SgdOptions::default(), Device::Cpu, &Impatient);
    assert!(matches!(stepped, Err(HeadError::Interrupted(_))));
}

#[test]
fn sgd_comes_close_to_the_exact_head_and_repeats_itself() {
    let (features, labels) = noisy(300, 8);
    let (training, validation): (Vec<usize>, Vec<usize>) = (0..300).partition(|index| index % 4 > 0);
    let pick = |rows: &[usize]| rows.iter().map(|&row| labels[row]).collect::<Vec<_>>();
    let (fit_features, held_features) = (features.select(&training), features.select(&validation));
    let (fit_labels, held_labels) = (pick(&training), pick(&validation));
    let training = Examples::new(&fit_features, &fit_labels, 1.0).unwrap();
    let validation = Examples::new(&held_features, &held_labels, 1.0).unwrap();
    let options = SgdOptions { learning_rate: 0.02, ..SgdOptions::default() };
    let run = |seed| {
        let options = SgdOptions { seed, ..options.clone() };
        sgd::fit(&training, Some(&validation), &options, Device::Cpu, &Silent).unwrap()
    };
    let first = run(0);
    assert_eq!(first, run(0));
    assert_ne!(first.head, run(1).head);
    let exact = fit(&training, None, &fixed(0.01), &Silent).unwrap();
    let loss = |head: &crate::head::Head| objective::log_loss(&head.logits(&held_features).unwrap(), &held_labels, 1.0);
    assert!((loss(&first.head) - loss(&exact.head)).abs() < 0.05, "{} {}", loss(&first.head), loss(&exact.head));
    let best = first.history[first.best_epoch - 1].stopping_loss.unwrap();
    assert!((best - loss(&first.head)).abs() < 1e-5);
    assert!(first.history.iter().all(|epoch| epoch.stopping_loss.unwrap() >= best));
    assert!(first.history.len() <= first.best_epoch + options.patience);
}

#[test]
fn sgd_refuses_options_that_cannot_work_and_a_loss_that_explodes() {
    let (features, labels) = noisy(20, 4);
    let examples = Examples::new(&features, &labels, 1.0).unwrap();
    let run = |options: SgdOptions| sgd::fit(&examples, None, &options, Device::Cpu, &Silent);
    let default = SgdOptions::default;
    assert!(matches!(
        run(SgdOptions { epochs: 0, ..default() }),
        Err(HeadError::InvalidSetting { name: "epochs", .. })
    ));
    assert!(matches!(run(SgdOptions { batch_size: 0, ..default() }), Err(HeadError::InvalidSetting { .. })));
    assert!(matches!(run(SgdOptions { learning_rate: -1.0, ..default() }), Err(HeadError::InvalidSetting { .. })));
    assert!(matches!(run(SgdOptions { weight_decay: f64::NAN, ..default() }), Err(HeadError::InvalidSetting { .. })));
    assert!(matches!(
        run(SgdOptions { learning_rate: 1e4, ..default() }),
        Err(HeadError::InvalidSetting { name: "lr", .. })
    ));
    let exploding = SgdOptions { learning_rate: 1e3, weight_decay: 1e3, ..default() };
    assert!(matches!(run(exploding), Err(HeadError::Diverged { .. })));
    let crawling = run(SgdOptions { learning_rate: f64::MIN_POSITIVE, epochs: 1, ..default() }).unwrap();
    assert!(crawling.history[0].training_loss.is_finite());
    let last = run(SgdOptions { epochs: 3, ..default() }).unwrap();
    assert_eq!((last.best_epoch, last.history.len()), (3, 3));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever finite features come, near or far from each other: converged, finite, and no worse than the zero head.
    #[test]
    fn any_finite_features_have_an_optimum(
        values in prop::collection::vec(prop_oneof![-3.0..3.0_f32, -1e6..1e6_f32, Just(0.0)], 24),
        width in prop::sample::select(vec![1_usize, 2, 3, 6, 12]),
        pattern in any::<u32>(),
        power in -6.0..3.0_f64,
        weight in 0.05..20.0_f64,
    ) {
        let features = FeatureMatrix::from_values(width, values).unwrap();
        let mut labels: Vec<bool> = (0..features.len()).map(|index| pattern >> index & 1 == 1).collect();
        labels[0] = true;
        labels[1] = false;
        let examples = Examples::new(&features, &labels, weight).unwrap();
        let fit = fit(&examples, None, &fixed(10_f64.powf(power)), &Silent).unwrap();
        prop_assert!(fit.gradient_ratio < 1e-6);
        prop_assert!(fit.head.weight.iter().all(|weight| weight.is_finite()));
        let zero = objective::log_loss(&vec![0.0; labels.len()], &labels, weight);
        prop_assert!(fit.objective <= zero + 1e-12);
    }
}

#[test]
fn libtorchs_own_random_numbers_are_neither_used_nor_moved() {
    let (features, labels) = noisy(20, 3);
    let examples = Examples::new(&features, &labels, 1.0).unwrap();
    let next = || f64::try_from(Tensor::rand([1], (Kind::Double, Device::Cpu))).unwrap();
    tch::manual_seed(3);
    let undisturbed = next();
    tch::manual_seed(3);
    let first = sgd::fit(&examples, None, &SgdOptions::default(), Device::Cpu, &Silent).unwrap();
    assert_eq!(next(), undisturbed);
    assert_eq!(sgd::fit(&examples, None, &SgdOptions::default(), Device::Cpu, &Silent).unwrap(), first);
}

#[test]
fn behind_a_flattened_map_the_optimum_is_scikit_learns_too() {
    let golden: Value = serde_json::from_str(include_str!("../../../tests/golden/head/flatten.json")).unwrap();
    let number = |name: &str| golden[name].as_f64().unwrap();
    let count = |name: &str| usize::try_from(golden[name].as_u64().unwrap()).unwrap();
    let values = (0..count("rows") * count("width")).map(noise).collect();
    let features = FeatureMatrix::from_values(count("width"), values).unwrap();
    let labels: Vec<bool> = numbers(&golden["labels"]).into_iter().map(|label| label > 0.5).collect();
    let examples = Examples::new(&features, &labels, number("pos_weight")).unwrap();
    let fit = fit(&examples, None, &fixed(number("l2")), &Silent).unwrap();
    assert!((fit.objective - number("objective")).abs() < 1e-9, "{} {}", fit.objective, number("objective"));
    let logits = fit.head.logits(&features).unwrap();
    let difference = largest_difference(&logits, &numbers(&golden["logits"]));
    assert!(difference < 1e-4, "{difference}");
}

#[test]
fn the_grid_begins_stronger_where_there_are_more_features() {
    let strongest = |width| grid(width)[0];
    assert_eq!([strongest(6), strongest(2048)], [1800.0, 1800.0]);
    assert!((strongest(100_352) - 180_000.0).abs() < 1e-6);
    assert!(grid(2048).len() == 17 && grid(100_352).ends_with(&grid(2048)));
}
