//! What int8 costs on the user's own photos: some of them in fp32 too, answered by the same head.

use super::decide::Decided;
use super::fit::Fitted;
use super::subset::{Subset, pick};
use super::training::Training;
use crate::backbone::{Precision, Readout, Target};
use crate::features::{Extractor, FeatureMatrix};
use crate::metrics::{Answered, Certificate};
use crate::pipeline::PipelineError;
use crate::progress::{Silent, Unit};
use crate::report::html::Warning;

/// Photos that are computed in both, evenly spaced over the list.
const PHOTOS: usize = 64;

impl Training<'_> {
    /// Compares some photos; `None` in any other arithmetic, and where the photos are not at hand, which is said.
    pub(super) fn certify(&self, fitted: &Fitted, decided: &Decided) -> Result<Option<Certificate>, PipelineError> {
        let Self { options, progress, photos, .. } = self;
        if photos.target.precision != Precision::Int8 {
            return Ok(None);
        }
        if !photos.are_at_hand {
            progress.note("what int8 costs is not known: the photos are not here to be computed in fp32");
            return Ok(None);
        }
        let mut all: Vec<(usize, &[f32], bool)> = [&self.pool, &self.test].into_iter().flat_map(Subset::each).collect();
        all.sort_by_key(|(photo, ..)| *photo);
        let count = PHOTOS.min(all.len());
        let mut chosen = pick(&all, &(0..count).map(|number| number * all.len() / count).collect::<Vec<_>>());
        let sample = |(photo, ..): &(usize, &[f32], bool)| photos.samples.get(*photo);
        let paths: Vec<_> = chosen.iter().filter_map(sample).map(|sample| sample.path.clone()).collect();
        // What there is to say of cache and weights was said when the photos were read.
        let cache = options.backbone.open_cache(&Silent);
        let target = Target { precision: Precision::Fp32, ..photos.target };
        let source = options.backbone.weights.clone().unwrap_or_default();
        let backbone = options.backbone.open(&source, (target, vec![target.device]), cache.as_ref(), &Silent)?;
        let extractor = Extractor {
            backbone: &backbone,
            preprocess: &photos.preprocess,
            limits: &options.limits,
            workload: options.backbone.workload(target.device, Some(paths.len())),
            cache: cache.as_ref(),
            facts: false,
            border: false,
            readout: Readout { pooling: options.pooling, explain: None },
        };
        let mut in_fp32 = FeatureMatrix::new(extractor.width());
        progress.start("some photos in fp32", Unit::Images, Some(paths.len() as u64));
        let extracted = extractor.all(&paths, false, &mut in_fp32, *progress);
        progress.finish();
        // A photo may have gone since it was read.
        chosen = pick(&chosen, &extracted?.rows);
        let labels: Vec<bool> = chosen.iter().map(|(.., label)| *label).collect();
        let int8 = answered(chosen.iter().map(|(_, row, _)| *row).collect(), fitted, decided)?;
        let fp32 = answered(in_fp32.rows().collect(), fitted, decided)?;
        Ok(Certificate::new(&labels, decided.threshold, &int8, &fp32)?)
    }
}

/// What head and decision make of these rows.
fn answered<'r>(rows: Vec<&'r [f32]>, fitted: &Fitted, decided: &Decided) -> Result<Answered<'r>, PipelineError> {
    let logits = rows.iter().map(|row| fitted.head.logit(row)).collect::<Result<Vec<f64>, _>>()?;
    let probabilities = decided.probabilities(&logits);
    Ok(Answered { rows, logits, probabilities })
}

/// What to know of a model that int8 costs something.
pub(super) fn warning(certificate: &Certificate) -> Option<Warning> {
    let sentence = format!("in int8, {} than in fp32, of photos that were computed in both", certificate.loss()?);
    Some(Warning { sentence, step: Some("`--precision fp32` or `bf16` trains without that loss".to_owned()) })
}
