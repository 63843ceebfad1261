//! What the commands found, each as one structure: its JSON is the structure, its text is what the terminal shows.
//!
//! [`html`] makes a page of plain data.

mod cross_validation;
mod doctor;
mod evaluate;
mod few;
mod findings;
mod headline;
pub mod heatmap;
pub mod html;
mod inspect;
mod letters;
mod threshold_cost;
mod train;

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::files::escaped;
use crate::metrics::{Confusion, Estimate, MIN_GROUPS, MIN_GROUPS_OF_BINS, MIN_GROUPS_OF_LOSSES, Metrics, TOO_FEW};

pub use crate::files::shell_word;
pub use cross_validation::{CrossValidationReport, LearningPoint, MeanStd};
pub use doctor::{DeviceCheck, DoctorReport, Problem, WeightsState};
pub use evaluate::EvaluateReport;
pub use few::FewPhotos;
pub(crate) use findings::counted;
pub use findings::{GroupReport, LabelError, Leak, NearDuplicate, Shortcut};
pub use inspect::{InspectReport, ModelFit, WeightsFit};
pub use threshold_cost::ThresholdCost;
pub use train::TrainReport;

/// A photo that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The file.
    #[serde(with = "escaped")]
    pub path: PathBuf,
    /// Why it could not be read.
    pub reason: String,
}

/// One class and where its images went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The class's name.
    pub name: String,
    /// Whether it counts as positive.
    pub positive: bool,
    /// Images in the training split.
    pub train: usize,
    /// Images in the validation split.
    pub validation: usize,
    /// Images in the test split.
    pub test: usize,
    /// Images in no split, such as those of a plain folder that a model is evaluated on.
    #[serde(skip)]
    pub undivided: usize,
}

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

/// How an interval was made; see [`crate::metrics`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
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
    fn name(self) -> &'static str {
        match self {
            Self::Wilson => "Wilson",
            Self::Combined => "Wilson, combined",
            Self::DeLong => "DeLong",
            Self::Bootstrap => "bootstrap",
        }
    }
}

/// Every measure by its name, with the method of its interval, as they are listed.
fn estimates(metrics: &Metrics) -> [(&'static str, Option<&Estimate>, Method); 12] {
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

/// Why a measure stands without an interval, and from how many photos on it has one.
fn too_few(measure: &str) -> String {
    let least = match measure {
        "log loss" | "Brier score" => MIN_GROUPS_OF_LOSSES,
        "calibration error" => MIN_GROUPS_OF_BINS,
        _ => MIN_GROUPS,
    };
    format!("{TOO_FEW}, which takes {least} of each class")
}

/// One label in so many may be doubted; more say more about the head than about the labels.
const MAX_SUSPECT_FRACTION: usize = 5;

impl ClassCount {
    /// All its images.
    fn images(&self) -> usize {
        self.train + self.validation + self.test + self.undivided
    }
}

/// A number with its interval, and how that was made.
fn write_estimate(
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
fn in_groups(metrics: &Metrics, [negative, positive]: [&str; 2]) -> Option<String> {
    let [negatives, positives] = metrics.groups;
    (metrics.positives > positives || metrics.count - metrics.positives > negatives).then(|| {
        format!("photos that belong together count once in the intervals: {positives} of {positive}, {negatives} of {negative}")
    })
}

/// The confusion matrix, with the names of the negative and the positive class.
fn write_confusion(out: &mut fmt::Formatter<'_>, classes: [&str; 2], confusion: &Confusion) -> fmt::Result {
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
