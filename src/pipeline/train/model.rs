//! The head that is delivered, and the file that it goes into.

use super::found::Found;
use super::subset::{Subset, pick};
use super::training::Training;
use crate::backbone::Pooling;
use crate::backbone::layout::FEATURES;
use crate::features::FeatureMatrix;
use crate::index::Index;
use crate::model::{self, FORMAT_VERSION, Facts, IndexFacts, Kept, Model, TrainedOn};
use crate::pipeline::PipelineError;
use crate::pipeline::outputs::Outputs;
use crate::pipeline::photos::Photos;

impl Training<'_> {
    /// The photos that the delivered head is fitted to: the training photos, or with `--refit` all but the test photos.
    pub(super) fn delivered(&self) -> &Subset {
        if self.options.refit { &self.pool } else { &self.training }
    }

    /// The model, with the numbers on the validation photos. With `--refit`, settings, calibration and threshold stay those
    /// of the head of the training photos, which is the one that is measured: what was measured is what the model does,
    /// but for a head that saw more photos.
    pub(super) fn deliver(&self, found: &Found<'_>) -> Result<Model, PipelineError> {
        let Self { options, photos, training, validation, .. } = self;
        let Found { fitted, decided, measured, .. } = found;
        let side = self.delivered();
        let head = if options.refit {
            self.fit_again(side, &fitted.settings, fitted.pos_weight)?
        } else {
            fitted.head.clone()
        };
        let (index, index_facts) = self.index(side);
        let facts = Facts {
            format_version: FORMAT_VERSION,
            created_by: concat!("resnet-binary ", env!("CARGO_PKG_VERSION")).to_owned(),
            classes: photos.classes.names().to_vec(),
            positive: photos.classes.positive_name().to_owned(),
            negative: photos.classes.negative_name().to_owned(),
            threshold: decided.threshold,
            threshold_rule: options.threshold,
            calibration: decided.calibration.clone(),
            preprocess: photos.preprocess.clone(),
            pooling: options.pooling,
            weights: photos.weights.clone(),
            weights_path: options.backbone.weights_path(),
            precision: Some(photos.target.precision.to_string()),
            int8: found.certificate,
            training: model::Training {
                images: training.len(),
                positives: training.positives(),
                validation_images: validation.len(),
                validation_positives: validation.positives(),
                seed: options.seed,
                solver: fitted.settings.solver().to_owned(),
                l2: fitted.settings.l2(),
                pos_weight: fitted.pos_weight,
                refitted: options.refit,
            },
            validation: measured.first().map(|measured| measured.metrics.clone()),
            index: index_facts,
        };
        let hashes = &photos.extraction.hashes;
        let trained_on = TrainedOn::new(side.rows.iter().filter_map(|&row| hashes.get(row)));
        Ok(Model { head, index, trained_on, facts, backbone: None })
    }

    /// The model's file, with the backbone in it where that is wanted; its length in bytes.
    pub(super) fn add_model(&self, model: &Model, outputs: &mut Outputs<'_>) -> Result<u64, PipelineError> {
        let path = &self.options.output;
        let backbone =
            if self.options.bundle { self.options.backbone.weights_bytes(&self.photos.weights)? } else { None };
        let bytes = Model { backbone, ..model.clone() }.to_bytes(path)?;
        outputs.add(path, |file| file.write_all(&bytes))?;
        Ok(bytes.len() as u64)
    }

    /// The photos that the head was fitted to, as far as the model remembers them.
    fn index(&self, side: &Subset) -> (Index, IndexFacts) {
        let photos = &self.photos;
        let of_class = |&row: &usize| photos.samples.get(row).map_or(0, |sample| sample.class);
        let classes: Vec<usize> = side.rows.iter().map(of_class).collect();
        let (index, kept) = match self.options.pooling {
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
