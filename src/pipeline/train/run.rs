//! A training from its first photo to its last output.

use super::TrainOptions;
use super::found::Found;
use super::training::Training;
use crate::pipeline::PipelineError;
use crate::pipeline::stored::Stored;
use crate::progress::Progress;
use crate::report::TrainReport;

/// Trains a head on the photos of a folder, or on features of them, and writes the model.
///
/// # Errors
/// [`PipelineError`]; what was at the outputs is then as it was.
pub fn train(options: &TrainOptions, progress: &dyn Progress) -> Result<TrainReport, PipelineError> {
    let stored = options.features.as_deref().map(|place| Stored::open(place, progress)).transpose()?;
    let settled = stored.as_ref().map(|stored| stored.train_options(options)).transpose()?;
    let options = settled.as_ref().unwrap_or(options);
    let mut outputs = options.outputs(stored.as_ref())?;
    let training = Training::prepare(options, stored.as_ref(), progress)?;
    let fitted = training.fit()?;
    let decided = training.decide(&fitted)?;
    let measured = training.measure(&fitted, &decided)?;
    let audited = training.audit(&fitted, &decided)?;
    let certificate = training.certify(&fitted, &decided)?;
    let found = Found { fitted, decided, measured, audited, certificate };
    let model = training.deliver(&found)?;
    let model_bytes = training.add_model(&model, &mut outputs)?;
    training.add_tables(&found.audited, &mut outputs)?;
    let report = training.report(&found, &model, model_bytes);
    training.add_page(&found, model, &report, &mut outputs)?;
    outputs.finish(progress)?;
    Ok(report)
}
