//! Division of images into training, validation and test sets, and into cross-validation folds.
//!
//! Both functions take one group id per image; images of one group stay together. The result depends only on the order
//! of the images (sorted by path), on which of them share a label or a group, and on the seed: not on which label is
//! the positive one. The random generator is `ChaCha8`, which gives the same numbers on every machine.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{ClassMap, DatasetError, Label, Sample};
use crate::files::{FileError, Kind};

/// What an image is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// The head is fitted on these images.
    Train,
    /// Decisions such as the threshold are made on these images, and metrics are computed.
    Validation,
    /// Metrics are computed on these images, but nothing is chosen.
    Test,
}

impl Split {
    /// Parses the name of a folder or the text of a cell: `train`, `val` or `test` or a synonym, in any case and with
    /// usual additions, such as `Training Set`, `val_data` or `test-images`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        const ADDED: [&str; 12] = [
            "set", "data", "dataset", "split", "images", "image", "imgs", "img", "photos", "photo", "pictures", "files",
        ];
        let of_word = |word: &str| match word {
            "train" | "training" | "tr" => Some(Self::Train),
            "val" | "valid" | "validate" | "validation" | "dev" | "development" => Some(Self::Validation),
            "test" | "testing" | "eval" | "evaluation" | "holdout" | "heldout" => Some(Self::Test),
            _ => None,
        };
        let name = name.to_lowercase();
        let words = name.split(|character: char| character.is_whitespace() || "_-.".contains(character));
        let word: String = words.filter(|word| !ADDED.contains(word)).collect();
        let without_addition = || ADDED.iter().filter_map(|added| word.strip_suffix(added)).find_map(of_word);
        of_word(&word).or_else(without_addition)
    }

    /// The split as it is written in a CSV.
    fn cell(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "val",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Train => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        })
    }
}

/// Splits each label into training and validation: `[N]` labels and group ids → `[N]` splits.
///
/// Of `n` images of a label, `n · share` rounded half up are kept for validation, at least 1 and at most n − 1. With
/// groups of several images the number can differ from that by less than the largest group.
///
/// # Errors
/// [`DatasetError`] if `share` is outside (0, 1), or a label is in fewer than two groups, so that one side would have
/// no image of it.
pub(crate) fn stratified(
    labels: &[Label],
    groups: &[usize],
    share: f64,
    seed: u64,
) -> Result<Vec<Split>, DatasetError> {
    if !(share > 0.0 && share < 1.0) {
        return Err(DatasetError::Share(share));
    }
    let mut units = Unit::all(labels, groups);
    check_units(&units, 2)?;
    units.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let totals = sum(units.iter());
    let targets = totals.map(|total| kept(total, share));
    let mut kept = [0; 2];
    for unit in &mut units {
        unit.side = usize::from(distance(add(kept, unit.counts), targets) < distance(kept, targets));
        if unit.side == 1 {
            kept = add(kept, unit.counts);
        }
    }
    let first = label_of_the_first(labels);
    for label in [first, 1 - first] {
        for side in 0..2 {
            fill(&mut units, label, side)?;
        }
    }
    check_sides(&units)?;
    let sides = spread(labels.len(), &units);
    let split = |side| if side == 1 { Split::Validation } else { Split::Train };
    Ok(sides.into_iter().map(split).collect())
}

/// Assigns cross-validation folds: `[N]` labels and group ids → `[N]` folds, each from 0 to `count` − 1.
///
/// Without groups, the numbers of images of a label differ by at most 1 between folds. With groups that have one label
/// each, they differ by at most the size of the largest group of that label.
///
/// # Errors
/// [`DatasetError`] if a label is in fewer groups than there are folds (at least 2), so that a fold would lack it.
pub(crate) fn folds(labels: &[Label], groups: &[usize], count: usize, seed: u64) -> Result<Vec<usize>, DatasetError> {
    let mut units = Unit::all(labels, groups);
    check_units(&units, count.max(2))?;
    units.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    // Groups with both labels come first and large groups before small ones, so that the later ones even out the
    // earlier. The sort is stable, so groups of one size and label keep their random order.
    let first = label_of_the_first(labels);
    units.sort_by_key(|unit| (!unit.is_mixed(), unit.counts[first] > 0, std::cmp::Reverse(unit.size())));
    let mut filled = vec![[0; 2]; count.max(2)];
    for unit in &mut units {
        let counts = unit.counts;
        let load = |filled: &[usize; 2]| {
            let of_its_labels: usize = (0..2).filter(|&label| counts[label] > 0).map(|label| filled[label]).sum();
            (of_its_labels, filled[0] + filled[1])
        };
        let emptiest = filled.iter_mut().enumerate().min_by_key(|(_, filled)| load(filled));
        if let Some((fold, filled)) = emptiest {
            unit.side = fold;
            *filled = add(*filled, counts);
        }
    }
    Ok(spread(labels.len(), &units))
}

