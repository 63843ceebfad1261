//! The report of `evaluate`.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::estimates::{estimates, in_groups, write_confusion, write_estimate};
use super::{FewPhotos, ThresholdCost, counted, rounded};
use crate::dataset::Unreadable;
use crate::features::Noticed;
use crate::files::escaped;
use crate::metrics::Metrics;

/// A model's metrics on labelled photos.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvaluateReport {
    /// The folder or CSV.
    #[serde(with = "escaped")]
    pub data: PathBuf,
    /// The model file.
    #[serde(with = "escaped")]
    pub model: PathBuf,
    /// The positive class.
    pub positive: String,
    /// The name of the negative class.
    pub negative: String,
    /// The split that was measured; `None` for all images.
    pub split: Option<String>,
    /// Number of the given photos that the model was trained on, identified by content. The metrics exclude them.
    pub trained_on: usize,
    /// Whether the model was trained on all of them: the metrics then include them and say nothing about new photos.
    pub only_trained_on: bool,
    /// Remarks on the photos as files.
    pub noticed: Noticed,
    /// Number of photos unlike the training photos; `None` if the model cannot tell.
    pub unfamiliar: Option<usize>,
    /// The metrics, each with its 95 % interval.
    pub metrics: Metrics,
    /// The errors at the threshold and at 0.5, if a rule chose the threshold.
    pub threshold_cost: Option<ThresholdCost>,
    /// Images whose features were computed in an earlier run.
    pub features_from_cache: usize,
    /// A class with too few photos for reliable metrics.
    pub few_photos: Option<FewPhotos>,
    /// The HTML report, if one was written.
    #[serde(serialize_with = "escaped::serialize_option")]
    pub page: Option<PathBuf>,
    /// Photos that could not be read.
    pub unreadable: Vec<Unreadable>,
}

impl EvaluateReport {
    /// The exclusion of photos that the model was trained on, as text; empty if there are none.
    pub(crate) fn exception(&self) -> String {
        match self.trained_on {
            0 => String::new(),
            _ if self.only_trained_on => ", all of which the model was trained on".to_owned(),
            1 => " except one that the model was trained on".to_owned(),
            some => format!(" except {some} that the model was trained on"),
        }
    }
}

impl fmt::Display for EvaluateReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metrics = &self.metrics;
        let split = self.split.as_deref().map_or("all images".to_owned(), |split| format!("the {split} images"));
        let (count, positives, positive) = (metrics.count, metrics.positives, &self.positive);
        let exception = self.exception();
        let data = self.data.display();
        let images = counted(count, "image", "images");
        write!(out, "data        {data}: {split}{exception}: {images}, {positives} of {positive}")?;
        match self.unreadable.len() {
            0 => writeln!(out)?,
            unreadable => writeln!(out, "; {unreadable} unreadable")?,
        }
        if let Some(in_groups) = in_groups(metrics, [&self.negative, &self.positive]) {
            writeln!(out, "            {in_groups}")?;
        }
        let threshold = rounded(metrics.threshold);
        writeln!(out, "model       {}, `{positive}` if the probability is at least {threshold}", self.model.display())?;
        writeln!(out)?;
        if self.only_trained_on {
            writeln!(out, "measured on photos that the model was trained on, which says nothing about new photos:")?;
        }
        for (name, estimate, method) in estimates(metrics) {
            write_estimate(out, name, 19, estimate, Some(method.name()), metrics)?;
        }
        writeln!(out)?;
        write_confusion(out, [&self.negative, &self.positive], &metrics.confusion)?;
        if let Some(cost) = &self.threshold_cost {
            writeln!(out, "\n{}", cost.in_words([&self.negative, &self.positive]))?;
        }
        if let Some(unfamiliar) = self.unfamiliar {
            writeln!(out, "\nunfamiliar  {unfamiliar} of {count} are unlike the training photos")?;
        }
        if let Some(page) = &self.page {
            writeln!(out, "\npage        {}", page.display())?;
        }
        match &self.few_photos {
            Some(few) => writeln!(out, "\n{few}"),
            None => Ok(()),
        }
    }
}
