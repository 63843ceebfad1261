//! The rules of `--threshold`, and how they are parsed.
//!
//! ```text
//! 0.5    f1    youden    recall>=0.98    precision>=0.95    cost:fp=1,fn=20
//! ```
//!
//! Case and spaces do not matter. The output of [`ThresholdRule`]'s `Display` parses as the same rule.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The default threshold, and the fallback if none could be chosen: the more likely class is predicted.
pub(crate) const EVEN: f64 = 0.5;

/// How the threshold is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ThresholdRule {
    /// This probability, from 0 to 1.
    Fixed(f64),
    /// Maximise the F1 score.
    F1,
    /// Maximise sensitivity + specificity − 1 (Youden 1950, Cancer 3).
    Youden,
    /// At least this recall, with as few false alarms as possible.
    Recall(f64),
    /// At least this precision, with as high a recall as possible.
    Precision(f64),
    /// Minimise the cost.
    Cost {
        /// Cost of a negative image that is predicted positive.
        false_positive: f64,
        /// Cost of a positive image that is predicted negative.
        false_negative: f64,
    },
}

impl Default for ThresholdRule {
    /// A threshold of 0.5.
    fn default() -> Self {
        Self::Fixed(EVEN)
    }
}

impl ThresholdRule {
    /// Checks the numbers of a rule that was not parsed.
    ///
    /// # Errors
    /// [`RuleError`] for a number that is invalid for its rule.
    pub(crate) fn check(&self) -> Result<(), RuleError> {
        match *self {
            Self::Fixed(threshold) if !(0.0..=1.0).contains(&threshold) => {
                Err(RuleError::Fixed { given: threshold.to_string() })
            }
            Self::Recall(share) if !is_share(share) => {
                Err(RuleError::Share { word: "recall", given: share.to_string() })
            }
            Self::Precision(share) if !is_share(share) => {
                Err(RuleError::Share { word: "precision", given: share.to_string() })
            }
            Self::Cost { false_positive, false_negative } => check_costs(false_positive, false_negative),
            _ => Ok(()),
        }
    }
}

/// Whether a required recall or precision is valid; 0 would require nothing.
fn is_share(share: f64) -> bool {
    share > 0.0 && share <= 1.0
}

fn check_costs(false_positive: f64, false_negative: f64) -> Result<(), RuleError> {
    let wrong = |what: &str| Err(RuleError::Cost { what: what.to_owned() });
    // Within these bounds the sum of costs over all images cannot overflow.
    if ![false_positive, false_negative].iter().all(|cost| (0.0..=1e100).contains(cost)) {
        return wrong("a cost must be a number from 0 to 1e100");
    }
    if false_positive == 0.0 && false_negative == 0.0 {
        return wrong("both costs are 0, so all thresholds are equally good");
    }
    Ok(())
}

impl FromStr for ThresholdRule {
    type Err = RuleError;

    fn from_str(given: &str) -> Result<Self, RuleError> {
        let text = given.trim().to_lowercase();
        if let Some(costs) = text.strip_prefix("cost") {
            return parse_costs(costs);
        }
        if let Some((word, share)) = text.split_once(">=").or_else(|| text.split_once('≥')) {
            return parse_demand(word.trim(), share.trim());
        }
        match text.as_str() {
            "f1" => return Ok(Self::F1),
            "youden" => return Ok(Self::Youden),
            _ => {}
        }
        let Ok(threshold) = text.parse::<f64>() else {
            return Err(refuse_words(&text));
        };
        let rule = Self::Fixed(threshold + 0.0);
        rule.check().map(|()| rule)
    }
}

fn parse_demand(word: &str, share: &str) -> Result<ThresholdRule, RuleError> {
    let (word, rule): (&'static str, fn(f64) -> ThresholdRule) = match word {
        "recall" => ("recall", ThresholdRule::Recall),
        "precision" => ("precision", ThresholdRule::Precision),
        other => return Err(refuse_words(other)),
    };
    match share.parse::<f64>() {
        Ok(value) if is_share(value) => Ok(rule(value)),
        _ => Err(RuleError::Share { word, given: share.to_owned() }),
    }
}

