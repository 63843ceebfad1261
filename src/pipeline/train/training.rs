//! The photos of a training, read and divided; its verbs are in the files beside this one.

use super::TrainOptions;
use super::photo_groups::PhotoGroups;
use super::subset::Subset;
use crate::dataset::fixes::Fixed;
use crate::pipeline::photos::Photos;
use crate::progress::Progress;

/// What is trained on: all photos, read and divided.
pub(super) struct Training<'a> {
    pub(super) options: &'a TrainOptions,
    pub(super) progress: &'a dyn Progress,
    pub(super) photos: Photos,
    pub(super) photo_groups: PhotoGroups,
    pub(super) fixes: Option<Fixed>,
    /// Whether the split came with the data.
    pub(super) split_given: bool,
    pub(super) training: Subset,
    pub(super) validation: Subset,
    pub(super) test: Subset,
    /// Training and validation together.
    pub(super) pool: Subset,
}
