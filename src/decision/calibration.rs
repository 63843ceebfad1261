//! Calibrated probabilities: of the images with a probability of 0.8, about 80 % are positive.
//!
//! The logits of a head that was fitted with class weights, or on few images, give miscalibrated probabilities. [`fit`]
//! learns a monotonic map from out-of-fold logits to probabilities:
//!
//! - **Prior**: the log of the class weight is subtracted from the logit. Nothing is fitted.
//! - **Platt**: a linear function of the logit before the logistic function, with two parameters.
//! - **Isotonic**: any non-decreasing curve, from the fractions of positive images along the logits. It can also fit noise,
//!   so it is considered only from [`MIN_FOR_ISOTONIC`] images.
//!
//! A calibration is used only if it lowers the out-of-fold log loss: it is fitted on the other folds and evaluated on the
//! held-out one. Otherwise the logits are left unchanged.

mod isotonic;

mod platt;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::metrics::{Scores, probability};

/// Below this number of images isotonic calibration is not considered: it needs about 1000 to do better than Platt's
/// (Niculescu-Mizil and Caruana 2005, Predicting Good Probabilities with Supervised Learning, ICML, section 5).
pub(crate) const MIN_FOR_ISOTONIC: usize = 1000;

/// Below this number of images of the smaller class isotonic calibration is not considered: they determine its curve.
pub(crate) const MIN_OF_A_CLASS_FOR_ISOTONIC: usize = 100;

/// Maximum number of points of an isotonic curve: 2 to 3 KB as JSON.
pub(crate) const MAX_KNOTS: usize = 64;

/// A non-decreasing map from logit to probability.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Calibration {
    /// The logistic function alone.
    #[default]
    None,
    /// `logistic(logit + intercept)`, where the classes were weighted in training and are not where it is used.
    Prior {
        /// Any number.
        intercept: f64,
    },
    /// `logistic(slope · logit + intercept)`.
    Platt {
        /// Above 0.
        slope: f64,
        /// Any number.
        intercept: f64,
    },
    /// Linear between points, constant outside.
    Isotonic {
        /// `[logit, probability]`, logits increasing, probabilities non-decreasing; 1 to 64.
        knots: Vec<[f64; 2]>,
    },
}

impl Calibration {
    /// Probabilities for the class balance of the training images, for a head whose positives had the weight `pos_weight`.
    ///
    /// Such a fit counts every positive p times, so its odds are p times too high for the data; ln p is subtracted from the
    /// logit (prior correction: King & Zeng 2001, "Logistic Regression in Rare Events Data", eq. 7).
    /// [`Calibration::None`] if both classes had the same weight.
    pub(crate) fn at_prior(pos_weight: f64) -> Self {
        let intercept = -pos_weight.ln();
        if intercept.is_finite() && intercept.abs() > f64::EPSILON { Self::Prior { intercept } } else { Self::None }
    }

    /// Platt (1999), Probabilistic Outputs for Support Vector Machines, with his smoothed targets, which keep the
    /// parameters finite if the classes do not overlap.
    ///
    /// `None` if there is no solution: a class is missing, all logits are equal, or the ranking is inverted.
    pub(crate) fn platt(logits: &[f64], labels: &[bool]) -> Option<Self> {
        platt::fit(logits, labels)
    }

    /// The non-decreasing curve with the least squared error, by pooling adjacent violators (Ayer et al. 1955, Annals of
    /// Mathematical Statistics 26), thinned to [`MAX_KNOTS`] points.
    ///
    /// Kept between 1 / (N + 2) and (N + 1) / (N + 2): N images cannot show more certainty. `None` without images.
    pub(crate) fn isotonic(logits: &[f64], labels: &[bool]) -> Option<Self> {
        isotonic::fit(logits, labels)
    }

    /// The probability of the positive class: within (0, 1) for every finite logit, and non-decreasing in it.
    pub fn apply(&self, logit: f64) -> f64 {
        let probability = match self {
            Self::None => logistic(logit),
            Self::Prior { intercept } => logistic(logit + intercept),
            Self::Platt { slope, intercept } => logistic(slope * logit + intercept),
            Self::Isotonic { knots } => isotonic::between(knots, logit),
        };
        // Above about 37 the logistic function rounds to 1, and far below 0 to 0.
        probability.clamp(f64::MIN_POSITIVE, 1.0 - f64::EPSILON / 2.0)
    }

