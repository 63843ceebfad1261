//! A chosen threshold is the best there is, found again by trying all of them, and no accident of order or rounding.

use proptest::prelude::*;

use super::golden;
use crate::decision::binomial::{at_least, fewest_trials, lower_bound};
use crate::decision::{Choice, ThresholdRule, threshold::choose};
use crate::metrics::{Confusion, Scores, Undefined};

fn chosen(rule: &str, labels: &[bool], probabilities: &[f64]) -> Choice {
    choose(rule.parse().unwrap(), &Scores::new(labels, probabilities).unwrap()).unwrap()
}

fn count(value: &serde_json::Value) -> usize {
    value.as_u64().unwrap().try_into().unwrap()
}

#[test]
fn binomial_tails_and_bounds_equal_scipys() {
    let golden = golden("binomial.json");
    let (tails, bounds) = (golden["tails"].as_array().unwrap(), golden["lower_bounds"].as_array().unwrap());
    assert_eq!((tails.len(), bounds.len()), (35, 7));
    for tail in tails {
        let [share, theirs] = [2, 3].map(|place| tail[place].as_f64().unwrap());
        let ours = at_least(count(&tail[0]), count(&tail[1]), share);
        assert!((ours - theirs).abs() < 1e-8, "{tail}: {ours}");
    }
    for bound in bounds {
        let theirs = bound[2].as_f64().unwrap();
        let ours = lower_bound(count(&bound[0]), count(&bound[1]), 0.05);
        assert!((ours - theirs).abs() < 1e-9, "{bound}: {ours}");
    }
}

#[test]
fn thresholds_lie_midway_between_neighbours() {
    let labels = [false, false, true, true];
    for rule in ["f1", "youden", "cost:fp=1,fn=1", "recall>=0.5", "precision>=0.5"] {
        let choice = chosen(rule, &labels, &[0.125, 0.25, 0.75, 0.875]);
        assert_eq!(choice.threshold, 0.5, "{rule}");
        assert_eq!((choice.sensitivity, choice.specificity, choice.precision), (Some(1.0), Some(1.0), Some(1.0)));
    }
}

#[test]
fn between_equals_the_widest_gap_wins_and_then_the_lowest_threshold() {
    // Youden's index is 0.5 below 0.875 and below 0.5; the first gap is wider.
    let labels = [false, true, false, true];
    assert_eq!(chosen("youden", &labels, &[0.375, 0.5, 0.5625, 0.875]).threshold, 0.71875);
    assert_eq!(chosen("youden", &labels, &[0.125, 0.375, 0.5, 0.75]).threshold, 0.25);
}

#[test]
fn costs_that_forbid_an_answer_lead_to_the_ends() {
    let (labels, probabilities) = ([true, false, true, false], [0.25, 0.5, 0.5, 0.75]);
    let never_miss = chosen("cost:fp=0,fn=1", &labels, &probabilities);
    assert_eq!((never_miss.threshold, never_miss.sensitivity), (0.125, Some(1.0)));
    let never_alarm = chosen("cost:fp=1,fn=0", &labels, &probabilities);
    assert_eq!((never_alarm.threshold, never_alarm.specificity), (0.875, Some(1.0)));
    assert_eq!(never_alarm.cost, Some(0.0));
    assert_eq!(never_alarm.precision, None);
}

#[test]
fn neighbours_without_a_number_between_them_are_still_told_apart() {
    let above = 0.5f64.next_up();
    let choice = chosen("f1", &[false, true], &[0.5, above]);
    assert_eq!(choice.threshold, above);
    assert_eq!(choice.confusion, Confusion { true_positive: 1, true_negative: 1, ..Confusion::default() });
    let zeros = chosen("recall>=0.5", &[true, false, true], &[-0.0, 0.0, 0.0]);
    assert!(zeros.threshold == 0.0 && zeros.threshold.is_sign_positive());
    assert_eq!(chosen("f1", &[true], &[1.0]).sensitivity, Some(1.0));
}

#[test]
fn a_fixed_threshold_stays_and_is_measured() {
    let choice = chosen("0.3", &[true, false], &[0.3, 0.2]);
    assert_eq!((choice.threshold, choice.f1, choice.warning, choice.assured), (0.3, Some(1.0), None, None));
    assert_eq!(chosen("0.3", &[], &[]).sensitivity, None);
}

