#![expect(clippy::float_cmp, reason = "these results are exact")]

mod reference;
mod torchvision;

use proptest::prelude::*;

use super::*;
use crate::features::FeatureMatrix;

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
fn images_that_leave_nothing_to_learn_are_refused_in_words() {
    let labels = [false, false, true, true];
    let error = |values: Vec<f32>| {
        let features = FeatureMatrix::from_values(2, values).unwrap();
        Examples::new(&features, &labels, 1.0).unwrap().require_difference()
    };
    let alike = error([0.1, 0.7].repeat(4)).unwrap_err();
    assert_eq!(alike.to_string(), "all 4 training images have the same features, so no head can tell them apart");
    let in_both = vec![0.1, 0.7, 0.3, 0.2, 0.3, 0.2, 0.1, 0.7];
    assert!(matches!(error(in_both), Err(HeadError::EqualClassMeans)));
    assert!(error(vec![0.1, 0.7, 0.3, 0.2, 0.3, 0.2, 0.1, 0.70001]).is_ok());
}

proptest! {
    #[test]
    fn a_probability_and_its_complement_sum_to_1(logit in -800.0..800.0_f64) {
        prop_assert!((probability(logit) + probability(-logit) - 1.0).abs() < 1e-15);
    }
}
