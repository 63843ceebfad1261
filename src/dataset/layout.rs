//! The folders above each photo → its class and its split.
//!
//! Names are considered first: folders named like `train`, `val` or `test`, above or below the classes, are splits. The
//! structure is considered second: if several folders hold subfolders of the same names, either level could be the
//! classes and the user must choose ([`DatasetError::Ambiguous`]). Nothing is guessed: a data set with one plausible
//! reading is read, one with two is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::classes::Expected;
use super::{DatasetError, Split, classes};

/// Which folder above a photo names its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassesFrom {
    /// The folder on this level; the folders directly in the data are level 1.
    Level(usize),
    /// The folder that contains the photo.
    Leaf,
}

impl FromStr for ClassesFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text.to_ascii_lowercase().as_str(), text.parse()) {
            ("top", _) => Ok(Self::Level(1)),
            ("leaf", _) => Ok(Self::Leaf),
            (_, Ok(level)) if level > 0 => Ok(Self::Level(level)),
            _ => {
                Err("give `top` for the folders directly in the data, `leaf` for those that the photos lie in, or the \
                      number of a level, 1 for the top"
                    .to_owned())
            }
        }
    }
}

impl fmt::Display for ClassesFrom {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level(1) => out.write_str("top"),
            Self::Level(level) => write!(out, "{level}"),
            Self::Leaf => out.write_str("leaf"),
        }
    }
}

/// Folders that have more than one plausible reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ambiguity {
    /// The path of the data.
    pub path: PathBuf,
    /// Each reading with its class names, the outermost level first.
    pub readings: Vec<(ClassesFrom, Vec<String>)>,
}

/// Formats names as `` `no`, `yes` ``.
fn quoted(names: &[String]) -> String {
    const SHOWN: usize = 6;
    let more = if names.len() > SHOWN { ", …" } else { "" };
    names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ") + more
}

impl fmt::Display for Ambiguity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ways = if self.readings.len() == 2 { "two ways" } else { "several ways" };
        write!(out, "the folders of `{}` can be read in {ways}: ", self.path.display())?;
        let ways = self.readings.iter().map(|(_, names)| format!("the classes are {}", quoted(names)));
        out.write_str(&ways.collect::<Vec<_>>().join(", or "))
    }
}

impl Ambiguity {
    /// One command per reading: `command`, which failed, with `--classes-from` added.
    pub(crate) fn commands(&self, command: &str) -> String {
        let lines = self.readings.iter().map(|(from, names)| {
            let note = format!("tells {} apart", quoted(names));
            format!("\n  {command} --classes-from {from}    {note}")
        });
        let lines: String = lines.collect();
        format!(
            "type the one that is meant:{lines}\n  or, where the outer folders are splits, name them `train`, `val` and `test`"
        )
    }
}

/// The roles of the folder levels below the data.
pub(super) struct Layout {
    /// The number of nested folders, each alone on its level, that enclose everything else.
    lead: usize,
    /// The level of the split folders, if there is one.
    split: Option<SplitLevel>,
    class: Class,
}

/// A level (from 0), and the split of each of its split folders.
type SplitLevel = (usize, BTreeMap<OsString, Split>);

/// The level of the class folders, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    At(usize),
    Last,
}

