//! `DIR/CLASS/**` and `DIR/SPLIT/CLASS/**` → labelled paths.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use walkdir::{DirEntry, WalkDir};

use super::{DatasetError, HEAD, IsImage, Listed, Listing, PassedOver, Split, Unreadable, go_on};
use crate::files;
use crate::progress::{Interrupted, Progress};

/// Lists the images of a folder with their classes, and their splits where the folder has them.
pub(super) fn list(root: &Path, is_image: IsImage<'_>, progress: &dyn Progress) -> Result<Listing, DatasetError> {
    let mut walk = Walk::through(root, progress)?;
    let images = keep_images(std::mem::take(&mut walk.files), is_image, progress)?;
    walk.passed_over.not_images += images.iter().filter(|image| image.is_none()).count();
    let images: Vec<PathBuf> = images.into_iter().flatten().collect();
    if images.is_empty() {
        let nothing = DatasetError::NoImages { path: root.to_path_buf(), passed_over: walk.passed_over };
        return Err(nothing.because_of(&walk.unreadable));
    }
    let layout = Layout::of(root, &images)?;
    layout.label(root, images, walk)
}

/// Everything below a folder that is not hidden.
#[derive(Default)]
struct Walk {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    passed_over: PassedOver,
    unreadable: Vec<Unreadable>,
}

impl Walk {
    /// Follows links; one that leads back to where it lies is counted and left.
    fn through(root: &Path, progress: &dyn Progress) -> Result<Self, DatasetError> {
        let mut walk = Self::default();
        // Folders on the way down, each with whether anything was seen in it.
        let mut open: Vec<bool> = Vec::new();
        let mut entries = WalkDir::new(root).follow_links(true).into_iter();
        let mut seen = 0_usize;
        while let Some(entry) = entries.next() {
            seen += 1;
            go_on(progress, seen)?;
            let depth = entry.as_ref().map_or_else(walkdir::Error::depth, DirEntry::depth);
            walk.leave(&mut open, depth);
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) if depth == 0 => return Err(unlisted(root, error).into()),
                Err(error) => {
                    open.last_mut().into_iter().for_each(|seen| *seen = true);
                    walk.note(root, error);
                    continue;
                }
            };
            if depth > 0 && is_hidden(entry.file_name()) {
                walk.passed_over.hidden += 1;
                if entry.file_type().is_dir() {
                    entries.skip_current_dir();
                }
                continue;
            }
            open.last_mut().into_iter().for_each(|seen| *seen = true);
            if entry.file_type().is_dir() {
                open.push(false);
                walk.folders.push(entry.into_path());
            } else if entry.file_type().is_file() {
                walk.files.push(entry.into_path());
            } else {
                // A pipe or a device: opening it could wait for ever.
                walk.passed_over.not_images += 1;
            }
        }
        walk.leave(&mut open, 0);
        Ok(walk)
    }

    /// Folders deeper than `depth` are done with.
    fn leave(&mut self, open: &mut Vec<bool>, depth: usize) {
        while open.len() > depth {
            self.passed_over.empty_folders += usize::from(open.pop() == Some(false));
        }
    }

    fn note(&mut self, root: &Path, error: walkdir::Error) {
        if error.loop_ancestor().is_some() {
            self.passed_over.link_loops += 1;
            return;
        }
        let error = unlisted(root, error);
        self.unreadable.push(Unreadable { reason: error.reason(), path: error.path });
    }
}

fn unlisted(root: &Path, error: walkdir::Error) -> files::FileError {
    let path = error.path().unwrap_or(root).to_path_buf();
    let source = error.into_io_error().unwrap_or_else(|| std::io::Error::other("it cannot be listed"));
    files::FileError::new("read", &path, source)
}

/// What begins with a dot, and what macOS, Windows and network drives leave in every folder.
fn is_hidden(name: &OsStr) -> bool {
    const LEFT_BEHIND: [&str; 7] =
        ["__MACOSX", "Thumbs.db", "desktop.ini", "$RECYCLE.BIN", "System Volume Information", "lost+found", "@eaDir"];
    name.as_encoded_bytes().starts_with(b".") || LEFT_BEHIND.iter().any(|left| name.eq_ignore_ascii_case(left))
}

/// In the order given: the path of each image, `None` for every other file. A file that cannot be opened is kept, for
/// whoever reads it will say why.
fn keep_images(
    files: Vec<PathBuf>,
    is_image: IsImage<'_>,
    progress: &dyn Progress,
) -> Result<Vec<Option<PathBuf>>, Interrupted> {
    let look = |path: PathBuf| {
        let head = head_of(&path);
        progress.advance(1);
        if head.is_none_or(|head| is_image(&path, &head)) { Some(path) } else { None }
    };
    let checked = files.into_par_iter().enumerate().map(|(index, path)| {
        go_on(progress, index)?;
        Ok(look(path))
    });
    checked.collect()
}

/// The first [`HEAD`] bytes.
pub(super) fn head_of(path: &Path) -> Option<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD);
    files::open(path).ok()?.take(HEAD as u64).read_to_end(&mut head).ok()?;
    Some(head)
}

/// How the folders directly below the root are meant.
enum Layout {
    Classes,
    /// The folders that are splits; what lies in others is outside the classes.
    Splits(BTreeMap<OsString, Split>),
}

