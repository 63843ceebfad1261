//! A folder or a CSV → labelled samples, in the order of their paths, with their split where the data has one.
//!
//! ```text
//! DIR/CLASS/**                                     one folder a class, as deep as one likes
//! DIR/{train,val|valid|validation[,test]}/CLASS/** the same, already split
//! FILE.csv                                         columns path, label and perhaps split
//! ```
//!
//! [`open`] promises: the same files give the same samples in the same order on every file system; one class map for
//! all splits; nothing is left out without being counted ([`PassedOver`]) or named ([`Unreadable`]). It opens files
//! for reading only, and of a photo no more than the first bytes: what counts as an image is the caller's predicate.
//! [`fixes`] lays corrections of labels over them, and [`split`] divides what has no split yet.

mod classes;
mod error;
pub mod fixes;
mod folder;
pub mod split;
mod table;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use classes::{ClassMap, Found};
pub use error::{DatasetError, RowProblem};
pub use split::Split;

use crate::files::FileError;
use crate::progress::{Interrupted, Progress, Unit};

/// Which of the two answers is right for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    /// 0: any class but the positive one.
    Negative,
    /// 1: the positive class.
    Positive,
}

impl From<bool> for Label {
    fn from(is_positive: bool) -> Self {
        if is_positive { Self::Positive } else { Self::Negative }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Negative => "negative",
            Self::Positive => "positive",
        })
    }
}

/// One labelled image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Where it lies; relative if the path of the data is.
    pub path: PathBuf,
    /// Its place in [`ClassMap::names`].
    pub class: usize,
    /// Its side, if the data says so. Training images have none where the data brings no validation images.
    pub split: Option<Split>,
}

/// Something that is no image, or could not be looked at, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The file or folder.
    pub path: PathBuf,
    /// The system's reason.
    pub reason: String,
}

/// What was left out on purpose, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    /// Hidden files and folders, and those that systems leave behind (`Thumbs.db`, `__MACOSX`); a folder counts once.
    pub hidden: usize,
    /// Folders with nothing in them.
    pub empty_folders: usize,
    /// Files that are no images.
    pub not_images: usize,
    /// Images outside every class folder.
    pub loose: usize,
    /// Links that lead back to a folder that they lie in.
    pub link_loops: usize,
    /// Rows of a CSV that say again what an earlier one said.
    pub repeated_rows: usize,
}

impl PassedOver {
    /// Whether nothing was left out.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Such as `2 hidden, 1 empty folder`; nothing if nothing was left out.
impl fmt::Display for PassedOver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (self.hidden, "hidden", "hidden"),
            (self.empty_folders, "empty folder", "empty folders"),
            (self.not_images, "file that is no image", "files that are no images"),
            (self.loose, "image outside the class folders", "images outside the class folders"),
            (self.link_loops, "circular link", "circular links"),
            (self.repeated_rows, "repeated row", "repeated rows"),
        ];
        let counted = kinds.into_iter().filter(|(count, ..)| *count > 0);
        let words = counted.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }));
        formatter.write_str(&words.collect::<Vec<_>>().join(", "))
    }
}

/// The labelled images of one folder or CSV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Sorted by path, byte by byte.
    pub samples: Vec<Sample>,
    /// One for all splits.
    pub classes: ClassMap,
    /// What was left out on purpose.
    pub passed_over: PassedOver,
    /// Folders that could not be listed, and links that lead nowhere.
    pub unreadable: Vec<Unreadable>,
    /// What the user should know about the layout.
    pub warnings: Vec<String>,
}

impl Dataset {
    /// The images of a class, of one split or (`None`) of those that have none.
    pub fn count(&self, class: usize, split: Option<Split>) -> usize {
        self.samples.iter().filter(|sample| sample.class == class && sample.split == split).count()
    }
}

/// What tells an image from its path and the first [`HEAD`] bytes of its content.
pub type IsImage<'a> = &'a (dyn Fn(&Path, &[u8]) -> bool + Sync);

/// How many bytes of a file the predicate gets, fewer if there are no more.
pub const HEAD: usize = 64;

/// Finds the labelled images of a folder or a CSV; `positive` names the class that counts as positive.
///
/// # Errors
/// [`DatasetError`] where there are no two classes to tell apart, one is missing from a split, the CSV cannot be
/// understood, or the user stopped it.
pub fn open(
    path: &Path,
    positive: Option<&str>,
    is_image: IsImage<'_>,
    progress: &dyn Progress,
) -> Result<Dataset, DatasetError> {
    let mut listing = list(path, is_image, progress)?;
    let classes = ClassMap::choose(&listing.found(), positive).map_err(|error| match error {
        DatasetError::TooFewClasses { .. } => error.because_of(&listing.unreadable),
        other => other,
    })?;
    listing.check_splits(path)?;
    listing.with_classes(classes)
}

