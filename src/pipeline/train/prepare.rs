//! Photos to rows, and rows to sides: what belongs together stays together.

use std::collections::HashSet;

use super::TrainOptions;
use super::photo_groups;
use super::subset::Subset;
use super::training::Training;
use crate::dataset::ClassMap;
use crate::dataset::split::Split;
use crate::decision::ThresholdRule;
use crate::features::FeatureMatrix;
use crate::files::shell_word;
use crate::pipeline::PipelineError;
use crate::pipeline::levels::Remedy;
use crate::pipeline::memory::COPIES_IN_TRAINING;
use crate::pipeline::photos::Reading;
use crate::pipeline::stored::{Stored, Wanted};
use crate::progress::{Progress, Unit};
use crate::report::html::Warning;

impl<'a> Training<'a> {
    /// Reads the photos, finds what belongs together, and divides them.
    pub(super) fn prepare(
        options: &'a TrainOptions,
        stored: Option<&Stored>,
        progress: &'a dyn Progress,
    ) -> Result<Self, PipelineError> {
        let mut features = FeatureMatrix::new(options.pooling.width(options.preprocess.crop));
        let (fixes, group_by) = (options.fixes.as_slice(), options.group_by.as_ref());
        let (mut photos, fixes) = match stored {
            None => options.reading().run_fixed(fixes, group_by, &mut features, progress)?,
            Some(stored) => {
                let wanted = Wanted {
                    classes: stored.classes(options.positive.as_deref())?,
                    fixes,
                    group_by,
                    copies: COPIES_IN_TRAINING,
                    device: options.backbone.device,
                    remedy: Remedy::Choose,
                };
                let (photos, rows, fixed) = stored.photos(&wanted, progress)?;
                photos.check_classes(&[])?;
                features = rows;
                (photos, fixed)
            }
        };
        if let Some(warning) = options.doubtful_positive(&photos.classes) {
            progress.warn(&warning.to_string());
        }
        let split_given = photos.samples.iter().all(|sample| sample.split.is_some());
        if let Some(share) = options.val_fraction.filter(|_| split_given) {
            progress.warn(&format!("`--val-fraction {share}` has no effect here: the data has a split of its own"));
        }
        progress.start("looking for near-duplicates", Unit::Steps, None);
        let mut photo_groups = photo_groups::find(&photos, &features, group_by, &options.data);
        progress.finish();
        let share = options.val_fraction.unwrap_or(TrainOptions::VAL_FRACTION);
        photo_groups.divide(&mut photos, share, options.seed, progress)?;
        photo_groups::warn(&photo_groups.report(&photos), progress);
        let side = |is_in: &dyn Fn(Option<Split>) -> bool| Subset::new(&photos, &features, &photo_groups.groups, is_in);
        let [training, validation, test] = [Split::Train, Split::Validation, Split::Test]
            .map(|wanted| side(&|split: Option<Split>| split == Some(wanted)));
        let pool = side(&|split| split != Some(Split::Test));
        Ok(Self { options, progress, photos, photo_groups, fixes, split_given, training, validation, test, pool })
    }
}

impl TrainOptions {
    /// Where it matters which class is the positive one, and nobody has said it.
    pub(super) fn doubtful_positive(&self, classes: &ClassMap) -> Option<Warning> {
        if self.positive.is_some() {
            return None;
        }
        let (positive, negative, rule) = (classes.positive_name(), classes.negative_name(), self.threshold);
        let step = Some(format!("add `--positive {}` if that is the class to find", shell_word(negative)));
        if classes.is_positive_the_normal_case() {
            let sentence = format!(
                "the positive class is `{positive}`, which reads as the normal case: probability, recall and precision are \
                 those of `{positive}`"
            );
            return Some(Warning { sentence, step });
        }
        let is_about_one =
            matches!(rule, ThresholdRule::Recall(_) | ThresholdRule::Precision(_) | ThresholdRule::Cost { .. });
        is_about_one.then(|| {
            let sentence =
                format!("`{rule}` is about `{positive}`, which is positive only because it is the second by name");
            Warning { sentence, step }
        })
    }

    fn reading(&self) -> Reading<'_> {
        Reading {
            data: &self.data,
            read_options: &self.read_options,
            positive: self.positive.as_deref(),
            model: None,
            preprocess: &self.preprocess,
            auto_levels: self.auto_levels,
            pooling: self.pooling,
            copies: COPIES_IN_TRAINING,
            limits: &self.limits,
            on_unreadable: self.on_unreadable,
            backbone: &self.backbone,
            facts: true,
        }
    }
}

impl Training<'_> {
    /// Names of the negative and the positive answer with the photos that the head learns from and is decided on, and how
    /// many groups they are.
    pub(super) fn class_groups(&self) -> [(&str, usize, usize); 2] {
        let classes = &self.photos.classes;
        [(false, classes.negative_name()), (true, classes.positive_name())].map(|(label, name)| {
            let photos = self.pool.labels.iter().zip(&self.pool.groups).filter(|(it, _)| **it == label);
            let groups: HashSet<usize> = photos.clone().map(|(_, group)| *group).collect();
            (name, photos.count(), groups.len())
        })
    }
}
