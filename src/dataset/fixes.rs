//! Corrections of labels, laid over a data set and over nothing else: a CSV with the columns `path` and `label`, where a
//! label is the name of a class or `drop`. A table of possible label errors ([`to_csv`]) has `decision` in place of that: what a
//! person wrote there counts, and a line where they wrote nothing does not.
//!
//! It is read as a CSV of images is ([`super::open()`]): any separator, relative paths from its own folder or from that of the
//! data. Whatever it says must be about an image of the data and agree with itself; the user's files stay as they are. A line
//! is about a photo and not about a name: other paths of the same file or the same bytes follow it, or it is said that they
//! do not.

use std::collections::{HashMap, HashSet};
use std::ops::Add;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::classes::Found;
use super::{Dataset, DatasetError, IsImage, Label, RowProblem, split, table};
use crate::files::{self, ContentHash, Kind, escaped};
use crate::progress::Progress;

/// The label that leaves an image out.
pub(crate) const DROP: &str = "drop";

/// What the corrections came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Fixed {
    /// Images that got another class.
    pub relabelled: usize,
    /// Images that were left out.
    pub dropped: usize,
    /// Images that had the class already.
    pub already_so: usize,
    /// How many of all these were not named, but are the same photo as one that was: a link to it, or the same bytes.
    pub copies: usize,
}

impl Add for Fixed {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            relabelled: self.relabelled + other.relabelled,
            dropped: self.dropped + other.dropped,
            already_so: self.already_so + other.already_so,
            copies: self.copies + other.copies,
        }
    }
}

/// A correction that is proposed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Correction<'a> {
    /// The image.
    pub path: &'a Path,
    /// The label that it has.
    pub label: &'a str,
    /// The label that it may deserve, or [`DROP`].
    pub suggested: &'a str,
    /// Probability of the suggestion.
    pub probability: f64,
}

/// Columns of the table of proposals.
const COLUMNS: [&str; 5] = ["path", "label", "suggested", "probability", "decision"];

/// How a table that [`to_csv`] made is known among other files. One in which a person has decided something is theirs.
pub(crate) const KIND: Kind = Kind {
    name: "table of possible label errors",
    is_one: |head| {
        let is_number = |cell: &[u8]| std::str::from_utf8(cell).is_ok_and(|cell| cell.parse::<f64>().is_ok());
        split::is_table(head, COLUMNS, |[_, label, suggested, probability, decision]| {
            label != suggested && is_number(probability) && decision.is_empty()
        })
    },
};

/// Whether a file that begins so is such a table with a decision of a person in it.
pub(crate) fn has_decisions(head: &[u8]) -> bool {
    split::is_table(head, COLUMNS, |_| true) && !(KIND.is_one)(head)
}

/// The folder that the photos of a folder or CSV are named from: that folder, or the one that the CSV lies in.
pub(crate) fn folder_of(data: &Path) -> Option<&Path> {
    if data.is_dir() { Some(data) } else { data.parent() }
}

/// Proposals in the order given, as a table that [`apply`] takes from the file `path` once a person has looked at the photos
/// and filled in its column `decision`: nothing is changed by a table that nobody has gone through.
///
/// # Errors
/// [`DatasetError`] if a path cannot be written.
pub(crate) fn to_csv<'a>(
    path: &Path,
    corrections: impl Iterator<Item = Correction<'a>>,
) -> Result<Vec<u8>, DatasetError> {
    let rows = corrections.map(|Correction { path, label, suggested, probability }| {
        (path, [label.to_owned(), suggested.to_owned(), format!("{probability:.4}"), String::new()])
    });
    split::table(path, COLUMNS, rows)
}

/// Lays the corrections of `file` over the data set of the folder or CSV `data`; a line that repeats another is counted once.
///
/// # Errors
/// [`DatasetError`] if the file is no such table, a line is about a path or a label that the data does not have or
/// contradicts another, or a class is left without images. The data set is then of no use.
pub(crate) fn apply(
    dataset: &mut Dataset,
    data: &Path,
    file: &Path,
    is_image: IsImage<'_>,
    progress: &dyn Progress,
) -> Result<Fixed, DatasetError> {
    let mut table = table::read(file, folder_of(data), None, is_image, progress)?;
    let rows = table.rows.len();
    table.rows.retain(|row| !row.label.is_empty());
    if rows > 0 && table.rows.is_empty() {
        return Err(DatasetError::NothingDecided { path: file.to_path_buf() });
    }
    let mut images = Images::new(dataset);
    let mut wanted = Wanted::new();
    for row in &table.rows {
        let fail = |problem| table::wrong_row(file, row.line, problem);
        let label = dataset.check_label(&row.label).map_err(fail)?;
        let named = images.named(&row.path);
        if named.is_empty() {
            return Err(fail(RowProblem::UnknownPath(row.path.clone())));
        }
        named
            .into_iter()
            .try_for_each(|image| note(&mut wanted, image, &label, row.line, row.path.clone()))
            .map_err(fail)?;
    }
    let (copies, left) = images.follow(&mut wanted).map_err(|(line, problem)| table::wrong_row(file, line, problem))?;
    dataset.warnings.extend(table.warnings);
    dataset.warnings.extend(left);
    let fixed = Fixed { copies, ..dataset.change(&wanted) };
    dataset.check_labels()?;
    Ok(fixed)
}

/// What each image is to become, by its place in the data set, and on which line that stands.
type Wanted = HashMap<usize, (String, u64)>;

