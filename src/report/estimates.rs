//! Metrics as shown on the terminal: one line each, with its interval.

use std::fmt;

use serde::Serialize;

use crate::metrics::{Confusion, Estimate, MIN_GROUPS, MIN_GROUPS_OF_BINS, MIN_GROUPS_OF_LOSSES, Metrics, TOO_FEW};

/// The calibration and its effect on the log loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CalibrationReport {
    /// `none`, `prior`, `platt` or `isotonic`.
    pub kind: &'static str,
    /// Out-of-fold log loss without calibration, in nats.
    pub log_loss_before: f64,
    /// Out-of-fold log loss with calibration; each fold is calibrated on the others.
    pub log_loss_after: f64,
}

impl fmt::Display for CalibrationReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, log_loss_before: before, log_loss_after: after } = self;
        match *kind {
            "none" => write!(out, "none, because no correction lowered the log loss")?,
            "prior" => {
                write!(out, "class weight undone: probabilities are for the class balance of the training photos")?;
            }
            kind => write!(out, "{kind} curve")?,
        }
        write!(out, "; out-of-fold log loss {before:.3}")?;
        if *kind == "none" { Ok(()) } else { write!(out, " before, {after:.3} after") }
    }
}

/// A threshold rounded for display.
pub(crate) fn rounded(threshold: f64) -> f64 {
    (threshold * 1e4).round() / 1e4
}

/// A probability with its relation sign, such as `= 0.9310`: four digits, never rounded to 0 or 1.
pub(crate) fn equals(probability: f64) -> String {
    if probability > 0.0 && probability < 0.000_05 {
        "< 0.0001".to_owned()
    } else if (0.999_95..1.0).contains(&probability) {
        "> 0.9999".to_owned()
    } else {
        format!("= {probability:.4}")
    }
}

/// The method of an interval; see [`crate::metrics`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Wilson's score interval.
    Wilson,
    /// Wilson's intervals of two fractions, combined.
    Combined,
    /// `DeLong`'s variance.
    DeLong,
    /// Stratified bootstrap.
    Bootstrap,
}

impl Method {
    /// The name shown in a table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Wilson => "Wilson",
            Self::Combined => "Wilson, combined",
            Self::DeLong => "DeLong",
            Self::Bootstrap => "bootstrap",
        }
    }
}

/// Every metric with its name and the method of its interval, in the order of display.
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

/// Writes a metric with its interval and the interval's method.
pub(super) fn write_estimate(
    out: &mut fmt::Formatter<'_>,
    name: &str,
    width: usize,
    estimate: Option<&Estimate>,
    method: Option<&str>,
    metrics: &Metrics,
) -> fmt::Result {
    let method = method.map(|method| format!(", {method}")).unwrap_or_default();
    let interval = estimate.and_then(Estimate::interval);
    match (estimate, interval) {
        (Some(Estimate { value, .. }), Some([low, high])) => {
            writeln!(out, "  {name:<width$}{value:.3}  (95 % interval {low:.3} to {high:.3}{method})")
        }
        (Some(Estimate { value, .. }), None) => {
            writeln!(out, "  {name:<width$}{value:.3}  ({})", no_interval(name, metrics))
        }
        (None, _) => writeln!(out, "  {name:<width$}undefined: it needs images and predictions of both classes"),
    }
}

/// The number of groups of the negative and the positive class that the intervals count, if fewer than photos.
pub(super) fn in_groups(metrics: &Metrics, [negative, positive]: [&str; 2]) -> Option<String> {
    let [negatives, positives] = metrics.groups;
    (metrics.positives > positives || metrics.count - metrics.positives > negatives).then(|| {
        format!("photos of one group count once in the intervals: {positives} groups of {positive}, {negatives} of {negative}")
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

/// Why a metric has no interval, and what it needs for one.
pub(super) fn no_interval(measure: &str, metrics: &Metrics) -> String {
    let least = match measure {
        "log loss" | "Brier score" => MIN_GROUPS_OF_LOSSES,
        "calibration error" => MIN_GROUPS_OF_BINS,
        _ => MIN_GROUPS,
    };
    if metrics.groups.iter().all(|&groups| groups >= least) {
        return "no interval: its upper end would be more than 100 times the value".to_owned();
    }
    format!("{TOO_FEW}, which needs {least} of each class, near-duplicates counted once")
}
