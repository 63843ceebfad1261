//! The errors at the threshold that a rule chose, compared with those at 0.5.

use serde::Serialize;

use super::rounded;
use crate::decision::{EVEN, ThresholdRule};
use crate::metrics::{Confusion, Scores};

/// Sensitivity and false-alarm rate at the threshold that a rule chose, and at 0.5, on the same photos.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThresholdCost {
    /// Such as `recall>=0.98`.
    pub rule: String,
    /// The threshold that it chose.
    pub threshold: f64,
    /// The photos that were measured, such as `test`.
    pub photos: String,
    /// Fraction of the positive photos that are predicted positive.
    pub sensitivity: f64,
    /// Fraction of the negative photos that are predicted positive.
    pub false_alarms: f64,
    /// The same sensitivity at a threshold of 0.5.
    pub sensitivity_at_even: f64,
    /// The same false-alarm rate at a threshold of 0.5.
    pub false_alarms_at_even: f64,
}

impl ThresholdCost {
    /// Measures `scores`, which are those of the split `photos`; `None` if no rule chose the threshold, if it is 0.5, or
    /// without photos of both classes.
    pub(crate) fn new(rule: ThresholdRule, threshold: f64, scores: &Scores<'_>, photos: &str) -> Option<Self> {
        if matches!(rule, ThresholdRule::Fixed(_)) || (threshold - EVEN).abs() < f64::EPSILON {
            return None;
        }
        let shares = |threshold| {
            let counts = Confusion::at(scores, threshold);
            Some((counts.sensitivity().ok()?, 1.0 - counts.specificity().ok()?))
        };
        let ((sensitivity, false_alarms), (sensitivity_at_even, false_alarms_at_even)) =
            (shares(threshold)?, shares(EVEN)?);
        Some(Self {
            rule: rule.to_string(),
            threshold,
            photos: photos.to_owned(),
            sensitivity,
            false_alarms,
            sensitivity_at_even,
            false_alarms_at_even,
        })
    }

    /// As a sentence, with the names of the negative and the positive class.
    pub(crate) fn in_words(&self, [negative, positive]: [&str; 2]) -> String {
        let Self { rule, photos, .. } = self;
        let threshold = rounded(self.threshold);
        let [found, alarms, found_at_even, alarms_at_even] =
            [self.sensitivity, self.false_alarms, self.sensitivity_at_even, self.false_alarms_at_even]
                .map(|share| 100.0 * share);
        if found.total_cmp(&found_at_even).is_eq() && alarms.total_cmp(&alarms_at_even).is_eq() {
            return format!(
                "At the threshold of {threshold}, chosen by `{rule}`, {found:.0} % of `{positive}` and {alarms:.0} % of `{negative}` \
                 among the {photos} photos are predicted `{positive}`, the same as at {EVEN}"
            );
        }
        format!(
            "At the threshold of {threshold}, chosen by `{rule}`, {found:.0} % of `{positive}` and {alarms:.0} % of `{negative}` \
             among the {photos} photos are predicted `{positive}`; at {EVEN} it would be {found_at_even:.0} % and \
             {alarms_at_even:.0} %"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_errors_at_a_rules_threshold_are_compared_with_those_at_one_half() {
        let labels = [true, true, false, false, false, false];
        let probabilities = [0.9, 0.2, 0.3, 0.3, 0.1, 0.05];
        let scores = Scores::new(&labels, &probabilities).unwrap();
        let cost = |rule: &str, threshold| {
            let cost = ThresholdCost::new(rule.parse().unwrap(), threshold, &scores, "test");
            cost.map(|cost| cost.in_words(["ants", "bees"]))
        };
        assert_eq!(
            cost("recall>=0.98", 0.15).unwrap(),
            "At the threshold of 0.15, chosen by `recall>=0.98`, 100 % of `bees` and 50 % of `ants` among the test photos are \
             predicted `bees`; at 0.5 it would be 50 % and 0 %"
        );
        assert_eq!((cost("0.15", 0.15), cost("f1", 0.5)), (None, None));
    }
}
