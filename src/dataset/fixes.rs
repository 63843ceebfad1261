//! Label corrections that are applied to a data set in memory: a CSV with the columns `path` and `label`, where a label
//! is a class name or `drop`. The table of possible label errors ([`to_csv`]) has a column `decision`, which is read in
//! place of `label`; its rows with an empty `decision` are ignored.
//!
//! The CSV is read as a CSV of images is ([`super::open()`]): any separator, relative paths from its own folder or from
//! that of the data. Each row must name an image of the data, rows must not contradict each other, and no file is
//! changed. A row applies to the photo, not to the path: other paths of the same file or with the same bytes follow it,
//! and a warning names those that do not.

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

/// The numbers of images that the corrections changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Fixed {
    /// Images whose class was changed.
    pub relabelled: usize,
    /// Images that were left out.
    pub dropped: usize,
    /// Images that had the given class already.
    pub already_so: usize,
    /// Images among these that no row names, but that are a link to a named one or have the same bytes.
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

/// A proposed correction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Correction<'a> {
    pub path: &'a Path,
    /// The current label.
    pub label: &'a str,
    /// The suggested label, or [`DROP`].
    pub suggested: &'a str,
    /// The probability of the suggested label.
    pub probability: f64,
}

/// The columns of the table of proposals.
const COLUMNS: [&str; 5] = ["path", "label", "suggested", "probability", "decision"];

/// Recognises a table that [`to_csv`] wrote and that has no decisions yet; one with decisions is the user's work.
pub(crate) const KIND: Kind = Kind {
    name: "table of possible label errors",
    is_one: |head| {
        let is_number = |cell: &[u8]| std::str::from_utf8(cell).is_ok_and(|cell| cell.parse::<f64>().is_ok());
        split::is_table(head, COLUMNS, |[_, label, suggested, probability, decision]| {
            label != suggested && is_number(probability) && decision.is_empty()
        })
    },
};

/// Whether a file with these first bytes is such a table with at least one decision.
pub(crate) fn has_decisions(head: &[u8]) -> bool {
    split::is_table(head, COLUMNS, |_| true) && !(KIND.is_one)(head)
}

/// The folder that the paths of the data start from: the data folder itself, or the folder of the CSV.
pub(crate) fn folder_of(data: &Path) -> Option<&Path> {
    if data.is_dir() { Some(data) } else { data.parent() }
}

/// Writes proposals, in the given order, as a table for the file `path`. [`apply`] reads it after a person has looked
/// at the photos and filled in the column `decision`; an unedited table changes nothing.
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

/// Applies the corrections of `file` to the data set of the folder or CSV `data`; a repeated line counts once.
///
/// # Errors
/// [`DatasetError`] if the file is not such a table, a line names an unknown path or label or contradicts another line,
/// or a class is left without images. The data set must then be discarded.
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

/// The new label of each image, by its index in the data set, and the number of the line that gives it.
type Wanted = HashMap<usize, (String, u64)>;

/// Records a correction; a second line about the same image must give the same label.
fn note(wanted: &mut Wanted, image: usize, label: &str, line: u64, path: PathBuf) -> Result<(), RowProblem> {
    let (there, first) = wanted.entry(image).or_insert_with(|| (label.to_owned(), line));
    if there == label {
        return Ok(());
    }
    Err(RowProblem::Conflict { path, what: "label", here: label.to_owned(), there: there.clone(), line: *first })
}

impl Dataset {
    /// The class name as the data set spells it, or [`DROP`].
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

    /// Applies the corrections and removes the dropped images.
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

    /// Checks that both labels still have images.
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

/// Finds images by path, however it is written, and images that are the same photo.
struct Images {
    paths: Vec<PathBuf>,
    classes: Vec<String>,
    absolute: HashMap<PathBuf, usize>,
    /// The images by canonical path (links and `..` resolved), built when a path is first not found in `absolute`.
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

    /// The image at a path, or all images that are links to the same file.
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

    /// Extends each correction to the other paths of the same photo that have the same class and no line of their own.
    /// Returns the number of these, and warnings about copies of another class, which keep it.
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

    /// For each image in `of`, the other images with the same bytes (links to the same file included). Only files whose
    /// size equals that of an image in `of` are read.
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

/// The absolute path, without access to the disk.
fn absolute(path: &Path) -> PathBuf {
    table::without_dots(&std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()))
}
