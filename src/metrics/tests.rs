//! The metrics equal those of scikit-learn and scipy on the same scores (`scripts/golden/metrics.py`), and their laws.

use std::collections::BTreeMap;
use std::path::PathBuf;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use crate::metrics::{Bootstrap, Confusion, Estimate, Metrics, MetricsError, Scores, curves, ranking};

fn evaluate(
    labels: &[bool],
    probabilities: &[f64],
    threshold: f64,
    bootstrap: Bootstrap,
) -> Result<Metrics, MetricsError> {
    crate::metrics::evaluate(&Scores::new(labels, probabilities)?, threshold, bootstrap)
}

fn evaluate_in_groups(labels: &[bool], probabilities: &[f64], groups: &[usize], bootstrap: Bootstrap) -> Metrics {
    let scores = Scores::new(labels, probabilities).unwrap().in_groups(groups).unwrap();
    crate::metrics::evaluate(&scores, 0.5, bootstrap).unwrap()
}

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
            // One image is no sample: it has a value alone.
            let is_alone = estimate.is_some_and(|estimate| estimate.interval().is_none());
            assert_eq!(is_alone, metrics.without_interval.contains_key(name), "{case}: {name}");
            let [low, high] =
                estimate.and_then(|estimate| estimate.interval()).map_or([None; 2], |ends| ends.map(Some));
            let their = |end: usize| theirs.map(|theirs| theirs[end]);
            assert_close(estimate.map(|estimate| estimate.value), their(0), &format!("{case}: {name}"));
            if !is_alone {
                assert_close(low, their(1), &format!("{case}: {name}"));
                assert_close(high, their(2), &format!("{case}: {name}"));
            }
        }
    }
}

