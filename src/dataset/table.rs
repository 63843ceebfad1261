//! A CSV with the columns `path`, `label` and perhaps `split` → labelled paths.
//!
//! Read as people make them: columns in any order and case among others, separated by comma, semicolon or tab, with or
//! without a byte-order mark, any line ends. Relative paths start at the folder of the CSV. A path may lead anywhere,
//! `../` and absolute ones too: the list is the user's own and its files are only ever read. A listed file that is
//! missing or no image stays in the list, for whoever reads it will say so; if all are missing the folder is wrong.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder, Trim};
use rayon::prelude::*;

use super::classes::LONGEST_NAME;
use super::{DatasetError, HEAD, IsImage, Listed, Listing, RowProblem, Split, go_on};
use crate::files;
use crate::progress::Progress;

/// A list of some million images.
const MOST_BYTES: u64 = 1 << 30;

/// More columns than any table of images has; beyond it lies a file of another kind.
const MOST_COLUMNS: usize = 1000;

/// Lists the images that a CSV names.
pub(super) fn list(path: &Path, is_image: IsImage<'_>, progress: &dyn Progress) -> Result<Listing, DatasetError> {
    let mut rows = Rows::new(path);
    read(path, is_image, progress, &mut |row, line| rows.add(row, line))?;
    rows.finish()
}

/// Gives each row of a CSV and its line to `each`, whose problem then is that of the line.
pub(super) fn read(
    path: &Path,
    is_image: IsImage<'_>,
    progress: &dyn Progress,
    each: &mut dyn FnMut(Row, u64) -> Result<(), RowProblem>,
) -> Result<(), DatasetError> {
    let bytes = files::read(path, MOST_BYTES)?;
    let text = check_text(path, &bytes, is_image)?;
    let (delimiter, header) = read_header(path, text)?;
    let columns = Columns::of(path, &header)?;
    let mut reader = ReaderBuilder::new().delimiter(delimiter).flexible(true).has_headers(true).from_reader(text);
    let mut record = ByteRecord::new();
    let mut lines = Lines { text, counted: 0, line: 1 };
    let mut read = 0_usize;
    while reader.read_byte_record(&mut record).map_err(|error| not_a_table(path, error.to_string()))? {
        read += 1;
        go_on(progress, read)?;
        progress.advance(1);
        let line = lines.at(record.position().map_or(0, csv::Position::byte));
        let row = columns.row(&record).and_then(|row| each(row, line));
        row.map_err(|problem| wrong_row(path, line, problem))?;
    }
    Ok(())
}

/// Counts lines as an editor does: the reader leaves out blank ones.
struct Lines<'a> {
    text: &'a [u8],
    counted: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the row whose reading began at a byte that is not before those asked for earlier.
    fn at(&mut self, byte: u64) -> u64 {
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let byte = usize::try_from(byte).unwrap_or(usize::MAX).min(self.text.len());
        // Blank lines before a row were passed over while it was read.
        let blank = self.text.iter().skip(byte).take_while(|byte| is_end(byte)).count();
        let ends = self.counted..byte + blank;
        let is_line = |at: &usize| match self.text.get(*at) {
            Some(b'\r') => self.text.get(at + 1) != Some(&b'\n'),
            other => other == Some(&b'\n'),
        };
        self.line += ends.filter(is_line).count() as u64;
        self.counted = byte + blank;
        self.line
    }
}

fn not_a_table(path: &Path, reason: String) -> DatasetError {
    DatasetError::NotATable { path: path.to_path_buf(), reason }
}

fn wrong_row(path: &Path, line: u64, problem: RowProblem) -> DatasetError {
    DatasetError::Row { path: path.to_path_buf(), line, problem: Box::new(problem) }
}

/// The text without its byte-order mark.
fn check_text<'a>(path: &Path, bytes: &'a [u8], is_image: IsImage<'_>) -> Result<&'a [u8], DatasetError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let head = files::head(path, HEAD).unwrap_or_default();
    let reason = if bytes.iter().all(u8::is_ascii_whitespace) {
        "it is empty"
    } else if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        "it is UTF-16 text: expected UTF-8"
    } else if is_image(path, &head) {
        "it is an image"
    } else if bytes.contains(&0) {
        "it is not text"
    } else {
        return Ok(bytes);
    };
    Err(not_a_table(path, reason.to_owned()))
}

/// The separator that makes most sense of the first line, and the names that it separates.
fn read_header(path: &Path, text: &[u8]) -> Result<(u8, Vec<String>), DatasetError> {
    let mut best: Option<(u8, Vec<String>)> = None;
    for delimiter in [b',', b';', b'\t'] {
        let mut reader = ReaderBuilder::new().delimiter(delimiter).trim(Trim::All).from_reader(text);
        let header = reader.byte_headers().map_err(|error| not_a_table(path, error.to_string()))?;
        if header.len() > MOST_COLUMNS {
            return Err(not_a_table(path, format!("line 1 has {} columns", header.len())));
        }
        let header: Vec<String> = header.iter().map(|name| String::from_utf8_lossy(name).to_lowercase()).collect();
        let known = |header: &[String]| ["path", "label"].iter().filter(|name| has(header, name)).count();
        let sense = |header: &[String]| (known(header), header.len());
        if best.as_ref().is_none_or(|(_, other)| sense(&header) > sense(other)) {
            best = Some((delimiter, header));
        }
    }
    best.ok_or_else(|| not_a_table(path, "it is empty".to_owned()))
}

