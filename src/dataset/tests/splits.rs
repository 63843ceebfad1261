use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::dataset::split::{assign, folds, stratified};
use crate::dataset::{ClassMap, DatasetError, Label, Sample, Split};

fn labels(negatives: usize, positives: usize) -> Vec<Label> {
    [vec![Label::Negative; negatives], vec![Label::Positive; positives]].concat()
}

/// Every image for itself.
fn alone(count: usize) -> Vec<usize> {
    (0..count).collect()
}

fn kept(splits: &[Split], labels: &[Label], label: Label) -> usize {
    splits.iter().zip(labels).filter(|(split, other)| **split == Split::Validation && **other == label).count()
}

#[test]
fn the_same_seed_gives_this_very_split() {
    let splits = stratified(&labels(6, 6), &alone(12), 0.25, 0).unwrap();
    let kept: Vec<usize> = (0..12).filter(|&image| splits[image] == Split::Validation).collect();
    assert_eq!(kept, [1, 2, 6, 8]);
    assert_eq!(folds(&labels(5, 5), &alone(10), 5, 0).unwrap(), [3, 1, 0, 4, 2, 3, 1, 4, 0, 2]);
}

#[test]
fn a_half_rounds_upwards_and_each_side_keeps_one() {
    for (count, share, expected) in [(10, 0.25, 3), (10, 0.01, 1), (10, 0.99, 9), (2, 0.2, 1), (3, 0.5, 2), (5, 0.2, 1)]
    {
        let labels = labels(count, count);
        let splits = stratified(&labels, &alone(2 * count), share, 7).unwrap();
        assert_eq!(kept(&splits, &labels, Label::Negative), expected, "{count} images, share {share}");
        assert_eq!(kept(&splits, &labels, Label::Positive), expected, "{count} images, share {share}");
    }
}

#[test]
fn what_cannot_be_split_says_how_many_it_takes() {
    let error = stratified(&labels(5, 1), &alone(6), 0.2, 0).unwrap_err();
    assert_eq!(error.to_string(), "1 positive image, near-duplicates counted once: expected at least 2");
    // Three copies of one photo are one photo.
    let error = stratified(&labels(5, 3), &[0, 1, 2, 3, 4, 5, 5, 5], 0.2, 0).unwrap_err();
    assert!(matches!(error, DatasetError::TooFewImages { label: Label::Positive, found: 1, needed: 2 }));
    let error = folds(&labels(4, 9), &alone(13), 5, 0).unwrap_err();
    assert!(matches!(error, DatasetError::TooFewImages { label: Label::Negative, found: 4, needed: 5 }));
    for share in [0.0, 1.0, -0.1, f64::NAN] {
        assert!(matches!(stratified(&labels(5, 5), &alone(10), share, 0), Err(DatasetError::Share(_))));
    }
    assert!(stratified(&[], &[], 0.2, 0).is_err());
}

#[test]
fn groups_with_both_labels_are_shared_out_too() {
    let labels = [Label::Negative, Label::Positive, Label::Negative, Label::Positive];
    let splits = stratified(&labels, &[8, 8, 9, 9], 0.5, 0).unwrap();
    assert_eq!(splits[0], splits[1]);
    assert_ne!(splits[0], splits[2]);
}

#[test]
fn only_what_has_no_split_is_assigned_one() {
    let sample = |class, split| Sample { path: "x".into(), class, split };
    let mut samples: Vec<Sample> = (0..20).map(|index| sample(index % 2, None)).collect();
    samples.extend([sample(0, Some(Split::Test)), sample(1, Some(Split::Test))]);
    let classes = ClassMap::new(&["a".to_owned(), "b".to_owned()], "b").unwrap();
    assign(&mut samples, &classes, &alone(22), 0.2, 0).unwrap();
    let count = |split| samples.iter().filter(|sample| sample.split == Some(split)).count();
    assert_eq!([Split::Train, Split::Validation, Split::Test].map(count), [16, 4, 2]);
}

/// Labels and groups, each group with one label; at least five groups of each.
fn pure() -> impl Strategy<Value = (Vec<Label>, Vec<usize>)> {
    let sizes = || prop::collection::vec(1usize..6, 5..30);
    (sizes(), sizes()).prop_map(|(negatives, positives)| {
        let units = negatives.into_iter().map(|size| (Label::Negative, size));
        let units = units.chain(positives.into_iter().map(|size| (Label::Positive, size)));
        let images = units.enumerate().flat_map(|(group, (label, size))| vec![(label, group); size]);
        images.unzip()
    })
}

