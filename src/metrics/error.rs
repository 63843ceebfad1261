//! Errors in the input of the metrics, and reasons why a metric is undefined.

use super::bootstrap;

/// Labels and probabilities that cannot be evaluated: a bug in the caller.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    #[error("there are {labels} labels for {probabilities} probabilities")]
    Lengths { labels: usize, probabilities: usize },
    #[error("image {image} has the probability {value}: expected a number from 0 to 1")]
    NotAProbability {
        /// The index of the image, from 0.
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

/// The reason why a metric is undefined for these images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Undefined {
    /// There are no images.
    #[error("there are no images")]
    NoImages,
    /// The metric needs positive images.
    #[error("there are no positive images")]
    NoPositives,
    /// The metric needs negative images.
    #[error("there are no negative images")]
    NoNegatives,
    /// The metric needs positive answers.
    #[error("no image was answered positive")]
    NoPositiveAnswers,
}
