//! Why there are no numbers: inputs that cannot be measured, and measures that do not exist on them.

use super::bootstrap;

/// Labels and probabilities that cannot be measured at all: a flaw of whoever made them.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    #[error("there are {labels} labels for {probabilities} probabilities")]
    Lengths { labels: usize, probabilities: usize },
    #[error("image {image} has the probability {value}: expected a number from 0 to 1")]
    NotAProbability {
        /// Its place, from 0.
        image: usize,
        value: f64,
    },
    #[error("there are {groups} ids of groups for {labels} labels")]
    Groups { labels: usize, groups: usize },
    #[error("the threshold is {0}: expected a finite number")]
    Threshold(f64),
    #[error("there are {0} resamples: expected at least {least}", least = bootstrap::MIN_RESAMPLES)]
    TooFewResamples(u32),
    #[error("there are {0} images: at most 4294967295 can be measured at once")]
    TooMany(usize),
}

/// Why a measure has no value on these images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Undefined {
    /// Nothing to measure.
    #[error("there are no images")]
    NoImages,
    /// It is about positive images.
    #[error("there are no positive images")]
    NoPositives,
    /// It is about negative images.
    #[error("there are no negative images")]
    NoNegatives,
    /// It is about positive answers.
    #[error("no image was answered positive")]
    NoPositiveAnswers,
}