/// The label of the first image, 0 or 1. Loops over labels start with it and not with a fixed one, so that the result
/// does not depend on which class is the positive one.
fn label_of_the_first(labels: &[Label]) -> usize {
    usize::from(labels.first() == Some(&Label::Positive))
}

/// Assigns a split to the samples without one, by [`stratified`] over these samples only.
///
/// # Errors
/// [`DatasetError`] as for [`stratified`].
pub(crate) fn assign(
    samples: &mut [Sample],
    classes: &ClassMap,
    groups: &[usize],
    share: f64,
    seed: u64,
) -> Result<(), DatasetError> {
    let mut open: Vec<(&mut Sample, usize)> =
        samples.iter_mut().zip(groups.iter().copied()).filter(|(sample, _)| sample.split.is_none()).collect();
    if open.is_empty() {
        return Ok(());
    }
    let labels: Vec<Label> = open.iter().map(|(sample, _)| classes.label(sample.class)).collect();
    let groups: Vec<usize> = open.iter().map(|(_, group)| *group).collect();
    for ((sample, _), split) in open.iter_mut().zip(stratified(&labels, &groups, share, seed)?) {
        sample.split = Some(split);
    }
    Ok(())
}

/// The columns of a table of splits.
const COLUMNS: [&str; 3] = ["path", "label", "split"];

/// Recognises a table that [`to_csv`] wrote: every row has a split.
pub(crate) const KIND: Kind = Kind {
    name: "table of a split",
    is_one: |head| {
        let is_cell =
            |cell: &[u8]| [Split::Train, Split::Validation, Split::Test].iter().any(|of| of.cell().as_bytes() == cell);
        is_table(head, COLUMNS, |[_, _, split]| is_cell(split))
    },
};

/// The samples as a CSV `path,label,split`; [`super::open()`] reads the same samples from it at `path`.
///
/// Paths below the CSV's folder are written relative to it, so that both can be moved together; others are absolute.
///
/// # Errors
/// [`DatasetError`] if a path cannot be written.
pub(crate) fn to_csv(path: &Path, samples: &[Sample], classes: &ClassMap) -> Result<Vec<u8>, DatasetError> {
    let rows = samples.iter().map(|sample| {
        let name = classes.name(sample.class).unwrap_or_default().to_owned();
        (sample.path.as_path(), [name, sample.split.map_or("", Split::cell).to_owned()])
    });
    table(path, COLUMNS, rows)
}

/// Writes a table for the file `path`; its first column is a path, relative if it lies below the table's folder.
pub(super) fn table<'a, const ALL: usize, const REST: usize>(
    path: &Path,
    header: [&str; ALL],
    rows: impl Iterator<Item = (&'a Path, [String; REST])>,
) -> Result<Vec<u8>, DatasetError> {
    let fail = |error| FileError::new("write", path, error);
    let folder = std::path::absolute(path).map_err(fail)?.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(header).map_err(|error| fail(std::io::Error::other(error)))?;
    for (image, cells) in rows {
        let place = place_from(&folder, image).map_err(fail)?;
        let cells = std::iter::once(cell_of(&place)?).chain(cells.iter().map(String::as_bytes));
        table.write_record(cells).map_err(|error| fail(std::io::Error::other(error)))?;
    }
    Ok(table.into_inner().map_err(|error| fail(std::io::Error::other(error.to_string())))?)
}

/// Whether a file with these first bytes is a table with exactly this header whose rows all satisfy `is_row`.
pub(super) fn is_table<const COLUMNS: usize>(
    head: &[u8],
    header: [&str; COLUMNS],
    is_row: impl Fn([&[u8]; COLUMNS]) -> bool,
) -> bool {
    // The first bytes of a long table may end within a row, so only complete lines are read.
    let rows = head.iter().rposition(|&byte| byte == b'\n').and_then(|end| head.get(..=end)).unwrap_or_default();
    let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(rows).into_byte_records();
    let is_header =
        rows.next().is_some_and(|row| row.is_ok_and(|row| row.iter().eq(header.iter().map(|name| name.as_bytes()))));
    is_header && rows.all(|row| row.is_ok_and(|row| row.iter().collect::<Vec<_>>().try_into().is_ok_and(&is_row)))
}