/// Finds the images of a folder or a CSV whose classes a model has fixed already: some may be missing.
///
/// # Errors
/// [`DatasetError`] as [`open`], and where a class is not among `classes`.
pub fn open_for(
    path: &Path,
    classes: &ClassMap,
    is_image: IsImage<'_>,
    progress: &dyn Progress,
) -> Result<Dataset, DatasetError> {
    list(path, is_image, progress)?.with_classes(classes.clone())
}

fn list(path: &Path, is_image: IsImage<'_>, progress: &dyn Progress) -> Result<Listing, DatasetError> {
    let metadata = std::fs::metadata(path).map_err(|error| FileError::new("open", path, error))?;
    progress.start("looking for images", Unit::Images, None);
    let listing =
        if metadata.is_dir() { folder::list(path, is_image, progress) } else { table::list(path, is_image, progress) };
    progress.finish();
    listing
}

/// What a layout says, before its names became classes.
#[derive(Debug, Default)]
struct Listing {
    images: Vec<Listed>,
    /// All class folders, so that an error can also name those without images.
    class_folders: BTreeSet<String>,
    passed_over: PassedOver,
    unreadable: Vec<Unreadable>,
    warnings: Vec<String>,
}

#[derive(Debug)]
struct Listed {
    path: PathBuf,
    class: String,
    split: Option<Split>,
}

impl Listing {
    fn found(&self) -> Found {
        let mut found = Found::default();
        for name in &self.class_folders {
            found.add(name, 0);
        }
        for image in &self.images {
            found.add(&image.class, 1);
        }
        found
    }

    /// Every split must have every class; where there are no validation images, the training images lose their mark,
    /// so that they are divided like those of a folder without splits.
    fn check_splits(&mut self, path: &Path) -> Result<(), DatasetError> {
        let splits = [Split::Train, Split::Validation, Split::Test];
        let mut counts = splits.map(|split| (split, Found::default()));
        for image in &self.images {
            if let Some((_, found)) = counts.iter_mut().find(|(split, _)| image.split == Some(*split)) {
                found.add(&image.class, 1);
            }
        }
        let used = || counts.iter().filter(|(_, found)| found.images() > 0);
        let is_used = |wanted| used().any(|(split, _)| *split == wanted);
        if used().next().is_some() && !is_used(Split::Train) {
            let splits = used().map(|(split, _)| *split).collect();
            return Err(DatasetError::NoTraining { path: path.to_path_buf(), splits });
        }
        let all = self.found().with_images();
        for (split, found) in used() {
            let missing = all.names().find(|name| found.count(name) == 0);
            if let Some(class) = missing {
                let elsewhere = used().find(|(_, other)| other.count(class) > 0).map_or(*split, |(other, _)| *other);
                return Err(DatasetError::MissingClass {
                    class: class.to_owned(),
                    split: *split,
                    elsewhere,
                    found: found.clone(),
                });
            }
        }
        if !is_used(Split::Validation) {
            for image in &mut self.images {
                image.split = image.split.filter(|split| *split == Split::Test);
            }
        }
        Ok(())
    }

    fn with_classes(self, classes: ClassMap) -> Result<Dataset, DatasetError> {
        let mut samples = Vec::with_capacity(self.images.len());
        for Listed { path, class, split } in self.images {
            match classes.index(&class) {
                Some(class) => samples.push(Sample { path, class, split }),
                None => {
                    return Err(DatasetError::UnknownClass { class, path, known: classes.names().to_vec() });
                }
            }
        }
        samples.sort_by(|a, b| bytes(&a.path).cmp(bytes(&b.path)));
        let Self { passed_over, unreadable, warnings, .. } = self;
        Ok(Dataset { samples, classes, passed_over, unreadable, warnings })
    }
}

/// The order of paths is that of their bytes: no locale and no file system has a say.
fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// Between units of work, whether to go on; not asked for every single file.
fn go_on(progress: &dyn Progress, done: usize) -> Result<(), Interrupted> {
    if done.is_multiple_of(1024) { progress.check() } else { Ok(()) }
}

#[cfg(test)]
mod tests;
