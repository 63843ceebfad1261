//! One feature file, memory-mapped and checked: no access goes beyond its bytes, whatever the file contains.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

use super::columns::{self, COLUMNS, Entry, FEATURES, Of, RowEntry, UnreadableEntry, split_of};
use super::manifest::VERSION;
use super::{Manifest, RowType, ShardError};
use crate::files::{ContentHash, Mapped};

/// The metadata entry that holds the manifest.
const ENTRY: &str = "resnet_binary";

/// An open feature file.
#[derive(Debug)]
pub(crate) struct Part {
    path: PathBuf,
    manifest: Manifest,
    mapped: Mapped,
    /// The byte range of each tensor in the file.
    places: HashMap<&'static str, Range<usize>>,
    width: usize,
}

impl Part {
    /// Reads the manifest and checks that every tensor exists with the shape that follows from it, and that the file
    /// has each photo of its shard once. Only [`Part::check_content`] compares the content with the checksum.
    ///
    /// # Errors
    /// [`ShardError`] for an invalid file.
    pub(crate) fn open(path: &Path) -> Result<Self, ShardError> {
        let other = |reason: String| ShardError::NotFeatures { path: path.to_path_buf(), reason };
        let mapped = Mapped::open(path, u64::MAX)?;
        let not_safetensors = |error: safetensors::SafeTensorError| other(error.to_string());
        let (length, metadata) = SafeTensors::read_metadata(mapped.bytes()).map_err(not_safetensors)?;
        let facts = metadata.metadata().as_ref().and_then(|entries| entries.get(ENTRY));
        let facts = facts.ok_or_else(|| other(format!("it has no `{ENTRY}` entry")))?;
        let value: serde_json::Value = serde_json::from_str(facts).map_err(|error| other(error.to_string()))?;
        // The version is read first, because another version may have other fields.
        match value.get("features_version").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(VERSION) => {}
            Some(version) => return Err(other(format!("its format is version {version}, and this is {VERSION}"))),
            None => return Err(other("it is a model, or features without a manifest".to_owned())),
        }
        let manifest: Manifest = serde_json::from_value(value).map_err(|error| other(error.to_string()))?;
        let tensors = SafeTensors::deserialize(mapped.bytes()).map_err(not_safetensors)?;
        let start = length + size_of::<u64>();
        let mut places = HashMap::new();
        let mut width = 0;
        for (name, tensor) in metadata.tensors() {
            let names = COLUMNS.iter().map(|column| column.name).chain([FEATURES]);
            if let Some(name) = names.into_iter().find(|known| *known == name) {
                places.insert(name, start + tensor.data_offsets.0..start + tensor.data_offsets.1);
            }
            if name == FEATURES {
                width = tensor.shape.get(1).copied().unwrap_or(0);
            }
        }
        let shapes: HashMap<String, (Dtype, Vec<usize>)> =
            tensors.iter().map(|(name, view)| (name.to_owned(), (view.dtype(), view.shape().to_vec()))).collect();
        let part = Self { path: path.to_path_buf(), manifest, mapped, places, width };
        part.check_shapes(&shapes)?;
        part.check_photos()?;
        Ok(part)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The length of a row.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Compares the whole file with its checksum.
    ///
    /// # Errors
    /// [`ShardError::Damaged`]
    pub(crate) fn check_content(&self) -> Result<(), ShardError> {
        let bytes = self.mapped.bytes();
        let (content, checksum) = bytes.split_at(bytes.len().saturating_sub(columns::CHECKSUM_BYTES));
        if Sha256::digest(content).as_slice() == checksum {
            Ok(())
        } else {
            Err(self.damaged("its content does not have its checksum"))
        }
    }

