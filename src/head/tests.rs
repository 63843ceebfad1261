#![expect(clippy::float_cmp, reason = "these results are exact")]

use proptest::prelude::*;

use super::*;

#[test]
fn a_logit_is_the_product_plus_the_bias_and_widths_must_agree() {
    let head = Head { weight: vec![1.0, -2.0], bias: 0.5 };
    assert_eq!(head.logit(&[3.0, 1.0]).unwrap(), 1.5);
    let features = FeatureMatrix::from_values(2, vec![3.0, 1.0, 0.0, 0.0]).unwrap();
    assert_eq!(head.logits(&features).unwrap(), [1.5, 0.5]);
    assert!(matches!(head.logit(&[1.0]), Err(HeadError::Width { expected: 2, given: 1 })));
}

#[test]
fn probabilities_stay_in_range_and_precise_at_the_ends() {
    assert_eq!(probability(0.0), 0.5);
    assert_eq!(probability(1e9), 1.0);
    assert_eq!(probability(-1e9), 0.0);
    assert!((probability(-700.0) / (-700.0_f64).exp() - 1.0).abs() < 1e-12);
}

#[test]
fn balancing_weighs_positives_by_negatives_over_positives() {
    let labels = [true, false, false, false];
    assert_eq!(pos_weight(&labels, Balance::Auto), 3.0);
    assert_eq!(pos_weight(&labels, Balance::None), 1.0);
    assert_eq!(pos_weight(&[true, true], Balance::Auto), 1.0);
    assert_eq!(pos_weight(&[], Balance::Auto), 1.0);
}

#[test]
fn the_prior_correction_undoes_the_weight_of_a_head_without_features() {
    // Balanced, a head that sees nothing says 1/2; at the training prior it says the share of positives.
    let balanced = Head { weight: vec![0.0], bias: 0.0 };
    let corrected = balanced.at_training_prior(3.0);
    assert!((probability(corrected.logit(&[1.0]).unwrap()) - 0.25).abs() < 1e-7);
}

proptest! {
    #[test]
    fn a_probability_and_its_complement_sum_to_1(logit in -800.0..800.0_f64) {
        prop_assert!((probability(logit) + probability(-logit) - 1.0).abs() < 1e-15);
    }
}
