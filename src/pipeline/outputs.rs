//! Where a command may write, and all of it put in place together: the one door for every output of every command.
//!
//! Promises: no file that a command reads is written over, under whatever name or link it is given; no two outputs are one
//! file; nothing is put where it would be taken for a photo; and a file that is there already is replaced only by another
//! of its own kind that this program wrote, known by its content. A command that fails, or is interrupted, leaves
//! everything at its outputs as it was.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::PipelineError;
use crate::dataset::fixes;
use crate::files::{self, Batch, FileError, Identity, Kind, shell_word};
use crate::pixels;
use crate::progress::Progress;
use crate::weights::WeightsSource;

/// Where a page of everything that was found goes.
#[derive(Debug, Clone)]
pub struct PageOptions {
    /// The HTML file.
    pub path: PathBuf,
    /// The command as one would type it again, which the page shows.
    pub command: String,
}

/// A file that is to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output<'a> {
    /// The option that names it.
    pub(super) option: &'static str,
    pub(super) path: &'a Path,
    pub(super) kind: Kind,
}

/// What a command reads.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// Files, and what each is in a sentence, such as `the table of --fixes`.
    files: HashMap<Identity, &'static str>,
    /// Folders of photos.
    folders: Vec<PathBuf>,
}

impl Inputs {
    /// Photos, tables, models, or folders of photos, and what each is in a sentence.
    pub(super) fn new<'p>(given: impl IntoIterator<Item = (&'static str, &'p Path)>) -> Self {
        let mut inputs = Self::default();
        given.into_iter().for_each(|(what, path)| inputs.add(what, path));
        inputs
    }

    /// One more of them.
    pub(super) fn add(&mut self, what: &'static str, path: &Path) {
        if path.is_dir() {
            self.folders.push(path.to_path_buf());
        } else if let Some(identity) = Identity::new(path) {
            self.files.insert(identity, what);
        }
    }

    /// Whether a folder, which may not be there yet, lies in one of the folders that are read.
    pub(super) fn hold(&self, folder: &Path) -> bool {
        self.folders.iter().any(|other| is_inside(folder, other))
    }
}

/// The file of `--weights`, if it is one.
pub(super) fn weights_file(source: Option<&WeightsSource>) -> Option<(&'static str, &Path)> {
    match source {
        Some(WeightsSource::File(path)) => Some(("the file of `--weights`", path)),
        _ => None,
    }
}

/// Everything that a command writes.
pub(super) struct Outputs<'a> {
    all: Vec<Output<'a>>,
    inputs: Inputs,
    batch: Batch,
}

impl<'a> Outputs<'a> {
    /// Fails before the first photo is read if an output may not be written.
    pub(super) fn new(all: Vec<Output<'a>>, inputs: Inputs) -> Result<Self, PipelineError> {
        for (place, output) in all.iter().enumerate() {
            files::check_writable(output.path)?;
            if let Some(other) = all.iter().take(place).find(|other| is_one_place(other.path, output.path)) {
                return Err(output.refused(format!("it is the file of `{}` too", other.option)));
            }
            output.check(&inputs)?;
        }
        Ok(Self { all, inputs, batch: Batch::default() })
    }

    /// Writes an output beside its place.
    pub(super) fn add(
        &mut self,
        path: &Path,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), FileError> {
        self.batch.add(path, content)
    }

    /// Puts all of them in place, unless the user asked to stop before.
    pub(super) fn finish(self, progress: &dyn Progress) -> Result<(), PipelineError> {
        // Something else may have come there while the work was done.
        self.all.iter().try_for_each(|output| output.check(&self.inputs))?;
        progress.check()?;
        Ok(self.batch.finish()?)
    }
}

impl Output<'_> {
    /// Whether what is at the place now may be replaced.
    pub(super) fn check(&self, inputs: &Inputs) -> Result<(), PipelineError> {
        let Self { path, kind, .. } = *self;
        let identity = Identity::new(path);
        if let Some(what) = identity.as_ref().and_then(|identity| inputs.files.get(identity)) {
            return Err(self.refused(format!("it is {what}")));
        }
        // A device, or nothing at all.
        let head = if identity.is_some() { files::head(path, Kind::HEAD)? } else { Vec::new() };
        let is_ours = (kind.is_one)(&head);
        let is_photo = pixels::looks_like_image(path, &[]) || !is_ours && pixels::looks_like_image(path, &head);
        if is_photo && inputs.hold(path.parent().unwrap_or(Path::new(""))) {
            let what =
                if identity.is_some() { "it is one of the photos" } else { "it would be taken for one of the photos" };
            return Err(self.refused(format!("{what} in the folder that is read")));
        }
        if head.is_empty() || is_ours {
            return Ok(());
        }
        if fixes::has_decisions(&head) {
            let file = shell_word(&path.to_string_lossy());
            return Err(self.refused(format!("it holds decisions; `--fixes {file}` applies them to the labels")));
        }
        let (kind, found) = (kind.name, pixels::describe(&head));
        let article = if kind.starts_with(['A', 'E', 'I', 'O']) { "an" } else { "a" };
        Err(self.refused(format!("it already exists and is not {article} {kind} of this program ({found})")))
    }

    pub(super) fn refused(&self, reason: String) -> PipelineError {
        let Self { option, path, kind } = *self;
        PipelineError::Output { option, what: kind.name, path: path.to_path_buf(), reason }
    }
}

/// Whether both lead to one file, or would once it is written.
fn is_one_place(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| {
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        Some((folder.canonicalize().ok()?, path.file_name()?.to_owned()))
    };
    match (Identity::new(one), Identity::new(other)) {
        (Some(one), Some(other)) => one == other,
        // Devices take what they are given, however often.
        (None, None) => !one.exists() && !other.exists() && place(one) == place(other),
        _ => false,
    }
}

/// Whether a folder, which may not be there yet, is another or lies in it.
fn is_inside(folder: &Path, other: &Path) -> bool {
    let existing = folder.ancestors().find_map(|ancestor| {
        let ancestor = if ancestor == Path::new("") { Path::new(".") } else { ancestor };
        ancestor.canonicalize().ok()
    });
    matches!((existing, other.canonicalize()), (Some(folder), Ok(other)) if folder.starts_with(&other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_is_known_by_those_above_it() {
        let root = tempfile::tempdir().unwrap();
        let photos = root.path().join("photos");
        files::make_folder(&photos).unwrap();
        let inputs = Inputs::new([("a folder", photos.as_path())]);
        assert!(inputs.hold(&photos) && inputs.hold(&photos.join("maps/today")));
        assert!(!inputs.hold(&root.path().join("maps")));
    }

    #[test]
    fn one_file_has_many_names() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        files::make_folder(&path("sub")).unwrap();
        assert!(is_one_place(&path("new"), &path("sub/../new")) && !is_one_place(&path("new"), &path("sub/new")));
        files::write(&path("old"), |file| file.write_all(b"x")).unwrap();
        std::fs::hard_link(path("old"), path("sub/link")).unwrap();
        assert!(is_one_place(&path("old"), &path("sub/link")) && !is_one_place(&path("old"), &path("new")));
        let table = Inputs::new([("the table of `--fixes`", path("old").as_path())]);
        let at = path("sub/link");
        let kind = Kind { name: "page", is_one: |_| true };
        let error = Output { option: "--report", path: &at, kind }.check(&table).unwrap_err();
        assert!(
            error.to_string().ends_with(": it is the table of `--fixes`")
                && error.hint().unwrap().contains("`--report`"),
            "{error}"
        );
    }
}
