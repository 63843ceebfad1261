//! Assignment of the columns of a CSV to path, label and split.
//!
//! Columns are recognised by name, in any case and with any word separator. If several match, their content decides if
//! possible: of paths, which of them are files; of labels, whether they all agree. Nothing else is guessed: the error
//! lists the columns and the options that choose one.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::names::{is_flag, is_label, is_path, looks_like_a_file, plain, yes_or_no};
use super::paths::{Ambiguous, Finder, Resolved};
use super::sheet::{Fields, Sheet};
use crate::dataset::{DatasetError, ReadOptions, RowProblem, Split};

/// The roles of the columns of a CSV.
pub(super) struct Columns {
    /// The number of fields per row.
    pub(super) count: usize,
    /// The index of the first row of an image: 1 if the first row names the columns, else 0.
    pub(super) first: usize,
    pub(super) path: usize,
    pub(super) label: Labels,
    pub(super) split: Option<usize>,
}

/// The source of a row's label.
pub(super) enum Labels {
    In(usize),
    /// The column `decision` that a person filled in; empty if undecided.
    Decided(usize),
    /// One-hot columns: the label is the name of the column that is true.
    OneOf(Vec<(usize, String)>),
}

/// The number of rows examined to find a path column that has no usual name.
const SAMPLE: usize = 100;

/// The search for the columns of a table.
pub(super) struct Search<'a> {
    table: &'a Path,
    options: &'a ReadOptions,
    finder: &'a Finder<'a>,
    sheet: &'a Sheet,
    /// The names as written; empty if the first line is an image.
    names: Vec<String>,
    count: usize,
    first: usize,
}

impl<'a> Search<'a> {
    pub(super) fn new(table: &'a Path, options: &'a ReadOptions, finder: &'a Finder<'a>, sheet: &'a Sheet) -> Self {
        let line = sheet.rows.first();
        // A last column without a name counts if any row has a value in it.
        let widest = sheet.rows.iter().map(Fields::len).max().unwrap_or(0);
        let count = line.map_or(0, |line| line.len().max(widest.min(line.written())));
        let names: Vec<String> =
            line.map(|line| (0..count).map(|column| line.text(column)).collect()).unwrap_or_default();
        let mut search = Self { table, options, finder, sheet, names, count, first: 1 };
        if !search.has_names() {
            (search.names, search.first) = (Vec::new(), 0);
        }
        search
    }

    /// Whether the first line names the columns.
    fn has_names(&self) -> bool {
        let Some(line) = self.sheet.rows.first() else { return false };
        let options = [&self.options.path_column, &self.options.label_column];
        let is_asked_for = |given: &&String| self.names.iter().any(|name| plain(name) == plain(given));
        let is_named = line.count_known() == 2 || options.into_iter().flatten().any(|given| is_asked_for(&given));
        is_named
            || !(0..self.count)
                .any(|column| looks_like_a_file(&line.text(column)) || self.finder.finds(line.get(column)))
    }