impl Layout {
    /// Splits, if there is a training folder and either a validation or test folder beside it or nothing else. (A folder
    /// `train` beside `bus` is a class.)
    fn of(root: &Path, images: &[PathBuf]) -> Result<Self, DatasetError> {
        let mut folders = BTreeSet::new();
        for image in images {
            let mut parts = inside(root, image);
            if let (Some(first), Some(_)) = (parts.next(), parts.next()) {
                folders.insert(first.to_os_string());
            }
        }
        let split_of = |name: &OsString| name.to_str().and_then(Split::parse);
        let splits: BTreeMap<OsString, Split> =
            folders.iter().filter_map(|name| Some((name.clone(), split_of(name)?))).collect();
        let has_train = splits.values().any(|split| *split == Split::Train);
        let has_others = splits.values().any(|split| *split != Split::Train);
        let all = splits.len() == folders.len() && !splits.is_empty();
        if !(all || has_train && has_others) {
            return Ok(Self::Classes);
        }
        let mut taken = BTreeMap::new();
        for (name, split) in &splits {
            if let Some(first) = taken.insert(*split, name) {
                let (first, second) = (root.join(first), root.join(name));
                return Err(DatasetError::TwoFoldersForOneSplit { split: *split, first, second });
            }
        }
        Ok(Self::Splits(splits))
    }

    fn label(&self, root: &Path, images: Vec<PathBuf>, walk: Walk) -> Result<Listing, DatasetError> {
        let Walk { folders, passed_over, unreadable, .. } = walk;
        let mut listing = Listing { passed_over, unreadable, ..Listing::default() };
        let mut strangers = BTreeSet::new();
        let mut names = Names::default();
        for path in images {
            match self.place(root, &path) {
                Place::Class(name, split) => {
                    let class = names.of(name, root)?;
                    listing.images.push(Listed { path, class, split });
                    continue;
                }
                Place::Stranger(name) => {
                    strangers.insert(name.to_string_lossy().into_owned());
                }
                Place::Loose => {}
            }
            listing.passed_over.loose += 1;
        }
        if listing.images.is_empty() && listing.passed_over.loose > 0 {
            return Err(DatasetError::NoClassFolders { path: root.to_path_buf(), images: listing.passed_over.loose });
        }
        listing.class_folders = self.class_folders(root, &folders);
        listing.warnings.extend(warn_of_loose(root, listing.passed_over.loose, &strangers));
        listing.warnings.extend(self.warn_of_splits(root, &folders));
        Ok(listing)
    }

    /// The names of all folders that would be classes if they had images.
    fn class_folders(&self, root: &Path, folders: &[PathBuf]) -> BTreeSet<String> {
        let name = |folder: &PathBuf| match self.place(root, &folder.join("image")) {
            Place::Class(name, _) => name.to_str().map(|name| name.trim().to_owned()),
            Place::Stranger(_) | Place::Loose => None,
        };
        folders.iter().filter_map(name).collect()
    }

    /// Folders that are called like splits and are none.
    fn warn_of_splits(&self, root: &Path, folders: &[PathBuf]) -> Vec<String> {
        let is_called_so = |folder: &&PathBuf| {
            let name = folder.file_name().and_then(OsStr::to_str);
            folder.parent() == Some(root) && name.and_then(Split::parse).is_some()
        };
        let is_none = |folder: &&PathBuf| match self {
            Self::Classes => true,
            Self::Splits(splits) => folder.file_name().is_none_or(|name| !splits.contains_key(name)),
        };
        let why = match self {
            Self::Classes => "is taken as a class, not as a split",
            Self::Splits(_) => "has no images and is passed over",
        };
        let named = folders.iter().filter(is_called_so).filter(is_none);
        named.map(|folder| format!("the folder `{}` {why}", folder.display())).collect()
    }

    fn place<'a>(&self, root: &Path, path: &'a Path) -> Place<'a> {
        let mut parts = inside(root, path);
        let (first, second, third) = (parts.next(), parts.next(), parts.next());
        match (self, first, second, third) {
            (Self::Classes, Some(class), Some(_), _) => Place::Class(class, None),
            (Self::Splits(splits), Some(name), Some(second), third) => match (splits.get(name), third) {
                (Some(split), Some(_)) => Place::Class(second, Some(*split)),
                (Some(_), None) => Place::Loose,
                (None, _) => Place::Stranger(name),
            },
            _ => Place::Loose,
        }
    }
}

fn warn_of_loose(root: &Path, count: usize, strangers: &BTreeSet<String>) -> Option<String> {
    let images = if count == 1 { "image lies" } else { "images lie" };
    let text = format!("{count} {images} outside the class folders of `{}` and will not be used", root.display());
    match (count, strangers.iter().next()) {
        (0, _) => None,
        (_, None) => Some(text),
        (_, Some(name)) => Some(format!("{text}; `{name}` is no split's name")),
    }
}

enum Place<'a> {
    /// In a class folder, perhaps within a split.
    Class(&'a OsStr, Option<Split>),
    /// In a folder beside the splits.
    Stranger(&'a OsStr),
    /// In no class folder.
    Loose,
}

/// Class names by folder name: checked once each, not once an image.
#[derive(Default)]
struct Names(BTreeMap<OsString, String>);

impl Names {
    /// Blanks around a name are no part of it, here as in a CSV.
    fn of(&mut self, folder: &OsStr, root: &Path) -> Result<String, DatasetError> {
        if let Some(name) = self.0.get(folder) {
            return Ok(name.clone());
        }
        match folder.to_str().map(str::trim) {
            Some(name) if !name.is_empty() => {
                self.0.insert(folder.to_os_string(), name.to_owned());
                Ok(name.to_owned())
            }
            _ => Err(DatasetError::ClassName { path: root.join(folder) }),
        }
    }
}

/// The parts of a path below the root.
fn inside<'a>(root: &Path, path: &'a Path) -> impl Iterator<Item = &'a OsStr> {
    path.strip_prefix(root).unwrap_or(path).iter()
}