    /// `none`, `prior`, `platt` or `isotonic`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Prior { .. } => "prior",
            Self::Platt { .. } => "platt",
            Self::Isotonic { .. } => "isotonic",
        }
    }

    /// Checks a calibration that was read from a file.
    ///
    /// # Errors
    /// [`CalibrationError::Damaged`] for parameters with which [`Self::apply`] would not have its stated properties.
    pub(crate) fn check(&self) -> Result<(), CalibrationError> {
        let is_sound = match self {
            Self::None => true,
            Self::Prior { intercept } => intercept.is_finite(),
            Self::Platt { slope, intercept } => slope.is_finite() && *slope > 0.0 && intercept.is_finite(),
            Self::Isotonic { knots } => {
                let is_knot =
                    |[logit, probability]: &[f64; 2]| logit.is_finite() && *probability > 0.0 && *probability < 1.0;
                (1..=MAX_KNOTS).contains(&knots.len())
                    && knots.iter().all(is_knot)
                    && knots.is_sorted_by(|left, right| left[0] < right[0] && left[1] <= right[1])
            }
        };
        if is_sound { Ok(()) } else { Err(CalibrationError::Damaged { kind: self.kind() }) }
    }
}

/// The logistic function in f64, with full relative precision in both tails: never NaN for a finite logit.
pub(crate) fn logistic(logit: f64) -> f64 {
    let tail = (-logit.abs()).exp();
    if logit >= 0.0 { 1.0 / (1.0 + tail) } else { tail / (1.0 + tail) }
}

/// The fitted calibration and its effect.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fitted {
    /// The calibration to use, fitted on all images; [`Calibration::None`] if none lowers the log loss.
    pub calibration: Calibration,
    /// Log loss of the uncalibrated logits, in nats.
    pub log_loss_before: f64,
    /// Log loss with the calibration, fitted on the other folds for each fold; equal to `log_loss_before` without one.
    pub log_loss_after: f64,
    /// The same for Platt's calibration, if it can be fitted.
    pub platt: Option<f64>,
    /// The same for isotonic calibration, if it is considered.
    pub isotonic: Option<f64>,
    /// The probability of each image from a calibration of the chosen kind fitted on the other folds, `[N]`: for unbiased
    /// metrics and curves. To choose a threshold, apply `calibration` to the logits instead.
    pub out_of_fold: Vec<f64>,
}

/// Fits a calibration on out-of-fold logits `[N]`, labels `[N]` (`true` is positive) and the fold of each image `[N]`;
/// `pos_weight` is the weight of a positive image when the heads were fitted.
///
/// # Errors
/// [`CalibrationError`] for inputs that do not belong together, logits that are not finite, and fewer than two folds.
pub(crate) fn fit(
    logits: &[f64],
    labels: &[bool],
    folds: &[usize],
    pos_weight: f64,
) -> Result<Fitted, CalibrationError> {
    if labels.len() != logits.len() || folds.len() != logits.len() {
        return Err(CalibrationError::Lengths { logits: logits.len(), labels: labels.len(), folds: folds.len() });
    }
    if let Some(image) = logits.iter().position(|logit| !logit.is_finite()) {
        return Err(CalibrationError::NotFinite { image });
    }
    let ids: BTreeSet<usize> = folds.iter().copied().collect();
    if ids.len() < 2 {
        return Err(CalibrationError::Folds(ids.len()));
    }
    let data = Data { logits, labels, folds, ids };
    let plain: Vec<f64> = logits.iter().map(|&logit| Calibration::None.apply(logit)).collect();
    let before = data.log_loss(&plain)?;
    let mut fitted = Fitted {
        calibration: Calibration::None,
        log_loss_before: before,
        log_loss_after: before,
        platt: None,
        isotonic: None,
        out_of_fold: plain,
    };
    let prior = Calibration::at_prior(pos_weight);
    let at_prior: Vec<f64> = logits.iter().map(|&logit| prior.apply(logit)).collect();
    data.take_if_better(prior, at_prior, &mut fitted)?;
    fitted.platt = data.consider(Calibration::platt, &mut fitted)?;
    let positives = labels.iter().filter(|&&label| label).count();
    let of_a_class = positives.min(labels.len() - positives);
    if labels.len() >= MIN_FOR_ISOTONIC && of_a_class >= MIN_OF_A_CLASS_FOR_ISOTONIC {
        fitted.isotonic = data.consider(Calibration::isotonic, &mut fitted)?;
    }
    Ok(fitted)
}

