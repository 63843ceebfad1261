//! The errors of reading a data set, each with a hint.

use std::path::{Path, PathBuf};

use super::classes::{Found, misspelt};
use super::layout::Ambiguity;
use super::{Ignored, Label, RowProblem, Split, Unreadable};
use crate::files::{FileError, nearest, shell_word};
use crate::progress::Interrupted;

/// The reason why a data set cannot be read or split.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// A file cannot be opened, or a CSV cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    #[error("interrupted")]
    Interrupted(#[from] Interrupted),
    /// A folder cannot be listed, so too few images were found; the number counts further unreadable entries.
    #[error("cannot read `{}`: {}{}", .0.path.display(), .0.reason, others_in_words(*.1))]
    Unlisted(Unreadable, usize),
    #[error("no images in `{}`{}", path.display(), ignored_in_words(ignored))]
    NoImages { path: PathBuf, ignored: Ignored },
    /// A flat folder: it holds images but no class folders.
    #[error("`{}` has {images} images but no class folders: expected one folder for each class", path.display())]
    NoClassFolders { path: PathBuf, images: usize },
    /// A folder whose name cannot be stored in a model.
    #[error("the folder name `{}` cannot be a class name: expected UTF-8 text that is not blank", path.display())]
    ClassName { path: PathBuf },
    #[error("{0}")]
    Ambiguous(Ambiguity),
    /// Two names that differ too little to be surely two classes.
    #[error(
        "`{first}` and `{second}` differ in nothing but case, blanks or the form of a number: expected one name for one class"
    )]
    SameName { first: String, second: String },
    /// A class name that results use for photos without a predicted class.
    #[error("no class can be called `{name}`: a row that says so would not be told from one without an answer")]
    ReservedName { name: String },
    #[error("`{}` is {kind}: expected a folder, or a CSV", path.display())]
    Archive { path: PathBuf, kind: &'static str, command: String, folder: PathBuf },
    /// A photo in an archive whose sample has no label and that is in no class folder.
    #[error("the photo `{}` has no label", photo.display())]
    NoLabelInArchive { photo: PathBuf },
    #[error("`{}` is no label{}", member.display(), key_in_words(key.as_deref()))]
    LabelInArchive { member: PathBuf, key: Option<String> },
    #[error("found {}: expected two", classes_in_words(found))]
    TooFewClasses { found: Found },
    /// More than two classes, and none was chosen as positive.
    #[error("found {} classes: {found}: expected two, or the name of the positive one", found.names().count())]
    TooManyClasses { found: Found },
    #[error("there is no class `{given}`: found {found}")]
    UnknownPositive { given: String, found: Found },
    #[error("`{}` is of the class `{class}`, which the model does not know: expected {}", path.display(), known.join(", "))]
    UnknownClass { class: String, path: PathBuf, known: Vec<String> },
    #[error("`{}` and `{}` are both the {split} split: expected one", first.display(), second.display())]
    TwoFoldersForOneSplit { split: Split, first: PathBuf, second: PathBuf },
    #[error("`{}` has a {} split but no images to train on", path.display(), splits_in_words(splits))]
    NoTraining { path: PathBuf, splits: Vec<Split> },
    #[error("the {split} split has no images of class `{class}`, which the {elsewhere} split has: found {found}")]
    MissingClass { class: String, split: Split, elsewhere: Split, found: Found },
    /// A file that was given as the data but is not a CSV.
    #[error("`{}` is not a CSV: {reason}", path.display())]
    NotATable { path: PathBuf, reason: String },
    #[error("`{}` has no column `{column}`: line 1 names {found}", path.display())]
    MissingColumn { path: PathBuf, column: &'static str, found: String, candidates: Vec<String> },
    #[error("`{}` has several columns that could be the {column}: {}", path.display(), found.join(", "))]
    SeveralColumns { path: PathBuf, column: &'static str, found: Vec<String>, candidates: Vec<String> },
    /// An option names a column that does not exist.
    #[error("`{}` has no column `{given}`, which `{option}` names", path.display())]
    NoSuchColumn { path: PathBuf, option: &'static str, given: String, columns: Vec<String> },
    #[error("`{}` has two columns `{column}`: expected one", path.display())]
    TwoColumns { path: PathBuf, column: &'static str },
    #[error("`{}` corrects nothing: its column `decision` is empty", path.display())]
    NothingDecided { path: PathBuf },
    #[error("`{}` names columns but no images", path.display())]
    NoRows { path: PathBuf },
    #[error("line {line} of `{}` {problem}", path.display())]
    Row {
        path: PathBuf,
        /// The line number; line 1 holds the column names.
        line: u64,
        problem: Box<RowProblem>,
    },
    /// No path of a CSV exists, which means a wrong folder and not a missing file.
    #[error("none of the {count} files that `{}` lists exists; the first is `{}`", path.display(), first.display())]
    NoListedFileExists { path: PathBuf, count: usize, first: PathBuf },
    /// A path that cannot be written into a CSV on this system.
    #[error("the path `{}` cannot be written into a CSV: it is not UTF-8", path.display())]
    PathNotText { path: PathBuf },
    /// A fraction of validation images outside (0, 1).
    #[error("the share {0} cannot be split off: expected a number between 0 and 1")]
    Share(f64),
    /// Too few images of one label to have some on each side of the split.
    #[error("{found} {label} {}, near-duplicates counted once: expected at least {needed}", if *found == 1 { "image" } else { "images" })]
    TooFewImages { label: Label, found: usize, needed: usize },
}

const FIRST_LINE: &str = "the first line is `path,label` or `path,label,split`";

fn key_in_words(key: Option<&str>) -> String {
    key.map_or(String::new(), |key| format!(": it has no text or number under the key `{key}`"))
}

fn ignored_in_words(ignored: &Ignored) -> String {
    if ignored.is_empty() { String::new() } else { format!(" (ignored: {ignored})") }
}

fn classes_in_words(found: &Found) -> String {
    match found.clone().with_images().names().count() {
        0 => "no class with images".to_owned(),
        1 => format!("one class with images: {found}"),
        many => format!("{many} classes: {found}"),
    }
}

fn others_in_words(others: usize) -> String {
    if others == 0 { String::new() } else { format!(" (and {others} more)") }
}

fn splits_in_words(splits: &[Split]) -> String {
    splits.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and a ")
}

impl DatasetError {
    /// Replaces this error by `Unlisted` if anything was unreadable, because that is the more likely cause.
    pub(super) fn because_of(self, unreadable: &[Unreadable]) -> Self {
        match unreadable {
            [] => self,
            [first, others @ ..] => Self::Unlisted(first.clone(), others.len()),
        }
    }

    /// The error for `--path-column` or `--label-column` with data that has no columns.
    pub(super) fn no_columns(path: &Path) -> Self {
        let reason = "it has no columns, and `--path-column` and `--label-column` name some".to_owned();
        Self::NotATable { path: path.to_path_buf(), reason }
    }

    /// Returns advice for the user.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Interrupted(_) => None,
            Self::Unlisted(first, _) => Some(format!("check the permissions with `ls -ld {}`", first.path.display())),
            Self::NoImages { .. } => Some("give the folder that holds the class folders".to_owned()),
            Self::NoClassFolders { path, .. } => Some(layout(path)),
            Self::ClassName { .. } => Some("rename the folder".to_owned()),
            Self::TooFewClasses { .. } => Some(
                "a classifier tells two classes apart: put the images of the second into a folder beside it".to_owned(),
            ),
            Self::Ambiguous(ambiguity) => {
                let data = shell_word(&ambiguity.path.to_string_lossy());
                Some(ambiguity.commands(&format!("resnet-binary train --data {data}")))
            }
            Self::SameName { first, second } => Some(format!(
                "if it is one class, give `{first}` and `{second}` one name; if they are two, rename one so that it says \
                 how they differ"
            )),
            Self::ReservedName { name } => Some(format!("rename the class, such as `{name}s`")),
            Self::Archive { command, folder, .. } => {
                let folder = shell_word(&folder.to_string_lossy());
                Some(format!("unpack it with `{command}`, then give `--data {folder}`"))
            }
            Self::NoLabelInArchive { photo } => Some(label_beside(photo)),
            Self::LabelInArchive { .. } => Some("write a class's number or name as text, such as `1` or `cat`".to_owned()),
            Self::TooManyClasses { found } => found.names().next().map(|name| {
                let way = format!("add `--positive {}` to tell that class from all others together", shell_word(name));
                match misspelt(found) {
                    Some((one, other)) => {
                        format!("if `{one}` and `{other}` are one class, give both the same name; else {way}")
                    }
                    None => way,
                }
            }),
            Self::UnknownPositive { given, found } => match nearest(given, found.names()) {
                Some(name) => Some(format!("did you mean `--positive {}`?", shell_word(name))),
                None => Some("give one of these names".to_owned()),
            },
            Self::UnknownClass { class, known, .. } => {
                let near = nearest(class, known.iter().map(String::as_str));
                Some(
                    near.map_or("name the class as the model does".to_owned(), |name| format!("rename it to `{name}`")),
                )
            }
            Self::TwoFoldersForOneSplit { .. } => {
                Some("put their images into one folder; if they are classes, add `--classes-from top`".to_owned())
            }
            Self::NoTraining { .. } => {
                Some("add a `train` split, or give the folder above the class folders".to_owned())
            }
            Self::MissingClass { class, found, .. } => {
                let others = found.names().filter(|name| name != class);
                Some(match nearest(class, others) {
                    Some(name) => format!("`{name}` looks like the same class: give both the same name"),
                    None => format!("add images of `{class}` to it, or remove the class from every split"),
                })
            }
            Self::NotATable { .. } => Some(
                "give a folder with one folder for each class, or a CSV with the columns path,label[,split]".to_owned(),
            ),
            Self::MissingColumn { candidates, .. } if candidates.is_empty() => Some(FIRST_LINE.to_owned()),
            Self::TwoColumns { .. } => Some(FIRST_LINE.to_owned()),
            Self::NothingDecided { .. } => Some(
                "look at each photo and write the class that it shows into `decision`, or `drop`; leave it empty to change \
                 nothing"
                    .to_owned(),
            ),
            Self::SeveralColumns { column: "split", .. } => Some("name the one that counts `split`".to_owned()),
            Self::MissingColumn { column, candidates, .. } | Self::SeveralColumns { column, candidates, .. } => {
                let options =
                    candidates.iter().take(12).map(|name| format!("`--{column}-column {}`", shell_word(name)));
                Some(format!("add {}, whichever it is", options.collect::<Vec<_>>().join(" or ")))
            }
            Self::NoSuchColumn { option, given, columns, .. } => {
                let near = nearest(given, columns.iter().map(String::as_str)).map(|name| vec![name.to_owned()]);
                let words = near
                    .as_ref()
                    .unwrap_or(columns)
                    .iter()
                    .take(12)
                    .map(|name| format!("`{option} {}`", shell_word(name)));
                Some(format!("give {}, or the number of a column", words.collect::<Vec<_>>().join(" or ")))
            }
            Self::NoRows { .. } => Some("add a line for each image, such as `photos/1.jpg,ants`".to_owned()),
            Self::Row { problem, .. } => problem.hint(),
            Self::NoListedFileExists { path, .. } => {
                let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
                Some(format!("paths are looked up from the folder of the CSV, `{}`", folder.display()))
            }
            Self::PathNotText { .. } => Some("rename the file".to_owned()),
            Self::Share(_) => Some("give a share such as 0.2".to_owned()),
            Self::TooFewImages { needed, .. } => {
                Some(format!("where all images of a class show the same, there is nothing to learn; add others until each class has {needed}"))
            }
        }
    }
}

fn label_beside(photo: &Path) -> String {
    let name = photo.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split('.').next().unwrap_or_default();
    format!(
        "put its class beside it as `{stem}.cls`, or the photos of each class into a folder of the archive; `--label-column KEY` \
         takes the value of a key of `{stem}.json`; `predict` needs no labels"
    )
}

fn layout(path: &Path) -> String {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    format!(
        "sort the images into one folder for each class:\n  {name}/\n  ├── cats/  1.jpg  2.jpg  …\n  \
         └── dogs/  3.jpg  4.jpg  …\n  or list them in a CSV with the columns path,label"
    )
}
