//! Where the class activation maps of `predict` go: one PNG a photo, under a name that the order of the inputs decides.
//!
//! Promise: beyond that of every output (`outputs`), a folder of maps never lies among the photos that are read.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::outputs::{Inputs, Output};
use super::{Answer, PipelineError};
use crate::features::Explained;
use crate::files;
use crate::model::Facts;
use crate::report::{self, heatmap};

/// What a photo is as an input.
pub(super) const PHOTO: &str = "one of the photos";

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
    inputs: Inputs,
    taken: HashSet<String>,
}

impl<'a> Maps<'a> {
    /// Fails before the first photo is read if the maps cannot go there.
    pub(super) fn new(output: &'a MapOutput, facts: &'a Facts, inputs: Inputs) -> Result<Self, PipelineError> {
        match output {
            MapOutput::File(path) => {
                files::check_writable(path)?;
                map_at(path).check(&inputs)?;
            }
            MapOutput::Folder(folder) => {
                if inputs.hold(folder) {
                    let reason = "it lies in a folder of photos to classify, and maps would be taken for photos";
                    return Err(map_at(folder).refused(reason.to_owned()));
                }
                files::make_folder(folder)?;
            }
        }
        Ok(Self { output, facts, inputs, taken: HashSet::new() })
    }

    /// Draws the map of a photo and returns where it is.
    pub(super) fn write(
        &mut self,
        photo: &Path,
        explained: &Explained,
        answer: &Answer,
    ) -> Result<PathBuf, PipelineError> {
        let path = match self.output {
            MapOutput::File(path) => path.clone(),
            MapOutput::Folder(folder) => folder.join(self.name(photo)),
        };
        self.inputs.add(PHOTO, photo);
        map_at(&path).check(&self.inputs)?;
        let size = explained.crop.size.max(1);
        let picture = heatmap::side_by_side(&explained.crop, &explained.map, size * SIDE.div_ceil(size))?;
        let [orange, blue] = heatmap::COLOURS;
        let Facts { positive, negative, .. } = self.facts;
        let [of_positive, of_negative] =
            [heatmap::written(positive, "positive class"), heatmap::written(negative, "negative class")];
        let words = match answer.label.word() {
            word if word == positive => of_positive,
            word if word == negative => of_negative,
            word => word,
        };
        let caption = format!("{words}, P({of_positive}) {}", report::equals(answer.probability));
        let picture = heatmap::captioned(picture, &caption, [of_positive, of_negative]);
        let description = format!("{orange}: evidence for {positive}, {blue}: evidence for {negative}");
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

/// A map as an output.
fn map_at(path: &Path) -> Output<'_> {
    Output { option: "--cam", path, kind: heatmap::KIND }
}
