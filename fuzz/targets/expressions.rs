//! What a command line says about thresholds, ranges, weights and splits: what was understood, written out and read again
//! is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use readers::dataset::Split;
use readers::decision::{Decision, Review, ThresholdRule};
use readers::weights::WeightsSource;

fuzz_target!(|text: &str| {
    if let Ok(rule) = text.parse::<ThresholdRule>() {
        assert_eq!(rule.to_string().parse::<ThresholdRule>().ok(), Some(rule));
    }
    if let Ok(review) = text.parse::<Review>() {
        assert_eq!(review.to_string().parse::<Review>().ok(), Some(review));
        assert!(Decision::new(review.low(), Some(review)).is_ok());
    }
    if let Ok(source) = text.parse::<WeightsSource>() {
        assert_eq!(source.to_string().parse::<WeightsSource>().ok(), Some(source));
    }
    let _ = Split::parse(text);
});
