//! Possible label errors by the probabilities of out-of-fold heads: confident learning.
//!
//! A head that is right about most images contradicts wrong labels. The threshold is different for each class and
//! estimated: an image is counted as of a class if its probability of that class reaches the mean over the images
//! labelled so. These counts, scaled to the number of labels, estimate how many labels of each class should be of the
//! other, and as many images with the lowest scores are suspects. Northcutt, Jiang and Chuang (2021), "Confident
//! Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, with the method "prune by noise rate"; the numbers are
//! those of the authors' library cleanlab.
//!
//! With two classes the published scores, self-confidence and normalised margin, give the same order.

use std::cmp::Ordering;

use serde::Serialize;

/// cleanlab's tolerance in the comparison with a threshold.
const ROUNDING: f64 = 1e-6;

/// Images of each given label that are never suspects, as in cleanlab.
const KEPT_OF_EACH_CLASS: usize = 1;

/// An image whose label is possibly wrong.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Suspect {
    /// The row of the image.
    pub index: usize,
    /// The given label, `true` for the positive class.
    pub given: bool,
    /// The label that is more likely correct.
    pub suggested: bool,
    /// The out-of-fold probability of the positive class.
    pub probability: f64,
    /// The normalised margin: probability of the given label minus that of the other, from -1 to 1, lowest first.
    pub score: f64,
}

/// The result of the search for label errors. Pairs of counts and fractions are `[negative, positive]`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct LabelAudit {
    /// The mean probability of each class over the images labelled so.
    pub thresholds: [f64; 2],
    /// The confident joint: counts of images as `[given][true]`, without those that reach no threshold.
    pub confident_joint: [[usize; 2]; 2],
    /// The fractions of all images as `[given][true]`, estimated from it; a row sums to the fraction of that label.
    pub joint: [[f64; 2]; 2],
    /// The estimated fraction of wrong labels.
    pub wrong_share: f64,
    /// As many images as estimated, lowest score first.
    pub suspects: Vec<Suspect>,
}

/// Compares the labels `[N]` with the out-of-fold probabilities `[N]` of the positive class.
///
/// `None` if a class has no label, the lengths differ or a probability is not between 0 and 1.
pub(crate) fn find(labels: &[bool], probabilities: &[f64]) -> Option<LabelAudit> {
    let is_sound = labels.len() == probabilities.len() && probabilities.iter().all(|p| (0.0..=1.0).contains(p));
    let counts = [false, true].map(|class| labels.iter().filter(|&&label| label == class).count());
    if !is_sound || counts.contains(&0) {
        return None;
    }
    let thresholds = thresholds(labels, probabilities, counts);
    let confident_joint = confident_joint(labels, probabilities, thresholds);
    let calibrated = calibrate(confident_joint, counts);
    let total = labels.len() as f64;
    let joint = calibrated.map(|row| row.map(|count| count as f64 / total));
    let suspects = suspects(labels, probabilities, calibrated);
    let wrong_share = joint[0][1] + joint[1][0];
    Some(LabelAudit { thresholds, confident_joint, joint, wrong_share, suspects })
}

/// All images, lowest score first, ties by index.
pub(crate) fn ranked(labels: &[bool], probabilities: &[f64]) -> Vec<Suspect> {
    let pairs = labels.iter().zip(probabilities).enumerate();
    let mut ranked: Vec<Suspect> = pairs
        .map(|(index, (&given, &probability))| {
            let own = probability_of(probability, given);
            Suspect { index, given, suggested: given ^ (own < 0.5), probability, score: 2.0 * own - 1.0 }
        })
        .collect();
    ranked.sort_by(|a, b| a.score.total_cmp(&b.score));
    ranked
}

/// The probability of a class, given that of the positive one.
fn probability_of(probability: f64, class: bool) -> f64 {
    if class { probability } else { 1.0 - probability }
}

fn thresholds(labels: &[bool], probabilities: &[f64], counts: [usize; 2]) -> [f64; 2] {
    let mut sums = [0.0; 2];
    for (&label, &probability) in labels.iter().zip(probabilities) {
        sums[usize::from(label)] += probability_of(probability, label);
    }
    [sums[0] / counts[0] as f64, sums[1] / counts[1] as f64]
}

/// Counts images by given label and the class whose threshold they reach; if both, the more probable one.
fn confident_joint(labels: &[bool], probabilities: &[f64], thresholds: [f64; 2]) -> [[usize; 2]; 2] {
    let mut joint = [[0; 2]; 2];
    for (&label, &probability) in labels.iter().zip(probabilities) {
        let reaches = |class: bool| probability_of(probability, class) >= thresholds[usize::from(class)] - ROUNDING;
        let truth = match (reaches(false), reaches(true)) {
            (false, false) => continue,
            (true, true) => probability > 0.5,
            (_, positive) => positive,
        };
        joint[usize::from(label)][usize::from(truth)] += 1;
    }
    // At least one image of each class is assumed to be labelled correctly.
    joint[0][0] = joint[0][0].max(1);
    joint[1][1] = joint[1][1].max(1);
    joint
}

/// The counts, rounded to integers, scaled so that each row sums to the number of those labels.
fn calibrate(joint: [[usize; 2]; 2], counts: [usize; 2]) -> [[usize; 2]; 2] {
    std::array::from_fn(|given| {
        let row = joint[given];
        let part = |truth: usize| row[truth] as f64 / (row[0] + row[1]) as f64 * counts[given] as f64;
        #[expect(clippy::cast_sign_loss, reason = "it is a part of a count")]
        let [negative, positive] = [part(0), part(1)].map(|part| part.round_ties_even() as usize);
        // Both halves can be rounded the same way; cleanlab then corrects these.
        match (negative + positive).cmp(&counts[given]) {
            Ordering::Less => [negative, positive + 1],
            Ordering::Equal => [negative, positive],
            Ordering::Greater => [negative - 1, positive],
        }
    })
}

/// For each label, as many images as are estimated to be of the other class, lowest margin first.
fn suspects(labels: &[bool], probabilities: &[f64], calibrated: [[usize; 2]; 2]) -> Vec<Suspect> {
    let mut left = [false, true].map(|given| {
        let [wrong, right] = [!given, given].map(|truth| calibrated[usize::from(given)][usize::from(truth)]);
        wrong.min((wrong + right).saturating_sub(KEPT_OF_EACH_CLASS))
    });
    let ranked = ranked(labels, probabilities).into_iter();
    ranked
        .filter(|suspect| {
            let left = &mut left[usize::from(suspect.given)];
            // A given label that is the more probable one is no error, whatever the estimate.
            let is_one = *left > 0 && suspect.suggested != suspect.given;
            *left -= usize::from(is_one);
            is_one
        })
        .collect()
}

#[cfg(test)]
mod tests;