/// Labels and groups without any order.
fn any_groups() -> impl Strategy<Value = (Vec<Label>, Vec<usize>)> {
    prop::collection::vec((any::<bool>().prop_map(Label::from), 0usize..40), 0..120)
        .prop_map(|images| images.into_iter().unzip())
}

fn straddles<T: Ord + Copy>(groups: &[usize], sides: &[T]) -> bool {
    let mut by_group: BTreeMap<usize, BTreeSet<T>> = BTreeMap::new();
    for (group, side) in groups.iter().zip(sides) {
        by_group.entry(*group).or_default().insert(*side);
    }
    by_group.values().any(|sides| sides.len() > 1)
}

proptest! {
    #[test]
    fn no_group_straddles_and_no_side_lacks_a_label((labels, groups) in any_groups(), share in 0.01..0.99, seed: u64) {
        if let Ok(splits) = stratified(&labels, &groups, share, seed) {
            prop_assert_eq!(splits.len(), labels.len());
            prop_assert!(!straddles(&groups, &splits));
            for label in [Label::Negative, Label::Positive] {
                let total = labels.iter().filter(|other| **other == label).count();
                let kept = kept(&splits, &labels, label);
                prop_assert!(kept > 0 && kept < total);
            }
        }
        if let Ok(folds) = folds(&labels, &groups, 5, seed) {
            prop_assert_eq!(folds.len(), labels.len());
            prop_assert!(!straddles(&groups, &folds));
            prop_assert!(folds.iter().all(|fold| *fold < 5));
        }
    }

    #[test]
    fn the_share_is_met_within_one_group((labels, groups) in pure(), share in 0.01..0.99, seed: u64) {
        let splits = stratified(&labels, &groups, share, seed).unwrap();
        for label in [Label::Negative, Label::Positive] {
            let of_label: Vec<usize> = (0..labels.len()).filter(|&image| labels[image] == label).collect();
            let size = |group| of_label.iter().filter(|&&image| groups[image] == group).count();
            let largest = of_label.iter().map(|&image| size(groups[image])).max().unwrap();
            let target = (of_label.len() as f64 * share).round().clamp(1.0, of_label.len() as f64 - 1.0);
            let missed = (kept(&splits, &labels, label) as f64 - target).abs();
            prop_assert!(missed < largest as f64, "{missed} off, largest group {largest}");
        }
    }

    #[test]
    fn folds_are_level_within_one_group((labels, groups) in pure(), seed: u64) {
        let folds = folds(&labels, &groups, 5, seed).unwrap();
        for label in [Label::Negative, Label::Positive] {
            let of_label: Vec<usize> = (0..labels.len()).filter(|&image| labels[image] == label).collect();
            let size = |group| of_label.iter().filter(|&&image| groups[image] == group).count();
            let largest = of_label.iter().map(|&image| size(groups[image])).max().unwrap();
            let filled = |fold| of_label.iter().filter(|&&image| folds[image] == fold).count();
            let counts: Vec<usize> = (0..5).map(filled).collect();
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            prop_assert!(*least > 0 && most - least <= largest, "{counts:?}, largest group {largest}");
        }
    }

    #[test]
    fn the_names_of_groups_do_not_matter((labels, groups) in any_groups(), seed: u64) {
        let renamed: Vec<usize> = groups.iter().map(|group| 1000 - 7 * group).collect();
        prop_assert_eq!(stratified(&labels, &groups, 0.2, seed).ok(), stratified(&labels, &renamed, 0.2, seed).ok());
        prop_assert_eq!(folds(&labels, &groups, 5, seed).ok(), folds(&labels, &renamed, 5, seed).ok());
    }

    #[test]
    fn which_label_is_the_positive_one_does_not_matter((labels, groups) in any_groups(), seed: u64) {
        let turned: Vec<Label> = labels.iter().map(|label| Label::from(*label == Label::Negative)).collect();
        prop_assert_eq!(stratified(&labels, &groups, 0.2, seed).ok(), stratified(&turned, &groups, 0.2, seed).ok());
        prop_assert_eq!(folds(&labels, &groups, 5, seed).ok(), folds(&turned, &groups, 5, seed).ok());
    }

    #[test]
    fn without_groups_the_counts_are_exact(negatives in 2usize..200, positives in 2usize..200, share in 0.01..0.99, seed: u64) {
        let labels = labels(negatives, positives);
        let splits = stratified(&labels, &alone(labels.len()), share, seed).unwrap();
        for (label, count) in [(Label::Negative, negatives), (Label::Positive, positives)] {
            let target = (count as f64 * share).round().clamp(1.0, count as f64 - 1.0);
            prop_assert!((kept(&splits, &labels, label) as f64 - target).abs() < 0.5);
        }
    }
}
