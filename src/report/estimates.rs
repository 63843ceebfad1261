//! Metrics as the terminal shows them: a line for each, with its interval.

use std::fmt;

use serde::Serialize;

use crate::metrics::{Confusion, Estimate, MIN_GROUPS, MIN_GROUPS_OF_BINS, MIN_GROUPS_OF_LOSSES, Metrics, TOO_FEW};

/// What calibration brought.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CalibrationReport {
    /// `none`, `prior`, `platt` or `isotonic`.
    pub kind: &'static str,
    /// Log loss of the out-of-fold images without it, in nats.
    pub log_loss_before: f64,
    /// With it, each fold calibrated by the others.
    pub log_loss_after: f64,
}

impl fmt::Display for CalibrationReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, log_loss_before: before, log_loss_after: after } = self;
        match *kind {
            "none" => write!(out, "none, for no correction made the probabilities truer")?,
            "prior" => write!(out, "the probabilities hold at the balance of the training photos")?,
            kind => write!(out, "the probabilities are corrected by a curve ({kind})")?,
        }
        write!(out, "; log loss on held-out photos {before:.3}")?;
        if *kind == "none" { Ok(()) } else { write!(out, " before, {after:.3} after") }
    }
}

/// A threshold in as many digits as a person reads.
pub(crate) fn rounded(threshold: f64) -> f64 {
    (threshold * 1e4).round() / 1e4
}

/// A probability behind its name: `= 0.9310`, in four digits and with no certainty that they do not show.
pub fn equals(probability: f64) -> String {
    if probability > 0.0 && probability < 0.000_05 {
        "< 0.0001".to_owned()
    } else if (0.999_95..1.0).contains(&probability) {
        "> 0.9999".to_owned()
    } else {
        format!("= {probability:.4}")
    }
}

/// How an interval was made; see [`crate::metrics`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Wilson's score interval.
    Wilson,
    /// Wilson's intervals of two shares, combined.
    Combined,
    /// `DeLong`'s variance.
    DeLong,
    /// Stratified resamples.
    Bootstrap,
}

impl Method {
    /// In a table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Wilson => "Wilson",
            Self::Combined => "Wilson, combined",
            Self::DeLong => "DeLong",
            Self::Bootstrap => "bootstrap",
        }
    }
}

/// Every measure by its name, with the method of its interval, as they are listed.
pub(super) fn estimates(metrics: &Metrics) -> [(&'static str, Option<&Estimate>, Method); 12] {
    [
        ("accuracy", metrics.accuracy.as_ref(), Method::Wilson),
        ("balanced accuracy", metrics.balanced_accuracy.as_ref(), Method::Combined),
        ("sensitivity", metrics.sensitivity.as_ref(), Method::Wilson),
        ("specificity", metrics.specificity.as_ref(), Method::Wilson),
        ("precision", metrics.precision.as_ref(), Method::Wilson),
        ("F1", metrics.f1.as_ref(), Method::Combined),
        ("MCC", metrics.mcc.as_ref(), Method::Combined),
        ("ROC-AUC", metrics.roc_auc.as_ref(), Method::DeLong),
        ("PR-AUC", metrics.pr_auc.as_ref(), Method::Bootstrap),
        ("log loss", metrics.log_loss.as_ref(), Method::Bootstrap),
        ("Brier score", metrics.brier.as_ref(), Method::Bootstrap),
        ("calibration error", metrics.expected_calibration_error.as_ref(), Method::Bootstrap),
    ]
}

/// A number with its interval, and how that was made.
pub(super) fn write_estimate(
    out: &mut fmt::Formatter<'_>,
    name: &str,
    width: usize,
    estimate: Option<&Estimate>,
    method: Option<&str>,
) -> fmt::Result {
    let method = method.map(|method| format!(", {method}")).unwrap_or_default();
    let interval = estimate.and_then(Estimate::interval);
    match (estimate, interval) {
        (Some(Estimate { value, .. }), Some([low, high])) => {
            writeln!(out, "  {name:<width$}{value:.3}  (95 % interval {low:.3} to {high:.3}{method})")
        }
        (Some(Estimate { value, .. }), None) => writeln!(out, "  {name:<width$}{value:.3}  ({})", too_few(name)),
        (None, _) => writeln!(out, "  {name:<width$}not defined: it needs images and answers of both classes"),
    }
}

/// What the intervals count, where that is less than the photos; of the negative and the positive class.
pub(super) fn in_groups(metrics: &Metrics, [negative, positive]: [&str; 2]) -> Option<String> {
    let [negatives, positives] = metrics.groups;
    (metrics.positives > positives || metrics.count - metrics.positives > negatives).then(|| {
        format!("photos that belong together count once in the intervals: {positives} of {positive}, {negatives} of {negative}")
    })
}

/// The confusion matrix, with the names of the negative and the positive class.
pub(super) fn write_confusion(out: &mut fmt::Formatter<'_>, classes: [&str; 2], confusion: &Confusion) -> fmt::Result {
    let names = classes.map(|class| format!("true {class}"));
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let titles = classes.map(|class| format!("predicted {class}"));
    let widths = titles.each_ref().map(|title| title.chars().count());
    writeln!(out, "            {:width$}  {}  {}", "", titles[0], titles[1])?;
    let rows =
        [[confusion.true_negative, confusion.false_positive], [confusion.false_negative, confusion.true_positive]];
    for (name, [negative, positive]) in names.iter().zip(rows) {
        writeln!(out, "            {name:width$}  {negative:>0$}  {positive:>1$}", widths[0], widths[1])?;
    }
    Ok(())
}

/// Why a measure stands without an interval, and from how many photos on it has one.
pub(super) fn too_few(measure: &str) -> String {
    let least = match measure {
        "log loss" | "Brier score" => MIN_GROUPS_OF_LOSSES,
        "calibration error" => MIN_GROUPS_OF_BINS,
        _ => MIN_GROUPS,
    };
    format!("{TOO_FEW}, which takes {least} of each class, near-duplicates counted once")
}
