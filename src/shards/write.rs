//! Writes feature rows and their entries to a safetensors file in one pass.
//!
//! The last 32 bytes are the SHA-256 of everything before them, header and manifest included. Equal content gives equal
//! bytes, so making a shard twice at the same time is harmless.

use std::io::{self, Write};

use safetensors::Dtype;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::columns::{self, COLUMNS, Column, FEATURES, Of, RowEntry, UnreadableEntry, split_code};
use super::{Manifest, RowType};
use crate::dataset::{ClassMap, Label};

/// The content of a feature file, without the rows' numbers.
pub(crate) struct Contents<'a> {
    pub manifest: &'a Manifest,
    /// The class map, which gives the labels.
    pub classes: &'a ClassMap,
    /// The entries of the rows, `[N]`.
    pub rows: &'a [RowEntry<'a>],
    /// The photos that could not be read, in the order of the list.
    pub unreadable: &'a [UnreadableEntry<'a>],
    /// The length of a row.
    pub width: usize,
}

/// Writes a feature file; `features` writes the numbers of all rows in the type that the manifest gives.
///
/// # Errors
/// The first error of `out` or of `features`.
pub(crate) fn write(
    out: &mut dyn Write,
    contents: &Contents<'_>,
    features: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let header = contents.header()?;
    let mut out = Hashing { out, hasher: Sha256::new() };
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    features(&mut out)?;
    COLUMNS
        .iter()
        .filter(|column| column.of != Of::Checksum)
        .try_for_each(|column| contents.column(column, &mut out))?;
    let Hashing { out, hasher } = out;
    out.write_all(&hasher.finalize())
}

impl Contents<'_> {
    /// The header, padded so that the tensors are aligned to 8 bytes.
    fn header(&self) -> io::Result<String> {
        let manifest = serde_json::to_string(self.manifest)?;
        let (rows, row_type) = (self.rows.len(), self.manifest.setup.row_type);
        let mut header = Map::new();
        // The only entry, as in the model file.
        header.insert("__metadata__".to_owned(), json!({ "resnet_binary": manifest }));
        let dtype = match row_type {
            RowType::F32 => Dtype::F32,
            RowType::F16 => Dtype::F16,
        };
        let mut end = 0;
        let mut insert = |name: &str, dtype: Dtype, shape: Vec<usize>, bytes: usize| {
            let tensor = json!({ "dtype": dtype, "shape": shape, "data_offsets": [end, end + bytes] });
            header.insert(name.to_owned(), tensor);
            end += bytes;
        };
        insert(FEATURES, dtype, vec![rows, self.width], rows * self.width * row_type.bytes());
        for column in &COLUMNS {
            let shape = self.shape(column.of);
            let bytes = shape.iter().product::<usize>() * column.dtype.bitsize() / 8;
            insert(column.name, column.dtype, shape, bytes);
        }
        let mut header = Value::Object(header).to_string();
        header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
        Ok(header)
    }

    fn shape(&self, of: Of) -> Vec<usize> {
        let (rows, unreadable) = (self.rows.len(), self.unreadable.len());
        match of {
            Of::Rows(1) => vec![rows],
            Of::Rows(numbers) => vec![rows, numbers],
            Of::Unreadable => vec![unreadable],
            Of::RowOffsets => vec![rows + 1],
            Of::UnreadableOffsets => vec![unreadable + 1],
            Of::Texts(offsets) => vec![self.texts(offsets).map(<[u8]>::len).sum()],
            Of::Checksum => vec![columns::CHECKSUM_BYTES],
        }
    }

    /// The texts whose offsets are in a tensor.
    fn texts(&self, offsets: &'static str) -> Box<dyn Iterator<Item = &[u8]> + '_> {
        match offsets {
            columns::PATH_OFFSETS => Box::new(self.rows.iter().map(|row| row.photo.path)),
            columns::FACTS_OFFSETS => Box::new(self.rows.iter().map(|row| row.facts)),
            columns::UNREADABLE_PATH_OFFSETS => Box::new(self.unreadable.iter().map(|photo| photo.photo.path)),
            _ => Box::new(self.unreadable.iter().map(|photo| photo.reason)),
        }
    }

    fn column(&self, column: &Column, out: &mut dyn Write) -> io::Result<()> {
        let is_positive = |class: usize| self.classes.label(class) == Label::Positive;
        let mut number = |number: usize| out.write_all(&(number as u64).to_le_bytes());
        let (mut rows, mut unreadable) = (self.rows.iter(), self.unreadable.iter());
        match column.name {
            columns::LABELS => rows.try_for_each(|row| number(usize::from(is_positive(row.photo.class)))),
            columns::POSITIONS => rows.try_for_each(|row| number(row.photo.position)),
            columns::CLASSES => rows.try_for_each(|row| number(row.photo.class)),
            columns::UNREADABLE_POSITIONS => unreadable.try_for_each(|photo| number(photo.photo.position)),
            columns::UNREADABLE_CLASSES => unreadable.try_for_each(|photo| number(photo.photo.class)),
            columns::HASHES => rows.try_for_each(|row| out.write_all(&row.hash.0)),
            columns::SPLITS => rows.try_for_each(|row| out.write_all(&[split_code(row.photo.split)])),
            columns::UNREADABLE_SPLITS => {
                unreadable.try_for_each(|photo| out.write_all(&[split_code(photo.photo.split)]))
            }
            name => {
                if let Of::Texts(offsets) = column.of {
                    return self.texts(offsets).try_for_each(|text| out.write_all(text));
                }
                let mut end = 0;
                number(end)?;
                self.texts(name).try_for_each(|text| {
                    end += text.len();
                    number(end)
                })
            }
        }
    }
}

/// A writer that also hashes what it passes on.
struct Hashing<'a> {
    out: &'a mut dyn Write,
    hasher: Sha256,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