fn place_from(folder: &Path, path: &Path) -> std::io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    Ok(absolute.strip_prefix(folder).map(Path::to_path_buf).unwrap_or(absolute))
}

/// The bytes of a path; they must be UTF-8 only on systems other than Unix.
fn cell_of(path: &Path) -> Result<&[u8], DatasetError> {
    if cfg!(unix) {
        return Ok(path.as_os_str().as_encoded_bytes());
    }
    path.to_str().map(str::as_bytes).ok_or_else(|| DatasetError::PathNotText { path: path.to_path_buf() })
}

/// A group of images that stay together.
struct Unit {
    images: Vec<usize>,
    /// The numbers of negative and positive images.
    counts: [usize; 2],
    /// The fold; in a split, 1 for validation and 0 for training.
    side: usize,
}

impl Unit {
    /// The groups in the order of their first images, so that the ids themselves do not matter.
    fn all(labels: &[Label], groups: &[usize]) -> Vec<Self> {
        let mut units: Vec<Self> = Vec::new();
        let mut places = BTreeMap::new();
        for (image, (label, group)) in labels.iter().zip(groups).enumerate() {
            let place = *places.entry(*group).or_insert(units.len());
            if place == units.len() {
                units.push(Self { images: Vec::new(), counts: [0; 2], side: 0 });
            }
            if let Some(unit) = units.get_mut(place) {
                unit.images.push(image);
                unit.counts[usize::from(*label == Label::Positive)] += 1;
            }
        }
        units
    }

    fn size(&self) -> usize {
        self.images.len()
    }

    fn is_mixed(&self) -> bool {
        self.counts.iter().all(|&count| count > 0)
    }
}

fn check_units(units: &[Unit], needed: usize) -> Result<(), DatasetError> {
    for (label, name) in [Label::Negative, Label::Positive].into_iter().enumerate() {
        let found = units.iter().filter(|unit| unit.counts[label] > 0).count();
        if found < needed {
            return Err(DatasetError::TooFewImages { label: name, found, needed });
        }
    }
    Ok(())
}

/// Moves the smallest group with the label to `side` if it has none of the label.
fn fill(units: &mut [Unit], label: usize, side: usize) -> Result<(), DatasetError> {
    let has_label = |unit: &&mut Unit| unit.counts[label] > 0;
    let (here, mut there): (Vec<_>, Vec<_>) = units.iter_mut().filter(has_label).partition(|unit| unit.side == side);
    if !here.is_empty() {
        return Ok(());
    }
    there.sort_by_key(|unit| (unit.is_mixed(), unit.size()));
    match there.first_mut() {
        Some(unit) => unit.side = side,
        None => {
            return Err(DatasetError::TooFewImages { label: Label::from(label == 1), found: 0, needed: 2 });
        }
    }
    Ok(())
}

/// Checks that both sides have both labels, which groups with mixed labels can make impossible.
fn check_sides(units: &[Unit]) -> Result<(), DatasetError> {
    for (label, name) in [Label::Negative, Label::Positive].into_iter().enumerate() {
        let on = |side| units.iter().filter(|unit| unit.side == side && unit.counts[label] > 0).count();
        if on(0) == 0 || on(1) == 0 {
            let found = on(0) + on(1);
            return Err(DatasetError::TooFewImages { label: name, found, needed: found + 1 });
        }
    }
    Ok(())
}

/// The side of each of `count` images.
fn spread(count: usize, units: &[Unit]) -> Vec<usize> {
    let mut sides = vec![0; count];
    for unit in units {
        for &image in &unit.images {
            if let Some(side) = sides.get_mut(image) {
                *side = unit.side;
            }
        }
    }
    sides
}

/// The number of images kept for validation.
fn kept(total: usize, share: f64) -> usize {
    let nearest = (total as f64 * share).round();
    // A fraction of a count is at most the count, so it fits the type.
    #[expect(clippy::cast_sign_loss, reason = "the share is not negative")]
    let nearest = nearest as usize;
    nearest.clamp(1, total.saturating_sub(1).max(1))
}

fn sum<'a>(units: impl Iterator<Item = &'a Unit>) -> [usize; 2] {
    units.fold([0; 2], |sum, unit| add(sum, unit.counts))
}

fn add(a: [usize; 2], b: [usize; 2]) -> [usize; 2] {
    [a[0] + b[0], a[1] + b[1]]
}

fn distance(a: [usize; 2], b: [usize; 2]) -> usize {
    a[0].abs_diff(b[0]) + a[1].abs_diff(b[1])
}