fn has(header: &[String], name: &str) -> bool {
    header.iter().any(|column| column == name)
}

/// Where in a row the three columns are.
struct Columns {
    count: usize,
    path: usize,
    label: usize,
    split: Option<usize>,
}

pub(super) struct Row {
    pub(super) path: PathBuf,
    pub(super) label: String,
    split: Option<Split>,
}

impl Columns {
    fn of(path: &Path, header: &[String]) -> Result<Self, DatasetError> {
        let find = |column: &'static str| {
            let mut places = header.iter().enumerate().filter(|(_, name)| *name == column).map(|(place, _)| place);
            match (places.next(), places.next()) {
                (_, Some(_)) => Err(DatasetError::TwoColumns { path: path.to_path_buf(), column }),
                (place, None) => Ok(place),
            }
        };
        let found = || {
            let names = header.iter().take(5).map(|name| format!("`{}`", name.chars().take(40).collect::<String>()));
            let more = if header.len() > 5 { ", …" } else { "" };
            names.collect::<Vec<_>>().join(", ") + more
        };
        let need = |column| {
            find(column)?.ok_or_else(|| DatasetError::MissingColumn {
                path: path.to_path_buf(),
                column,
                found: found(),
            })
        };
        Ok(Self { count: header.len(), path: need("path")?, label: need("label")?, split: find("split")? })
    }

    fn row(&self, record: &ByteRecord) -> Result<Row, RowProblem> {
        if record.len() != self.count {
            return Err(RowProblem::Fields { expected: self.count, found: record.len() });
        }
        let path = record.get(self.path).unwrap_or_default();
        if path.is_empty() {
            return Err(RowProblem::Empty("path"));
        }
        let label = text(record, self.label, "label")?;
        if label.is_empty() {
            return Err(RowProblem::Empty("label"));
        }
        let split = match self.split.map(|place| text(record, place, "split")).transpose()? {
            None | Some("") => None,
            Some(name) => Some(Split::parse(name).ok_or_else(|| RowProblem::Split(name.to_owned()))?),
        };
        Ok(Row { path: path_of(path)?, label: label.to_owned(), split })
    }
}

fn text<'a>(record: &'a ByteRecord, place: usize, what: &'static str) -> Result<&'a str, RowProblem> {
    let field = record.get(place).unwrap_or_default();
    if field.len() > LONGEST_NAME {
        return Err(RowProblem::TooLong { what, length: field.len() });
    }
    std::str::from_utf8(field).map(str::trim).map_err(|_| RowProblem::NotText(what))
}

/// A path is bytes where the system's paths are, so that every name can be listed; blanks around it are part of it.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
fn path_of(bytes: &[u8]) -> Result<PathBuf, RowProblem> {
    use std::os::unix::ffi::OsStrExt;
    Ok(PathBuf::from(std::ffi::OsStr::from_bytes(bytes)))
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> Result<PathBuf, RowProblem> {
    std::str::from_utf8(bytes).map(PathBuf::from).map_err(|_| RowProblem::NotText("path"))
}

/// The rows so far, by file.
struct Rows<'a> {
    table: &'a Path,
    folder: &'a Path,
    listing: Listing,
    /// Where each file is in the list, and on which line it stood.
    seen: BTreeMap<PathBuf, (usize, u64)>,
    /// The first line with a split, and the first without.
    with_split: Option<u64>,
    without_split: Option<u64>,
}

impl<'a> Rows<'a> {
    fn new(table: &'a Path) -> Self {
        Self {
            table,
            folder: table.parent().unwrap_or(Path::new("")),
            listing: Listing::default(),
            seen: BTreeMap::new(),
            with_split: None,
            without_split: None,
        }
    }

    fn add(&mut self, row: Row, line: u64) -> Result<(), RowProblem> {
        let path = place_of(self.folder, &row.path);
        if let Some(&(index, first)) = self.seen.get(&path) {
            return self.repeat(&row, path, index, first);
        }
        let side = if row.split.is_some() { &mut self.with_split } else { &mut self.without_split };
        side.get_or_insert(line);
        self.seen.insert(path.clone(), (self.listing.images.len(), line));
        self.listing.images.push(Listed { path, class: row.label, split: row.split });
        Ok(())
    }

    /// A second line about a file must say the same.
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
            self.listing.passed_over.repeated_rows += 1;
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
        if !self.listing.images.par_iter().any(|image| image.path.exists()) {
            let (count, first) = (self.listing.images.len(), first.path.clone());
            return Err(DatasetError::NoListedFileExists { path: table(), count, first });
        }
        Ok(self.listing)
    }
}

/// Where the file of a row is, whose CSV lies in `folder`.
pub(super) fn place_of(folder: &Path, path: &Path) -> PathBuf {
    folder.join(without_dots(path))
}

/// `./a.jpg` and `a.jpg` are one file. What `..` means depends on links, so it stays.
pub(super) fn without_dots(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}
