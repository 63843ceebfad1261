//! What the audit of the photos found, each with the line that the summary has for it.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::files::escaped;
use crate::metrics::Estimate;

/// One label in so many may be doubted; more say more about the head than about the labels.
pub(super) const MAX_SUSPECT_FRACTION: usize = 5;

/// Two photos that show the same.
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
    /// Whether they stand on different sides of a split that came with the data.
    pub across_splits: bool,
    /// Whether they carry different labels.
    pub contradict: bool,
}

/// Which photos were kept together.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct GroupReport {
    /// Pairs of photos that show the same; of many copies of one photo not all pairs.
    pub near_duplicates: Vec<NearDuplicate>,
    /// Photos of groups so large that they are alike by nature, a fixed camera over one scene: of them only byte-identical
    /// files are kept together.
    pub set_aside: usize,
    /// Groups that `--group-by` made, where it was given.
    pub groups: Option<usize>,
    /// Photos whose path does not match it.
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
                "{title:<12}cannot be told among {} photos that all look alike; of these only identical files are kept \
                 together (`--group-by` says what belongs together)",
                self.set_aside
            )?;
        }
        if let (Some(groups), Some(unmatched)) = (self.groups, self.unmatched) {
            let unmatched = match unmatched {
                1 => "1 photo matches nothing and stands alone".to_owned(),
                some => format!("{some} photos match nothing and stand alone"),
            };
            writeln!(out, "groups      {groups} by `--group-by`; {unmatched}")?;
        }
        Ok(())
    }
}

/// What measured photos that have a relative among the training photos do to the numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Leak {
    /// `validation` or `test`.
    pub split: String,
    /// How many of its photos have a copy, or a photo of their group, in training.
    pub images: usize,
    /// Accuracy on all of it.
    pub accuracy_with: Option<Estimate>,
    /// Accuracy without them; `None` where nothing is left.
    pub accuracy_without: Option<Estimate>,
    /// ROC-AUC on all of it.
    pub roc_auc_with: Option<Estimate>,
    /// ROC-AUC without them; `None` where a class has nothing left.
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

/// A photo whose label the head of its fold does not believe.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LabelError {
    /// The photo.
    #[serde(with = "escaped")]
    pub path: PathBuf,
    /// Its label.
    pub given: String,
    /// What it seems to be.
    pub suggested: String,
    /// Out-of-fold probability of the suggested label.
    pub probability: f64,
}

/// A head that sees less than the photo, beside the real one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shortcut {
    /// What it sees, in words.
    pub sees: String,
    /// Its out-of-fold ROC-AUC.
    pub roc_auc: f64,
    /// That of the real head on the same photos.
    pub model_roc_auc: f64,
    /// Why that is suspicious; `None` if nothing is.
    pub warning: Option<String>,
}

/// A count with its noun.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
