//! The folders on the way to each photo → which of them names its class, and which its split.
//!
//! Names decide first: folders called `train`, `val` or `test`, above the classes or below them, are splits. Then the
//! structure: where several folders hold subfolders of the same names, either of the two can be the classes, and nobody
//! but the user knows which ([`DatasetError::Ambiguous`]). Nothing is guessed: a data set that one reading makes
//! sense of is read so, one that two make sense of is not read.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::classes::Expected;
use super::{DatasetError, Split, classes};

/// Which folder on the way to a photo names its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassesFrom {
    /// The one on this level: 1 for the folders directly in the data.
    Level(usize),
    /// The one that the photo lies in.
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

/// Folders that can be read in more than one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ambiguity {
    /// The data.
    pub path: PathBuf,
    /// Each choice with the classes that it makes; the outermost first.
    pub readings: Vec<(ClassesFrom, Vec<String>)>,
}

/// Such as `` `no`, `yes` ``.
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
    /// One command for each reading, `command` being the one that could not tell.
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

/// How the folders below the data are meant.
pub(super) struct Layout {
    /// Folders that all others lie in, one in the other.
    lead: usize,
    /// The level whose folders are splits, if there is one.
    split: Option<SplitLevel>,
    class: Class,
}

/// A level, and which of its folders are which split.
type SplitLevel = (usize, BTreeMap<OsString, Split>);

/// Levels are counted from 0 here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    At(usize),
    Last,
}

/// Where a file is.
pub(super) enum EntryKind<'a> {
    /// In a class folder, perhaps within a split.
    Class(&'a OsStr, Option<Split>),
    /// In a folder beside the splits.
    NotAClass(&'a OsStr),
    /// In no class folder.
    Stray,
}

impl Layout {
    /// Understands the folders of some images; `folders` are all that there are.
    ///
    /// # Errors
    /// [`DatasetError`] where they can be read in two ways, or two of them are one split.
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

    /// Of a file in these folders.
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

    /// The class of a folder itself, where it is one or lies in one.
    pub(super) fn class_of_folder<'a>(&self, chain: &[&'a OsStr]) -> Option<&'a OsStr> {
        match (self.class, self.place(chain)) {
            (Class::At(_), EntryKind::Class(name, _)) => Some(name),
            _ => None,
        }
    }

    /// What the user should know of the way in which the folders were read, and whether it is no more than a note.
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

    /// Folders where splits could be that are called like splits and are none.
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

/// The names on the way from the root to a file or folder, the outermost first.
pub(super) fn parts<'a>(root: &Path, path: &'a Path) -> Vec<&'a OsStr> {
    path.strip_prefix(root).unwrap_or(path).iter().collect()
}

/// The names of the folders below the root that a file lies in.
pub(super) fn folders_of<'a>(root: &Path, file: &'a Path) -> Vec<&'a OsStr> {
    let mut parts = parts(root, file);
    parts.pop();
    parts
}

fn split_of(name: &OsStr) -> Option<Split> {
    name.to_str().and_then(Split::parse)
}

/// The last folder from a level on that is no split.
fn last<'a>(chain: &[&'a OsStr], lead: usize, split: Option<usize>) -> Option<&'a OsStr> {
    let mut levels = chain.iter().enumerate().skip(lead).filter(|(level, _)| Some(*level) != split);
    levels.next_back().map(|(_, name)| *name)
}

/// Each way of folders on which images lie, with how many.
struct Chains<'a>(BTreeMap<Vec<&'a OsStr>, usize>);

impl<'a> Chains<'a> {
    fn new(root: &Path, images: &'a [PathBuf]) -> Self {
        let mut chains = BTreeMap::new();
        for image in images {
            *chains.entry(folders_of(root, image)).or_insert(0) += 1;
        }
        Self(chains)
    }

    /// The names of a level's folders.
    fn names(&self, level: usize) -> BTreeSet<&'a OsStr> {
        self.0.keys().filter_map(|chain| chain.get(level).copied()).collect()
    }

    fn depth(&self) -> usize {
        self.0.keys().map(Vec::len).max().unwrap_or(0)
    }

    /// The first level from `from` on with several folders, where all images lie below it and no folder on the way to
    /// it is one of those `expected`; `from` itself if there is none. Each split has a way of its own: `train/train/cats`
    /// beside `test/test/cats`.
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

    /// How many folders lie one in the other, each with nothing beside it, before there is a choice. A folder of training
    /// images alone is no such folder, unless there are splits in it.
    fn lead(&self, root: &Path, folders: &[PathBuf], expected: Expected<'_>) -> usize {
        let level = self.branching(0, None, expected);
        let has_company =
            |passage: usize| folders.iter().filter(|folder| parts(root, folder).len() == passage + 1).count() > 1;
        let is_split = |passage: usize| self.names(passage).iter().any(|name| split_of(name).is_some());
        let holds_splits = splits_among(&self.names(level)).is_some() && self.names(level + 1).len() > 1;
        let is_way_in = |passage: usize| !has_company(passage) && (holds_splits || !is_split(passage));
        if (0..level).all(is_way_in) { level } else { 0 }
    }

    /// The first level with a class that is expected.
    fn level_of(&self, lead: usize, expected: Expected<'_>) -> Option<usize> {
        (lead..self.depth()).find(|level| self.names(*level).iter().any(|name| expected.has(name)))
    }

    /// The level whose folders are splits: the outermost, or one below the classes.
    fn split(&self, root: &Path, lead: usize, class: Option<Class>) -> Result<Option<SplitLevel>, DatasetError> {
        let levels = (lead..self.depth()).filter(|level| class != Some(Class::At(*level)));
        let found = levels.filter_map(|level| Some((level, splits_among(&self.names(level))?)));
        // Deeper than at the top, a single `test` may be anything.
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

    /// The level of the classes, where the user has not said it.
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

    /// The levels below `first` that can be the classes just as well.
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

    /// Whether a folder that is called like a split, beside others that are not, holds several folders.
    fn holds_classes_in_a_split(&self, lead: usize) -> bool {
        let is_one = |name: &&OsStr| {
            let chains = self.0.keys().filter(|chain| chain.get(lead) == Some(name));
            let inside: BTreeSet<_> = chains.filter_map(|chain| chain.get(lead + 1)).collect();
            split_of(name).is_some() && inside.len() > 1
        };
        let names = self.names(lead);
        names.len() > 1 && names.iter().any(is_one)
    }

    /// Whether several folders of a level hold the same folders further down: several, all of them in one at least, some
    /// in every one, with most of the images.
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

/// The folders that are splits: where all are, or training images and others are among them. (A folder `train` beside
/// `bus` is a class.)
fn splits_among(names: &BTreeSet<&OsStr>) -> Option<BTreeMap<OsString, Split>> {
    let splits: BTreeMap<OsString, Split> =
        names.iter().filter_map(|name| Some(((*name).to_os_string(), split_of(name)?))).collect();
    let has_train = splits.values().any(|split| *split == Split::Train);
    let has_others = splits.values().any(|split| *split != Split::Train);
    let all = splits.len() == names.len() && !splits.is_empty();
    (all || has_train && has_others).then_some(splits)
}