/// What [`fit`] works on, checked.
struct Data<'a> {
    logits: &'a [f64],
    labels: &'a [bool],
    folds: &'a [usize],
    ids: BTreeSet<usize>,
}

/// One way to fit.
type Fit = fn(&[f64], &[bool]) -> Option<Calibration>;

impl Data<'_> {
    fn log_loss(&self, probabilities: &[f64]) -> Result<f64, CalibrationError> {
        let scores = Scores::new(self.labels, probabilities).map_err(|_| CalibrationError::Folds(0))?;
        probability::log_loss(&scores).map_err(|_| CalibrationError::Folds(0))
    }

    /// Evaluates one kind of calibration and takes it if it is better than the current one.
    fn consider(&self, fit: Fit, fitted: &mut Fitted) -> Result<Option<f64>, CalibrationError> {
        let (Some(out_of_fold), Some(calibration)) = (self.out_of_fold(fit), fit(self.logits, self.labels)) else {
            return Ok(None);
        };
        self.take_if_better(calibration, out_of_fold, fitted).map(Some)
    }

    /// Takes a calibration if its out-of-fold log loss is lower than the current one; returns that log loss.
    fn take_if_better(
        &self,
        calibration: Calibration,
        out_of_fold: Vec<f64>,
        fitted: &mut Fitted,
    ) -> Result<f64, CalibrationError> {
        let log_loss = self.log_loss(&out_of_fold)?;
        if log_loss < fitted.log_loss_after {
            fitted.calibration = calibration;
            fitted.log_loss_after = log_loss;
            fitted.out_of_fold = out_of_fold;
        }
        Ok(log_loss)
    }

    /// The probability of each image from a calibration fitted on the other folds.
    fn out_of_fold(&self, fit: Fit) -> Option<Vec<f64>> {
        let mut probabilities = vec![0.5; self.logits.len()];
        for &fold in &self.ids {
            let others = || self.folds.iter().map(|&other| other != fold);
            let logits: Vec<f64> = kept(self.logits, others());
            let labels: Vec<bool> = kept(self.labels, others());
            let calibration = fit(&logits, &labels)?;
            for ((probability, &logit), is_other) in probabilities.iter_mut().zip(self.logits).zip(others()) {
                if !is_other {
                    *probability = calibration.apply(logit);
                }
            }
        }
        Some(probabilities)
    }
}

fn kept<T: Copy>(values: &[T], is_kept: impl Iterator<Item = bool>) -> Vec<T> {
    values.iter().zip(is_kept).filter(|(_, is_kept)| *is_kept).map(|(value, _)| *value).collect()
}

/// Why no calibration could be fitted or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrationError {
    #[error("there are {logits} logits, {labels} labels and {folds} folds, expected one of each per image")]
    Lengths { logits: usize, labels: usize, folds: usize },
    #[error("image {image} has a logit that is not finite")]
    NotFinite {
        /// Its index, from 0.
        image: usize,
    },
    #[error("the logits are from {0} folds, expected at least 2")]
    Folds(usize),
    #[error("the {kind} calibration is damaged: its numbers are not finite, not in order or not probabilities")]
    Damaged { kind: &'static str },
}

impl CalibrationError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Damaged { .. } => Some("copy the model again from its source, or train again".into()),
            Self::Lengths { .. } | Self::NotFinite { .. } | Self::Folds(_) => None,
        }
    }
}
