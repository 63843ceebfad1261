//! The bytes of a CSV → its rows of fields, for the variants that different programs write.
//!
//! Supported are UTF-8, and UTF-16 with a byte-order mark; comma, semicolon, tab or vertical bar as separator; a first
//! line `sep=;` as Excel writes it; any line endings, also within quotes; and empty rows and columns at the end.

use std::io::Read;
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use super::names::{is_label, is_path};
use crate::dataset::listing::go_on;
use crate::dataset::{DatasetError, HEAD, IsImage};
use crate::files::{self, Text};
use crate::progress::Progress;

/// The maximum size in bytes, enough for a list of some million images.
const MAX_BYTES: u64 = 1 << 30;

/// The maximum number of columns; a file with more is not a table of images.
const MAX_COLUMNS: usize = 1000;

/// The number of rows examined to find the separator.
const SAMPLE: usize = 20;

/// The parsed rows of a CSV.
pub(super) struct Sheet {
    /// The rows; the first holds the column names, if there are any. No row is empty.
    pub(super) rows: Vec<Fields>,
}

/// The fields of one row.
pub(super) struct Fields {
    /// The line where the row begins, from 1.
    pub(super) line: u64,
    fields: ByteRecord,
}

impl Fields {
    /// How many of the two names, path and label, this row has as column names.
    pub(super) fn count_known(&self) -> usize {
        let is_any = |is_it: fn(&str) -> bool| (0..self.len()).any(|column| is_it(&self.text(column)));
        usize::from(is_any(is_path)) + usize::from(is_any(is_label))
    }

    /// The number of fields, without empty ones at the end.
    pub(super) fn len(&self) -> usize {
        self.fields.iter().rposition(|field| !field.trim_ascii().is_empty()).map_or(0, |last| last + 1)
    }

    /// The number of fields in the file.
    pub(super) fn written(&self) -> usize {
        self.fields.len()
    }

    /// The bytes of a field; empty beyond the last field.
    pub(super) fn get(&self, column: usize) -> &[u8] {
        self.fields.get(column).unwrap_or_default()
    }

    /// The trimmed text of a field; invalid UTF-8 is replaced.
    pub(super) fn text(&self, column: usize) -> String {
        String::from_utf8_lossy(self.get(column)).trim().to_owned()
    }
}

impl Sheet {
    pub(super) fn read(path: &Path, is_image: IsImage<'_>, progress: &dyn Progress) -> Result<Self, DatasetError> {
        let mut text = Vec::new();
        let bytes = files::read(path, MAX_BYTES)?;
        let read = Text::new(bytes.as_slice()).read_to_end(&mut text);
        read.map_err(|error| not_a_table(path, error.to_string()))?;
        drop(bytes);
        check(path, &text, is_image)?;
        let (given, start) = separator_line(&text).unzip();
        let mut lines = Lines { text: &text, counted: 0, line: 1 };
        let start = start.unwrap_or(0);
        let delimiter = given.unwrap_or_else(|| likeliest_delimiter(text.get(start..).unwrap_or_default()));
        let mut rows = Vec::new();
        let mut reader = reader(delimiter, text.get(start..).unwrap_or_default());
        let mut record = ByteRecord::new();
        while reader.read_byte_record(&mut record).map_err(|error| not_a_table(path, error.to_string()))? {
            go_on(progress, rows.len())?;
            let at = record.position().map_or(0, csv::Position::byte);
            let row = Fields { line: lines.at(start, at), fields: std::mem::take(&mut record) };
            if row.len() > MAX_COLUMNS {
                return Err(not_a_table(path, format!("line {} has {} columns", row.line, row.len())));
            }
            if row.len() > 0 {
                rows.push(row);
            }
        }
        if rows.is_empty() { Err(not_a_table(path, "it is empty".to_owned())) } else { Ok(Self { rows }) }
    }
}

fn reader(delimiter: u8, text: &[u8]) -> csv::Reader<&[u8]> {
    ReaderBuilder::new().delimiter(delimiter).flexible(true).has_headers(false).from_reader(text)
}

fn not_a_table(path: &Path, reason: String) -> DatasetError {
    DatasetError::NotATable { path: path.to_path_buf(), reason }
}

fn check(path: &Path, text: &[u8], is_image: IsImage<'_>) -> Result<(), DatasetError> {
    let head = files::head(path, HEAD).unwrap_or_default();
    let reason = if text.iter().all(u8::is_ascii_whitespace) {
        "it is empty"
    } else if is_image(path, &head) {
        "it is an image"
    } else if text.contains(&0) {
        "it is not text, or UTF-16 without a byte-order mark"
    } else {
        return Ok(());
    };
    Err(not_a_table(path, reason.to_owned()))
}

/// The separator that a first line `sep=;` names, and the offset where the table continues.
fn separator_line(text: &[u8]) -> Option<(u8, usize)> {
    let end = text.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
    let line = text.get(..end)?.trim_ascii_start();
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match line {
        [name @ .., b'=', separator] if name.eq_ignore_ascii_case(b"sep") => Some((*separator, end)),
        _ => None,
    }
}

/// The most plausible delimiter for the first lines: by the number of known column names it yields, then by whether no
/// row has more fields than the first, then by the number of fields.
fn likeliest_delimiter(text: &[u8]) -> u8 {
    let sense = |delimiter: &u8| {
        let mut rows: Vec<Fields> = Vec::new();
        for record in reader(*delimiter, text).into_byte_records().take(SAMPLE) {
            rows.extend(record.ok().map(|fields| Fields { line: 0, fields }).filter(|row| row.len() > 0));
        }
        let count = rows.first().map_or(0, Fields::len);
        let known = rows.first().map_or(0, Fields::count_known);
        (known, count > 1 && rows.iter().all(|row| row.len() <= count), count)
    };
    // `rev` makes `max_by_key` return the first of several maxima.
    [b',', b';', b'\t', b'|'].into_iter().rev().max_by_key(sense).unwrap_or(b',')
}

/// Counts lines as a text editor does; the CSV reader skips blank ones.
struct Lines<'a> {
    text: &'a [u8],
    counted: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the row whose reading began at `byte`, counted from `start`. Calls must have ascending bytes.
    fn at(&mut self, start: usize, byte: u64) -> u64 {
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let byte = usize::try_from(byte).unwrap_or(usize::MAX).saturating_add(start).min(self.text.len());
        // The reader skipped blank lines before the row.
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
