//! A model to a file for other programs, and such a file replayed.

use std::path::{Path, PathBuf};

use super::outputs::{Inputs, Output, Outputs, weights_file};
use super::{BackboneOptions, PipelineError};
use crate::backbone::PrecisionChoice;
use crate::backbone::device::DeviceChoice;
use crate::export::{self, Entry, Format, Replay};
use crate::files;
use crate::model::Model;
use crate::progress::Progress;

/// What `export` needs to know.
#[derive(Debug, Clone)]
pub(crate) struct ExportOptions {
    /// The model file.
    pub model: PathBuf,
    /// What to write.
    pub format: Format,
    /// Where the file begins.
    pub entry: Entry,
    /// The file.
    pub output: PathBuf,
    /// Where the model's weights are; they are computed with on the CPU and in f32, as in the file.
    pub backbone: BackboneOptions,
}

/// Measured by `scripts/check/export` on 998 photos of four sets.
const RESIZE_OF_ONNX: &str = "ONNX Runtime resizes a photo with its own arithmetic, at some pixels one level of 255 from this \
                              program's: of 998 photos no answer changed, and no logit by more than 0.026; with `--input crop` \
                              the resize is yours";

/// Writes a model as a file for other programs, after that has answered the test images as the model does.
///
/// # Errors
/// [`PipelineError`]; the output is then as it was.
pub(crate) fn export(options: &ExportOptions, progress: &dyn Progress) -> Result<Replay, PipelineError> {
    let model = Model::read(&options.model)?;
    let read = [("the model", options.model.as_path())];
    let inputs = Inputs::new(read.into_iter().chain(weights_file(options.backbone.weights.as_ref())));
    let output = Output { option: "--output", path: &options.output, kind: options.format.kind() };
    let mut outputs = Outputs::new(vec![output], inputs)?;
    let backbone = BackboneOptions {
        device: DeviceChoice::Cpu,
        precision: Some(PrecisionChoice::Fp32),
        cache: None,
        ..options.backbone.clone()
    };
    let backbone = backbone.open_for(&options.model, &model, None, progress)?.into_loaded()?;
    if let Some(levels) = model.facts.preprocess.levels {
        progress.note(&format!(
            "the file takes 8 bits a channel: map photos of 16 bits to them by the model's levels {levels} before"
        ));
    }
    if matches!(options.format, Format::Onnx { .. }) && options.entry == Entry::Photo {
        progress.note(RESIZE_OF_ONNX);
    }
    progress.check()?;
    let file = options.output.display().to_string();
    let exported = export::export(&model, &backbone, options.format, options.entry, &file)?;
    outputs.add(&options.output, |file| file.write_all(&exported.bytes))?;
    outputs.finish(progress)?;
    Ok(exported.replay)
}

/// Replays an exported file. One that answers otherwise than its model did is no error here: see [`Replay::error`].
///
/// # Errors
/// [`PipelineError`] for a file that cannot be read or run.
pub(crate) fn verify(file: &Path) -> Result<Replay, PipelineError> {
    let bytes = files::read(file, export::SIZE_LIMIT)?;
    Ok(export::verify(&bytes, &file.display().to_string())?)
}