/// What a path belongs to.
pub(super) enum EntryKind<'a> {
    /// A class folder, perhaps within a split.
    Class(&'a OsStr, Option<Split>),
    /// A folder beside the split folders.
    NotAClass(&'a OsStr),
    /// No class folder.
    Stray,
}

impl Layout {
    /// Determines the layout from the paths of the images; `folders` are all folders of the data.
    ///
    /// # Errors
    /// [`DatasetError`] if there are two readings, or two folders are the same split.
    pub(super) fn new(
        root: &Path,
        images: &[PathBuf],
        folders: &[PathBuf],
        from: Option<ClassesFrom>,
        expected: Expected<'_>,
    ) -> Result<Self, DatasetError> {
        let mut chains = Chains::new(root, images);
        let lead = chains.lead(root, folders, expected);
        let class = match (from, expected) {
            (Some(ClassesFrom::Level(level)), _) => Some(Class::At(lead + level - 1)),
            (Some(ClassesFrom::Leaf), _) => Some(Class::Last),
            (None, Expected::Classes(_)) => chains.level_of(lead, expected).map(Class::At),
            (None, Expected::Positive(_)) => None,
        };
        let split = chains.split(root, lead, class)?;
        let level = split.as_ref().map(|(level, _)| *level);
        if let Some((level, splits)) = &split {
            chains.0.retain(|chain, _| chain.get(*level).is_some_and(|name| splits.contains_key(*name)));
        }
        let class = match class {
            Some(class) => class,
            None => Class::At(chains.choose(root, lead, level, expected)?),
        };
        Ok(Self { lead, split, class })
    }

    /// The class and split of a file in these folders.
    pub(super) fn place<'a>(&self, chain: &[&'a OsStr]) -> EntryKind<'a> {
        let mut split = None;
        if let Some((level, splits)) = &self.split {
            match chain.get(*level) {
                Some(name) => match splits.get(*name) {
                    Some(found) => split = Some(*found),
                    None => return EntryKind::NotAClass(name),
                },
                None => return EntryKind::Stray,
            }
        }
        let level = self.split.as_ref().map(|(level, _)| *level);
        let class = match self.class {
            Class::At(level) => chain.get(level).copied(),
            Class::Last => last(chain, self.lead, level),
        };
        class.map_or(EntryKind::Stray, |class| EntryKind::Class(class, split))
    }

    /// The class of a folder that is a class folder or lies in one.
    pub(super) fn class_of_folder<'a>(&self, chain: &[&'a OsStr]) -> Option<&'a OsStr> {
        match (self.class, self.place(chain)) {
            (Class::At(_), EntryKind::Class(name, _)) => Some(name),
            _ => None,
        }
    }

    /// Messages about how the folders were read, each with whether it is only a note.
    pub(super) fn remarks(&self, root: &Path, images: &[PathBuf]) -> Vec<(bool, String)> {
        let mut remarks = Vec::new();
        let mut inner = root.to_path_buf();
        if let Some(image) = images.first() {
            inner.extend(folders_of(root, image).iter().take(self.lead));
        }
        if self.lead > 0 {
            let text = format!("`{}` holds one folder alone: read `{}` in its place", root.display(), inner.display());
            remarks.push((self.split.is_some(), text));
        }
        remarks
    }

    /// Warnings about folders that are named like splits but are not used as such.
    pub(super) fn warn_of_splits(&self, root: &Path, folders: &[PathBuf]) -> Vec<String> {
        let why = match (&self.split, self.class) {
            (Some((level, _)), _) if *level == self.lead => "has no images and is ignored",
            (_, Class::At(level)) if level == self.lead => "is taken as a class, not as a split",
            _ => "is not taken as a split: a folder beside it is none",
        };
        let named = folders.iter().filter(|folder| {
            let chain = parts(root, folder);
            let [.., name] = chain.as_slice() else { return false };
            let is_split = |(level, splits): &SplitLevel| *level == self.lead && splits.contains_key(*name);
            chain.len() == self.lead + 1 && split_of(name).is_some() && !self.split.as_ref().is_some_and(is_split)
        });
        named.map(|folder| format!("the folder `{}` {why}", folder.display())).collect()
    }
}

/// The path components from the root to a file or folder.
pub(super) fn parts<'a>(root: &Path, path: &'a Path) -> Vec<&'a OsStr> {
    path.strip_prefix(root).unwrap_or(path).iter().collect()
}

/// The names of the folders below the root that contain a file.
pub(super) fn folders_of<'a>(root: &Path, file: &'a Path) -> Vec<&'a OsStr> {
    let mut parts = parts(root, file);
    parts.pop();
    parts
}

fn split_of(name: &OsStr) -> Option<Split> {
    name.to_str().and_then(Split::parse)
}

/// The innermost folder from level `lead` on that is not on the split level.
fn last<'a>(chain: &[&'a OsStr], lead: usize, split: Option<usize>) -> Option<&'a OsStr> {
    let mut levels = chain.iter().enumerate().skip(lead).filter(|(level, _)| Some(*level) != split);
    levels.next_back().map(|(_, name)| *name)
}

