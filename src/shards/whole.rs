//! A set of shards, checked to be complete and consistent, in the order of their list.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::manifest::list_hash;
use super::{Entry, Manifest, Part, RowEntry, Shard, ShardError, UnreadableEntry, find};
use crate::features::Noticed;
use crate::progress::{Interrupted, Progress, Unit};

/// All shards of a list.
#[derive(Debug)]
pub(crate) struct Whole {
    /// The files, sorted by shard index.
    parts: Vec<Part>,
}

/// One photo of the list: its row in a file, or its entry as unreadable.
enum Found<'a> {
    Row(&'a Part, usize, RowEntry<'a>),
    Unreadable(UnreadableEntry<'a>),
}

/// The reason why the set cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WholeError {
    #[error(transparent)]
    Shard(#[from] ShardError),
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl Whole {
    /// Opens the files at `place` (a folder, a pattern or one file) and checks that they are complete and consistent.
    ///
    /// # Errors
    /// [`ShardError`] for the first problem; missing shards are reported only if the others are consistent.
    pub(crate) fn open(place: &Path, progress: &dyn Progress) -> Result<Self, WholeError> {
        let files = find(place)?;
        progress.start("checking the features", Unit::Steps, Some(files.len() as u64));
        let opened = files.par_iter().map(|file| {
            progress.check()?;
            let part = Part::open(file)?;
            part.check_content()?;
            progress.advance(1);
            Ok(part)
        });
        let opened = opened.collect::<Result<Vec<_>, WholeError>>();
        progress.finish();
        Ok(Self::new(opened?)?)
    }

    /// Checks parts given in any order.
    pub(super) fn new(mut parts: Vec<Part>) -> Result<Self, ShardError> {
        parts.sort_by(|a, b| (a.manifest().shard.index, a.path()).cmp(&(b.manifest().shard.index, b.path())));
        let pairs = || parts.iter().zip(parts.iter().skip(1));
        let path = |part: &Part| part.path().to_path_buf();
        let Some(first) = parts.first() else { return Err(ShardError::NoParts { place: PathBuf::new() }) };
        let Manifest { shard: Shard { count, .. }, setup, .. } = first.manifest();
        if let Some(other) = parts.iter().find(|part| part.manifest().shard.count != *count) {
            let [first, second] = [first, other].map(|part| (path(part), part.manifest().shard.count));
            return Err(ShardError::OtherCount { first, second });
        }
        for part in &parts {
            let width = || (part.width() != first.width()).then(|| ("the width", first.width(), part.width()));
            let width = || width().map(|(what, one, other)| (what, one.to_string(), other.to_string()));
            if let Some((what, first_is, second_is)) = setup.difference(&part.manifest().setup).or_else(width) {
                let (first, second) = (path(first), path(part));
                return Err(ShardError::Differ { first, second, what, first_is, second_is });
            }
        }
        if let Some((one, other)) = pairs().find(|(one, other)| one.manifest().shard == other.manifest().shard) {
            let shard = one.manifest().shard;
            return Err(ShardError::Twice { shard, first: path(one), second: path(other) });
        }
        if parts.len() < *count {
            let there: Vec<usize> = parts.iter().map(|part| part.manifest().shard.index).collect();
            let indices = (0..*count).filter(|index| there.binary_search(index).is_err()).collect();
            return Err(ShardError::Missing { indices, count: *count });
        }
        let list = setup.list.clone();
        let whole = Self { parts };
        let photos = whole.entries().map(|photo| (photo.path, photo.class, photo.split));
        let hash = list_hash(photos, &list.classes);
        if hash == list.sha256 { Ok(whole) } else { Err(ShardError::OtherList { count: whole.parts.len() }) }
    }

    /// The manifest of one file with all photos; values in which parts may differ are those of the first part.
    pub(crate) fn manifest(&self) -> Option<Manifest> {
        let first = self.parts.first()?.manifest();
        let all = || self.parts.iter().map(Part::manifest);
        let mut noticed = Noticed::default();
        all().for_each(|manifest| noticed.merge(&manifest.noticed));
        Some(Manifest {
            shard: Shard::WHOLE,
            rows: all().map(|manifest| manifest.rows).sum(),
            unreadable: all().map(|manifest| manifest.unreadable).sum(),
            noticed,
            ..first.clone()
        })
    }

    /// A warning if the shards come from several kinds of processors, whose rows differ in their last bits.
    pub(crate) fn warning(&self) -> Option<String> {
        let mut processors: Vec<&str> = self.parts.iter().map(|part| part.manifest().processor.as_str()).collect();
        processors.sort_unstable();
        processors.dedup();
        (processors.len() > 1).then(|| {
            format!(
                "the shards were computed on several kinds of processors or by several kernels, whose rows differ in their \
                 last bits: {}",
                processors.join(" and ")
            )
        })
    }

    /// The number of files.
    pub(crate) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// The paths of the files.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.parts.iter().map(Part::path)
    }

    /// The length of a row.
    pub(crate) fn width(&self) -> usize {
        self.parts.first().map_or(0, Part::width)
    }

    /// Whether all rows can be used in place, inside the mapped files.
    pub(crate) fn is_in_place(&self) -> bool {
        self.parts.iter().all(|part| part.manifest().rows == 0 || part.features_in_place(0).is_some())
    }

    /// The feature vector of a row of a part, inside the mapped file.
    pub(crate) fn row_in_place(&self, part: usize, row: usize) -> Option<&[f32]> {
        self.parts.get(part)?.features_in_place(row)
    }

    /// Every row's entry with its part and its index there, in the order of the list.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (RowEntry<'_>, &Part, usize)> {
        self.photos().filter_map(|found| match found {
            Found::Row(part, row, entry) => Some((entry, part, row)),
            Found::Unreadable(_) => None,
        })
    }

    /// Every photo that could not be read, in the order of the list.
    pub(crate) fn unreadable(&self) -> impl Iterator<Item = UnreadableEntry<'_>> {
        self.photos().filter_map(|found| match found {
            Found::Unreadable(entry) => Some(entry),
            Found::Row(..) => None,
        })
    }

    /// Every photo of the list, in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.photos().map(|found| match found {
            Found::Row(_, _, RowEntry { photo, .. }) | Found::Unreadable(UnreadableEntry { photo, .. }) => photo,
        })
    }

    /// Every photo with its location; photo `i` is in shard `i` modulo the number of shards.
    fn photos(&self) -> impl Iterator<Item = Found<'_>> {
        let total = self.parts.first().map_or(0, |part| part.manifest().setup.list.total);
        let mut next = vec![(0, 0); self.parts.len()];
        (0..total).filter_map(move |position| {
            let shard = position % self.parts.len().max(1);
            let (part, (row, unreadable)) = (self.parts.get(shard)?, next.get_mut(shard)?);
            if let Some(entry) = part.row(*row).filter(|entry| entry.photo.position == position) {
                *row += 1;
                return Some(Found::Row(part, *row - 1, entry));
            }
            *unreadable += 1;
            part.unreadable(*unreadable - 1).map(Found::Unreadable)
        })
    }
}