    /// Finds the columns named exactly `path`, `label` and optionally `split`; a column `decision`, if there is one,
    /// replaces `label`.
    pub(super) fn exact(&self) -> Result<(Columns, Resolved), DatasetError> {
        let find = |column: &'static str| match self.columns(|name| plain(name) == column).as_slice() {
            [_, _, ..] => Err(DatasetError::TwoColumns { path: self.table.to_path_buf(), column }),
            found => Ok(found.first().copied()),
        };
        let missing = |column| self.missing(column, Vec::new());
        let path = find("path")?.ok_or_else(|| missing("path"))?;
        let label = match find("decision")? {
            Some(decision) => Labels::Decided(decision),
            None => Labels::In(find("label")?.ok_or_else(|| missing("label"))?),
        };
        let columns = Columns { count: self.count, first: self.first, path, label, split: find("split")? };
        Ok((columns, self.resolve(path)?))
    }

    /// Finds the columns by name and content, and the files of the path column.
    pub(super) fn run(&self) -> Result<(Columns, Resolved), DatasetError> {
        let (path, resolved) = self.path()?;
        let split = self.split(path)?;
        let label = self.label(path, split)?;
        Ok((Columns { count: self.count, first: self.first, path, label, split }, resolved))
    }

    /// A message about the choice, if the columns have no names or other names than documented.
    pub(super) fn in_words(&self, columns: &Columns) -> Option<String> {
        let label = match &columns.label {
            Labels::In(label) | Labels::Decided(label) => self.name(*label),
            Labels::OneOf(columns) => {
                columns.iter().map(|(column, _)| self.name(*column)).collect::<Vec<_>>().join(", ")
            }
        };
        let (table, path) = (self.table.display(), self.name(columns.path));
        let is_label = matches!(columns.label, Labels::In(label) if self.is_called(label, "label"));
        let is_split = columns.split.is_none_or(|split| self.is_called(split, "split"));
        let is_documented = is_label && is_split && self.is_called(columns.path, "path");
        let (no_names, split) = (
            if self.first == 0 { " names no columns:" } else { ":" },
            columns.split.map(|split| format!(", split from {}", self.name(split))).unwrap_or_default(),
        );
        (!is_documented).then(|| format!("`{table}`{no_names} paths from {path}, labels from {label}{split}"))
    }

    fn images(&self) -> &[Fields] {
        self.sheet.rows.get(self.first..).unwrap_or_default()
    }

    fn columns(&self, is_it: impl Fn(&str) -> bool) -> Vec<usize> {
        (0..self.names.len()).filter(|&column| self.names.get(column).is_some_and(|name| is_it(name))).collect()
    }

    fn cells(&self, column: usize) -> Vec<&[u8]> {
        self.images().iter().map(|row| row.get(column)).collect()
    }

    fn resolve(&self, column: usize) -> Result<Resolved, DatasetError> {
        self.finder.resolve(&self.cells(column)).map_err(|Ambiguous(place, images)| {
            let line = self.images().get(place).map_or(0, |row| row.line);
            super::wrong_row(self.table, line, RowProblem::SeveralImages(images))
        })
    }

    /// The column that an option gives, by name or by number.
    fn given(&self, option: &'static str, given: &str) -> Result<usize, DatasetError> {
        let exact = self.columns(|name| name == given);
        let named = if exact.is_empty() { self.columns(|name| plain(name) == plain(given)) } else { exact };
        let number = given.parse().ok().filter(|number| (1..=self.count).contains(number));
        match (named.as_slice(), number) {
            ([column], _) => Ok(*column),
            ([], Some(number)) => Ok(number - 1),
            _ => Err(DatasetError::NoSuchColumn {
                path: self.table.to_path_buf(),
                option,
                given: given.to_owned(),
                columns: (0..self.count).map(|column| self.word(column)).collect(),
            }),
        }
    }

    fn path(&self) -> Result<(usize, Resolved), DatasetError> {
        let resolve = |column: usize| self.resolve(column).map(|resolved| (column, resolved));
        if let Some(given) = &self.options.path_column {
            return self.given("--path-column", given).and_then(resolve);
        }
        let named = self.columns(is_path);
        let in_sample = |is_it: &dyn Fn(&Fields, usize) -> bool| -> Vec<usize> {
            let is_it = |column: &usize| self.images().iter().take(SAMPLE).any(|row| is_it(row, *column));
            (0..self.count).filter(is_it).collect()
        };
        let mut found = self.with_files(&named);
        let is_file = |row: &Fields, column: usize| self.finder.is_file(row.get(column));
        let finds = |row: &Fields, column: usize| self.finder.finds(row.get(column));
        for is_it in [&is_file as &dyn Fn(&Fields, usize) -> bool, &finds] {
            if found.is_empty() {
                found = self.with_files(&in_sample(is_it));
            }
        }
        let is_path = |column: usize| self.is_called(column, "path");
        if let Some(chosen) = found.iter().position(|(column, _)| is_path(*column)).or((!found.is_empty()).then_some(0))
        {
            let agree = found.windows(2).all(|pair| matches!(pair, [(_, a), (_, b)] if a.paths == b.paths));
            let columns: Vec<usize> = found.iter().map(|(column, _)| *column).collect();
            return found.into_iter().nth(chosen).filter(|_| agree).ok_or_else(|| self.several("path", &columns));
        }
        // No column leads to files: report the files of this column as missing.
        let named =
            if named.is_empty() { in_sample(&|row, column| looks_like_a_file(&row.text(column))) } else { named };
        match (named.as_slice(), named.iter().find(|column| is_path(**column))) {
            ([only], _) | (_, Some(only)) => resolve(*only),
            ([], _) => Err(self.missing("path", (0..self.count).collect())),
            _ => Err(self.several("path", &named)),
        }
    }

    /// The columns, of those given, that lead to files, with the files; if any of them hold exact paths, only those.
    fn with_files(&self, columns: &[usize]) -> Vec<(usize, Resolved)> {
        // Beside a column of exact paths, a column whose sample has no files is not searched cell by cell.
        let is_sure = columns.iter().any(|&column| self.finder.is_as_written(&self.cells(column)));
        let columns = columns.iter().filter(|&&column| !is_sure || self.finder.finds_any(&self.cells(column)));
        let resolved = columns.filter_map(|&column| Some((column, self.resolve(column).ok()?)));
        let mut found: Vec<_> = resolved.filter(|(_, resolved)| resolved.found > 0).collect();
        if found.iter().any(|(_, resolved)| resolved.notice.is_none()) {
            found.retain(|(_, resolved)| resolved.notice.is_none());
        }
        found
    }

    /// The column named `split`, or the only one that holds nothing but names of splits.
    fn split(&self, path: usize) -> Result<Option<usize>, DatasetError> {
        match self.columns(|name| plain(name) == "split").as_slice() {
            [] => {}
            [split] => return Ok(Some(*split)),
            several => return Err(self.several("split", several)),
        }
        let of = |column: usize| self.images().iter().map(move |row| row.text(column)).filter(|cell| !cell.is_empty());
        let is_split = |column: &usize| {
            let mut kinds: Vec<Split> = Vec::new();
            let all = *column != path
                && !is_label(self.names.get(*column).map_or("", String::as_str))
                && of(*column).all(|cell| Split::parse(&cell).map(|split| kinds.push(split)).is_some());
            all && kinds.contains(&Split::Train) && kinds.iter().any(|split| *split != Split::Train)
        };
        let found: Vec<usize> = (0..self.count).filter(is_split).collect();
        match found.as_slice() {
            [] => Ok(None),
            [split] => Ok(Some(*split)),
            several => Err(self.several("split", several)),
        }
    }

    fn label(&self, path: usize, split: Option<usize>) -> Result<Labels, DatasetError> {
        if let Some(given) = &self.options.label_column {
            return self.given("--label-column", given).map(Labels::In);
        }
        let is_free = |column: &usize| *column != path && Some(*column) != split;
        let named: Vec<usize> = self.columns(is_label).into_iter().filter(is_free).collect();
        if !named.is_empty() {
            return self.one_that_tells(&named).map(Labels::In);
        }
        let free: Vec<usize> = (0..self.count).filter(is_free).collect();
        let flags: Vec<usize> = free.iter().copied().filter(|&column| self.answers(column).is_some()).collect();
        let is_one_hot = |flags: &[usize]| {
            let answers: Vec<Vec<bool>> = flags.iter().filter_map(|&column| self.answers(column)).collect();
            let yes = |row: usize| answers.iter().filter(|answers| answers.get(row) == Some(&true)).count();
            flags.len() > 1 && (0..self.images().len()).all(|row| yes(row) == 1)
        };
        if self.first > 0 && is_one_hot(&flags) {
            let name = |column: usize| (column, self.names.get(column).cloned().unwrap_or_default());
            return Ok(Labels::OneOf(flags.into_iter().map(name).collect()));
        }
        let called_so: Vec<usize> = self.columns(is_flag).into_iter().filter(is_free).collect();
        if !called_so.is_empty() {
            let others = flags.iter().copied().filter(|column| !called_so.contains(column));
            return self.one_that_tells(&called_so.iter().copied().chain(others).collect::<Vec<_>>()).map(Labels::In);
        }
        if self.first > 0 {
            return Err(self.missing("label", free));
        }
        // Without names: the only other column, or the only one with repeated values.
        let repeats = |column: &usize| {
            let values = self.images().iter().map(|row| row.text(*column));
            let values: HashSet<String> = values.collect();
            values.len() > 1 && 2 * values.len() <= self.images().len()
        };
        let repeating: Vec<usize> = free.iter().copied().filter(repeats).collect();
        match (free.as_slice(), repeating.as_slice()) {
            ([only], _) | (_, [only]) => Ok(Labels::In(*only)),
            (_, []) => Err(self.missing("label", free)),
            _ => Err(self.several("label", &repeating)),
        }
    }

    /// The label column among candidates that all agree: the one named `label`, else the first that is not numeric.
    fn one_that_tells(&self, columns: &[usize]) -> Result<usize, DatasetError> {
        let values = |column: usize| self.images().iter().map(move |row| row.text(column));
        // Two columns agree if equal values of one always stand beside equal values of the other, both ways.
        let agrees = |a: usize, b: usize| {
            let (mut there, mut back) = (HashMap::new(), HashMap::new());
            let mut pairs = values(a).zip(values(b));
            pairs.all(|(a, b)| {
                there.entry(a.clone()).or_insert_with(|| b.clone()) == &b
                    && back.entry(b).or_insert_with(|| a.clone()) == &a
            })
        };
        let is_words = |column: usize| values(column).any(|cell| cell.parse::<f64>().is_err());
        let first = columns.iter().copied().find(|&column| self.is_called(column, "label"));
        let first =
            first.or_else(|| columns.iter().copied().find(|&column| is_words(column))).or(columns.first().copied());
        match first {
            Some(first) if columns.iter().all(|&other| other == first || agrees(first, other)) => Ok(first),
            _ => Err(self.several("label", columns)),
        }
    }

    /// The values of a column that has yes or no in every row.
    fn answers(&self, column: usize) -> Option<Vec<bool>> {
        self.images()
            .iter()
            .map(|row| yes_or_no(&row.text(column)))
            .collect::<Option<Vec<_>>>()
            .filter(|answers| !answers.is_empty())
    }

    fn is_called(&self, column: usize, name: &str) -> bool {
        self.names.get(column).is_some_and(|called| plain(called) == name)
    }

    /// The argument that selects a column: its name if unique, else its number.
    fn word(&self, column: usize) -> String {
        match self.names.get(column) {
            Some(name) if !name.is_empty() && self.columns(|other| plain(other) == plain(name)).len() == 1 => {
                name.chars().take(40).collect()
            }
            _ => (column + 1).to_string(),
        }
    }

    /// A column as a message names it.
    fn name(&self, column: usize) -> String {
        match self.names.get(column) {
            Some(name) if !name.is_empty() => format!("`{}`", name.chars().take(40).collect::<String>()),
            _ => {
                let example = self.images().first().map(|row| row.text(column)).unwrap_or_default();
                format!("column {} (`{}`)", column + 1, example.chars().take(40).collect::<String>())
            }
        }
    }

    fn missing(&self, column: &'static str, candidates: Vec<usize>) -> DatasetError {
        let found: Vec<String> = (0..self.count).take(5).map(|column| self.name(column)).collect();
        let more = if self.count > 5 { ", …" } else { "" };
        DatasetError::MissingColumn {
            path: self.table.to_path_buf(),
            column,
            found: found.join(", ") + more,
            candidates: candidates.into_iter().map(|column| self.word(column)).collect(),
        }
    }

    fn several(&self, column: &'static str, candidates: &[usize]) -> DatasetError {
        DatasetError::SeveralColumns {
            path: self.table.to_path_buf(),
            column,
            found: candidates.iter().map(|&column| self.name(column)).collect(),
            candidates: candidates.iter().map(|&column| self.word(column)).collect(),
        }
    }
}
