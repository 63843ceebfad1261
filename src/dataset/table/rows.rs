//! The rows of a table → a listing, with an error for the first invalid row.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::columns::{Columns, Labels, Search};
use super::names::yes_or_no;
use super::paths::{self, Finder};
use super::sheet::{Fields, Sheet};
use crate::dataset::listing::{Listed, Listing};
use crate::dataset::{DatasetError, IsImage, ReadOptions, RowProblem, Split};
use crate::files::{self, LONGEST_NAME};
use crate::progress::Progress;

/// Lists the images that a CSV names.
pub(in crate::dataset) fn list(
    path: &Path,
    options: &ReadOptions,
    is_image: IsImage<'_>,
    progress: &dyn Progress,
) -> Result<Listing, DatasetError> {
    let read = read(path, None, Some(options), is_image, progress)?;
    let mut rows = Rows::new(path);
    (rows.listing.warnings, rows.listing.notes) = (read.warnings, read.notes);
    for row in read.rows {
        let line = row.line;
        rows.add(row).map_err(|problem| wrong_row(path, line, problem))?;
    }
    rows.finish()
}

/// The rows of a CSV.
pub(in crate::dataset) struct Table {
    pub(in crate::dataset) rows: Vec<Row>,
    /// Warnings about how the table was read.
    pub(in crate::dataset) warnings: Vec<String>,
    /// Notes about the chosen columns, if they are certain but not named as documented.
    notes: Vec<String>,
}

pub(in crate::dataset) struct Row {
    /// The line where the row begins, from 1.
    pub(in crate::dataset) line: u64,
    pub(in crate::dataset) path: PathBuf,
    /// The label; empty if a table of decisions has none.
    pub(in crate::dataset) label: String,
    split: Option<Split>,
}

/// Reads a CSV, whose relative paths may also start at the folder of the data. Without options, its columns must be
/// named `path` and `label`.
pub(in crate::dataset) fn read(
    path: &Path,
    data: Option<&Path>,
    options: Option<&ReadOptions>,
    is_image: IsImage<'_>,
    progress: &dyn Progress,
) -> Result<Table, DatasetError> {
    let sheet = Sheet::read(path, is_image, progress)?;
    let finder = Finder::new(path, data, is_image);
    let none = ReadOptions::default();
    let search = Search::new(path, options.unwrap_or(&none), &finder, &sheet);
    let (columns, resolved) = if options.is_some() { search.run()? } else { search.exact()? };
    let mut warnings: Vec<String> = resolved.notice.into_iter().collect();
    let mut notes = Vec::new();
    if let Some(words) = search.in_words(&columns) {
        if columns.first == 0 { warnings.insert(0, words) } else { notes.push(words) }
    }
    let images = sheet.rows.iter().skip(columns.first).zip(resolved.paths);
    let rows = images.map(|(fields, file)| {
        progress.advance(1);
        columns.row(fields, file).map_err(|problem| wrong_row(path, fields.line, problem))
    });
    Ok(Table { rows: rows.collect::<Result<_, _>>()?, warnings, notes })
}

pub(in crate::dataset) fn wrong_row(path: &Path, line: u64, problem: RowProblem) -> DatasetError {
    DatasetError::Row { path: path.to_path_buf(), line, problem: Box::new(problem) }
}

impl Columns {
    fn row(&self, fields: &Fields, path: PathBuf) -> Result<Row, RowProblem> {
        let found = fields.len().max(fields.written().min(self.count));
        if found != self.count {
            return Err(RowProblem::Fields { expected: self.count, found });
        }
        let cell = fields.get(self.path);
        if cell.trim_ascii().is_empty() {
            return Err(RowProblem::Empty("path"));
        }
        if paths::path_of(cell).is_none() {
            return Err(RowProblem::NotText("path"));
        }
        let label = match &self.label {
            Labels::In(column) => text(fields, *column, "label")?.to_owned(),
            Labels::Decided(column) => text(fields, *column, "decision")?.to_owned(),
            Labels::OneOf(columns) => {
                let is_it = |(column, _): &&(usize, String)| yes_or_no(&fields.text(*column)) == Some(true);
                columns.iter().find(is_it).map(|(_, name)| name.clone()).unwrap_or_default()
            }
        };
        if label.is_empty() && !matches!(self.label, Labels::Decided(_)) {
            return Err(RowProblem::Empty("label"));
        }
        let split = match self.split.map(|place| text(fields, place, "split")).transpose()? {
            None | Some("") => None,
            Some(name) => Some(Split::parse(name).ok_or_else(|| RowProblem::Split(name.to_owned()))?),
        };
        Ok(Row { line: fields.line, path, label, split })
    }
}

fn text<'a>(fields: &'a Fields, column: usize, what: &'static str) -> Result<&'a str, RowProblem> {
    let field = fields.get(column);
    if field.len() > LONGEST_NAME {
        return Err(RowProblem::TooLong { what, length: field.len() });
    }
    std::str::from_utf8(field).map(str::trim).map_err(|_| RowProblem::NotText(what))
}

/// The rows read so far, by file.
struct Rows<'a> {
    table: &'a Path,
    listing: Listing,
    /// For each file, its index in the list and its line.
    seen: HashMap<PathBuf, (usize, u64)>,
    /// The first line with a split, and the first one without.
    with_split: Option<u64>,
    without_split: Option<u64>,
}

impl<'a> Rows<'a> {
    fn new(table: &'a Path) -> Self {
        Self { table, listing: Listing::default(), seen: HashMap::new(), with_split: None, without_split: None }
    }

    fn add(&mut self, row: Row) -> Result<(), RowProblem> {
        let (path, line) = (row.path.clone(), row.line);
        if let Some(&(index, first)) = self.seen.get(&path) {
            return self.repeat(&row, path, index, first);
        }
        let side = if row.split.is_some() { &mut self.with_split } else { &mut self.without_split };
        side.get_or_insert(line);
        self.seen.insert(path.clone(), (self.listing.images.len(), line));
        self.listing.images.push(Listed { path, class: row.label, split: row.split });
        Ok(())
    }

    /// Checks a second line about a file, which must give the same label and split.
    fn repeat(&mut self, row: &Row, path: PathBuf, index: usize, line: u64) -> Result<(), RowProblem> {
        let Some(first) = self.listing.images.get(index) else {
            return Ok(());
        };
        let split_name = |split: Option<Split>| split.map_or(String::new(), |split| split.to_string());
        let (what, here, there) = if first.class != row.label {
            ("label", row.label.clone(), first.class.clone())
        } else if first.split != row.split {
            ("split", split_name(row.split), split_name(first.split))
        } else {
            self.listing.ignored.repeated_rows += 1;
            return Ok(());
        };
        Err(RowProblem::Conflict { path, what, here, there, line })
    }

    fn finish(self) -> Result<Listing, DatasetError> {
        let table = || self.table.to_path_buf();
        let Some(first) = self.listing.images.first() else {
            return Err(DatasetError::NoRows { path: table() });
        };
        if let (Some(_), Some(line)) = (self.with_split, self.without_split) {
            return Err(wrong_row(self.table, line, RowProblem::Empty("split, which other lines have")));
        }
        if !self.listing.images.par_iter().any(|image| image.path.exists() || files::is_file(&image.path)) {
            let (count, first) = (self.listing.images.len(), first.path.clone());
            return Err(DatasetError::NoListedFileExists { path: table(), count, first });
        }
        Ok(self.listing)
    }
}
