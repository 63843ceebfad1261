//! The metrics equal those of scikit-learn and scipy on the same scores (`scripts/make_metric_goldens.py`), and their laws.
#![allow(clippy::unwrap_used, reason = "a failed test may say so")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resnet_binary::metrics::{
    Bootstrap, Confusion, Estimate, Metrics, MetricsError, Scores, curves, evaluate, ranking,
};
use serde::Deserialize;

const TOLERANCE: f64 = 1e-9;
const FEW: Bootstrap = Bootstrap { resamples: 100, seed: 0 };

#[derive(Deserialize)]
struct Golden {
    labels: Vec<u8>,
    probabilities: Vec<f64>,
    threshold: f64,
    confusion: Confusion,
    wilson: BTreeMap<String, Option<[f64; 3]>>,
    values: BTreeMap<String, Option<f64>>,
    delong_variance: Option<f64>,
    roc_auc_interval: Option<[f64; 2]>,
}

impl Golden {
    fn all() -> Vec<(String, Self)> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/metrics");
        let mut paths: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let read = |path: PathBuf| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
        };
        paths.into_iter().map(read).collect()
    }

    fn labels(&self) -> Vec<bool> {
        self.labels.iter().map(|&label| label == 1).collect()
    }

    fn metrics(&self) -> Metrics {
        evaluate(&self.labels(), &self.probabilities, self.threshold, FEW).unwrap()
    }
}

fn by_name(metrics: &Metrics) -> [(&'static str, Option<Estimate>); 12] {
    [
        ("accuracy", metrics.accuracy),
        ("balanced_accuracy", metrics.balanced_accuracy),
        ("sensitivity", metrics.sensitivity),
        ("specificity", metrics.specificity),
        ("precision", metrics.precision),
        ("f1", metrics.f1),
        ("mcc", metrics.mcc),
        ("roc_auc", metrics.roc_auc),
        ("pr_auc", metrics.pr_auc),
        ("log_loss", metrics.log_loss),
        ("brier", metrics.brier),
        ("expected_calibration_error", metrics.expected_calibration_error),
    ]
}

fn assert_close(ours: Option<f64>, theirs: Option<f64>, what: &str) {
    match (ours, theirs) {
        (None, None) => {}
        (Some(ours), Some(theirs)) => assert!((ours - theirs).abs() < TOLERANCE, "{what}: {ours} is not {theirs}"),
        _ => panic!("{what}: {ours:?} is not {theirs:?}"),
    }
}

#[test]
fn every_value_equals_scikit_learns() {
    let goldens = Golden::all();
    assert_eq!(goldens.len(), 13);
    for (case, golden) in goldens {
        let metrics = golden.metrics();
        assert_eq!(metrics.confusion, golden.confusion, "{case}");
        assert_eq!(golden.values.len(), 12);
        for (name, estimate) in by_name(&metrics) {
            assert_close(estimate.map(|estimate| estimate.value), golden.values[name], &format!("{case}: {name}"));
        }
    }
}

#[test]
fn wilson_intervals_equal_scipys() {
    for (case, golden) in Golden::all() {
        let metrics = golden.metrics();
        for (name, estimate) in by_name(&metrics) {
            let Some(theirs) = golden.wilson.get(name) else {
                continue;
            };
            let ours = estimate.map(|Estimate { value, low, high }| [value, low, high]);
            for end in 0..3 {
                assert_close(ours.map(|ours| ours[end]), theirs.map(|theirs| theirs[end]), &format!("{case}: {name}"));
            }
        }
    }
}

#[test]
fn the_interval_of_the_roc_auc_is_that_of_delongs_formula() {
    for (case, golden) in Golden::all() {
        let labels = golden.labels();
        let scores = Scores::new(&labels, &golden.probabilities).unwrap();
        assert_close(ranking::delong_variance(&scores).ok(), golden.delong_variance, &case);
        if let Some([low, high]) = golden.roc_auc_interval {
            let estimate = ranking::roc_auc_interval(&scores).ok();
            assert_close(estimate.map(|estimate| estimate.low), Some(low), &case);
            assert_close(estimate.map(|estimate| estimate.high), Some(high), &case);
        }
    }
}

#[test]
fn what_is_undefined_has_a_reason_and_no_number() {
    for (case, golden) in Golden::all() {
        let metrics = golden.metrics();
        for (name, estimate) in by_name(&metrics) {
            assert_eq!(estimate.is_none(), metrics.undefined.contains_key(name), "{case}: {name}");
        }
    }
    let nothing = evaluate(&[], &[], 0.5, FEW).unwrap();
    assert_eq!(nothing.undefined.len(), 12);
    let positives = evaluate(&[true, true], &[0.2, 0.8], 0.5, FEW).unwrap();
    assert_eq!(positives.undefined["roc_auc"], "there are no negative images");
    assert!(positives.sensitivity.is_some());
}

#[test]
fn scores_that_do_not_belong_together_are_refused() {
    let both = [true, false];
    assert!(matches!(evaluate(&both, &[0.5], 0.5, FEW), Err(MetricsError::Lengths { labels: 2, probabilities: 1 })));
    for value in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
        let result = evaluate(&both, &[0.5, value], 0.5, FEW);
        assert!(matches!(result, Err(MetricsError::NotAProbability { image: 1, .. })), "{value}");
    }
    assert!(matches!(evaluate(&both, &[0.5, 0.5], f64::NAN, FEW), Err(MetricsError::Threshold(_))));
    let none = Bootstrap { resamples: 0, seed: 0 };
    assert!(matches!(evaluate(&both, &[0.5, 0.5], 0.5, none), Err(MetricsError::TooFewResamples(0))));
}

