//! Cues planted among photos that are otherwise alike, and photos without any, many times over.

#![expect(clippy::cast_sign_loss, reason = "what is cast is not negative")]

use super::*;
use crate::audit::simulation::Rng;
use crate::dataset::{Label, split};
use crate::pixels::{Format, PhotoFacts, Thumbnail};
use crate::progress::Silent;

const IMAGES: usize = 200;
const REPETITIONS: u64 = 20;

/// Columns of a region of the simulated border; the real ones have 2048.
const WIDTH: usize = 48;

const REGIONS: [&str; 2] = ["left edge", "bottom right corner"];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Cue {
    None,
    PngAgainstJpeg,
    Brightness,
    Quality,
    Camera,
    /// The same mark in one corner of so many of the positive photos.
    Mark(f64),
    /// The border knows something of the subject, but less than the whole.
    HonestContext,
}

/// Facts as of photos from one source, whatever they show.
fn facts(rng: &mut Rng) -> PhotoFacts {
    let is_upright = rng.roll() < 0.3;
    let (width, height) = if is_upright { (375, 500) } else { (500, 375) };
    let brightness = 0.45 + 0.1 * rng.normal();
    let camera = ["NIKON E990", "Canon EOS 5D", "SONY DSC-F828"][rng.below(3)];
    PhotoFacts {
        bytes: (60_000.0 * (0.4 * rng.normal()).exp()) as u64,
        format: Format::Jpeg,
        width,
        height,
        brightness: brightness.clamp(0.0, 1.0) as f32,
        contrast: (0.2 + 0.04 * rng.normal()).clamp(0.0, 0.5) as f32,
        jpeg_quality: Some(70 + rng.below(28) as u8),
        camera: (rng.roll() < 0.4).then(|| camera.to_owned()),
        levels: None,
        thumbnail: Thumbnail::new(&[0; Thumbnail::LEVELS]).unwrap(),
    }
}

/// One set of photos with a cue on the positive ones, and a real head of this ROC-AUC (as the distance of two normal
/// distributions).
fn shortcuts(cue: Cue, distance: f64, seed: u64) -> Vec<Shortcut> {
    let mut rng = Rng::new(seed);
    let labels: Vec<bool> = (0..IMAGES).map(|image| image % 2 == 0).collect();
    let mut borders = FeatureMatrix::new(REGIONS.len() * WIDTH);
    let mut all_facts = Vec::new();
    for &label in &labels {
        let mut facts = facts(&mut rng);
        match cue {
            Cue::PngAgainstJpeg if label => (facts.format, facts.jpeg_quality) = (Format::Png, None),
            Cue::Brightness if label => facts.brightness += 0.25,
            Cue::Quality if label => facts.jpeg_quality = Some(50 + rng.below(22) as u8),
            Cue::Camera if label => facts.camera = Some("Canon EOS 5D".to_owned()),
            _ => {}
        }
        let is_marked = matches!(cue, Cue::Mark(share) if label && rng.roll() < share);
        let is_near = label && cue == Cue::HonestContext;
        let row = (0..REGIONS.len() * WIDTH).map(|column| {
            let is_mark = is_marked && column >= WIDTH && column % 4 == 0;
            // As many of another pattern, weaker, everywhere: the context.
            let shift = if is_mark { 4.0 } else { 0.0 } + if is_near && column % 8 == 1 { 0.4 } else { 0.0 };
            (1.0 + 0.5 * rng.normal() + shift) as f32
        });
        borders.push_row(&row.collect::<Vec<_>>()).unwrap();
        all_facts.push(facts);
    }
    let logits: Vec<f64> =
        labels.iter().map(|&label| rng.normal() + if label { distance } else { 0.0 } - distance / 2.0).collect();
    let kinds: Vec<Label> = labels.iter().map(|&label| Label::from(label)).collect();
    let all: Vec<usize> = (0..IMAGES).collect();
    let folds = split::folds(&kinds, &all, 5, seed).unwrap();
    let fitted = Fitted { labels: &labels, groups: &all, folds: &folds, logits: &logits, balance: Balance::Auto };
    let borders = Borders { places: &all, rows: &borders, regions: &REGIONS, classes: ["cats", "dogs"] };
    probe(fitted, &all_facts.iter().collect::<Vec<_>>(), &borders, &Silent).unwrap()
}

