//! The head that is delivered, and the file that it goes into.

use super::TrainOptions;
use super::decide::Decided;
use super::fit::{self, Fitted};
use super::prepare::Prepared;
use super::subset::{Subset, pick};
use crate::backbone::Pooling;
use crate::backbone::layout::FEATURES;
use crate::features::FeatureMatrix;
use crate::files::escaped;
use crate::head::Head;
use crate::index::Index;
use crate::metrics::Metrics;
use crate::model::{FORMAT_VERSION, Facts, IndexFacts, Kept, Model, TrainedOn, Training};
use crate::pipeline::PipelineError;
use crate::pipeline::outputs::weights_file;
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
    ) -> Result<(Head, &'a Subset), PipelineError> {
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
        (head, side): (Head, &Subset),
        metrics: Option<Metrics>,
    ) -> Model {
        let Prepared { photos, training, validation, .. } = prepared;
        let (index, index_facts) = self.index(photos, side);
        let facts = Facts {
            format_version: FORMAT_VERSION,
            created_by: concat!("resnet-binary ", env!("CARGO_PKG_VERSION")).to_owned(),
            classes: photos.classes.names().to_vec(),
            positive: photos.classes.positive_name().to_owned(),
            negative: photos.classes.negative_name().to_owned(),
            threshold: decided.threshold,
            threshold_rule: self.threshold,
            calibration: decided.calibration.clone(),
            preprocess: photos.preprocess.clone(),
            pooling: self.pooling,
            weights: photos.weights.clone(),
            weights_path: weights_file(self.backbone.weights.as_ref())
                .and_then(|(_, path)| Some(escaped::text(&std::path::absolute(path).ok()?).into_owned())),
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
            index: index_facts,
        };
        let hashes = &photos.extraction.hashes;
        let trained_on = TrainedOn::new(side.rows.iter().filter_map(|&row| hashes.get(row)));
        Model { head, index, trained_on, facts, backbone: None }
    }

    /// The photos that the head was fitted to, as far as the model remembers them.
    fn index(&self, photos: &Photos, side: &Subset) -> (Index, IndexFacts) {
        let of_class = |&row: &usize| photos.samples.get(row).map_or(0, |sample| sample.class);
        let classes: Vec<usize> = side.rows.iter().map(of_class).collect();
        let (index, kept) = match self.pooling {
            Pooling::Average => Index::new(&side.features, &classes, &side.groups),
            Pooling::Flatten => Index::new(&averaged(&side.features), &classes, &side.groups),
        };
        let facts = IndexFacts { threshold: index.threshold(), photos: photos.kept(&pick(&side.rows, &kept)) };
        (index, facts)
    }
}

/// Rows of flattened maps `[N, 2048·H·W]` to those of their channels' means `[N, 2048]`.
fn averaged(maps: &FeatureMatrix) -> FeatureMatrix {
    let mut rows = FeatureMatrix::new(FEATURES);
    for map in maps.rows() {
        // They are of that width by what `averaged` promises.
        let _ = rows.push_row(&Pooling::Flatten.averaged(map));
    }
    rows
}

impl Photos {
    /// What the model file says of the photos that it remembers.
    fn kept(&self, rows: &[usize]) -> Vec<Kept> {
        let samples = rows.iter().filter_map(|&row| self.samples.get(row));
        let class = |class: usize| self.classes.name(class).unwrap_or_default().to_owned();
        samples.map(|sample| Kept { path: sample.path.clone(), class: class(sample.class) }).collect()
    }
}
