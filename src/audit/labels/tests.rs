//! Against cleanlab, whose answers `scripts/golden/labels.py` keeps in `golden/audit/`, and against labels that were
//! flipped on purpose.

#![expect(clippy::cast_sign_loss, reason = "what is cast is not negative")]

use serde_json::Value;

use super::*;
use crate::audit::simulation::Rng;
use crate::dataset::Label;
use crate::dataset::split;
use crate::features::FeatureMatrix;
use crate::head::cross_validation::{cross_validate, grid};
use crate::head::{Examples, probability};
use crate::progress::Silent;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

#[test]
fn thresholds_counts_and_suspects_are_cleanlabs() {
    let golden: Value = serde_json::from_str(include_str!("../../../tests/golden/audit/labels.json")).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() > 50, "only {} cases", cases.len());
    for (number, case) in cases.iter().enumerate() {
        let labels: Vec<bool> = numbers(&case["labels"]).iter().map(|label| *label > 0.5).collect();
        let found = find(&labels, &numbers(&case["probabilities"])).unwrap();
        for (found, expected) in found.thresholds.iter().zip(numbers(&case["thresholds"])) {
            assert!((found - expected).abs() < 1e-9, "case {number}: {found} {expected}");
        }
        for given in 0..2 {
            let counts: Vec<u64> = numbers(&case["confident_joint"][given]).iter().map(|count| *count as u64).collect();
            assert_eq!(found.confident_joint[given].map(|count| count as u64).to_vec(), counts, "case {number}");
            for (found, expected) in found.joint[given].iter().zip(numbers(&case["joint"][given])) {
                assert!((found - expected).abs() < 1e-12, "case {number}: {found} {expected}");
            }
        }
        let suspects: Vec<f64> = found.suspects.iter().map(|suspect| suspect.index as f64).collect();
        assert_eq!(suspects, numbers(&case["suspects"]), "case {number}");
    }
}

/// N images whose features tell the classes apart, labels of which some are flipped, and which those are.
fn flipped(seed: u64, count: usize, share: f64) -> (FeatureMatrix, Vec<bool>, Vec<usize>) {
    const WIDTH: usize = 40;
    let mut rng = Rng::new(seed);
    let mut labels: Vec<bool> = (0..count).map(|image| image % 2 == 0).collect();
    let values = labels
        .iter()
        .flat_map(|&label| {
            let centre = if label { 0.5 } else { -0.5 };
            (0..WIDTH).map(|column| (rng.normal() + if column < 20 { centre } else { 0.0 }) as f32).collect::<Vec<_>>()
        })
        .collect();
    let mut images: Vec<usize> = (0..count).collect();
    rng.shuffle(&mut images);
    images.truncate((count as f64 * share).round() as usize);
    for &image in &images {
        labels[image] = !labels[image];
    }
    (FeatureMatrix::from_values(WIDTH, values).unwrap(), labels, images)
}

fn out_of_fold(features: &FeatureMatrix, labels: &[bool], seed: u64) -> Vec<f64> {
    let kinds: Vec<Label> = labels.iter().map(|&label| Label::from(label)).collect();
    let groups: Vec<usize> = (0..labels.len()).collect();
    let folds = split::folds(&kinds, &groups, 5, seed).unwrap();
    let examples = Examples::new(features, labels, 1.0).unwrap();
    cross_validate(&examples, &folds, &grid(features.width()), &Silent)
        .unwrap()
        .logits
        .into_iter()
        .map(probability)
        .collect()
}

#[test]
fn of_five_percent_flipped_labels_four_in_five_of_the_top_five_percent_are_right() {
    let (mut worst, mut all) = (1.0_f64, Vec::new());
    for seed in 0..20 {
        let (features, labels, flipped) = flipped(seed, 400, 0.05);
        let probabilities = out_of_fold(&features, &labels, seed);
        let top = &ranked(&labels, &probabilities)[..20];
        let right = top.iter().filter(|suspect| flipped.contains(&suspect.index)).count() as f64 / 20.0;
        worst = worst.min(right);
        let audit = find(&labels, &probabilities).unwrap();
        all.push((right, audit.wrong_share, audit.suspects.len()));
    }
    let mean = |of: fn(&(f64, f64, usize)) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
    let (precision, share) = (mean(|row| row.0), mean(|row| row.1));
    println!(
        "precision {precision:.3} (worst {worst:.2}), estimated share {share:.4}, suspects {:.1}",
        mean(|row| row.2 as f64)
    );
    assert!(worst >= 0.8, "{all:?}");
    assert!((0.03..0.08).contains(&share), "{share}");
}

#[test]
fn right_labels_on_features_that_tell_them_apart_leave_hardly_a_suspect() {
    let (features, labels, _) = flipped(7, 300, 0.0);
    let audit = find(&labels, &out_of_fold(&features, &labels, 7)).unwrap();
    assert!(audit.suspects.len() <= 6, "{:?}", audit.suspects);
    assert!(audit.wrong_share < 0.03, "{}", audit.wrong_share);
}

#[test]
fn what_cannot_be_compared_has_no_answer() {
    assert_eq!(find(&[true, true], &[0.5, 0.5]), None);
    assert_eq!(find(&[true, false], &[0.5]), None);
    assert_eq!(find(&[true, false], &[f64::NAN, 0.5]), None);
    assert_eq!(find(&[], &[]), None);
}

#[test]
fn one_image_of_a_class_is_never_a_suspect() {
    let audit = find(&[true, false, false, false], &[0.01, 0.02, 0.01, 0.03]).unwrap();
    assert_eq!(audit.suspects, []);
}