#[test]
fn metrics_survive_json() {
    for (case, golden) in Golden::all() {
        let metrics = golden.metrics();
        let text = serde_json::to_string(&metrics).unwrap();
        assert_eq!(serde_json::from_str::<Metrics>(&text).unwrap(), metrics, "{case}");
    }
}

const SHARE: f64 = 0.4;

/// Well-calibrated probabilities of two normal distributions, as good logits are.
fn simulate(labels: &[bool], random: &mut ChaCha8Rng) -> Vec<f64> {
    const DISTANCE: f64 = 2.0;
    let probability = |is_positive: &bool| {
        // Box and Muller's normal number.
        let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * random.random::<f64>()).cos();
        let score = normal + DISTANCE * if *is_positive { 0.5 } else { -0.5 };
        let logit = DISTANCE * score + (SHARE / (1.0 - SHARE)).ln();
        1.0 / (1.0 + (-logit).exp())
    };
    labels.iter().map(probability).collect()
}

/// In how many of 1000 sets of 250 images each interval held the true value, taken from half a million.
fn coverage(mut labels_of: impl FnMut(usize, &mut ChaCha8Rng) -> Vec<bool>) -> BTreeMap<&'static str, u32> {
    let random = &mut ChaCha8Rng::seed_from_u64(1);
    let mut measure = |count, resamples, seed| {
        let labels = labels_of(count, random);
        let probabilities = simulate(&labels, random);
        by_name(&evaluate(&labels, &probabilities, 0.5, Bootstrap { resamples, seed }).unwrap())
    };
    let truth = measure(500_000, 100, 0);
    let mut held = BTreeMap::new();
    for set in 0..1000 {
        for ((name, estimate), (_, truth)) in measure(250, 200, set).into_iter().zip(truth) {
            let (Estimate { low, high, .. }, truth) = (estimate.unwrap(), truth.unwrap().value);
            *held.entry(name).or_insert(0) += u32::from(low <= truth && truth <= high);
        }
    }
    held
}

/// The class counts vary from set to set as in any sample: what Wilson's interval of a share of all images is about.
#[test]
fn intervals_of_shares_hold_the_truth_in_93_to_97_of_100_sets() {
    let held = coverage(|count, random| (0..count).map(|_| random.random::<f64>() < SHARE).collect());
    for name in ["accuracy", "balanced_accuracy", "sensitivity", "specificity", "precision", "mcc", "roc_auc"] {
        assert!((930..=970).contains(&held[name]), "{name}: {} of 1000", held[name]);
    }
}

/// The class counts stay as they are: what a stratified interval is about.
#[test]
fn stratified_intervals_hold_the_truth_in_93_to_97_of_100_sets() {
    let held = coverage(|count, _| (0..count).map(|image| (image as f64) < SHARE * count as f64).collect());
    for name in ["balanced_accuracy", "f1", "mcc", "roc_auc", "pr_auc", "log_loss", "brier"] {
        assert!((930..=970).contains(&held[name]), "{name}: {} of 1000", held[name]);
    }
    // These scores are calibrated: the true error is 0, and an interval that begins there may hold it more often.
    assert!(held["expected_calibration_error"] >= 930, "{}", held["expected_calibration_error"]);
}

