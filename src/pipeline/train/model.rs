//! The head that is delivered, and the file that it goes into.

use super::TrainOptions;
use super::decide::{self, Decided};
use super::fit::{Fitted, OutOfFold};
use super::prepare::Prepared;
use super::side::Side;
use crate::dataset::Sample;
use crate::familiarity::Familiarity;
use crate::head;
use crate::metrics::Metrics;
use crate::model::{FORMAT_VERSION, Facts, FamiliarityFacts, Kept, Model, Training};
use crate::neighbours::Neighbours;
use crate::pipeline::PipelineError;
use crate::pipeline::photos::Photos;
use crate::progress::Progress;

/// What goes into the model file.
pub(super) struct Delivered<'a> {
    pub(super) fitted: Fitted,
    pub(super) decided: Decided,
    /// The photos that the head was fitted to.
    side: &'a Side,
}

impl TrainOptions {
    /// The head of the training photos, or with `--refit` one of the same settings on all photos, which then decides by
    /// the out-of-fold logits of all.
    pub(super) fn deliver<'a>(
        &self,
        prepared: &'a Prepared,
        fitted: Fitted,
        decided: Decided,
        out_of_fold: Option<&OutOfFold>,
        progress: &dyn Progress,
    ) -> Result<Delivered<'a>, PipelineError> {
        if !self.refit {
            return Ok(Delivered { fitted, decided, side: &prepared.training });
        }
        let pool = &prepared.pool;
        let head = self.fit_again(pool, &fitted.settings, prepared.photos.target.device, progress)?;
        let decided = match out_of_fold {
            Some(_) => decide::decide(self.threshold, out_of_fold, &pool.labels)?,
            None => decided,
        };
        Ok(Delivered { fitted: Fitted { head, ..fitted }, decided, side: pool })
    }

    /// The model, with the numbers on the validation photos.
    pub(super) fn model(&self, prepared: &Prepared, delivered: &Delivered<'_>, metrics: Option<Metrics>) -> Model {
        let Prepared { photos, training, validation, .. } = prepared;
        let Delivered { fitted, decided, side } = delivered;
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
                pos_weight: head::pos_weight(&side.labels, self.balance),
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
        Model { head: fitted.head.clone(), familiarity, neighbours, facts }
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
