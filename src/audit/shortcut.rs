//! Whether the classes can be told apart by how the photos were taken rather than by what they show.
//!
//! Three questions of what should not matter, beside the real head on the same photos:
//!
//! 1. A head is fitted, on the folds of the real one, to facts of the files: size, pixels, format, quality, camera.
//! 2. Another to brightness and contrast, which may be what the classes are, as of day and night.
//! 3. The `border` of the photos, the middle blanked before the network, is compared region by region. A frame, a logo or a
//!    date makes the corners of one class alike: for each photo the neighbours most like it there are asked for their
//!    class. Where nothing is wrong hardly any photo has only its own class around it, because surroundings vary more
//!    within a class than between two; a mark on half of a class gives that to most of the marked ones. A head's ROC-AUC
//!    does not separate the two: honest context reaches 0.8, as much as a mark on half of a class.

mod border;
mod columns;

use rayon::prelude::*;
use serde::Serialize;

use crate::features::FeatureMatrix;
use crate::head::cross_validation::{cross_validate, grid};
use crate::head::{self, Balance, Examples, HeadError};
use crate::metrics::{Estimate, Scores, ranking};
use crate::pixels::PhotoFacts;
use crate::progress::Progress;

pub(crate) use border::{Borders, MAX_PHOTOS, MIN_PHOTOS};
use columns::Columns;

/// What a probe sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Probe {
    /// File size, pixels, aspect ratio, format, JPEG quality, camera.
    FileFacts,
    /// Brightness and contrast.
    Light,
    /// Corners and edges.
    Border,
}

/// How a probe did beside the real head.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Shortcut {
    /// What it saw.
    pub probe: Probe,
    /// Its out-of-fold ROC-AUC.
    pub auc: Estimate,
    /// That of the real head on the same folds.
    pub real: Estimate,
    /// The facts that tell the classes apart best on their own, each with its ROC-AUC in the direction that fits; best
    /// first, at most three. Of the border the region that gives most away, where that is a warning.
    pub top_features: Vec<(String, f64)>,
    /// Photos to look at, by their places: those that a region of the border gives away.
    pub examples: Vec<usize>,
    /// What the user should know, if it is worth a warning.
    pub warning: Option<String>,
}

/// The end of the probe's interval must lie above it for the probe to be clearly better than chance.
const CLEARLY_ABOVE_CHANCE: f64 = 0.55;

/// The part of the real head's way from chance to its ROC-AUC that is nearly all of it.
pub(crate) const NEARLY_AS_WELL: f64 = 0.8;

/// A fact below it on its own tells nothing worth naming.
const MIN_TOP_FEATURE: f64 = 0.6;

/// Everything that a head was fitted to, and what came of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fitted<'a> {
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
}

/// Probes with the facts of all photos, `[N]`, and the borders of some. What is the same for all photos is left out, and so
/// are borders of too few.
///
/// # Errors
/// [`HeadError`] for labels, folds and logits that do not belong together, and where the user stopped it.
pub(crate) fn probe(
    fitted: Fitted<'_>,
    facts: &[&PhotoFacts],
    borders: &Borders<'_>,
    progress: &dyn Progress,
) -> Result<Vec<Shortcut>, HeadError> {
    let mut found = Vec::new();
    for probe in [Probe::FileFacts, Probe::Light] {
        let columns = Columns::new(facts, probe);
        if columns.matrix.width() > 0 {
            let mut shortcut = measure(fitted, probe, &columns.matrix, progress)?;
            shortcut.top_features = columns.top_features(fitted.labels);
            shortcut.warning = shortcut.warning_of_facts();
            found.push(shortcut);
        }
    }
    found.extend(borders.shortcut(fitted));
    Ok(found)
}

/// Fits a head to what a probe sees; its strength is chosen as that of the real one is.
fn measure(
    fitted: Fitted<'_>,
    probe: Probe,
    seen: &FeatureMatrix,
    progress: &dyn Progress,
) -> Result<Shortcut, HeadError> {
    let examples = Examples::new(seen, fitted.labels, head::pos_weight(fitted.labels, fitted.balance))?;
    let validated = cross_validate(&examples, fitted.folds, &grid(seen.width()), progress)?;
    if fitted.logits.len() != fitted.labels.len() {
        return Err(HeadError::LabelCount { labels: fitted.labels.len(), rows: fitted.logits.len() });
    }
    let auc = |logits: &[f64]| auc(fitted.labels, fitted.groups, logits);
    let (Some(auc), Some(real)) = (auc(&validated.logits), auc(fitted.logits)) else {
        return Err(HeadError::UndefinedRocAuc);
    };
    Ok(Shortcut { probe, auc, real, top_features: Vec::new(), examples: Vec::new(), warning: None })
}

/// ROC-AUC with its interval; `None` without both classes, and for logits that are no numbers.
fn auc(labels: &[bool], groups: &[usize], logits: &[f64]) -> Option<Estimate> {
    let probabilities: Vec<f64> = logits.par_iter().map(|&logit| head::probability(logit)).collect();
    ranking::roc_auc_interval(&Scores::new(labels, &probabilities).ok()?.in_groups(groups).ok()?).ok()
}

impl Shortcut {
    fn warning_of_facts(&self) -> Option<String> {
        let Self { auc, real, .. } = self;
        let is_nearly_as_good = auc.low.is_some_and(|low| low > CLEARLY_ABOVE_CHANCE)
            && auc.value - 0.5 >= NEARLY_AS_WELL * (real.value - 0.5);
        let top_features: Vec<&str> = self.top_features.iter().map(|(name, _)| name.as_str()).collect();
        let most =
            if top_features.is_empty() { String::new() } else { format!(" (above all {})", top_features.join(", ")) };
        let how_well = if auc.value < real.value { "nearly as well as" } else { "as well as" };
        is_nearly_as_good.then(|| match self.probe {
            Probe::Light => format!(
                "brightness and contrast alone tell the classes apart {how_well} the model: ROC-AUC {:.3} against \
                 {:.3}; that is right where the classes are about light, such as day and night, and otherwise the model may \
                 fail on photos taken in other light",
                auc.value, real.value
            ),
            _ => format!(
                "file properties alone tell the classes apart {how_well} the model: ROC-AUC {:.3} by file size, pixels, \
                 format, JPEG quality and camera{most}, {:.3} by the model; the classes were probably \
                 collected in different ways, and the model may have learnt that in place of what they show",
                auc.value, real.value
            ),
        })
    }
}

#[cfg(test)]
mod tests;
