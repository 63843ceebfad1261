//! Checks that shards of features are complete and consistent, and merges them into one file if requested.
//!
//! Promises: without an error every photo of the list is in the shards exactly once, as a row or as unreadable; the one file
//! has the bytes that one machine would have written.

use std::fmt;
use std::io::Write;
use std::path::PathBuf;

use super::PipelineError;
use super::extract::skipped;
use super::outputs::{Inputs, Output, Outputs};
use crate::backbone::layout::FEATURES;
use crate::dataset::Unreadable;
use crate::progress::{Progress, Unit};
use crate::shards::{self, Contents, ShardError, Whole};

/// What `merge` needs to know.
#[derive(Debug, Clone)]
pub struct MergeOptions {
    /// A folder of shards, a pattern, or one file.
    pub features: PathBuf,
    /// Where to write the merged file, if requested.
    pub output: Option<PathBuf>,
}

/// The result of a successful check.
#[derive(Debug, Clone)]
pub struct MergeSummary {
    /// Number of files.
    pub shards: usize,
    /// Number of photos with a row.
    pub images: usize,
    /// Photos that could not be read.
    pub unreadable: Vec<Unreadable>,
    /// The merged file, if it was written.
    pub output: Option<PathBuf>,
}

impl fmt::Display for MergeSummary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shards, images, unreadable) = (self.shards, self.images, self.unreadable.len());
        let files = if shards == 1 { "1 file is".to_owned() } else { format!("{shards} shards are") };
        let photos = images + unreadable;
        writeln!(
            out,
            "{files} complete and consistent: {photos} photos, {images} with a row, {unreadable} unreadable"
        )?;
        self.output
            .as_ref()
            .map_or(Ok(()), |output| writeln!(out, "features [{images}, {FEATURES}] are in {}", output.display()))
    }
}

/// Checks that shards are complete and consistent, and merges them.
///
/// # Errors
/// [`PipelineError::Shard`] naming what is wrong; the output is then as it was.
pub fn merge(options: &MergeOptions, progress: &dyn Progress) -> Result<MergeSummary, PipelineError> {
    let whole = Whole::open(&options.features, progress)?;
    let nothing = || ShardError::NoParts { place: options.features.clone() };
    let manifest = whole.manifest().ok_or_else(nothing)?;
    whole.warning().iter().for_each(|warning| progress.warn(warning));
    let output = options.output.as_ref().map(|path| Output { option: "--output", path, kind: shards::KIND });
    let inputs = Inputs::new(whole.paths().map(|path| ("one of the shards", path)));
    let mut outputs = Outputs::new(output.into_iter().collect(), inputs)?;
    if let Some(path) = &options.output {
        let rows: Vec<_> = whole.rows().map(|(entry, ..)| entry).collect();
        let unreadable: Vec<_> = whole.unreadable().collect();
        let classes = &manifest.setup.list.class_map(None)?;
        let contents =
            Contents { manifest: &manifest, classes, rows: &rows, unreadable: &unreadable, width: whole.width() };
        progress.start("writing the features", Unit::Images, Some(rows.len() as u64));
        let written = outputs.add(path, |file| {
            shards::write(file, &contents, |file: &mut dyn Write| {
                whole.rows().try_for_each(|(_, part, row)| {
                    progress.advance(1);
                    file.write_all(part.row_bytes(row).unwrap_or_default())
                })
            })
        });
        progress.finish();
        written?;
    }
    outputs.finish(progress)?;
    Ok(MergeSummary {
        shards: whole.parts(),
        images: manifest.rows,
        unreadable: whole.unreadable().map(|entry| skipped(&entry)).collect(),
        output: options.output.clone(),
    })
}