/// A second line about an image must say the same.
fn note(wanted: &mut Wanted, image: usize, label: &str, line: u64, path: PathBuf) -> Result<(), RowProblem> {
    let (there, first) = wanted.entry(image).or_insert_with(|| (label.to_owned(), line));
    if there == label {
        return Ok(());
    }
    Err(RowProblem::Conflict { path, what: "label", here: label.to_owned(), there: there.clone(), line: *first })
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
    fn change(&mut self, wanted: &Wanted) -> Fixed {
        let mut fixed = Fixed::default();
        let samples = std::mem::take(&mut self.samples);
        for (image, mut sample) in samples.into_iter().enumerate() {
            let decided = wanted.get(&image).map(|(label, _)| self.classes.index(label));
            self.decided.extend(decided.map(|_| sample.path.clone()));
            match decided {
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

/// Which image lies where, however its path is written, and which are the same photo.
struct Images {
    paths: Vec<PathBuf>,
    classes: Vec<String>,
    absolute: HashMap<PathBuf, usize>,
    /// With links followed and `..` resolved: made only when a path is not found without.
    canonical: Option<HashMap<PathBuf, Vec<usize>>>,
}

impl Images {
    fn new(dataset: &Dataset) -> Self {
        let paths: Vec<PathBuf> = dataset.samples.iter().map(|sample| sample.path.clone()).collect();
        let absolute = paths.iter().enumerate().map(|(image, path)| (absolute(path), image)).collect();
        let name = |class: usize| dataset.classes.name(class).unwrap_or_default().to_owned();
        let classes = dataset.samples.iter().map(|sample| name(sample.class)).collect();
        Self { paths, classes, absolute, canonical: None }
    }

    /// The image at a path; all that are links to it where it is not in the data itself.
    fn named(&mut self, path: &Path) -> Vec<usize> {
        if let Some(image) = self.absolute.get(&absolute(path)) {
            return vec![*image];
        }
        let Ok(path) = path.canonicalize() else { return Vec::new() };
        let paths = &self.paths;
        let canonical = self.canonical.get_or_insert_with(|| {
            let mut canonical: HashMap<PathBuf, Vec<usize>> = HashMap::new();
            for (image, path) in paths.iter().enumerate() {
                canonical.entry(path.canonicalize().unwrap_or_default()).or_default().push(image);
            }
            canonical
        });
        canonical.get(&path).cloned().unwrap_or_default()
    }

    /// What is said of an image holds for every other path of the same photo that has the same class and no line of its own.
    /// Returns how many there are, and in words those of another class, which stay as they are.
    fn follow(&self, wanted: &mut Wanted) -> Result<(usize, Vec<String>), (u64, RowProblem)> {
        let mut named: Vec<(usize, String, u64)> =
            wanted.iter().map(|(image, (label, line))| (*image, label.clone(), *line)).collect();
        named.sort_unstable_by_key(|(image, _, line)| (*line, *image));
        let of_its_own: HashSet<usize> = wanted.keys().copied().collect();
        let same = self.same_photos(&of_its_own);
        let (mut copies, mut left) = (HashSet::new(), Vec::new());
        for (image, label, line) in named {
            for &copy in same.get(&image).into_iter().flatten().filter(|copy| !of_its_own.contains(copy)) {
                let [class, its_class] = [image, copy].map(|image| self.classes.get(image).map_or("", String::as_str));
                let [path, its_path] = [image, copy].map(|image| self.paths.get(image).cloned().unwrap_or_default());
                if class == its_class {
                    note(wanted, copy, &label, line, its_path).map_err(|problem| (line, problem))?;
                    copies.insert(copy);
                } else if its_class != label {
                    let [path, its_path] = [&path, &its_path].map(|path| escaped::text(path));
                    left.push(format!(
                        "the fixes name `{path}`, and `{its_path}` is the same photo: it stays as `{its_class}`, for it has no line of its own"
                    ));
                }
            }
        }
        Ok((copies.len(), left))
    }

    /// Of each of some images the others that have the same bytes, as links to one file have. Only files as long as one of
    /// these are read.
    fn same_photos(&self, of: &HashSet<usize>) -> HashMap<usize, Vec<usize>> {
        let sizes: Vec<Option<u64>> = self.paths.par_iter().map(|path| files::size(path).ok()).collect();
        let mut as_long: HashMap<u64, Vec<usize>> = HashMap::new();
        for (image, size) in sizes.iter().enumerate() {
            as_long.entry(size.unwrap_or(0)).or_default().push(image);
        }
        as_long.retain(|size, images| *size > 0 && images.len() > 1 && images.iter().any(|image| of.contains(image)));
        let images: Vec<usize> = as_long.into_values().flatten().collect();
        let hash = |image: &usize| Some((ContentHash::from_file(self.paths.get(*image)?).ok()?, *image));
        let mut by_content: HashMap<ContentHash, Vec<usize>> = HashMap::new();
        for (hash, image) in images.par_iter().filter_map(hash).collect::<Vec<_>>() {
            by_content.entry(hash).or_default().push(image);
        }
        let mut same = HashMap::new();
        for mut images in by_content.into_values() {
            images.sort_unstable();
            for image in images.iter().filter(|image| of.contains(image)) {
                same.insert(*image, images.iter().copied().filter(|other| other != image).collect());
            }
        }
        same
    }
}

/// Without a look at the disk.
fn absolute(path: &Path) -> PathBuf {
    table::without_dots(&std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()))
}