#[test]
fn the_interval_of_the_roc_auc_is_that_of_delongs_formula() {
    for (case, golden) in Golden::all() {
        let labels = golden.labels();
        let scores = Scores::new(&labels, &golden.probabilities).unwrap();
        assert_close(
            ranking::Placements::new(&scores).ok().and_then(|placements| placements.variance()),
            golden.delong_variance,
            &case,
        );
        if let Some([low, high]) = golden.roc_auc_interval {
            let ours = ranking::roc_auc_interval(&scores).unwrap();
            assert_close(ours.low, Some(low), &case);
            assert_close(ours.high, Some(high), &case);
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
    let scores = Scores::new(&both, &[0.5, 0.5]).unwrap();
    assert!(matches!(scores.in_groups(&[0]), Err(MetricsError::Groups { labels: 2, groups: 1 })));
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

/// A world of normal scores around two means.
#[derive(Clone, Copy)]
struct World {
    /// Between the means, in deviations: 2 for a ROC-AUC of 0.92, 3.29 for 0.99, 4.4 for 0.999.
    distance: f64,
    /// Share of positive images.
    share: f64,
    /// What all images of a group have in common, as a part of the variance: 1 for copies.
    alike: f64,
    /// 1 for probabilities that hold, more for a head that is too sure of itself.
    overconfident: f64,
}

const PLAIN: World = World { distance: 2.0, share: SHARE, alike: 0.0, overconfident: 1.0 };

fn normal(random: &mut ChaCha8Rng) -> f64 {
    // Box and Muller.
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.random::<f64>()).cos()
}

/// Probabilities of images with these labels and groups, which follow each other.
fn simulate(world: World, labels: &[bool], groups: &[usize], random: &mut ChaCha8Rng) -> Vec<f64> {
    let (mut group, mut shared) = (usize::MAX, 0.0);
    let probability = |(is_positive, id): (&bool, &usize)| {
        if *id != group {
            (group, shared) = (*id, normal(random));
        }
        let noise = world.alike.sqrt() * shared + (1.0 - world.alike).sqrt() * normal(random);
        let score = noise + world.distance * if *is_positive { 0.5 } else { -0.5 };
        let logit = world.distance * score + (world.share / (1.0 - world.share)).ln();
        (1.0 / (1.0 + (-world.overconfident * logit).exp())).clamp(0.0, 1.0)
    };
    labels.iter().zip(groups).map(probability).collect()
}

/// Labels and groups of a set of images.
type Images = (Vec<bool>, Vec<usize>);

/// Of so many sets: the percentage whose intervals held the true value of half a million images, and the percentage that
/// had an interval.
fn coverage(
    world: World,
    sets: usize,
    mut images: impl FnMut(Option<usize>, &mut ChaCha8Rng) -> Images,
) -> BTreeMap<&'static str, [f64; 2]> {
    let random = &mut ChaCha8Rng::seed_from_u64(1);
    let mut measure = |set: Option<usize>| {
        let (labels, groups) = images(set, random);
        let probabilities = simulate(world, &labels, &groups, random);
        let bootstrap = Bootstrap { resamples: if set.is_some() { 200 } else { 100 }, seed: set.unwrap_or(0) as u64 };
        by_name(&evaluate_in_groups(&labels, &probabilities, &groups, bootstrap))
    };
    let truth = measure(None);
    let mut counts = BTreeMap::new();
    for set in 0..sets {
        for ((name, estimate), (_, truth)) in measure(Some(set)).into_iter().zip(truth) {
            let truth = truth.unwrap().value;
            let [held, had] = counts.entry(name).or_insert([0, 0]);
            if let Some([low, high]) = estimate.and_then(|estimate| estimate.interval()) {
                *had += 1;
                *held += usize::from(low <= truth && truth <= high);
            }
        }
    }
    let percent = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
    counts.into_iter().map(|(name, [held, had])| (name, [percent(held, had), percent(had, sets)])).collect()
}

/// 250 images, or half a million for the truth.
fn many(set: Option<usize>) -> usize {
    if set.is_some() { 250 } else { 500_000 }
}

/// The class counts vary from set to set as in any sample: what Wilson's interval of a share of all images is about.
#[test]
fn intervals_of_shares_hold_the_truth_in_93_to_97_of_100_sets() {
    let held = coverage(PLAIN, 1000, |set, random| {
        let labels = (0..many(set)).map(|_| random.random::<f64>() < SHARE).collect();
        (labels, (0..many(set)).collect())
    });
    for name in ["accuracy", "balanced_accuracy", "sensitivity", "specificity", "precision", "mcc", "roc_auc"] {
        assert!((93.0..=97.0).contains(&held[name][0]), "{name}: {:?}", held[name]);
    }
}

/// The class counts stay as they are: what a stratified interval is about.
#[test]
fn stratified_intervals_hold_the_truth_in_93_to_98_of_100_sets() {
    let held = coverage(PLAIN, 1000, |set, _| {
        let labels = (0..many(set)).map(|image| (image as f64) < SHARE * many(set) as f64).collect();
        (labels, (0..many(set)).collect())
    });
    for name in ["balanced_accuracy", "f1", "mcc", "roc_auc", "pr_auc", "log_loss", "brier"] {
        assert!((93.0..=98.0).contains(&held[name][0]), "{name}: {:?}", held[name]);
    }
    // These scores are calibrated: the true error is 0, and an interval that begins there may hold it more often.
    assert!(held["expected_calibration_error"][0] >= 93.0, "{:?}", held["expected_calibration_error"]);
}

/// So many groups of each class, each of a size from 1 to `most` (equally likely, or all of that size).
fn in_groups(each: usize, most: usize, all_alike: bool) -> impl FnMut(Option<usize>, &mut ChaCha8Rng) -> Images {
    move |set, random| {
        let each = if set.is_some() { each } else { 250_000 / most };
        let (mut labels, mut groups) = (Vec::new(), Vec::new());
        for group in 0..2 * each {
            let size = if all_alike { most } else { random.random_range(1..=most) };
            labels.extend(std::iter::repeat_n(group < each, size));
            groups.extend(std::iter::repeat_n(group, size));
        }
        (labels, groups)
    }
}

fn balanced(distance: f64, alike: f64, overconfident: f64) -> World {
    World { distance, share: 0.5, alike, overconfident }
}

/// The names in the order of the tables.
const NAMES: [&str; 12] = [
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "precision",
    "f1",
    "mcc",
    "roc_auc",
    "pr_auc",
    "log_loss",
    "brier",
    "expected_calibration_error",
];

fn row(title: &str, held: &BTreeMap<&'static str, [f64; 2]>) -> String {
    let cells: Vec<String> = NAMES
        .map(|name| held[name])
        .iter()
        .map(|[held, had]| match had {
            had if *had <= 0.0 => "–".to_owned(),
            had if *had < 99.95 => format!("{held:.0} ({had:.0})"),
            _ => format!("{held:.0}"),
        })
        .collect();
    format!("| {title} | {} |", cells.join(" | "))
}

/// The range that the documentation of the metrics states, with what chance adds to 300 sets.
#[test]
fn on_two_photos_of_a_class_and_more_intervals_hold_the_truth_in_79_of_100_sets_and_more() {
    for (distance, overconfident) in [(1.0, 1.0), (3.29, 1.0), (3.29, 4.0)] {
        for each in [1, 2, 5, 20] {
            let held = coverage(balanced(distance, 0.0, overconfident), 300, in_groups(each, 1, true));
            for name in NAMES {
                let [held, had] = held[name];
                let what =
                    format!("{name} on {each} of a class, distance {distance}, {overconfident}: {held} of {had}");
                let least = match name {
                    "accuracy" | "precision" => 0,
                    "log_loss" | "brier" => 10,
                    "expected_calibration_error" => 20,
                    _ => 2,
                };
                if each < least {
                    assert!(had <= 0.0, "{what}");
                } else if had > 10.0 {
                    assert!(held >= 79.0, "{what}");
                }
            }
        }
    }
}

#[test]
fn copies_and_groups_leave_the_intervals_what_they_promise() {
    for (alike, each, most, all_alike) in [(1.0, 30, 20, true), (1.0, 30, 20, false), (0.3, 30, 20, false)] {
        let held = coverage(balanced(2.0, alike, 1.0), 300, in_groups(each, most, all_alike));
        for name in NAMES {
            let [held, had] = held[name];
            assert!(held >= 86.0 && had > 99.0, "{name}, alike {alike}, up to {most} of a group: {held} of {had}");
        }
    }
}

/// `cargo test --release metrics::tests -- --ignored --nocapture` prints the tables of the documentation.
#[test]
#[ignore = "takes minutes"]
fn tables_of_coverage() {
    println!("| photos of a class, ROC-AUC | {} |", NAMES.join(" | "));
    for (distance, area, overconfident) in
        [(1.0, 0.76, 1.0), (2.0, 0.92, 1.0), (3.29, 0.99, 1.0), (4.4, 0.999, 1.0), (2.0, 0.92, 4.0), (3.29, 0.99, 4.0)]
    {
        for each in [1, 2, 3, 5, 10, 20, 30, 50, 100] {
            let held = coverage(balanced(distance, 0.0, overconfident), 1000, in_groups(each, 1, true));
            println!("{}", row(&format!("{each}, {area}, overconfident {overconfident}"), &held));
        }
    }
    println!("| groups of a class, photos in a group, alike | {} |", NAMES.join(" | "));
    for alike in [0.0, 0.3, 1.0] {
        for (most, all_alike) in [(1, true), (2, true), (5, true), (10, true), (20, true), (20, false)] {
            for each in [5, 10, 30, 100] {
                let held = coverage(balanced(2.0, alike, 1.0), 1000, in_groups(each, most, all_alike));
                let size = if all_alike { most.to_string() } else { format!("1 to {most}") };
                println!("{}", row(&format!("{each}, {size}, {alike}"), &held));
            }
        }
    }
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
            if let Some((value, [low, high])) = estimate.and_then(|it| Some((it.value, it.interval()?))) {
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
            assert_close(there.and_then(|it| it.low), back.and_then(|it| it.low), name);
            assert_close(there.and_then(|it| it.high), back.and_then(|it| it.high), name);
        }
    }

    #[test]
    fn a_photo_that_is_linked_ten_times_counts_once((labels, probabilities) in scores()) {
        let groups: Vec<usize> = (0..labels.len()).flat_map(|image| [image; 10]).collect();
        let linked: (Vec<bool>, Vec<f64>) =
            labels.iter().zip(&probabilities).flat_map(|(&label, &probability)| [(label, probability); 10]).unzip();
        let once = evaluate(&labels, &probabilities, 0.5, FEW).unwrap();
        let often = evaluate_in_groups(&linked.0, &linked.1, &groups, FEW);
        prop_assert_eq!(once.groups, often.groups);
        for ((name, once), (_, often)) in by_name(&once).into_iter().zip(by_name(&often)) {
            assert_close(once.map(|it| it.value), often.map(|it| it.value), name);
            assert_close(once.and_then(|it| it.low), often.and_then(|it| it.low), name);
            assert_close(once.and_then(|it| it.high), often.and_then(|it| it.high), name);
        }
    }

    #[test]
    fn groups_of_one_change_nothing((labels, probabilities) in scores()) {
        let groups: Vec<usize> = (0..labels.len()).rev().collect();
        let alone = evaluate(&labels, &probabilities, 0.5, FEW).unwrap();
        prop_assert_eq!(alone, evaluate_in_groups(&labels, &probabilities, &groups, FEW));
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
