//! Checks for causes of too optimistic metrics: duplicates across a split, label errors, shortcuts.
//!
//! All checks use what feature extraction has computed: features, file facts, hashes, labels and out-of-fold scores.
//! Nothing is decoded again, there are no tensors, and no photo, label or split is changed.
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