/// Parses what follows `cost`: `:fp=1,fn=20`, in either order.
fn parse_costs(text: &str) -> Result<ThresholdRule, RuleError> {
    let wrong = |what: String| RuleError::Cost { what };
    let Some(parts) = text.trim_start().strip_prefix(':') else {
        return Err(wrong("`cost` must be followed by a colon and both costs".to_owned()));
    };
    let mut costs = [None; 2];
    for part in parts.split(',') {
        let (name, number) = part.split_once('=').ok_or_else(|| wrong(format!("`{}` is not a cost", part.trim())))?;
        let (name, number) = (name.trim(), number.trim());
        let cost = match name {
            "fp" => &mut costs[0],
            "fn" => &mut costs[1],
            _ => return Err(wrong(format!("`{name}` is neither `fp` nor `fn`"))),
        };
        let value = number.parse::<f64>().map_err(|_| wrong(format!("`{number}` is not a number")))?;
        if cost.replace(value + 0.0).is_some() {
            return Err(wrong(format!("`{name}` is given twice")));
        }
    }
    match costs {
        [Some(false_positive), Some(false_negative)] => {
            check_costs(false_positive, false_negative)?;
            Ok(ThresholdRule::Cost { false_positive, false_negative })
        }
        [None, _] => Err(wrong("`fp` is missing".to_owned())),
        [_, None] => Err(wrong("`fn` is missing".to_owned())),
    }
}

/// The error for text that is neither a number nor a known rule.
fn refuse_words(text: &str) -> RuleError {
    const WORDS: [(&str, &str); 9] = [
        ("f1", "f1"),
        ("f1-score", "f1"),
        ("youden", "youden"),
        ("j", "youden"),
        ("recall", "recall>=0.98"),
        ("sensitivity", "recall>=0.98"),
        ("precision", "precision>=0.95"),
        ("ppv", "precision>=0.95"),
        ("cost", "cost:fp=1,fn=20"),
    ];
    let word: String = text.chars().take_while(|letter| letter.is_alphanumeric()).collect();
    let unfinished = ["recall", "precision"].into_iter().find(|&known| known == word);
    if let Some(word) = unfinished {
        return RuleError::Unfinished { word, given: text.to_owned() };
    }
    let limit = (word.chars().count() / 3).max(1);
    let near = WORDS.iter().map(|(known, rule)| (strsim::damerau_levenshtein(&word, known), *rule));
    let suggestion = near.filter(|(distance, _)| *distance <= limit && !word.is_empty()).min().map(|(_, rule)| rule);
    RuleError::Unknown { given: text.to_owned(), suggestion }
}

impl TryFrom<String> for ThresholdRule {
    type Error = RuleError;

    fn try_from(text: String) -> Result<Self, RuleError> {
        text.parse()
    }
}

impl From<ThresholdRule> for String {
    fn from(rule: ThresholdRule) -> Self {
        rule.to_string()
    }
}

impl fmt::Display for ThresholdRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(threshold) => write!(formatter, "{threshold}"),
            Self::F1 => formatter.write_str("f1"),
            Self::Youden => formatter.write_str("youden"),
            Self::Recall(share) => write!(formatter, "recall>={share}"),
            Self::Precision(share) => write!(formatter, "precision>={share}"),
            Self::Cost { false_positive, false_negative } => {
                write!(formatter, "cost:fp={false_positive},fn={false_negative}")
            }
        }
    }
}

/// A threshold rule that cannot be parsed or is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    #[error(
        "`{given}` is not a threshold rule, expected a number from 0 to 1, `f1`, `youden`, `recall>=R`, \
         `precision>=P` or `cost:fp=A,fn=B`"
    )]
    Unknown { given: String, suggestion: Option<&'static str> },
    #[error("the threshold is `{given}`, expected a number from 0 to 1")]
    Fixed { given: String },
    #[error("`{given}` lacks the required {word}, expected `{word}>=` and a number")]
    Unfinished { word: &'static str, given: String },
    /// A required recall or precision that is not in (0, 1].
    #[error("`{word}>=` is followed by `{given}`, expected a number above 0 and at most 1")]
    Share { word: &'static str, given: String },
    #[error("invalid `cost:` rule: {what}")]
    Cost { what: String },
}

impl RuleError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { suggestion, .. } => suggestion.map(|rule| format!("did you mean `{rule}`?")),
            Self::Fixed { given } | Self::Share { given, .. } => {
                let number = given.trim_end_matches(|letter: char| letter == '%' || letter.is_whitespace());
                // Without a percent sign, 1.5 is more likely a typing error than 1.5 %.
                let least = if number.len() < given.trim_end().len() { 0.0 } else { 10.0 };
                let share =
                    number.parse::<f64>().ok().filter(|value| *value > 0.0 && (least..=100.0).contains(value))?;
                Some(format!("for {share} % write {}", share / 100.0))
            }
            Self::Unfinished { word, .. } => Some(format!(
                "write `--threshold '{word}>=0.95'` with the quotes: without them the shell treats `>` as a redirection"
            )),
            Self::Cost { .. } => Some("give the cost of each kind of mistake: `cost:fp=1,fn=20`".to_owned()),
        }
    }
}
