//! A folder or a CSV, whichever is given, is found out and read.

use std::path::Path;

use super::classes::Expected;
use super::listing::Listing;
use super::{ClassMap, ClassesFrom, Dataset, DatasetError, archive, folder, table, tars};
use crate::files::FileError;
use crate::progress::{Progress, Unit};

/// What tells an image from its path and the first [`HEAD`] bytes of its content.
pub(crate) type IsImage<'a> = &'a (dyn Fn(&Path, &[u8]) -> bool + Sync);

/// How many bytes of a file the predicate gets, fewer if there are no more.
pub(crate) const HEAD: usize = 512;

/// How data is to be read where that could be done in several ways.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Which folders name the classes. `None` to find them.
    pub classes_from: Option<ClassesFrom>,
    /// The column of a CSV that holds the paths: its name, or its number from 1. `None` to find it.
    pub path_column: Option<String>,
    /// The column of a CSV that holds the labels, as [`Self::path_column`]; the key of the JSON beside each photo in a tar archive.
    pub label_column: Option<String>,
}

/// Finds the labelled images of a folder or a CSV; `positive` names the class that counts as positive.
///
/// # Errors
/// [`DatasetError`] where there are no two classes to tell apart, one is missing from a split, the CSV cannot be
/// understood, or the user stopped it.
pub(crate) fn open(
    path: &Path,
    options: &ReadOptions,
    positive: Option<&str>,
    is_image: IsImage<'_>,
    progress: &dyn Progress,
) -> Result<Dataset, DatasetError> {
    let mut listing = list(path, options, Expected::Positive(positive), is_image, progress)?;
    listing.unite_spellings()?;
    // A class that is misspelt in one split is not one class too many.
    listing.check_splits(path)?;
    let classes = ClassMap::choose(&listing.found(), positive).map_err(|error| match error {
        DatasetError::TooFewClasses { .. } => error.because_of(&listing.unreadable),
        other => other,
    })?;
    listing.with_classes(classes)
}

/// Finds the images of a folder or a CSV whose classes a model has fixed already: some may be missing.
///
/// # Errors
/// [`DatasetError`] as [`open`], and where a class is not among `classes`.
pub(crate) fn open_for(
    path: &Path,
    options: &ReadOptions,
    classes: &ClassMap,
    is_image: IsImage<'_>,
    progress: &dyn Progress,
) -> Result<Dataset, DatasetError> {
    list(path, options, Expected::Classes(classes), is_image, progress)?.with_classes(classes.clone())
}

fn list(
    path: &Path,
    options: &ReadOptions,
    expected: Expected<'_>,
    is_image: IsImage<'_>,
    progress: &dyn Progress,
) -> Result<Listing, DatasetError> {
    let archives = tars::find(path)?;
    if !archives.is_empty() {
        progress.start("looking for images", Unit::Images, None);
        let listing = tars::list(path, &archives, options, expected, is_image, progress);
        progress.finish();
        return listing;
    }
    let metadata = std::fs::metadata(path).map_err(|error| FileError::new("open", path, error))?;
    if let Some(archive) = metadata.is_file().then(|| archive::refusal(path)).flatten() {
        return Err(archive);
    }
    progress.start("looking for images", Unit::Images, None);
    if metadata.is_dir() && options.path_column.is_some() {
        return Err(DatasetError::no_columns(path));
    }
    let listing = if metadata.is_dir() {
        folder::list(path, options, expected, is_image, progress)
    } else {
        table::list(path, options, is_image, progress).map(|mut listing| {
            let warning = "`--classes-from` has no say: a CSV names the class of each image itself".to_owned();
            listing.warnings.extend(options.classes_from.map(|_| warning));
            listing
        })
    };
    progress.finish();
    listing
}
