//! A folder of images → labelled paths, by a walk through it and its [`Layout`].

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use walkdir::{DirEntry, WalkDir};

use super::classes::Expected;
use super::layout::{EntryKind, Layout, folders_of, parts};
use super::listing::{Listed, Listing, go_on};
use super::{DatasetError, HEAD, Ignored, IsImage, ReadOptions, Unreadable, tars};
use crate::files::{self, WalkRoot};
use crate::progress::{Interrupted, Progress};

/// Lists the images of a folder with their classes, and with their splits if the folder has any.
pub(super) fn list(
    root: &Path,
    options: &ReadOptions,
    expected: Expected<'_>,
    is_image: IsImage<'_>,
    progress: &dyn Progress,
) -> Result<Listing, DatasetError> {
    let mut walk = Walk::through(root, progress)?;
    let archives: Vec<PathBuf> = walk.files.iter().filter(|file| files::is_tar(file)).cloned().collect();
    let images = keep_images(std::mem::take(&mut walk.files), is_image, progress)?;
    walk.ignored.not_images += images.iter().filter(|image| image.is_none()).count();
    let images: Vec<PathBuf> = images.into_iter().flatten().collect();
    if images.is_empty() && !archives.is_empty() {
        return tars::list(root, &archives, options, expected, is_image, progress);
    }
    if options.label_column.is_some() {
        return Err(DatasetError::no_columns(root));
    }
    if images.is_empty() {
        let nothing = DatasetError::NoImages { path: root.to_path_buf(), ignored: walk.ignored };
        return Err(nothing.because_of(&walk.unreadable));
    }
    let layout = Layout::new(root, &images, &walk.folders, options.classes_from, expected)?;
    label(&layout, root, images, walk)
}

/// All files and folders below a folder that are not hidden.
#[derive(Default)]
struct Walk {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    ignored: Ignored,
    unreadable: Vec<Unreadable>,
}

impl Walk {
    /// Walks the folder and follows links; circular links are counted and skipped.
    fn through(root: &Path, progress: &dyn Progress) -> Result<Self, DatasetError> {
        let mut walk = Self::default();
        // For each open folder, whether anything was found in it.
        let mut open: Vec<bool> = Vec::new();
        let mut entries = WalkDir::new(root).follow_links(true).into_iter();
        let start = WalkRoot::new(root);
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
            let leads_up = start.lies_below(&entry);
            if leads_up || files::is_leftover(&entry) {
                let ignored = &mut walk.ignored;
                *(if leads_up { &mut ignored.link_loops } else { &mut ignored.hidden }) += 1;
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
                // Opening a pipe or a device could block for ever.
                walk.ignored.not_images += 1;
            }
        }
        walk.leave(&mut open, 0);
        Ok(walk)
    }

    /// Closes the folders deeper than `depth` and counts the empty ones.
    fn leave(&mut self, open: &mut Vec<bool>, depth: usize) {
        while open.len() > depth {
            self.ignored.empty_folders += usize::from(open.pop() == Some(false));
        }
    }

    fn note(&mut self, root: &Path, error: walkdir::Error) {
        if error.loop_ancestor().is_some() {
            self.ignored.link_loops += 1;
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

/// For each file, in the given order, its path if it is an image, else `None`. A file that cannot be opened is kept:
/// reading it later reports the reason.
fn keep_images(
    files: Vec<PathBuf>,
    is_image: IsImage<'_>,
    progress: &dyn Progress,
) -> Result<Vec<Option<PathBuf>>, Interrupted> {
    let look = |path: PathBuf| {
        let head = files::head(&path, HEAD).ok();
        progress.advance(1);
        if head.is_none_or(|head| is_image(&path, &head)) { Some(path) } else { None }
    };
    let checked = files.into_par_iter().enumerate().map(|(index, path)| {
        go_on(progress, index)?;
        Ok(look(path))
    });
    checked.collect()
}

/// Assigns each image the class and the split of its folders.
fn label(layout: &Layout, root: &Path, images: Vec<PathBuf>, walk: Walk) -> Result<Listing, DatasetError> {
    let Walk { folders, ignored, unreadable, .. } = walk;
    let mut listing = Listing { ignored, unreadable, ..Listing::default() };
    for (is_note, text) in layout.remarks(root, &images) {
        if is_note { &mut listing.notes } else { &mut listing.warnings }.push(text);
    }
    let mut strangers = BTreeSet::new();
    let mut names = Names::default();
    for path in images {
        let chain = folders_of(root, &path);
        match layout.place(&chain) {
            EntryKind::Class(name, split) => {
                let class = names.of(name, root)?;
                listing.images.push(Listed { path, class, split });
                continue;
            }
            EntryKind::NotAClass(name) => {
                strangers.insert(name.to_string_lossy().into_owned());
            }
            EntryKind::Stray => {}
        }
        listing.ignored.loose += 1;
    }
    if listing.images.is_empty() && listing.ignored.loose > 0 {
        return Err(DatasetError::NoClassFolders { path: root.to_path_buf(), images: listing.ignored.loose });
    }
    let class_of = |folder: &PathBuf| {
        let name = layout.class_of_folder(&parts(root, folder))?;
        name.to_str().map(str::to_owned)
    };
    listing.class_folders = folders.iter().filter_map(class_of).collect();
    listing.warnings.extend(warn_of_loose(root, listing.ignored.loose, &strangers));
    listing.warnings.extend(layout.warn_of_splits(root, &folders));
    Ok(listing)
}

fn warn_of_loose(root: &Path, count: usize, strangers: &BTreeSet<String>) -> Option<String> {
    let images = if count == 1 { "image lies" } else { "images lie" };
    let text = format!("{count} {images} outside the class folders of `{}` and will not be used", root.display());
    match (count, strangers.iter().next()) {
        (0, _) => None,
        (_, None) => Some(text),
        (_, Some(name)) => Some(format!("{text}; `{name}` is not the name of a split")),
    }
}

/// Class names by folder name, so that each name is checked once and not once per image.
#[derive(Default)]
struct Names(BTreeMap<OsString, String>);

impl Names {
    fn of(&mut self, folder: &OsStr, root: &Path) -> Result<String, DatasetError> {
        if let Some(name) = self.0.get(folder) {
            return Ok(name.clone());
        }
        match folder.to_str() {
            Some(name) if !name.trim().is_empty() => {
                self.0.insert(folder.to_os_string(), name.to_owned());
                Ok(name.to_owned())
            }
            _ => Err(DatasetError::ClassName { path: root.join(folder) }),
        }
    }
}
