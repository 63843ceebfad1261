//! What the page says of a set of measured photos, for `train` and `evaluate` alike.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::PipelineError;
use super::photos::Photos;
use super::thumbnails::{PhotoView, Thumbnails};
use crate::dataset::fixes;
use crate::decision::ThresholdRule;
use crate::metrics::{Metrics, Scores};
use crate::model::Model;
use crate::pixels::Levels;
use crate::progress::{Progress, Unit};
use crate::report::html::{self, Measured, Page, Photo, Repeat, Seen, Warning};
use crate::report::{FewPhotos, ThresholdCost, counted};

/// Most photos with pictures.
const MAX: usize = 12;

/// 9999-12-31.
const MAX_DAY: u64 = 2_932_896;

/// Labelled photos with their probabilities.
pub(super) struct ScoredSubset<'a> {
    /// `[N]`, places among all photos.
    pub(super) rows: &'a [usize],
    /// `[N]`
    pub(super) labels: &'a [bool],
    /// `[N]`, the same number for photos that belong together.
    pub(super) groups: &'a [usize],
    /// `[N]`
    pub(super) probabilities: &'a [f64],
    pub(super) metrics: &'a Metrics,
}

impl ScoredSubset<'_> {
    /// For the page.
    pub(super) fn measured(
        &self,
        name: &str,
        seen: Seen,
        thumbnails: &Thumbnails<'_>,
        progress: &dyn Progress,
    ) -> Result<Measured, PipelineError> {
        Ok(Measured {
            name: name.to_owned(),
            seen,
            metrics: self.metrics.clone(),
            labels: self.labels.to_vec(),
            probabilities: self.probabilities.to_vec(),
            groups: self.groups.to_vec(),
            mistakes: self.mistakes(thumbnails, progress)?,
        })
    }

    /// What the threshold of a rule costs on these photos, which are called so.
    pub(super) fn threshold_cost(&self, rule: ThresholdRule, name: &str) -> Option<ThresholdCost> {
        let scores = Scores::new(self.labels, self.probabilities).ok()?;
        ThresholdCost::new(rule, self.metrics.threshold, &scores, name)
    }

    /// The wrong answers, those with the highest loss first; the first of them with their pictures.
    fn mistakes(&self, thumbnails: &Thumbnails<'_>, progress: &dyn Progress) -> Result<Vec<Photo>, PipelineError> {
        let is_wrong = |place: &usize| self.answer(*place) != self.label(*place);
        let mistakes: Vec<usize> = self.by_loss().into_iter().filter(is_wrong).collect();
        let rows: Vec<usize> = mistakes.iter().take(MAX).filter_map(|&place| self.rows.get(place).copied()).collect();
        let shown = thumbnails.with_maps(&rows, progress)?;
        Ok(self.photos(&mistakes, thumbnails.photos, &shown))
    }

    fn by_loss(&self) -> Vec<usize> {
        // The probability of the label orders as the loss does.
        let of_label = |place: usize| {
            let positive = self.probabilities.get(place).copied().unwrap_or(f64::NAN);
            if self.label(place) { positive } else { 1.0 - positive }
        };
        let mut places: Vec<usize> = (0..self.rows.len()).collect();
        places.sort_by(|&a, &b| of_label(a).total_cmp(&of_label(b)).then(a.cmp(&b)));
        places
    }

    fn label(&self, place: usize) -> bool {
        self.labels.get(place).is_some_and(|&label| label)
    }

    fn answer(&self, place: usize) -> bool {
        self.probabilities.get(place).is_some_and(|probability| *probability >= self.metrics.threshold)
    }

    /// Photos of some places, with the pictures that there are.
    fn photos(&self, places: &[usize], all: &Photos, shown: &HashMap<usize, PhotoView>) -> Vec<Photo> {
        let photo = |&place: &usize| {
            let row = self.rows.get(place)?;
            let pictures = shown.get(row);
            Some(Photo {
                path: all.samples.get(*row)?.path.clone(),
                is_positive: self.label(place),
                answered_positive: self.answer(place),
                probability: *self.probabilities.get(place)?,
                thumbnail: pictures.map(|pictures| pictures.thumbnail.clone()),
                map: pictures.and_then(|pictures| pictures.map.clone()),
            })
        };
        places.iter().filter_map(photo).collect()
    }
}

