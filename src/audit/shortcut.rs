//! Whether the classes can be told apart by how the photos were taken rather than by what they show.
//!
//! A head is fitted, on the folds of the real one, to what should not matter: (1) facts of the file (size, format, quality,
//! brightness, camera) and (2) the features of the photo's border, the middle left out. Where such a probe does nearly as
//! well as the real head, the real one may be using the same.
//!
//! The two are not alike. File facts say nothing about the subject: if they tell the classes apart, the photos were
//! collected differently, nearly always. A border can be honest context (bees sit on flowers), and each of its features sees
//! some of the middle; so it must do as well as the whole photo before it is worth a word, and the word is milder.

mod columns;

use rayon::prelude::*;
use serde::Serialize;

use crate::features::{Aside, FeatureMatrix};
use crate::head::cross_validation::{cross_validate, grid};
use crate::head::{self, Balance, Examples, HeadError};
use crate::metrics::{Estimate, Scores, ranking};
use crate::progress::Progress;

use columns::Columns;

/// What a probe sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// File size, pixels, aspect ratio, format, JPEG quality, brightness, contrast, camera.
    FileFacts,
    /// The features of the outermost cells.
    Border,
}

/// How a probe did beside the real head.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shortcut {
    /// What it saw.
    pub probe: Probe,
    /// Its out-of-fold ROC-AUC.
    pub auc: Estimate,
    /// That of the real head on the same folds.
    pub real: Estimate,
    /// The facts that tell the classes apart best on their own, each with its ROC-AUC in the direction that fits; best
    /// first, at most three. Empty for the border.
    pub telling: Vec<(String, f64)>,
    /// What the user should know, if it is worth a warning.
    pub warning: Option<String>,
}

/// The end of the probe's interval must lie above it for the probe to be clearly better than chance.
const CLEARLY_ABOVE_CHANCE: f64 = 0.55;

/// The part of the real head's way from chance to its ROC-AUC that is nearly all of it, for file facts.
const NEARLY_AS_WELL: f64 = 0.8;

/// The same for the border, which sees some of the middle even where all is well.
const AS_WELL: f64 = 0.98;

/// A fact below it on its own tells nothing worth naming.
const LEAST_TELLING: f64 = 0.6;

/// Everything that a head was fitted to, and what came of it.
#[derive(Debug, Clone, Copy)]
pub struct Fitted<'a> {
    /// `[N]`, `true` for the positive class.
    pub labels: &'a [bool],
    /// `[N]` ids.
    pub folds: &'a [usize],
    /// The real head's out-of-fold logits, `[N]`.
    pub logits: &'a [f64],
    /// `[N]`, the same number for photos that belong together.
    pub groups: &'a [usize],
    /// What the classes weigh.
    pub balance: Balance,
    /// The real head's strength, which suits the border too: its features are of the same kind.
    pub l2: Option<f64>,
}

/// Probes with what goes with the rows, `[N]`. The border is left out where photos have none, and so is whatever is the same
/// for all photos.
///
/// # Errors
/// [`HeadError`] for labels, folds and logits that do not belong together, and where the user stopped it.
pub fn probe(fitted: Fitted<'_>, asides: &[&Aside], progress: &dyn Progress) -> Result<Vec<Shortcut>, HeadError> {
    let facts: Vec<_> = asides.iter().map(|aside| &aside.facts).collect();
    let mut found = Vec::new();
    let columns = Columns::of(&facts);
    if columns.matrix.width() > 0 {
        let mut shortcut = measure(fitted, Probe::FileFacts, &columns.matrix, progress)?;
        shortcut.telling = columns.telling(fitted.labels);
        shortcut.warning = shortcut.warning_of_facts();
        found.push(shortcut);
    }
    if let Some(border) = borders(asides) {
        let mut shortcut = measure(fitted, Probe::Border, &border, progress)?;
        shortcut.warning = shortcut.warning_of_border();
        found.push(shortcut);
    }
    Ok(found)
}

/// `[N, 2048]`, or `None` where some photo has no border.
fn borders(asides: &[&Aside]) -> Option<FeatureMatrix> {
    let width = asides.first().map_or(0, |aside| aside.border.len());
    let mut border = FeatureMatrix::with_capacity(width, asides.len());
    for aside in asides {
        let row: Vec<f32> = aside.border.iter().map(|value| value.to_f32()).collect();
        border.push_row(&row).ok()?;
    }
    (width > 0).then_some(border)
}

/// Fits a head to what a probe sees; its strength is chosen as that of the real one is, or taken over.
fn measure(
    fitted: Fitted<'_>,
    probe: Probe,
    seen: &FeatureMatrix,
    progress: &dyn Progress,
) -> Result<Shortcut, HeadError> {
    let examples = Examples::new(seen, fitted.labels, head::pos_weight(fitted.labels, fitted.balance))?;
    let strengths = match (probe, fitted.l2) {
        (Probe::Border, Some(l2)) => vec![l2],
        _ => grid(seen.width()),
    };
    let validated = cross_validate(&examples, fitted.folds, &strengths, progress)?;
    if fitted.logits.len() != fitted.labels.len() {
        return Err(HeadError::LabelCount { labels: fitted.labels.len(), rows: fitted.logits.len() });
    }
    let auc = |logits: &[f64]| auc(fitted.labels, fitted.groups, logits);
    let (Some(auc), Some(real)) = (auc(&validated.logits), auc(fitted.logits)) else {
        return Err(HeadError::OneClass { positives: 0, negatives: 0 });
    };
    Ok(Shortcut { probe, auc, real, telling: Vec::new(), warning: None })
}

/// ROC-AUC with its interval; `None` without both classes, and for logits that are no numbers.
fn auc(labels: &[bool], groups: &[usize], logits: &[f64]) -> Option<Estimate> {
    let probabilities: Vec<f64> = logits.par_iter().map(|&logit| head::probability(logit)).collect();
    ranking::roc_auc_interval(&Scores::new(labels, &probabilities).ok()?.in_groups(groups).ok()?).ok()
}

impl Shortcut {
    /// Whether the probe is better than chance and goes this part of the real head's way.
    fn reaches(&self, part: f64) -> bool {
        self.auc.low.is_some_and(|low| low > CLEARLY_ABOVE_CHANCE)
            && self.auc.value - 0.5 >= part * (self.real.value - 0.5)
    }

    fn warning_of_facts(&self) -> Option<String> {
        let telling: Vec<&str> = self.telling.iter().map(|(name, _)| name.as_str()).collect();
        let most = if telling.is_empty() { String::new() } else { format!(" (most telling: {})", telling.join(", ")) };
        self.reaches(NEARLY_AS_WELL).then(|| {
            format!(
                "the files alone, without their pictures, tell the classes apart: ROC-AUC {:.3} by size, format, quality, \
                 brightness and camera{most}, {:.3} by the pictures; the classes were probably collected in different ways, \
                 and the model may fail on photos that were not",
                self.auc.value, self.real.value
            )
        })
    }

    fn warning_of_border(&self) -> Option<String> {
        self.reaches(AS_WELL).then(|| {
            format!(
                "the border of the photos tells the classes apart as well as the whole: ROC-AUC {:.3} against {:.3}; that may \
                 be honest context or a watermark, frame or background that only these photos have: look at the activation \
                 maps",
                self.auc.value, self.real.value
            )
        })
    }
}

#[cfg(test)]
mod tests;
