//! A folder or a CSV → labelled samples, in the order of their paths, with their split where the data has one.
//!
//! ```text
//! DIR/CLASS/**                    one folder a class, as deep as one likes
//! DIR/{train,val[,test]}/CLASS/** the same, already split; other words for a split too ([`Split::parse`])
//! DIR/CLASS/{train,val[,test]}/** the same, split within each class
//! DIR/ONE/…                       any of these in a folder that has nothing beside it, which is said
//! FILE.csv                        columns path, label and perhaps split
//! ```
//!
//! Folders that can be read in two ways are an error with both, which [`ClassesFrom`] decides. Names that differ in case,
//! blanks, Unicode form or as 1 and 1.0 do are one class, which is said.
//!
//! [`open`] promises: the same files give the same samples in the same order on every file system; one class map for
//! all splits; nothing is left out without being counted ([`Ignored`]) or named ([`Unreadable`]). It opens files
//! for reading only, and of a photo no more than the first bytes: what counts as an image is the caller's predicate.
//! [`fixes`] lays corrections of labels over them, and [`split`] divides what has no split yet.

mod archive;
mod classes;
mod error;
pub mod fixes;
mod folder;
mod layout;
mod row_problem;
pub mod split;
pub mod subset;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use classes::{ClassMap, Found};
pub use error::DatasetError;
pub use layout::{Ambiguity, ClassesFrom};
pub use row_problem::RowProblem;
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
pub struct Ignored {
    /// Hidden files and folders, and those that systems leave behind ([`crate::files::is_leftover`]); a folder counts once.
    pub hidden: usize,
    /// Folders with nothing in them.
    pub empty_folders: usize,
    /// Files that are no images.
    pub not_images: usize,
    /// Images outside every class folder.
    pub loose: usize,
    /// Links that lead back to a folder that they lie in, or above the data.
    pub link_loops: usize,
    /// Rows of a CSV that say again what an earlier one said.
    pub repeated_rows: usize,
}

impl Ignored {
    /// Whether nothing was left out.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Such as `2 hidden, 1 empty folder`; nothing if nothing was left out.
impl fmt::Display for Ignored {
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
    pub ignored: Ignored,
    /// Folders that could not be listed, and links that lead nowhere.
    pub unreadable: Vec<Unreadable>,
    /// What the user should know about the layout.
    pub warnings: Vec<String>,
    /// How the layout was understood, where that is sure but not plain.
    pub notes: Vec<String>,
}

impl Dataset {
    /// The images of a class, of one split or (`None`) of those that have none.
    pub fn count(&self, class: usize, split: Option<Split>) -> usize {
        self.samples.iter().filter(|sample| sample.class == class && sample.split == split).count()
    }

    /// The name of the answer that is right for a sample: the positive class's, or that of everything else.
    pub fn answer(&self, sample: &Sample) -> &str {
        match self.classes.label(sample.class) {
            Label::Positive => self.classes.positive_name(),
            Label::Negative => self.classes.negative_name(),
        }
    }
}

/// What tells an image from its path and the first [`HEAD`] bytes of its content.
pub type IsImage<'a> = &'a (dyn Fn(&Path, &[u8]) -> bool + Sync);

/// How many bytes of a file the predicate gets, fewer if there are no more.
pub const HEAD: usize = 512;

/// How data is to be read where that could be done in several ways.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Which folders name the classes. `None` to find them.
    pub classes_from: Option<ClassesFrom>,
    /// The column of a CSV that holds the paths: its name, or its number from 1. `None` to find it.
    pub path_column: Option<String>,
    /// The column of a CSV that holds the labels, as [`Self::path_column`].
    pub label_column: Option<String>,
}

/// Finds the labelled images of a folder or a CSV; `positive` names the class that counts as positive.
///
/// # Errors
/// [`DatasetError`] where there are no two classes to tell apart, one is missing from a split, the CSV cannot be
/// understood, or the user stopped it.
pub fn open(
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
pub fn open_for(
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
    let metadata = std::fs::metadata(path).map_err(|error| FileError::new("open", path, error))?;
    if let Some(archive) = metadata.is_file().then(|| archive::refusal(path)).flatten() {
        return Err(archive);
    }
    progress.start("looking for images", Unit::Images, None);
    if metadata.is_dir() && (options.path_column.is_some() || options.label_column.is_some()) {
        let reason = "it is a folder, and `--path-column` and `--label-column` name columns".to_owned();
        return Err(DatasetError::NotATable { path: path.to_path_buf(), reason });
    }
    let listing = if metadata.is_dir() {
        folder::list(path, options.classes_from, expected, is_image, progress)
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

/// Names of classes that the data should have.
#[derive(Clone, Copy)]
enum Expected<'a> {
    /// The positive one, where the user has named it.
    Positive(Option<&'a str>),
    /// A model's.
    Classes(&'a ClassMap),
}

impl Expected<'_> {
    /// Whether a folder is called like one of them.
    fn has(self, folder: &OsStr) -> bool {
        folder.to_str().is_some_and(|name| match self {
            Self::Positive(positive) => positive.is_some_and(|positive| classes::key(positive) == classes::key(name)),
            Self::Classes(classes) => classes.index(name).is_some(),
        })
    }
}

/// What a layout says, before its names became classes.
#[derive(Debug, Default)]
struct Listing {
    images: Vec<Listed>,
    /// All class folders, so that an error can also name those without images.
    class_folders: BTreeSet<String>,
    ignored: Ignored,
    unreadable: Vec<Unreadable>,
    warnings: Vec<String>,
    notes: Vec<String>,
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

    /// Makes one class of names that are the same but for their spelling, and says so.
    fn unite_spellings(&mut self) -> Result<(), DatasetError> {
        let found = self.found();
        let chosen = classes::one_spelling(&found)?;
        let mut spellings: BTreeMap<&String, Vec<String>> = BTreeMap::new();
        for (name, one) in &chosen {
            let counted = format!("`{name}` ({})", images_in_words(found.count(name)));
            spellings.entry(one).or_default().push(counted);
        }
        for (one, spellings) in spellings.iter().filter(|(_, spellings)| spellings.len() > 1) {
            let spellings = spellings.join(" and ");
            self.warnings.push(format!("{spellings} are taken as one class, `{one}`: only the spelling differs"));
        }
        let of = |name: &String| chosen.get(name).unwrap_or(name).clone();
        self.class_folders = self.class_folders.iter().map(of).collect();
        self.images.iter_mut().for_each(|image| image.class = of(&image.class));
        Ok(())
    }

    fn with_classes(mut self, classes: ClassMap) -> Result<Dataset, DatasetError> {
        let mut samples = Vec::with_capacity(self.images.len());
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for Listed { path, class: name, split } in self.images {
            let class = match places.get(&name) {
                Some(class) => *class,
                None => match classes.index(&name) {
                    Some(class) => class,
                    None => {
                        return Err(DatasetError::UnknownClass { class: name, path, known: classes.names().to_vec() });
                    }
                },
            };
            samples.push(Sample { path, class, split });
            places.insert(name, class);
        }
        for (name, class) in places {
            let own = classes.name(class).unwrap_or_default();
            if name != own {
                self.warnings.push(format!("`{name}` is taken as the class `{own}`: only the spelling differs"));
            }
        }
        samples.sort_by(|a, b| bytes(&a.path).cmp(bytes(&b.path)));
        let Self { ignored, unreadable, warnings, notes, .. } = self;
        Ok(Dataset { samples, classes, ignored, unreadable, warnings, notes })
    }
}

fn images_in_words(count: usize) -> String {
    format!("{count} {}", if count == 1 { "image" } else { "images" })
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
