//! What the threshold of a rule costs, beside the one that everybody expects.

use serde::Serialize;

use super::rounded;
use crate::decision::{EVEN, ThresholdRule};
use crate::metrics::{Confusion, Scores};

/// What the threshold that a rule chose finds and takes by mistake, and what 0.5 would, on the same photos.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThresholdCost {
    /// Such as `recall>=0.98`.
    pub rule: String,
    /// What it chose.
    pub threshold: f64,
    /// Which photos the shares below are of, such as `test`.
    pub photos: String,
    /// Share of the positive photos that are found.
    pub sensitivity: f64,
    /// Share of the negative photos that are taken for positive ones.
    pub false_alarms: f64,
    /// Share of the positive photos that a threshold of 0.5 would find.
    pub sensitivity_at_even: f64,
    /// Share of the negative photos that it would take for positive ones.
    pub false_alarms_at_even: f64,
}

impl ThresholdCost {
    /// Of scored photos, which are called so; `None` for a threshold that no rule chose, one of 0.5, and without photos of
    /// both classes.
    pub fn new(rule: ThresholdRule, threshold: f64, scores: &Scores<'_>, photos: &str) -> Option<Self> {
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
    pub fn in_words(&self, [negative, positive]: [&str; 2]) -> String {
        let Self { rule, photos, .. } = self;
        let threshold = rounded(self.threshold);
        let [found, alarms, found_at_even, alarms_at_even] =
            [self.sensitivity, self.false_alarms, self.sensitivity_at_even, self.false_alarms_at_even]
                .map(|share| 100.0 * share);
        if found.total_cmp(&found_at_even).is_eq() && alarms.total_cmp(&alarms_at_even).is_eq() {
            return format!(
                "The threshold of {threshold}, chosen by `{rule}`, finds {found:.0} % of `{positive}` on the {photos} photos and \
                 takes {alarms:.0} % of `{negative}` for it, as a threshold of {EVEN} would"
            );
        }
        format!(
            "The threshold of {threshold}, chosen by `{rule}`, finds {found:.0} % of `{positive}` on the {photos} photos and \
             takes {alarms:.0} % of `{negative}` for it; a threshold of {EVEN} would find {found_at_even:.0} % and take \
             {alarms_at_even:.0} %"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_said_with_what_it_lets_through_beside_what_even_odds_would() {
        let labels = [true, true, false, false, false, false];
        let probabilities = [0.9, 0.2, 0.3, 0.3, 0.1, 0.05];
        let scores = Scores::new(&labels, &probabilities).unwrap();
        let cost = |rule: &str, threshold| {
            let cost = ThresholdCost::new(rule.parse().unwrap(), threshold, &scores, "test");
            cost.map(|cost| cost.in_words(["ants", "bees"]))
        };
        assert_eq!(
            cost("recall>=0.98", 0.15).unwrap(),
            "The threshold of 0.15, chosen by `recall>=0.98`, finds 100 % of `bees` on the test photos and takes 50 % of \
             `ants` for it; a threshold of 0.5 would find 50 % and take 0 %"
        );
        assert_eq!((cost("0.15", 0.15), cost("f1", 0.5)), (None, None));
    }
}
