//! What could make the numbers flatter than the truth: copies on both sides of a split, wrong labels, shortcuts.
//!
//! Everything here works on what extraction left: features, facts, hashes, labels and out-of-fold scores. Nothing
//! is decoded again, no tensor is made, and no photo, label or split is changed: the answers are lists and numbers.
//!
//! | question | module |
//! | --- | --- |
//! | Which files show one photo? | [`duplicates`] |
//! | Which photos must stay on one side? | [`groups`] |
//! | Which labels are possibly wrong? | [`labels`] |
//! | Are the classes told apart by how the photos were taken? | [`shortcut`] |

pub(crate) mod duplicates;

pub(crate) mod groups;

pub(crate) mod labels;

pub(crate) mod shortcut;

pub(crate) use groups::GroupingError;
pub use groups::{GroupBy, PatternError};

#[cfg(test)]
mod simulation;