/// The page as HTML, the photos named by their paths within the data.
pub(super) fn render(data: &Path, page: Page, progress: &dyn Progress) -> String {
    progress.start("page", Unit::Steps, None);
    let html = html::render(&within(data, Page { date: today(), ..page }));
    progress.finish();
    html
}

/// The day, in UTC: that of `SOURCE_DATE_EPOCH` where it is set, which makes the same page on every day.
fn today() -> String {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.trim().parse().ok());
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    date(given.unwrap_or_else(now) / (24 * 60 * 60))
}

/// The date of a day since 1970-01-01 in the Gregorian calendar; Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn date(day: u64) -> String {
    // Days since 0000-03-01, for years that begin in March have their leap day last.
    let day = day.min(MAX_DAY) + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = era * 400 + year + u64::from(month < 3);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Names every photo on the page by its path within the data: below its folder, or beside its table.
fn within(data: &Path, page: Page) -> Page {
    let root = fixes::folder_of(data);
    let inside = |path: &mut PathBuf| {
        if let Some(Ok(inside)) = root.map(|root| path.strip_prefix(root)) {
            *path = inside.to_path_buf();
        }
    };
    let moved = |mut path: PathBuf| {
        inside(&mut path);
        path
    };
    let mut page = page;
    let pairs = page.photo_groups.iter_mut().flat_map(|groups| &mut groups.near_duplicates);
    pairs.flat_map(|pair| [&mut pair.first, &mut pair.second]).for_each(inside);
    page.measured.iter_mut().flat_map(|measured| &mut measured.mistakes).for_each(|photo| inside(&mut photo.path));
    page.samples.iter_mut().flat_map(|class| &mut class.photos).for_each(|(path, _)| inside(path));
    page.label_errors.iter_mut().flatten().for_each(|label| inside(&mut label.path));
    page.data.iter_mut().flat_map(|data| &mut data.unreadable).for_each(|skipped| inside(&mut skipped.path));
    page.splits = page.splits.into_iter().map(|(path, split)| (moved(path), split)).collect();
    page.thumbnails = page.thumbnails.into_iter().map(|(path, picture)| (moved(path), picture)).collect();
    page
}

/// What few photos mean, and how many would be a start.
pub(super) fn warning_of_few(few: &FewPhotos) -> Warning {
    let more = counted(few.missing(), "photo", "photos");
    let new = if few.groups < few.photos { ", none a near-duplicate of another" } else { "" };
    let step = format!("Add at least {more} of `{}`{new}: 30 of each class are a start", few.class);
    Warning { sentence: few.to_string(), step: Some(step) }
}

/// What it takes to make the same numbers again.
pub(super) fn repeat(photos: &Photos, model: &Model, seed: u64) -> Repeat {
    let preprocess = &model.facts.preprocess;
    let levels = preprocess
        .levels
        .map_or("the upper 8 bits".to_owned(), |Levels { low, high }| format!("{low} is black, {high} is white"));
    let channels = |values: [f32; 3]| values.map(|value| value.to_string()).join(", ");
    Repeat {
        seed,
        versions: vec![
            ("resnet-binary", env!("CARGO_PKG_VERSION").to_owned()),
            ("model made by", model.facts.created_by.clone()),
            ("device", format!("{}, {}", photos.device, photos.target.precision)),
        ],
        hashes: vec![
            ("weights", format!("{} {}", model.facts.weights.name, model.facts.weights.sha256)),
            ("photos, with their names", photos.fingerprint()),
        ],
        preprocess: vec![
            ("16-bit levels", levels),
            ("short side", format!("{} pixels, antialiased bilinear", preprocess.resize)),
            ("centre crop", format!("{0}×{0} pixels", preprocess.crop)),
            ("mean (R, G, B)", channels(preprocess.mean)),
            ("std (R, G, B)", channels(preprocess.std)),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_its_date() {
        let dates = [0, 59, 11_016, 19_782, 20_783, u64::MAX].map(date);
        assert_eq!(dates, ["1970-01-01", "1970-03-01", "2000-02-29", "2024-02-29", "2026-11-26", "9999-12-31"]);
    }
}