#[test]
fn a_rule_about_images_that_are_not_there_says_so() {
    let asked = |rule: &str, labels: &[bool]| {
        let probabilities = vec![0.5; labels.len()];
        choose(rule.parse().unwrap(), &Scores::new(labels, &probabilities).unwrap()).unwrap_err()
    };
    assert_eq!(asked("recall>=0.9", &[false]), Undefined::NoPositives);
    assert_eq!(asked("precision>=0.9", &[false]), Undefined::NoPositives);
    assert_eq!(asked("f1", &[false, false]), Undefined::NoPositives);
    assert_eq!(asked("youden", &[true]), Undefined::NoNegatives);
    assert_eq!(asked("cost:fp=1,fn=1", &[]), Undefined::NoImages);
}

/// So many positive images at 0.5, 0.5001, … above as many negative ones.
fn separated(each: usize) -> (Vec<bool>, Vec<f64>) {
    let labels = (0..2 * each).map(|image| image >= each).collect();
    (labels, (0..2 * each).map(|image| 0.25 + image as f64 / (4 * each) as f64).collect())
}

#[test]
fn recall_is_promised_from_exactly_the_images_that_it_takes() {
    let (labels, probabilities) = separated(149);
    let enough = chosen("recall>=0.98", &labels, &probabilities);
    assert_eq!((enough.warning.as_deref(), enough.sensitivity), (None, Some(1.0)));
    assert!(enough.assured.unwrap() >= 0.98);
    let (labels, probabilities) = separated(148);
    let short = chosen("recall>=0.98", &labels, &probabilities);
    assert_eq!(short.sensitivity, Some(1.0));
    assert_eq!(
        short.warning.unwrap(),
        "recall>=0.98 cannot be guaranteed with 148 positives, it needs at least 149, because all of fewer could \
         be found by chance; the threshold finds all of them, \
         which guarantees a recall of 0.980 with 95 % confidence"
    );
    assert_eq!((short.missing, enough.missing), (Some(1), None));
    let all = chosen("recall>=1", &labels, &probabilities);
    assert!(all.warning.unwrap().contains("no number of images is enough") && all.missing.is_none());
}

#[test]
fn precision_is_promised_from_exactly_the_images_that_it_takes() {
    let (labels, probabilities) = separated(58);
    assert!(chosen("precision>=0.95", &labels, &probabilities).warning.is_some());
    let (labels, probabilities) = separated(59);
    let enough = chosen("precision>=0.95", &labels, &probabilities);
    assert_eq!((enough.warning, enough.assured, enough.precision), (None, Some(0.95), Some(1.0)));
    let (labels, probabilities) = separated(20);
    let short = chosen("precision>=0.95", &labels, &probabilities);
    assert_eq!((short.precision, short.sensitivity, short.assured), (Some(1.0), Some(1.0), None));
    assert_eq!(
        short.warning.unwrap(),
        "precision>=0.95 cannot be guaranteed: at the best threshold 20 of 20 positive predictions are correct; it needs \
         at least 59 positive predictions if all are correct, and more otherwise, because fewer could be correct by chance"
    );
    assert_eq!(short.missing, Some(39));
}

