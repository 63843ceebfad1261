//! Corrections of labels, laid over a data set and over nothing else: a CSV with the columns `path` and `label`, where a
//! label is the name of a class or `drop`.
//!
//! It is read as a CSV of images is ([`super::open`]): any separator, relative paths from its own folder. Whatever it says
//! must be about an image of the data and agree with itself; the user's files stay as they are.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::classes::Found;
use super::{Dataset, DatasetError, IsImage, Label, RowProblem, split, table};
use crate::files::Kind;
use crate::progress::Progress;

/// The label that leaves an image out.
pub const DROP: &str = "drop";

/// What the corrections came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Fixed {
    /// Images that got another class.
    pub relabelled: usize,
    /// Images that were left out.
    pub dropped: usize,
    /// Images that had the class already.
    pub already_so: usize,
}

/// A correction that is proposed.
#[derive(Debug, Clone, Copy)]
pub struct Correction<'a> {
    /// The image.
    pub path: &'a Path,
    /// The label that it may deserve, or [`DROP`].
    pub label: &'a str,
    /// The label that it has.
    pub given: &'a str,
    /// Probability of the proposed answer.
    pub probability: f64,
}

/// Columns of the table of proposals.
const COLUMNS: [&str; 4] = ["path", "label", "given", "probability"];

/// How a table that [`to_csv`] made is known among other files. One that a person has gone through is not: a label that
/// is what it was is their word.
pub const KIND: Kind = Kind {
    name: "table of doubtful labels",
    is_one: |head| {
        let is_number = |cell: &[u8]| std::str::from_utf8(cell).is_ok_and(|cell| cell.parse::<f64>().is_ok());
        split::is_table(head, COLUMNS, |[_, label, given, probability]| label != given && is_number(probability))
    },
};

/// Proposals in the order given, as a table that [`apply`] takes from the file `path` once a person has looked at it.
///
/// # Errors
/// [`DatasetError`] if a path cannot be written.
pub fn to_csv<'a>(path: &Path, corrections: impl Iterator<Item = Correction<'a>>) -> Result<Vec<u8>, DatasetError> {
    let rows = corrections.map(|Correction { path, label, given, probability }| {
        (path, [label.to_owned(), given.to_owned(), format!("{probability:.4}")])
    });
    split::table(path, COLUMNS, rows)
}

/// Lays the corrections of `file` over a data set; a line that repeats another is counted once.
///
/// # Errors
/// [`DatasetError`] if the file is no such table, a line is about a path or a label that the data does not have or
/// contradicts another, or a class is left without images. The data set is then of no use.
pub fn apply(
    dataset: &mut Dataset,
    file: &Path,
    is_image: IsImage<'_>,
    progress: &dyn Progress,
) -> Result<Fixed, DatasetError> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut images = Places::of(dataset);
    // What each image is to become, and on which line that stands.
    let mut wanted: HashMap<usize, (String, u64)> = HashMap::new();
    table::read(file, is_image, progress, &mut |mut row, line| {
        row.label = dataset.check_label(&row.label)?;
        let path = table::place_of(folder, &row.path);
        let image = images.find(&path).ok_or_else(|| RowProblem::UnknownPath(path.clone()))?;
        match wanted.get(&image) {
            Some((there, line)) if *there != row.label => {
                let (here, there, line) = (row.label, there.clone(), *line);
                Err(RowProblem::Conflict { path, what: "label", here, there, line })
            }
            Some(_) => Ok(()),
            None => {
                wanted.insert(image, (row.label, line));
                Ok(())
            }
        }
    })?;
    let fixed = dataset.change(&wanted);
    dataset.check_labels()?;
    Ok(fixed)
}

impl Dataset {
    /// The class's own name for a label, or [`DROP`].
    fn check_label(&self, label: &str) -> Result<String, RowProblem> {
        let names = self.classes.names();
        let name = self.classes.index(label).and_then(|class| self.classes.name(class));
        match (label.eq_ignore_ascii_case(DROP), name) {
            (true, Some(_)) => Err(RowProblem::DropIsAClass),
            (true, None) => Ok(DROP.to_owned()),
            (false, Some(name)) => Ok(name.to_owned()),
            (false, None) => {
                let known = names.iter().map(String::as_str).chain([DROP]).map(str::to_owned).collect();
                Err(RowProblem::UnknownLabel { label: label.to_owned(), known })
            }
        }
    }

    /// Gives the images their wanted classes and takes those to be dropped away.
    fn change(&mut self, wanted: &HashMap<usize, (String, u64)>) -> Fixed {
        let mut fixed = Fixed::default();
        let samples = std::mem::take(&mut self.samples);
        for (image, mut sample) in samples.into_iter().enumerate() {
            match wanted.get(&image).map(|(label, _)| self.classes.index(label)) {
                Some(None) => {
                    fixed.dropped += 1;
                    continue;
                }
                Some(Some(class)) if class == sample.class => fixed.already_so += 1,
                Some(Some(class)) => {
                    fixed.relabelled += 1;
                    sample.class = class;
                }
                None => {}
            }
            self.samples.push(sample);
        }
        fixed
    }

    /// Both answers must still have images.
    fn check_labels(&self) -> Result<(), DatasetError> {
        let has = |label| self.samples.iter().any(|sample| self.classes.label(sample.class) == label);
        if has(Label::Positive) && has(Label::Negative) {
            return Ok(());
        }
        let mut found = Found::default();
        for (class, name) in self.classes.names().iter().enumerate() {
            found.add(name, self.samples.iter().filter(|sample| sample.class == class).count());
        }
        Err(DatasetError::TooFewClasses { found })
    }
}

/// Which image lies where, however its path is written.
struct Places {
    paths: Vec<PathBuf>,
    absolute: HashMap<PathBuf, usize>,
    /// With links followed and `..` resolved: made only when a path is not found without.
    canonical: Option<HashMap<PathBuf, usize>>,
}

impl Places {
    fn of(dataset: &Dataset) -> Self {
        let paths: Vec<PathBuf> = dataset.samples.iter().map(|sample| sample.path.clone()).collect();
        let absolute = paths.iter().enumerate().map(|(image, path)| (absolute(path), image)).collect();
        Self { paths, absolute, canonical: None }
    }

    fn find(&mut self, path: &Path) -> Option<usize> {
        if let Some(image) = self.absolute.get(&absolute(path)) {
            return Some(*image);
        }
        let path = path.canonicalize().ok()?;
        let paths = &self.paths;
        let canonical = self.canonical.get_or_insert_with(|| {
            let resolved =
                paths.iter().enumerate().filter_map(|(image, path)| Some((path.canonicalize().ok()?, image)));
            resolved.collect()
        });
        canonical.get(&path).copied()
    }
}

/// Without a look at the disk.
fn absolute(path: &Path) -> PathBuf {
    table::without_dots(&std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()))
}
