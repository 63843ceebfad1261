//! Three answers, and what `--review` reads.

use proptest::prelude::*;

use crate::decision::{Answer, Decision, DecisionError, Review};

#[test]
fn without_review_the_threshold_itself_is_positive() {
    let decision = Decision::new(0.4, None).unwrap();
    assert_eq!([0.39, 0.4, 0.41].map(|p| decision.answer(p)), [Answer::Negative, Answer::Positive, Answer::Positive]);
}

#[test]
fn review_holds_both_of_its_ends() {
    let decision = Decision::new(0.5, Some("0.3,0.7".parse().unwrap())).unwrap();
    let answers = [0.0, 0.299, 0.3, 0.5, 0.7, 0.701, 1.0].map(|probability| decision.answer(probability));
    let (no, look, yes) = (Answer::Negative, Answer::Review, Answer::Positive);
    assert_eq!(answers, [no, no, look, look, look, yes, yes]);
    assert_eq!(decision.answer(f64::NAN), Answer::Review);
}

#[test]
fn review_that_leaves_the_threshold_out_is_refused_and_widened_in_the_hint() {
    let error = Decision::new(0.2, Some(Review::new(0.3, 0.7).unwrap())).unwrap_err();
    assert_eq!(error.to_string(), "the threshold 0.2 is not within the review range, 0.3 to 0.7");
    assert_eq!(error.hint().unwrap(), "widen it to `0.2,0.7`");
    assert!(Decision::new(0.3, Some(Review::new(0.3, 0.3).unwrap())).is_ok());
    assert!(matches!(Decision::new(f64::NAN, None), Err(DecisionError::Threshold(_))));
}

#[test]
fn what_is_no_review_is_refused_with_a_reason() {
    for (given, message) in [
        ("", "`` is not a range of probabilities for review, expected LOW,HIGH"),
        ("0.3", "`0.3` is not a range of probabilities for review, expected LOW,HIGH"),
        ("0.3,0.5,0.7", "`0.3,0.5,0.7` is not a range of probabilities for review, expected LOW,HIGH"),
        ("low,0.7", "`low` is not a bound for review, expected a number from 0 to 1"),
        ("0.3,NaN", "`NaN` is not a bound for review, expected a number from 0 to 1"),
        ("-0.1,0.7", "`-0.1` is not a bound for review, expected a number from 0 to 1"),
        ("0.3,70", "`70` is not a bound for review, expected a number from 0 to 1"),
        ("0.7,0.3", "the review range goes from 0.7 to 0.3, expected the lower bound first"),
    ] {
        let error = given.parse::<Review>().unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(error.hint().is_some());
    }
    assert_eq!("0.7,0.3".parse::<Review>().unwrap_err().hint().unwrap(), "write `0.3,0.7`");
}

proptest! {
    #[test]
    fn review_reads_back_what_it_writes(low in 0.0..=1.0f64, high in 0.0..=1.0f64) {
        let review = Review::new(low.min(high), low.max(high)).unwrap();
        prop_assert_eq!(review.to_string().parse::<Review>().unwrap(), review);
        let spaced = format!("  {} , {} ", review.low(), review.high());
        prop_assert_eq!(spaced.parse::<Review>().unwrap(), review);
    }

    #[test]
    fn no_string_makes_review_panic(given in ".*") {
        let _ = given.parse::<Review>();
    }

    #[test]
    fn a_higher_probability_is_never_answered_lower(
        mut ends in [0.0..=1.0f64, 0.0..=1.0f64, 0.0..=1.0f64],
        low in 0.0..=1.0f64,
        high in 0.0..=1.0f64,
        has_review: bool,
    ) {
        ends.sort_by(f64::total_cmp);
        let review = has_review.then(|| Review::new(ends[0], ends[2]).unwrap());
        let decision = Decision::new(ends[1], review).unwrap();
        let height = |probability| match decision.answer(probability) {
            Answer::Negative => 0,
            Answer::Review => 1,
            Answer::Positive => 2,
        };
        prop_assert!(height(low.min(high)) <= height(low.max(high)));
    }
}
