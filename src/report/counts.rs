//! The number of photos of each class.

use serde::Serialize;

/// A class with the number of its images in each split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The class's name.
    pub name: String,
    /// Whether it counts as positive.
    pub positive: bool,
    /// Images in the training split.
    pub train: usize,
    /// Images in the validation split.
    pub validation: usize,
    /// Images in the test split.
    pub test: usize,
    /// Images without a split, such as those of a plain folder on which a model is evaluated.
    #[serde(skip)]
    pub undivided: usize,
}

impl ClassCount {
    /// All its images.
    pub(super) fn images(&self) -> usize {
        self.train + self.validation + self.test + self.undivided
    }
}
