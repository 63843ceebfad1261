//! Validated labels and probabilities, with the grouping of the images.

use std::collections::HashSet;

use super::{MetricsError, Undefined, groups};

/// Labels and as many probabilities of the positive class, all within \[0, 1\], and optionally the groups of images
/// that are not independent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scores<'a> {
    pub(super) labels: &'a [bool],
    pub(super) probabilities: &'a [f64],
    /// Group ids, `[N]`; `None` if all images are independent.
    pub(super) groups: Option<&'a [usize]>,
}

impl<'a> Scores<'a> {
    /// Validates the labels, `true` for the positive class, and their probabilities.
    ///
    /// # Errors
    /// [`MetricsError`] for different lengths, too many images, and values outside \[0, 1\].
    pub(crate) fn new(labels: &'a [bool], probabilities: &'a [f64]) -> Result<Self, MetricsError> {
        if labels.len() != probabilities.len() {
            return Err(MetricsError::Lengths { labels: labels.len(), probabilities: probabilities.len() });
        }
        if u32::try_from(labels.len()).is_err() {
            return Err(MetricsError::TooMany(labels.len()));
        }
        match probabilities.iter().position(|probability| !(0.0..=1.0).contains(probability)) {
            Some(image) => {
                let value = probabilities.get(image).copied().unwrap_or(f64::NAN);
                Err(MetricsError::NotAProbability { image, value })
            }
            None => Ok(Self { labels, probabilities, groups: None }),
        }
    }

    /// The scores with group ids `[N]`, equal for images that belong together: near-duplicates, one burst, one patient.
    ///
    /// # Errors
    /// [`MetricsError::Groups`] if the number of ids is not that of the labels.
    pub(crate) fn in_groups(self, groups: &'a [usize]) -> Result<Self, MetricsError> {
        if groups.len() == self.labels.len() {
            Ok(Self { groups: Some(groups), ..self })
        } else {
            Err(MetricsError::Groups { labels: self.labels.len(), groups: groups.len() })
        }
    }

    /// The number of images.
    pub(crate) fn count(&self) -> usize {
        self.labels.len()
    }

    /// The number of positive images.
    pub(crate) fn positives(&self) -> usize {
        self.labels.iter().filter(|&&label| label).count()
    }

    /// The label and probability of each image, in order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (bool, f64)> {
        self.labels.iter().copied().zip(self.probabilities.iter().copied())
    }

    /// The group of an image below [`Self::count`].
    pub(super) fn group(&self, image: usize) -> usize {
        self.groups.and_then(|groups| groups.get(image).copied()).unwrap_or(image)
    }

    /// The group of each image, in order.
    pub(crate) fn groups(&self) -> impl Iterator<Item = usize> {
        (0..self.count()).map(|image| self.group(image))
    }

    /// The numbers of groups with negative images, of groups with positive images, and of all groups.
    pub(crate) fn count_groups(&self) -> [usize; 3] {
        let of = |counts: &dyn Fn(bool) -> bool| {
            let images = self.labels.iter().zip(self.groups()).filter(|(label, _)| counts(**label));
            images.map(|(_, group)| group).collect::<HashSet<_>>().len()
        };
        [of(&|label| !label), of(&|label| label), of(&|_| true)]
    }

    /// The number of groups of the class that has fewer of them; a class without images does not count.
    pub(super) fn fewest_groups(&self) -> usize {
        let [negatives, positives, _] = self.count_groups();
        [negatives, positives].into_iter().filter(|&groups| groups > 0).min().unwrap_or(0)
    }

    /// The effective numbers of positive images and of all images if all images of a group were the same.
    pub(super) fn least_trials(&self) -> [f64; 2] {
        let of = |counts: &dyn Fn(bool) -> bool| {
            let images = self.labels.iter().zip(self.groups()).filter(|(label, _)| counts(**label));
            let design = groups::Design::new(&images.map(|(_, group)| (0.0, group)).collect::<Vec<_>>());
            design.map_or(0.0, |design| design.least_trials)
        };
        [of(&|label| label), of(&|_| true)]
    }

    /// The probability of an image below [`Self::count`].
    pub(super) fn probability(&self, image: u32) -> f64 {
        // 0.0 and -0.0 are the same probability, but differ in the total order.
        self.probabilities.get(image as usize).map_or(f64::NAN, |probability| probability + 0.0)
    }

    /// The label of an image below [`Self::count`].
    pub(super) fn is_positive(&self, image: u32) -> bool {
        self.labels.get(image as usize).is_some_and(|&label| label)
    }

    pub(super) fn some_images(&self) -> Result<(), Undefined> {
        if self.labels.is_empty() { Err(Undefined::NoImages) } else { Ok(()) }
    }

    /// The counts of positive and negative images, neither of them 0.
    pub(super) fn both_classes(&self) -> Result<(usize, usize), Undefined> {
        self.some_images()?;
        let positives = self.positives();
        match (positives, self.count() - positives) {
            (0, _) => Err(Undefined::NoPositives),
            (_, 0) => Err(Undefined::NoNegatives),
            counts => Ok(counts),
        }
    }
}
