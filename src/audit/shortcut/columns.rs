//! File facts as columns of numbers.

use std::collections::BTreeMap;

use super::{MIN_TOP_FEATURE, Probe};
use crate::features::FeatureMatrix;
use crate::head;
use crate::metrics::{Scores, ranking};
use crate::pixels::PhotoFacts;

/// The largest number of cameras with a column of their own, most frequent first.
const MAX_CAMERAS: usize = 8;

/// The smallest number of photos of a format or camera with a column of its own.
const MIN_PHOTOS: usize = 5;

/// The largest number of facts named in a warning.
const MAX_TOP_FEATURES: usize = 3;

/// The columns that vary, `[N, D]`, standardised since their units differ, with their names.
pub(super) struct Columns {
    pub(super) matrix: FeatureMatrix,
    names: Vec<String>,
}

impl Columns {
    pub(super) fn new(facts: &[&PhotoFacts], probe: Probe) -> Self {
        let mut columns: Vec<(String, Vec<f32>)> = Vec::new();
        let mut add = |name: &str, value: &dyn Fn(&PhotoFacts) -> f32| {
            let values: Vec<f32> = facts.iter().map(|facts| value(facts)).collect();
            let varies = values.iter().any(|value| value.to_bits() != values[0].to_bits());
            if varies {
                columns.push((name.to_owned(), values));
            }
        };
        if probe == Probe::Light {
            add("brightness", &|facts| facts.brightness);
            add("contrast", &|facts| facts.contrast);
            return Self::from_columns(facts.len(), columns);
        }
        add("file size", &|facts| log(facts.bytes as f64));
        add("number of pixels", &|facts| log(f64::from(facts.width) * f64::from(facts.height)));
        add("aspect ratio", &|facts| log(f64::from(facts.width)) - log(f64::from(facts.height)));
        // Other formats than JPEG are distinguished by the column of their format.
        add("JPEG quality", &|facts| f32::from(facts.jpeg_quality.unwrap_or(0)));
        for format in commonest(facts.iter().map(|facts| facts.format.to_string()), usize::MAX) {
            add(&format!("format {format}"), &|facts| is(facts.format.to_string() == format));
        }
        add("whether a camera is named", &|facts| is(facts.camera.is_some()));
        for camera in commonest(facts.iter().filter_map(|facts| facts.camera.clone()), MAX_CAMERAS) {
            add(&format!("camera {camera}"), &|facts| is(facts.camera.as_ref() == Some(&camera)));
        }
        Self::from_columns(facts.len(), columns)
    }

    fn from_columns(rows: usize, columns: Vec<(String, Vec<f32>)>) -> Self {
        let matrix_columns: Vec<Vec<f32>> = columns.iter().map(|(_, values)| standardised(values)).collect();
        let width = columns.len();
        let values = (0..rows).flat_map(|row| matrix_columns.iter().map(move |values| values[row])).collect();
        let matrix = FeatureMatrix::from_values(width, values).unwrap_or_else(|_| FeatureMatrix::new(0));
        Self { matrix, names: columns.into_iter().map(|(name, _)| name).collect() }
    }

    /// The columns that separate the classes best, each on its own, in either direction.
    pub(super) fn top_features(&self, labels: &[bool]) -> Vec<(String, f64)> {
        let mut top_features: Vec<(String, f64)> = (self.names.iter().enumerate())
            .filter_map(|(column, name)| {
                // Only the order matters, and in this range the logistic function preserves it.
                let values = self.matrix.rows().map(|row| f64::from(row[column])).collect::<Vec<_>>();
                let most = values.iter().fold(1.0_f64, |most, value| most.max(value.abs()));
                let scaled: Vec<f64> = values.iter().map(|value| value / most).collect();
                let probabilities: Vec<f64> = scaled.into_iter().map(head::probability).collect();
                let area = ranking::roc_auc(&Scores::new(labels, &probabilities).ok()?).ok()?;
                Some((name.clone(), area.max(1.0 - area)))
            })
            .filter(|(_, area)| *area >= MIN_TOP_FEATURE)
            .collect();
        top_features.sort_by(|a, b| b.1.total_cmp(&a.1));
        top_features.truncate(MAX_TOP_FEATURES);
        top_features
    }
}

/// The values standardised to mean 0 and standard deviation 1.
fn standardised(values: &[f32]) -> Vec<f32> {
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    let variance = values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count;
    let scale = variance.sqrt().max(f64::MIN_POSITIVE).recip();
    values.iter().map(|&value| ((f64::from(value) - mean) * scale) as f32).collect()
}

/// The names that occur in enough photos, most frequent first.
fn commonest(names: impl Iterator<Item = String>, most: usize) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().filter(|(_, count)| *count >= MIN_PHOTOS).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.into_iter().take(most).map(|(name, _)| name).collect()
}

fn log(value: f64) -> f32 {
    value.max(1.0).ln() as f32
}

fn is(condition: bool) -> f32 {
    f32::from(u8::from(condition))
}