/// How often in so many sets facts, light and border are warned of.
fn warned(cue: Cue, distance: f64) -> [usize; 3] {
    let mut warned = [0; 3];
    for seed in 0..REPETITIONS {
        let found = shortcuts(cue, distance, seed);
        let probes: Vec<Probe> = found.iter().map(|shortcut| shortcut.probe).collect();
        assert_eq!(probes, [Probe::FileFacts, Probe::Light, Probe::Border]);
        for (count, shortcut) in warned.iter_mut().zip(&found) {
            *count += usize::from(shortcut.warning.is_some());
        }
    }
    println!("{cue:?}, distance {distance}: facts, light and border warned {warned:?} times of {REPETITIONS}");
    warned
}

#[test]
fn clean_photos_are_hardly_ever_warned_of_whether_the_head_is_good_or_weak() {
    for distance in [3.0, 1.5] {
        let warned = warned(Cue::None, distance);
        assert!(warned.iter().all(|&times| 20 * times <= REPETITIONS as usize), "distance {distance}: {warned:?}");
    }
}

#[test]
fn a_cue_in_the_files_is_warned_of_and_only_there() {
    for (cue, probe) in [(Cue::PngAgainstJpeg, 0), (Cue::Quality, 0), (Cue::Camera, 0), (Cue::Brightness, 1)] {
        let warned = warned(cue, 2.5);
        for (place, times) in warned.into_iter().enumerate() {
            let times = if place == probe { REPETITIONS as usize - times } else { times };
            assert!(20 * times <= REPETITIONS as usize, "{cue:?}: {warned:?}");
        }
    }
}

#[test]
fn a_mark_on_half_or_all_of_a_class_is_warned_of_and_honest_context_is_not() {
    for share in [0.5, 1.0] {
        assert_eq!(warned(Cue::Mark(share), 2.5)[2], REPETITIONS as usize, "{share}");
    }
    let context = warned(Cue::HonestContext, 2.5)[2];
    assert!(20 * context <= REPETITIONS as usize, "{context}");
}

#[test]
fn the_warning_names_what_tells_the_classes_apart() {
    let found = shortcuts(Cue::PngAgainstJpeg, 2.5, 1);
    let warning = found[0].warning.clone().unwrap();
    assert!(warning.contains("ROC-AUC 1.000") && warning.contains("format PNG"), "{warning}");
    assert_eq!((&found[1].warning, &found[2].warning), (&None, &None));
    let bright = shortcuts(Cue::Brightness, 2.5, 1);
    assert_eq!(bright[1].top_features[0].0, "brightness");
    let mark = &shortcuts(Cue::Mark(0.5), 2.5, 1)[2];
    let warning = mark.warning.clone().unwrap();
    assert!(warning.contains("bottom right corner") && warning.contains("`dogs`"), "{warning}");
    // Every other photo is positive.
    assert!(mark.examples.len() == 3 && mark.examples.iter().all(|photo| photo % 2 == 0), "{mark:?}");
}

#[test]
fn facts_that_are_all_the_same_and_too_few_borders_are_not_probed() {
    let mut rng = Rng::new(3);
    let same = facts(&mut rng);
    let labels = [true, false, true, false, true, false, true, false];
    let (folds, logits, all) = ([0, 0, 0, 0, 1, 1, 1, 1], [0.5; 8], [0, 1, 2, 3, 4, 5, 6, 7]);
    let fitted = Fitted { labels: &labels, groups: &all, folds: &folds, logits: &logits, balance: Balance::None };
    let rows = FeatureMatrix::from_values(1, vec![1.0; 8]).unwrap();
    let borders = Borders { places: &all, rows: &rows, regions: &["border"], classes: ["a", "b"] };
    assert_eq!(probe(fitted, &[&same; 8], &borders, &Silent).unwrap(), []);
    let other = PhotoFacts { bytes: 1, ..same.clone() };
    let facts = [&same, &same, &other, &same, &same, &same, &same, &same];
    assert_eq!(probe(fitted, &facts, &borders, &Silent).unwrap().len(), 1);
    assert!(probe(Fitted { logits: &[0.5], ..fitted }, &facts, &borders, &Silent).is_err());
}
