//! Shortcuts: whether the classes can be told apart by how the photos were taken rather than by their content.
//!
//! Three probes use what should not matter, and are compared with the real head on the same photos:
//!
//! 1. A head is fitted, on the folds of the real one, to file facts: size, pixels, format, quality, camera.
//! 2. Another head is fitted to brightness and contrast, which may define the classes, as with day and night.
//! 3. The `border` of the photos, with the middle blanked before the network, is compared region by region. A frame, a
//!    logo or a date makes the corners of one class alike: there, its photos then have neighbours of their own class
//!    only. Otherwise hardly any photo does, because backgrounds vary more within a class than between two. The ROC-AUC
//!    of a head does not separate the two cases: honest context reaches 0.8, as much as a mark on half of a class.

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

/// The input of a probe.
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

/// The result of a probe compared with the real head.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Shortcut {
    /// The input of the probe.
    pub probe: Probe,
    /// The out-of-fold ROC-AUC of the probe.
    pub auc: Estimate,
    /// The ROC-AUC of the real head on the same folds.
    pub real: Estimate,
    /// The file facts that separate the classes best on their own, each with its ROC-AUC (at least 0.5), best first, at
    /// most three. For the border, the region with the strongest effect if there is a warning.
    pub top_features: Vec<(String, f64)>,
    /// Indices of example photos: for the border, those with only neighbours of their own class.
    pub examples: Vec<usize>,
    /// A warning for the user, if the probe is nearly as good as the model.
    pub warning: Option<String>,
}

/// The lower end of the interval of a probe that is clearly better than chance is above it.
const CLEARLY_ABOVE_CHANCE: f64 = 0.55;

/// The fraction of the real head's ROC-AUC above chance that counts as nearly as good.
pub(crate) const NEARLY_AS_WELL: f64 = 0.8;

/// The lowest ROC-AUC of a file fact that is named.
const MIN_TOP_FEATURE: f64 = 0.6;

/// The input and the result of the real head's fit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fitted<'a> {
    /// The labels, `[N]`, `true` for the positive class.
    pub labels: &'a [bool],
    /// The fold ids, `[N]`.
    pub folds: &'a [usize],
    /// The real head's out-of-fold logits, `[N]`.
    pub logits: &'a [f64],
    /// The group ids, `[N]`, the same for photos that belong together.
    pub groups: &'a [usize],
    /// The class weights.
    pub balance: Balance,
}

/// Runs the probes on the file facts of all photos, `[N]`, and the borders of some. Facts that are constant are left
/// out, and so are borders of too few photos.
///
/// # Errors
/// [`HeadError`] for labels, folds and logits of different lengths, and on interruption.
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

/// Fits a head to the input of a probe; its L2 penalty is chosen as that of the real head.
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

/// ROC-AUC with its interval; `None` without both classes, and for logits that are not finite.
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
