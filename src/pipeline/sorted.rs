//! `predict --sort`: a new folder with a folder for each answer, of links to the photos.
//!
//! Promises: no photo is moved, copied or changed; the folder appears whole or not at all, and one that is there already is
//! left as it is.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use super::PipelineError;
use super::outputs::Inputs;
use crate::files::{self, FileError, NewFolder};

/// The folder of what could not be read; no class is called so.
pub(super) const UNREADABLE: &str = "unreadable";

/// Links, sorted by answer.
pub(super) struct Sorted {
    folder: NewFolder,
    taken: HashSet<PathBuf>,
}

impl Sorted {
    /// Fails before the first photo is read if the folder cannot be made.
    pub(super) fn new(folder: &Path, inputs: &Inputs) -> Result<Self, PipelineError> {
        let refused = |reason: &str| PipelineError::Output {
            option: "--sort",
            what: "folder of links",
            path: folder.to_path_buf(),
            reason: reason.to_owned(),
        };
        if folder.symlink_metadata().is_ok() {
            return Err(refused("it already exists"));
        }
        if inputs.hold(folder) {
            return Err(refused("it lies in a folder of photos to classify, and links would be taken for photos"));
        }
        Ok(Self { folder: files::new_folder(folder)?, taken: HashSet::new() })
    }

    /// A link to a photo in the folder of its answer; of equal names the second is `NAME-2`.
    pub(super) fn add(&mut self, photo: &Path, answer: &str) -> Result<(), FileError> {
        if !photo.is_file() && files::is_file(photo) {
            return Err(FileError::new(
                "link to",
                photo,
                io::Error::other("it is in an archive, and no file of its own"),
            ));
        }
        // A label of a CSV may be anything, and a folder's name may not.
        let answer: String = answer.chars().map(|it| if std::path::is_separator(it) { '_' } else { it }).collect();
        let stem = photo.file_stem().unwrap_or_default().to_os_string();
        let named = |number: usize| {
            let mut name = stem.clone();
            if number > 1 {
                name.push(format!("-{number}"));
            }
            if let Some(extension) = photo.extension() {
                name.push(".");
                name.push(extension);
            }
            Path::new(&answer).join(name)
        };
        // Some file systems do not know case apart.
        let is_free = |name: &PathBuf| self.taken.insert(name.as_os_str().to_ascii_lowercase().into());
        match (1..=usize::MAX).map(named).find(is_free) {
            Some(name) => self.folder.link(&name, photo),
            None => Ok(()),
        }
    }

    /// Puts the folder in place.
    pub(super) fn finish(self) -> Result<(), FileError> {
        self.folder.finish()
    }
}
