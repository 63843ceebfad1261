//! Where the class activation maps of `predict` go: one PNG a photo, under a name that the order of the inputs decides.
//!
//! Promise: no photo is ever written over. A map replaces nothing but a map that this program made, known by its mark
//! ([`heatmap::is_marked`]), and a folder of maps never lies among the photos that are read.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::{Arguments, PipelineError};
use crate::features::Explained;
use crate::files;
use crate::model::Facts;
use crate::pixels::Limits;
use crate::report::heatmap;

/// Sides of the pictures are at least this, in pixels.
const SIDE: u32 = 448;

/// Where maps are to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MapOutput {
    /// The map of the one photo.
    File(PathBuf),
    /// `NAME.cam.png` for every photo; of equal names the second is `NAME-2.cam.png`.
    Folder(PathBuf),
}

/// Draws maps and gives them their names.
pub(super) struct Maps<'a> {
    output: &'a MapOutput,
    facts: &'a Facts,
    taken: HashSet<String>,
}

impl<'a> Maps<'a> {
    /// Fails before the first photo is read if the maps cannot go there.
    pub(super) fn new(output: &'a MapOutput, facts: &'a Facts, inputs: &Arguments) -> Result<Self, PipelineError> {
        match output {
            MapOutput::File(path) => {
                files::check_writable(path)?;
                check_target(path, inputs.paths())?;
            }
            MapOutput::Folder(folder) => {
                if inputs.paths().any(|input| input.is_dir() && is_inside(folder, input)) {
                    let reason =
                        "it lies in a folder of photos to classify, and maps would be taken for photos".to_owned();
                    return Err(PipelineError::MapTarget { path: folder.clone(), reason });
                }
                files::make_folder(folder)?;
            }
        }
        Ok(Self { output, facts, taken: HashSet::new() })
    }

    /// Draws the map of a photo and returns where it is.
    pub(super) fn write(&mut self, photo: &Path, explained: &Explained) -> Result<PathBuf, PipelineError> {
        let path = match self.output {
            MapOutput::File(path) => path.clone(),
            MapOutput::Folder(folder) => folder.join(self.name(photo)),
        };
        check_target(&path, std::iter::once(photo))?;
        let size = explained.crop.size.max(1);
        let picture = heatmap::side_by_side(&explained.crop, &explained.map, size * SIDE.div_ceil(size))?;
        let [orange, blue] = heatmap::COLOURS;
        let Facts { positive, negative, .. } = self.facts;
        let description = format!("{orange} speaks for {positive}, {blue} for {negative}");
        let bytes = heatmap::png(&picture, &description)?;
        files::write(&path, |file| file.write_all(&bytes))?;
        Ok(path)
    }

    /// A name that no photo before had; file systems that do not know case see them apart too.
    fn name(&mut self, photo: &Path) -> String {
        let stem = photo.file_stem().unwrap_or_default().to_string_lossy();
        let numbered = (2_u64..).map(|number| format!("{stem}-{number}.cam.png"));
        let mut names = std::iter::once(format!("{stem}.cam.png")).chain(numbered);
        names.find(|name| self.taken.insert(name.to_lowercase())).unwrap_or_default()
    }
}

/// A target that is a photo, or anything else that is no map of ours, is left alone.
fn check_target<'p>(target: &Path, mut photos: impl Iterator<Item = &'p Path>) -> Result<(), PipelineError> {
    let refuse = |reason: &str| Err(PipelineError::MapTarget { path: target.to_path_buf(), reason: reason.to_owned() });
    if !target.is_file() {
        return Ok(());
    }
    let real = target.canonicalize().ok();
    if photos.any(|photo| photo.canonicalize().ok() == real) {
        return refuse("it is one of the photos");
    }
    match files::read(target, Limits::default().max_file_bytes) {
        Ok(bytes) if heatmap::is_marked(&bytes) => Ok(()),
        _ => refuse("it is there already and no map of this program"),
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
        assert!(is_inside(&photos, &photos));
        assert!(is_inside(&photos.join("maps/today"), &photos));
        assert!(!is_inside(&root.path().join("maps"), &photos));
    }
}
