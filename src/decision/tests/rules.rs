//! What `--threshold` reads.

use proptest::prelude::*;

use crate::decision::{RuleError, ThresholdRule};

fn parsed(given: &str) -> ThresholdRule {
    given.parse().unwrap()
}

#[test]
fn every_form_is_read_in_any_case_and_spacing() {
    assert_eq!(parsed("0.5"), ThresholdRule::Fixed(0.5));
    assert_eq!(parsed(" 1 "), ThresholdRule::Fixed(1.0));
    assert_eq!(parsed("F1"), ThresholdRule::F1);
    assert_eq!(parsed("Youden"), ThresholdRule::Youden);
    assert_eq!(parsed("recall>=0.98"), ThresholdRule::Recall(0.98));
    assert_eq!(parsed(" Recall >= 1 "), ThresholdRule::Recall(1.0));
    assert_eq!(parsed("precision ≥ .95"), ThresholdRule::Precision(0.95));
    let cost = ThresholdRule::Cost { false_positive: 1.0, false_negative: 20.0 };
    assert_eq!(parsed("cost:fp=1,fn=20"), cost);
    assert_eq!(parsed("cost : fn = 20 , fp = 1"), cost);
}

#[test]
fn what_is_no_rule_is_refused_with_a_reason_and_a_way_out() {
    for (given, message, hint) in [
        ("youdn", "`youdn` is not a threshold rule", Some("did you mean `youden`?")),
        ("f2", "`f2` is not a threshold rule", Some("did you mean `f1`?")),
        ("recal>=0.9", "`recal` is not a threshold rule", Some("did you mean `recall>=0.98`?")),
        ("sensitivity>=0.9", "`sensitivity` is not a threshold rule", Some("did you mean `recall>=0.98`?")),
        ("banana", "`banana` is not a threshold rule", None),
        ("", "`` is not a threshold rule", None),
        ("NaN", "the threshold is `NaN`, expected a number from 0 to 1", None),
        ("inf", "the threshold is `inf`", None),
        ("-0.2", "the threshold is `-0.2`", None),
        ("50", "the threshold is `50`", Some("for 50 % write 0.5")),
        ("recall", "`recall` lacks the required recall, expected `recall>=` and a number", Some("quotes")),
        ("precision=0.9", "`precision=0.9` lacks the required precision", Some("quotes")),
        ("recall>0.9", "`recall>0.9` lacks the required recall", Some("quotes")),
        ("recall>=1.5", "`recall>=` is followed by `1.5`, expected a number above 0 and at most 1", None),
        ("recall>=98%", "`recall>=` is followed by `98%`", Some("for 98 % write 0.98")),
        ("recall>=0", "`recall>=` is followed by `0`", None),
        ("precision>=nan", "`precision>=` is followed by `nan`", None),
        ("precision>=", "`precision>=` is followed by ``", None),
        ("cost", "invalid `cost:` rule: `cost` must be followed by a colon and both costs", Some("cost:fp=1,fn=20")),
        ("cost:fp=1", "invalid `cost:` rule: `fn` is missing", Some("cost:fp=1,fn=20")),
        ("cost:fn=1", "invalid `cost:` rule: `fp` is missing", Some("cost:fp=1,fn=20")),
        ("cost:fp=1,fp=2", "invalid `cost:` rule: `fp` is given twice", Some("cost:fp=1,fn=20")),
        ("cost:fp=1,tp=2", "invalid `cost:` rule: `tp` is neither `fp` nor `fn`", Some("cost:fp=1,fn=20")),
        ("cost:fp=-1,fn=2", "invalid `cost:` rule: a cost must be a number from 0", Some("cost:fp=1,fn=20")),
        ("cost:fp=nan,fn=2", "invalid `cost:` rule: a cost must be a number from 0", Some("cost:fp=1,fn=20")),
        ("cost:fp=0,fn=0", "invalid `cost:` rule: both costs are 0", Some("cost:fp=1,fn=20")),
        ("cost:fp=one,fn=2", "invalid `cost:` rule: `one` is not a number", Some("cost:fp=1,fn=20")),
    ] {
        let error = given.parse::<ThresholdRule>().unwrap_err();
        assert!(error.to_string().starts_with(message), "{given}: {error}");
        match (error.hint(), hint) {
            (None, None) => {}
            (Some(ours), Some(hint)) => assert!(ours.contains(hint), "{given}: {ours}"),
            (ours, _) => panic!("{given}: {ours:?}"),
        }
    }
}

#[test]
fn a_rule_in_json_is_its_words() {
    let rule = ThresholdRule::Recall(0.98);
    assert_eq!(serde_json::to_string(&rule).unwrap(), "\"recall>=0.98\"");
    assert_eq!(serde_json::from_str::<ThresholdRule>("\"recall>=0.98\"").unwrap(), rule);
    assert!(serde_json::from_str::<ThresholdRule>("\"recall>=2\"").is_err());
}

#[test]
fn a_rule_that_was_not_parsed_can_be_checked() {
    assert_eq!(ThresholdRule::Fixed(2.0).check(), Err(RuleError::Fixed { given: "2".into() }));
    assert!(ThresholdRule::Precision(f64::NAN).check().is_err());
    assert!(ThresholdRule::Cost { false_positive: f64::INFINITY, false_negative: 1.0 }.check().is_err());
    assert!(ThresholdRule::Recall(1.0).check().is_ok());
}

fn rules() -> impl Strategy<Value = ThresholdRule> {
    prop_oneof![
        (0.0..=1.0f64).prop_map(ThresholdRule::Fixed),
        Just(ThresholdRule::F1),
        Just(ThresholdRule::Youden),
        (1e-9..=1.0f64).prop_map(ThresholdRule::Recall),
        (1e-9..=1.0f64).prop_map(ThresholdRule::Precision),
        (0.0..1e9f64, 1e-9..1e9f64)
            .prop_map(|(false_positive, false_negative)| ThresholdRule::Cost { false_positive, false_negative }),
    ]
}

proptest! {
    #[test]
    fn a_rule_reads_back_as_it_was_written(rule in rules()) {
        prop_assert_eq!(rule.to_string().parse::<ThresholdRule>().unwrap(), rule);
        prop_assert!(rule.check().is_ok());
    }

    #[test]
    fn no_string_makes_a_rule_panic(given in ".*") {
        let _ = given.parse::<ThresholdRule>().map_err(|error| error.hint());
    }

    #[test]
    fn nothing_like_a_rule_makes_it_panic(given in "(recall|precision|cost|f1|fp|fn|>=|≥|:|=|,|[0-9.e%-]| ){0,8}") {
        if let Ok(rule) = given.parse::<ThresholdRule>() {
            prop_assert!(rule.check().is_ok());
            prop_assert_eq!(rule.to_string().parse::<ThresholdRule>().unwrap(), rule);
        }
    }
}