/// The folder chains that contain images, with the number of images of each.
struct Chains<'a>(BTreeMap<Vec<&'a OsStr>, usize>);

impl<'a> Chains<'a> {
    fn new(root: &Path, images: &'a [PathBuf]) -> Self {
        let mut chains = BTreeMap::new();
        for image in images {
            *chains.entry(folders_of(root, image)).or_insert(0) += 1;
        }
        Self(chains)
    }

    /// The folder names of a level.
    fn names(&self, level: usize) -> BTreeSet<&'a OsStr> {
        self.0.keys().filter_map(|chain| chain.get(level).copied()).collect()
    }

    fn depth(&self) -> usize {
        self.0.keys().map(Vec::len).max().unwrap_or(0)
    }

    /// The first level from `from` on with several folders, if every level before it is a passage: a single folder (one
    /// in each split, as in `train/train/cats` beside `test/test/cats`) that is not `expected` and has all images below
    /// it. Returns `from` if there is no such level.
    fn branching(&self, from: usize, split: Option<usize>, expected: Expected<'_>) -> usize {
        let is_passage = |level: &usize| {
            let mut inside: BTreeMap<Option<&OsStr>, BTreeSet<&OsStr>> = BTreeMap::new();
            for chain in self.0.keys() {
                let top = split.and_then(|split| chain.get(split).copied());
                inside.entry(top).or_default().extend(chain.get(*level));
            }
            let is_expected = self.names(*level).iter().any(|name| expected.has(name));
            let is_alone = inside.values().all(|names| names.len() == 1);
            is_alone && !is_expected && self.0.keys().all(|chain| chain.len() > level + 1)
        };
        let level = (from..self.depth()).find(|level| !is_passage(level)).unwrap_or(from);
        if self.names(level).len() > 1 { level } else { from }
    }

    /// The number of nested folders, each alone on its level, above the first level with several. A single folder of
    /// training images is not one of them, unless it contains splits.
    fn lead(&self, root: &Path, folders: &[PathBuf], expected: Expected<'_>) -> usize {
        let level = self.branching(0, None, expected);
        let has_company =
            |passage: usize| folders.iter().filter(|folder| parts(root, folder).len() == passage + 1).count() > 1;
        let is_split = |passage: usize| self.names(passage).iter().any(|name| split_of(name).is_some());
        let holds_splits = splits_among(&self.names(level)).is_some() && self.names(level + 1).len() > 1;
        let is_way_in = |passage: usize| !has_company(passage) && (holds_splits || !is_split(passage));
        if (0..level).all(is_way_in) { level } else { 0 }
    }

    /// The first level that has an expected class name.
    fn level_of(&self, lead: usize, expected: Expected<'_>) -> Option<usize> {
        (lead..self.depth()).find(|level| self.names(*level).iter().any(|name| expected.has(name)))
    }

    /// The level of the split folders: the outermost level, or one below the classes.
    fn split(&self, root: &Path, lead: usize, class: Option<Class>) -> Result<Option<SplitLevel>, DatasetError> {
        let levels = (lead..self.depth()).filter(|level| class != Some(Class::At(*level)));
        let found = levels.filter_map(|level| Some((level, splits_among(&self.names(level))?)));
        // Below the top level, a single `test` folder could be anything.
        let is_sure = |(level, splits): &SplitLevel| {
            *level == lead || splits.len() > 1 && splits.values().any(|split| *split == Split::Train)
        };
        let Some((level, splits)) = found.into_iter().find(is_sure) else { return Ok(None) };
        let mut taken = BTreeMap::new();
        for (name, split) in &splits {
            if let Some(first) = taken.insert(*split, name) {
                let place = |name: &OsString| {
                    let chain = self.0.keys().find(|chain| chain.get(level).is_some_and(|other| other == name));
                    chain.into_iter().flatten().take(level + 1).fold(root.to_path_buf(), |path, name| path.join(name))
                };
                let (first, second) = (place(first), place(name));
                return Err(DatasetError::TwoFoldersForOneSplit { split: *split, first, second });
            }
        }
        Ok(Some((level, splits)))
    }

    /// The level of the class folders if the user has not given it.
    fn choose(
        &self,
        root: &Path,
        lead: usize,
        split: Option<usize>,
        expected: Expected<'_>,
    ) -> Result<usize, DatasetError> {
        let first = if split == Some(lead) { self.branching(lead + 1, split, expected) } else { lead };
        let inner = self.inner_readings(first, lead, split);
        if inner.is_empty() {
            return Ok(first);
        }
        let outer = (first, self.names(first));
        let readings: Vec<_> = std::iter::once(outer).chain(inner).collect();
        let expected_in: Vec<_> =
            readings.iter().filter(|(_, names)| names.iter().any(|name| expected.has(name))).collect();
        if let [(level, _)] = expected_in.as_slice() {
            return Ok(*level);
        }
        let leaves: BTreeSet<&OsStr> = self.0.keys().filter_map(|chain| last(chain, lead, split)).collect();
        let reading = |(level, names): (usize, BTreeSet<&OsStr>)| {
            let from =
                if level > first && names == leaves { ClassesFrom::Leaf } else { ClassesFrom::Level(level - lead + 1) };
            (from, names.iter().map(|name| name.to_string_lossy().into_owned()).collect())
        };
        let readings = readings.into_iter().map(reading).collect();
        Err(DatasetError::Ambiguous(Ambiguity { path: root.to_path_buf(), readings }))
    }

    /// The levels below `first` that are equally plausible as the classes.
    fn inner_readings(&self, first: usize, lead: usize, split: Option<usize>) -> Vec<(usize, BTreeSet<&'a OsStr>)> {
        let deeper = (first + 1..self.depth()).filter(|level| Some(*level) != split);
        let mut readings: Vec<(usize, BTreeSet<&OsStr>)> = Vec::new();
        for level in deeper {
            let names = self.names(level);
            let is_called_split = split.is_none() && level == lead + 1 && self.holds_classes_in_a_split(lead);
            let is_new = readings.last().is_none_or(|(_, other)| *other != names);
            if is_new && (is_called_split || self.is_shared(first, level)) {
                readings.push((level, names));
            }
        }
        readings
    }

    /// Whether a folder that is named like a split, beside others that are not, holds several folders.
    fn holds_classes_in_a_split(&self, lead: usize) -> bool {
        let is_one = |name: &&OsStr| {
            let chains = self.0.keys().filter(|chain| chain.get(lead) == Some(name));
            let inside: BTreeSet<_> = chains.filter_map(|chain| chain.get(lead + 1)).collect();
            split_of(name).is_some() && inside.len() > 1
        };
        let names = self.names(lead);
        names.len() > 1 && names.iter().any(is_one)
    }

    /// Whether several folders of level `first` hold the same folders at `level`: at least two names, all of them in
    /// one folder, some of them in every folder, and more than half of the images.
    fn is_shared(&self, first: usize, level: usize) -> bool {
        let mut inside: BTreeMap<&OsStr, BTreeSet<String>> = BTreeMap::new();
        let (mut images, mut all) = (0, 0);
        for (chain, count) in &self.0 {
            let Some(top) = chain.get(first) else { continue };
            let names = inside.entry(top).or_default();
            all += count;
            if let Some(name) = chain.get(level) {
                names.insert(classes::key(&name.to_string_lossy()));
                images += count;
            }
        }
        let every: BTreeSet<&String> = inside.values().flatten().collect();
        let has_every = |names: &BTreeSet<String>| names.len() == every.len();
        let has_some = |names: &BTreeSet<String>| !names.is_empty();
        inside.len() > 1
            && every.len() > 1
            && inside.values().any(has_every)
            && inside.values().all(has_some)
            && 2 * images > all
    }
}

/// The split folders, if all names are those of splits or if training and another split are among them. (A folder
/// `train` beside `bus` is a class.)
fn splits_among(names: &BTreeSet<&OsStr>) -> Option<BTreeMap<OsString, Split>> {
    let splits: BTreeMap<OsString, Split> =
        names.iter().filter_map(|name| Some(((*name).to_os_string(), split_of(name)?))).collect();
    let has_train = splits.values().any(|split| *split == Split::Train);
    let has_others = splits.values().any(|split| *split != Split::Train);
    let all = splits.len() == names.len() && !splits.is_empty();
    (all || has_train && has_others).then_some(splits)
}
