//! The head that is delivered, and the file that it goes into.

use super::TrainOptions;
use super::decide::Decided;
use super::fit::{self, Fitted};
use super::prepare::Prepared;
use super::side::Side;
use crate::dataset::Sample;
use crate::familiarity::Familiarity;
use crate::head::Head;
use crate::metrics::Metrics;
use crate::model::{FORMAT_VERSION, Facts, FamiliarityFacts, Kept, Model, TrainedOn, Training};
use crate::neighbours::Neighbours;
use crate::pipeline::PipelineError;
use crate::pipeline::photos::Photos;
use crate::progress::Progress;

impl TrainOptions {
    /// The head that is delivered, and the photos that it is fitted to: the training photos, or with `--refit` all but the
    /// test photos. Settings, calibration and threshold stay those of the head of the training photos, which is the one
    /// that is measured: what was measured is what the model does, but for a head that saw more photos.
    pub(super) fn deliver<'a>(
        &self,
        prepared: &'a Prepared,
        fitted: &Fitted,
        progress: &dyn Progress,
    ) -> Result<(Head, &'a Side), PipelineError> {
        if !self.refit {
            return Ok((fitted.head.clone(), &prepared.training));
        }
        let device = prepared.photos.target.device;
        let head = fit::fit_again(&prepared.pool, &fitted.settings, fitted.pos_weight, device, progress)?;
        Ok((head, &prepared.pool))
    }

    /// The model, with the numbers on the validation photos.
    pub(super) fn model(
        &self,
        prepared: &Prepared,
        fitted: &Fitted,
        decided: &Decided,
        (head, side): (Head, &Side),
        metrics: Option<Metrics>,
    ) -> Model {
        let Prepared { photos, training, validation, .. } = prepared;
        // Too few photos to know their own spread are no failure of the training.
        let familiarity = Familiarity::fit(&side.features, &side.groups).ok();
        let facts = Facts {
            format_version: FORMAT_VERSION,
            created_by: concat!("resnet-binary ", env!("CARGO_PKG_VERSION")).to_owned(),
            classes: photos.classes.names().to_vec(),
            positive: photos.classes.positive_name().to_owned(),
            negative: photos.classes.negative_name().to_owned(),
            threshold: decided.threshold,
            threshold_rule: self.threshold,
            calibration: decided.calibration.clone(),
            preprocess: self.preprocess.clone(),
            pooling: self.pooling,
            weights: photos.weights.clone(),
            training: Training {
                images: training.len(),
                positives: training.positives(),
                validation_images: validation.len(),
                validation_positives: validation.positives(),
                seed: self.seed,
                solver: fitted.settings.solver().to_owned(),
                l2: fitted.settings.l2(),
                pos_weight: fitted.pos_weight,
                refitted: self.refit,
            },
            validation: metrics,
            familiarity: familiarity.as_ref().map(|familiarity| FamiliarityFacts {
                width: familiarity.parts().width,
                threshold: familiarity.threshold(),
            }),
            neighbours: self.keep_index.then(|| photos.kept(&side.rows)),
        };
        let neighbours = self.keep_index.then(|| Neighbours::of(&side.features));
        let hashes = &photos.extraction.hashes;
        let trained_on = TrainedOn::of(side.rows.iter().filter_map(|&row| hashes.get(row)));
        Model { head, familiarity, neighbours, trained_on, facts }
    }
}

impl Photos {
    /// What the model file says of the photos whose features it keeps.
    fn kept(&self, rows: &[usize]) -> Vec<Kept> {
        let samples = rows.iter().filter_map(|&row| self.samples.get(row));
        let class = |sample: &Sample| self.classes.names().get(sample.class).cloned().unwrap_or_default();
        samples.map(|sample| Kept { path: sample.path.clone(), class: class(sample) }).collect()
    }
}