fn scores() -> impl Strategy<Value = (Vec<bool>, Vec<f64>)> {
    let probability = prop_oneof![0.0..=1.0, (0u8..=10).prop_map(|tenths| f64::from(tenths) / 10.0)];
    prop::collection::vec((any::<bool>(), probability), 0..60).prop_map(|pairs| pairs.into_iter().unzip())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_interval_holds_its_value_and_stays_in_range((labels, probabilities) in scores()) {
        let metrics = evaluate(&labels, &probabilities, 0.5, FEW).unwrap();
        for (name, estimate) in by_name(&metrics) {
            if let Some(Estimate { value, low, high }) = estimate {
                prop_assert!(low <= value && value <= high, "{name}: {low} {value} {high}");
                let (least, most) = match name {
                    "mcc" => (-1.0, 1.0),
                    "log_loss" => (0.0, f64::MAX),
                    _ => (0.0, 1.0),
                };
                prop_assert!(low >= least && high <= most, "{name}: {low} {high}");
            }
        }
    }

    #[test]
    fn the_order_of_the_images_does_not_matter((labels, probabilities) in scores()) {
        let reversed: (Vec<bool>, Vec<f64>) = labels.iter().zip(&probabilities).rev().unzip();
        let there = evaluate(&labels, &probabilities, 0.5, FEW).unwrap();
        let back = evaluate(&reversed.0, &reversed.1, 0.5, FEW).unwrap();
        for ((name, there), (_, back)) in by_name(&there).into_iter().zip(by_name(&back)) {
            assert_close(there.map(|it| it.value), back.map(|it| it.value), name);
            assert_close(there.map(|it| it.low), back.map(|it| it.low), name);
            assert_close(there.map(|it| it.high), back.map(|it| it.high), name);
        }
    }

    #[test]
    fn swapping_the_classes_mirrors_the_ranking((labels, probabilities) in scores()) {
        let swapped: Vec<bool> = labels.iter().map(|label| !label).collect();
        let area = |labels: &[bool]| ranking::roc_auc(&Scores::new(labels, &probabilities).unwrap()).ok();
        assert_close(area(&labels).map(|area| 1.0 - area), area(&swapped), "ROC-AUC");
    }

    #[test]
    fn the_same_seed_gives_the_same_intervals((labels, probabilities) in scores()) {
        let first = evaluate(&labels, &probabilities, 0.5, FEW).unwrap();
        let again = evaluate(&labels, &probabilities, 0.5, FEW).unwrap();
        prop_assert_eq!(first, again);
    }
}

#[derive(Deserialize)]
struct Curves {
    thresholds: Vec<f64>,
    false_positive_rate: Vec<f64>,
    sensitivity: Vec<f64>,
    precision: Vec<f64>,
    recall: Vec<f64>,
    share_of_positives: Vec<f64>,
    mean_probability: Vec<f64>,
}

fn assert_same(case: &str, what: &str, ours: &[f64], theirs: &[f64]) {
    let is_same = |(a, b): (&f64, &f64)| (a - b).abs() <= TOLERANCE;
    let all_same = ours.len() == theirs.len() && ours.iter().zip(theirs).all(is_same);
    assert!(all_same, "{case}, {what}: {ours:?}, expected {theirs:?}");
}

#[test]
fn curves_and_calibration_bins_are_those_of_scikit_learn() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/curves.json");
    let expected: BTreeMap<String, Curves> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(expected.len(), 6);
    for (case, golden) in Golden::all() {
        let Some(expected) = expected.get(&case) else { continue };
        let labels = golden.labels();
        let scores = Scores::new(&labels, &golden.probabilities).unwrap();
        let steps = curves::steps(&scores);
        let each = |of: fn(&Confusion) -> f64| steps.iter().map(|step| of(&step.confusion)).collect::<Vec<f64>>();
        let thresholds: Vec<f64> = steps.iter().skip(1).map(|step| step.threshold).collect();
        let false_positive_rate = each(|counts| counts.false_positive as f64 / counts.negatives() as f64);
        let sensitivity = each(|counts| counts.true_positive as f64 / counts.positives() as f64);
        let precision =
            each(|counts| counts.true_positive as f64 / (counts.true_positive + counts.false_positive) as f64);
        assert!(steps[0].threshold.is_infinite() && precision[0].is_nan());
        assert_same(&case, "thresholds", &thresholds, &expected.thresholds);
        assert_same(&case, "false positive rate", &false_positive_rate, &expected.false_positive_rate);
        assert_same(&case, "sensitivity", &sensitivity, &expected.sensitivity);
        assert_same(&case, "precision", &precision[1..], &expected.precision);
        assert_same(&case, "recall", &sensitivity[1..], &expected.recall);
        let bins = curves::calibration_bins(&scores).unwrap();
        let filled = || bins.iter().filter(|bin| bin.images > 0);
        let shares: Vec<f64> = filled().map(|bin| bin.positives as f64 / bin.images as f64).collect();
        let means: Vec<f64> = filled().map(|bin| bin.mean_probability).collect();
        assert_same(&case, "share of positives", &shares, &expected.share_of_positives);
        assert_same(&case, "mean probability", &means, &expected.mean_probability);
        assert_eq!(bins.iter().map(|bin| bin.images).sum::<usize>(), labels.len());
    }
}