    /// A row's photo, hash and facts; `None` beyond the last row.
    pub(crate) fn row(&self, row: usize) -> Option<RowEntry<'_>> {
        let hash = self.bytes(columns::HASHES).as_chunks().0.get(row)?;
        Some(RowEntry {
            photo: Entry {
                position: self.number(columns::POSITIONS, row)?,
                path: self.text(columns::PATHS, columns::PATH_OFFSETS, row)?,
                class: self.number(columns::CLASSES, row)?,
                split: split_of(*self.bytes(columns::SPLITS).get(row)?)?,
            },
            hash: ContentHash(*hash),
            facts: self.text(columns::FACTS, columns::FACTS_OFFSETS, row)?,
        })
    }

    /// An unreadable photo; `None` beyond the last one.
    pub(crate) fn unreadable(&self, place: usize) -> Option<UnreadableEntry<'_>> {
        Some(UnreadableEntry {
            photo: Entry {
                position: self.number(columns::UNREADABLE_POSITIONS, place)?,
                path: self.text(columns::UNREADABLE_PATHS, columns::UNREADABLE_PATH_OFFSETS, place)?,
                class: self.number(columns::UNREADABLE_CLASSES, place)?,
                split: split_of(*self.bytes(columns::UNREADABLE_SPLITS).get(place)?)?,
            },
            reason: self.text(columns::REASONS, columns::REASON_OFFSETS, place)?,
        })
    }

    /// The bytes of a row's numbers, as stored.
    pub(crate) fn row_bytes(&self, row: usize) -> Option<&[u8]> {
        let length = self.width * self.manifest.setup.row_type.bytes();
        self.bytes(FEATURES).get(row.checked_mul(length)?..)?.get(..length)
    }

    /// The feature vector of a row, `[D]`.
    pub(crate) fn features(&self, row: usize) -> Option<Vec<f32>> {
        let bytes = self.row_bytes(row)?;
        Some(match self.manifest.setup.row_type {
            RowType::F32 => bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect(),
            RowType::F16 => bytes.as_chunks().0.iter().map(|two| half::f16::from_le_bytes(*two).to_f32()).collect(),
        })
    }

    /// The feature vector of a row inside the mapped file; `None` if it is stored in another type than f32.
    pub(crate) fn features_in_place(&self, row: usize) -> Option<&[f32]> {
        let length = self.width * self.manifest.setup.row_type.bytes();
        let start = self.places.get(FEATURES)?.start + row.checked_mul(length)?;
        if self.manifest.setup.row_type != RowType::F32 || row >= self.manifest.rows {
            return None;
        }
        self.mapped.floats(start..start + length)
    }

    fn bytes(&self, name: &str) -> &[u8] {
        self.places.get(name).and_then(|place| self.mapped.bytes().get(place.clone())).unwrap_or_default()
    }

    fn number(&self, name: &str, place: usize) -> Option<usize> {
        let bytes = self.bytes(name).as_chunks().0.get(place)?;
        usize::try_from(i64::from_le_bytes(*bytes)).ok()
    }

    fn text(&self, name: &str, offsets: &str, place: usize) -> Option<&[u8]> {
        self.bytes(name).get(self.number(offsets, place)?..self.number(offsets, place + 1)?)
    }

    fn damaged(&self, reason: impl Into<String>) -> ShardError {
        ShardError::Damaged { path: self.path.clone(), shard: self.manifest.shard, reason: reason.into() }
    }

    fn check_shapes(&self, shapes: &HashMap<String, (Dtype, Vec<usize>)>) -> Result<(), ShardError> {
        let Manifest { rows, unreadable, setup, .. } = &self.manifest;
        let check = |name: &str, dtype: Dtype, shape: &[usize]| match shapes.get(name) {
            Some((its_dtype, its_shape)) if *its_dtype == dtype && its_shape == shape => Ok(()),
            found => {
                let is = found.map_or("missing".to_owned(), |(dtype, shape)| format!("{dtype:?} {shape:?}"));
                Err(self.damaged(format!("`{name}` is {is}, and {dtype:?} {shape:?} follows from its manifest")))
            }
        };
        let dtype = match setup.row_type {
            RowType::F32 => Dtype::F32,
            RowType::F16 => Dtype::F16,
        };
        check(FEATURES, dtype, &[*rows, self.width])?;
        for column in &COLUMNS {
            let shape = match column.of {
                Of::Rows(1) => vec![*rows],
                Of::Rows(numbers) => vec![*rows, numbers],
                Of::Unreadable => vec![*unreadable],
                Of::RowOffsets => vec![rows.saturating_add(1)],
                Of::UnreadableOffsets => vec![unreadable.saturating_add(1)],
                // The offsets determine this length.
                Of::Texts(_) => vec![self.bytes(column.name).len()],
                Of::Checksum => vec![columns::CHECKSUM_BYTES],
            };
            check(column.name, column.dtype, &shape)?;
        }
        Ok(())
    }

    /// Checks that the file has every photo of the shard once, in order and with a valid class.
    fn check_photos(&self) -> Result<(), ShardError> {
        let Manifest { shard, rows, unreadable, setup, .. } = &self.manifest;
        let in_all = shard.len(setup.list.total);
        if shard.index >= shard.count || rows.checked_add(*unreadable) != Some(in_all) {
            return Err(self.damaged(format!("shard {shard} of its list has {in_all} photos, and it has others")));
        }
        let (mut row, mut missing) = (0, 0);
        for place in 0..in_all {
            let position = shard.position(place);
            let photo = if self.number(columns::POSITIONS, row) == Some(position) {
                row += 1;
                self.row(row - 1).map(|row| row.photo)
            } else {
                missing += 1;
                self.unreadable(missing - 1).map(|unreadable| unreadable.photo)
            };
            let is_right = |photo: &Entry<'_>| photo.position == position && photo.class < setup.list.classes.len();
            if !photo.as_ref().is_some_and(is_right) {
                return Err(self.damaged(format!("photo {position} of its list is not in it once")));
            }
        }
        Ok(())
    }
}
