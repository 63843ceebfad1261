//! Detects whether the data is a folder, a CSV or tar archives, and reads it.

use std::path::Path;

use super::classes::Expected;
use super::listing::Listing;
use super::{ClassMap, ClassesFrom, Dataset, DatasetError, archive, folder, table, tars};
use crate::files::FileError;
use crate::progress::{Progress, Unit};

/// A predicate that recognises an image by its path and the first [`HEAD`] bytes of its content.
pub(crate) type IsImage<'a> = &'a (dyn Fn(&Path, &[u8]) -> bool + Sync);

/// The number of bytes of a file that the predicate gets; a shorter file gives fewer.
pub(crate) const HEAD: usize = 512;

/// Options for data that can be read in several ways.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// The folders that name the classes; `None` for automatic detection.
    pub classes_from: Option<ClassesFrom>,
    /// The CSV column of the paths: its name, or its number from 1; `None` for automatic detection.
    pub path_column: Option<String>,
    /// The CSV column of the labels, as [`Self::path_column`]; in a tar archive, the key in the JSON beside each photo.
    pub label_column: Option<String>,
}

/// Reads the labelled images of a folder, a CSV or archives; `positive` names the positive class.
///
/// # Errors
/// [`DatasetError`] if there are not two classes, a class is missing from a split, the CSV cannot be parsed, or the
/// user interrupted.
pub(crate) fn open(
    path: &Path,
    options: &ReadOptions,
    positive: Option<&str>,
    is_image: IsImage<'_>,
    progress: &dyn Progress,
) -> Result<Dataset, DatasetError> {
    let mut listing = list(path, options, Expected::Positive(positive), is_image, progress)?;
    listing.unite_spellings()?;
    // This comes before the classes are counted, so that a class misspelt in one split is not reported as one too many.
    listing.check_splits(path)?;
    let classes = ClassMap::choose(&listing.found(), positive).map_err(|error| match error {
        DatasetError::TooFewClasses { .. } => error.because_of(&listing.unreadable),
        other => other,
    })?;
    listing.with_classes(classes)
}

/// Reads the images of data whose classes a model defines; some of the classes may be missing.
///
/// # Errors
/// [`DatasetError`] as for [`open`], and if a class is not among `classes`.
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
