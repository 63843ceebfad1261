//! The findings of the audit of the photos, each with its line in the summary.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::files::escaped;
use crate::metrics::Estimate;

/// If more than one label in this many is doubtful, the head is more likely at fault than the labels.
pub(super) const MAX_SUSPECT_FRACTION: usize = 5;

/// Two near-duplicate photos.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct NearDuplicate {
    /// One of them.
    #[serde(with = "escaped")]
    pub first: PathBuf,
    /// The other.
    #[serde(with = "escaped")]
    pub second: PathBuf,
    /// `identical`, `near-duplicate` or `mirrored`.
    pub kind: &'static str,
    /// Correlation of their thumbnails, 1 for the same bytes.
    pub similarity: f64,
    /// Whether they are on different sides of a split that came with the data.
    pub across_splits: bool,
    /// Whether they carry different labels.
    pub contradict: bool,
}

/// The groups of photos that were kept together.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct GroupReport {
    /// Pairs of near-duplicates; of many copies of one photo, not every pair.
    pub near_duplicates: Vec<NearDuplicate>,
    /// Photos in groups so large that they must look alike for another reason, such as a fixed camera: of these only
    /// byte-identical files are kept together.
    pub set_aside: usize,
    /// Number of groups by `--group-by`, if it was given.
    pub groups: Option<usize>,
    /// Number of photos whose path does not match it.
    pub unmatched: Option<usize>,
}

impl fmt::Display for GroupReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = &self.near_duplicates;
        match pairs.first() {
            None if self.set_aside > 0 => {}
            None => writeln!(out, "duplicates  no near-duplicates")?,
            Some(pair) => {
                let (first, second, kind) = (escaped::text(&pair.first), escaped::text(&pair.second), pair.kind);
                let across = pairs.iter().filter(|pair| pair.across_splits).count();
                let kept = match across {
                    0 => "kept on one side".to_owned(),
                    across => format!("{across} across the split"),
                };
                let count = counted(pairs.len(), "pair", "pairs");
                let contradicting = match pairs.iter().filter(|pair| pair.contradict).count() {
                    0 => String::new(),
                    some => format!(", {some} with different labels"),
                };
                writeln!(
                    out,
                    "duplicates  {count} of near-duplicates, {kept}{contradicting}, such as {first} and {second} ({kind})"
                )?;
            }
        }
        if self.set_aside > 0 {
            let title = if pairs.is_empty() { "duplicates" } else { "" };
            writeln!(
                out,
                "{title:<12}not detectable among {} photos that all look alike; of these only identical files are kept \
                 together (use `--group-by` to define groups)",
                self.set_aside
            )?;
        }
        if let (Some(groups), Some(unmatched)) = (self.groups, self.unmatched) {
            let unmatched = match unmatched {
                1 => "1 photo does not match and is its own group".to_owned(),
                some => format!("{some} photos do not match and are each their own group"),
            };
            writeln!(out, "groups      {groups} by `--group-by`; {unmatched}")?;
        }
        Ok(())
    }
}

/// The effect on the metrics of measured photos that have a near-duplicate or a photo of their group in training.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Leak {
    /// `validation` or `test`.
    pub split: String,
    /// Number of its photos that have a near-duplicate, or a photo of their group, in training.
    pub images: usize,
    /// Accuracy on all photos of the split.
    pub accuracy_with: Option<Estimate>,
    /// Accuracy without those photos; `None` if none remain.
    pub accuracy_without: Option<Estimate>,
    /// ROC-AUC on all photos of the split.
    pub roc_auc_with: Option<Estimate>,
    /// ROC-AUC without those photos; `None` if none of a class remain.
    pub roc_auc_without: Option<Estimate>,
}

impl fmt::Display for Leak {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { split, images, .. } = self;
        let photos = counted(*images, "photo", "photos");
        let have = if *images == 1 { "has" } else { "have" };
        write!(
            out,
            "leak        {photos} of the {split} split {have} a near-duplicate, or a photo of the same group, in training:"
        )?;
        let value =
            |estimate: &Option<Estimate>| estimate.map_or("undefined".to_owned(), |it| format!("{:.3}", it.value));
        let (with, without) = (value(&self.accuracy_with), value(&self.accuracy_without));
        let (auc_with, auc_without) = (value(&self.roc_auc_with), value(&self.roc_auc_without));
        writeln!(out, " accuracy {with} with and {without} without, ROC-AUC {auc_with} and {auc_without}")
    }
}

/// A photo whose label the head of its fold contradicts.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LabelError {
    /// The photo.
    #[serde(with = "escaped")]
    pub path: PathBuf,
    /// Its label.
    pub given: String,
    /// The class that it seems to belong to.
    pub suggested: String,
    /// Out-of-fold probability of the suggested label.
    pub probability: f64,
}

/// A head fitted to less information than the photo, compared with the model's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shortcut {
    /// Description of the information.
    pub sees: String,
    /// Its out-of-fold ROC-AUC.
    pub roc_auc: f64,
    /// Out-of-fold ROC-AUC of the model's head on the same photos.
    pub model_roc_auc: f64,
    /// Why that is suspicious; `None` if it is not.
    pub warning: Option<String>,
}

/// A count with its noun.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