/// Each score so many times, as one group.
fn linked(labels: &[bool], probabilities: &[f64], times: usize) -> (Vec<bool>, Vec<f64>, Vec<usize>) {
    let images = labels.iter().zip(probabilities).enumerate();
    let copies = images.flat_map(|(image, (&label, &probability))| vec![(label, probability, image); times]);
    let (mut labels, mut probabilities, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for (label, probability, group) in copies {
        labels.push(label);
        probabilities.push(probability);
        groups.push(group);
    }
    (labels, probabilities, groups)
}

fn chosen_in_groups(rule: &str, (labels, probabilities, groups): &(Vec<bool>, Vec<f64>, Vec<usize>)) -> Choice {
    let scores = Scores::new(labels, probabilities).unwrap().in_groups(groups).unwrap();
    choose(rule.parse().unwrap(), &scores).unwrap()
}

#[test]
fn copies_promise_nothing_that_the_photos_do_not() {
    let (labels, probabilities) = separated(20);
    let ten_times = linked(&labels, &probabilities, 10);
    let recall = chosen_in_groups("recall>=0.9", &ten_times);
    assert_eq!(
        recall.warning.unwrap(),
        "recall>=0.9 cannot be guaranteed with 200 positives in 20 groups, it needs at least 29 groups, because all of \
         fewer could be found by chance (photos that belong together, such as near-duplicates, are one group); the threshold finds all of \
         them, which guarantees a recall of 0.861 with 95 % confidence"
    );
    let precision = chosen_in_groups("precision>=0.9", &ten_times);
    assert_eq!(
        precision.warning.unwrap(),
        "precision>=0.9 cannot be guaranteed: at the best threshold 200 of 200 positive predictions are correct, in 20 \
         groups; it needs at least 29 groups of positive predictions if all are correct, and more otherwise, because fewer \
         could be correct by chance (photos that belong together, such as near-duplicates, are one group)"
    );
    let warning = chosen_in_groups("f1", &ten_times).warning.unwrap();
    assert!(
        warning.contains("200 positive and 200 negative images in 20 and 20 groups: with fewer than 50 groups"),
        "{warning}"
    );
}

#[test]
fn a_large_group_that_is_missed_breaks_no_promise_of_images() {
    // One burst of 100 among 200 other positives lies below all of them.
    let labels = vec![true; 300];
    let probabilities: Vec<f64> = (0..300).map(|image| if image < 200 { 0.9 } else { 0.1 }).collect();
    let groups: Vec<usize> = (0..300).map(|image| image.min(200)).collect();
    let choice = chosen_in_groups("recall>=0.95", &(labels, probabilities, groups));
    assert_eq!(choice.sensitivity, Some(1.0));
}

#[test]
fn few_images_are_warned_about() {
    for rule in ["f1", "youden", "cost:fp=1,fn=5"] {
        let (labels, probabilities) = separated(24);
        let warning = chosen(rule, &labels, &probabilities).warning.unwrap();
        assert!(warning.contains("24 positive and 24 negative"), "{warning}");
        let (labels, probabilities) = separated(25);
        assert_eq!(chosen(rule, &labels, &probabilities).warning, None);
        let rare: Vec<bool> = (0..100).map(|image| image < 9).collect();
        let probabilities: Vec<f64> = (0..100).map(|image| f64::from(image) / 100.0).collect();
        assert!(chosen(rule, &rare, &probabilities).warning.is_some());
    }
}

#[test]
fn a_hundred_thousand_scores_are_no_matter() {
    let probabilities: Vec<f64> = (0..100_000u32).map(|image| f64::from(image * 7919 % 100_003) / 100_003.0).collect();
    let labels: Vec<bool> =
        (0..100_000usize).map(|image| probabilities[image] + 0.3 * (image as f64).sin() > 0.6).collect();
    let begin = std::time::Instant::now();
    for rule in ["f1", "youden", "cost:fp=1,fn=20", "recall>=0.98", "precision>=0.95", "precision>=0.9999"] {
        chosen(rule, &labels, &probabilities);
    }
    assert!(begin.elapsed().as_secs() < 10, "took {:?}", begin.elapsed());
}

/// Scores with ties, now and then at the ends.
fn scores() -> impl Strategy<Value = (Vec<bool>, Vec<f64>)> {
    prop::collection::vec((any::<bool>(), 0..=20u8), 1..30).prop_map(|mut pairs| {
        pairs[0].0 = true;
        pairs.push((false, 7));
        pairs.into_iter().map(|(label, score)| (label, f64::from(score) / 20.0)).unzip()
    })
}

/// A threshold for every way to divide the scores, none of them one that `choose` would take.
fn every_confusion(scores: &Scores<'_>, probabilities: &[f64]) -> Vec<Confusion> {
    let mut thresholds: Vec<f64> = probabilities.to_vec();
    thresholds.push(1.0f64.next_up());
    thresholds.into_iter().map(|threshold| Confusion::at(scores, threshold)).collect()
}

fn youden(confusion: &Confusion) -> f64 {
    confusion.sensitivity().unwrap() + confusion.specificity().unwrap()
}

proptest! {
    #[test]
    fn no_other_threshold_has_a_better_value((labels, probabilities) in scores(), miss in 0.1..10.0f64) {
        let scores = Scores::new(&labels, &probabilities).unwrap();
        let cost = |it: &Confusion| it.false_positive as f64 + miss * it.false_negative as f64;
        let ours = |rule| choose(rule, &scores).unwrap().confusion;
        let weighed = ours(ThresholdRule::Cost { false_positive: 1.0, false_negative: miss });
        for other in every_confusion(&scores, &probabilities) {
            // Nothing is above a probability of 1, so that never to answer positive is then no choice.
            if other.true_positive + other.false_positive == 0 && probabilities.contains(&1.0) {
                continue;
            }
            prop_assert!(ours(ThresholdRule::F1).f1().unwrap() >= other.f1().unwrap() - 1e-12);
            prop_assert!(youden(&ours(ThresholdRule::Youden)) >= youden(&other) - 1e-12);
            prop_assert!(cost(&weighed) <= cost(&other) + 1e-9);
        }
    }

    #[test]
    fn recall_alarms_least_among_the_thresholds_that_keep_it((labels, probabilities) in scores(), share in 0.3..0.95f64) {
        let scores = Scores::new(&labels, &probabilities).unwrap();
        let choice = choose(ThresholdRule::Recall(share), &scores).unwrap();
        let positives = scores.positives();
        // One that finds all but `missed` keeps the recall if the missed + 1 lowest positives hold 1 − share with 95 %.
        let keeps = |it: &Confusion| at_least(it.false_negative + 1, positives, 1.0 - share) >= 0.95;
        let keeping: Vec<Confusion> = every_confusion(&scores, &probabilities).into_iter().filter(|it| keeps(it)).collect();
        prop_assert_eq!(choice.warning.is_none(), positives >= fewest_trials(share, 0.05).unwrap());
        if let Some(fewest) = keeping.iter().map(|it| it.false_positive).min() {
            prop_assert!(keeps(&choice.confusion));
            prop_assert_eq!(choice.confusion.false_positive, fewest);
            prop_assert!(choice.assured.unwrap() >= share - 1e-9);
        } else {
            prop_assert_eq!(choice.confusion.false_negative, 0);
        }
    }

    #[test]
    fn linking_each_photo_several_times_changes_no_choice((labels, probabilities) in scores(), times in 2..6usize) {
        for rule in ["f1", "youden", "cost:fp=2,fn=3", "recall>=0.8", "precision>=0.6"] {
            let once = chosen(rule, &labels, &probabilities);
            let often = chosen_in_groups(rule, &linked(&labels, &probabilities, times));
            prop_assert_eq!((once.threshold, once.assured), (often.threshold, often.assured));
            prop_assert_eq!(once.warning.is_some(), often.warning.is_some());
        }
    }

    #[test]
    fn a_higher_demand_of_recall_never_finds_less((labels, probabilities) in scores(), one in 0.1..=1.0f64, other in 0.1..=1.0f64) {
        let scores = Scores::new(&labels, &probabilities).unwrap();
        let at = |share| choose(ThresholdRule::Recall(share), &scores).unwrap().threshold;
        prop_assert!(at(one.max(other)) <= at(one.min(other)));
    }

    #[test]
    fn a_promised_precision_is_reached_on_the_scores_themselves((labels, probabilities) in scores(), share in 0.1..0.9f64) {
        let scores = Scores::new(&labels, &probabilities).unwrap();
        let choice = choose(ThresholdRule::Precision(share), &scores).unwrap();
        prop_assert_eq!(choice.warning.is_none(), choice.assured.is_some());
        if choice.assured.is_some() {
            let answered = choice.confusion.true_positive + choice.confusion.false_positive;
            prop_assert!(lower_bound(choice.confusion.true_positive, answered, 0.05) >= share - 1e-9);
        }
    }

    #[test]
    fn the_order_of_images_and_a_rising_map_change_no_answer((labels, probabilities) in scores(), turn in 0..30usize) {
        for rule in ["f1", "youden", "cost:fp=2,fn=3", "recall>=0.8", "precision>=0.6"] {
            let choice = chosen(rule, &labels, &probabilities);
            let (mut other_labels, mut other) = (labels.clone(), probabilities.clone());
            let turn = turn % labels.len();
            other_labels.rotate_left(turn);
            other.rotate_left(turn);
            prop_assert_eq!(&choice, &chosen(rule, &other_labels, &other));
            // Only the order counts, where the widths of gaps decide between no equals.
            if rule.starts_with("recall") || rule.starts_with("precision") {
                let cubed: Vec<f64> = probabilities.iter().map(|probability| probability.powi(3)).collect();
                prop_assert_eq!(choice.confusion, chosen(rule, &labels, &cubed).confusion);
            }
            prop_assert!((0.0..=1.0).contains(&choice.threshold));
            prop_assert!(!probabilities.contains(&choice.threshold) || choice.threshold == 0.0);
        }
    }
}
