//! Cues planted among photos that are otherwise alike, and photos without any, many times over.

#![expect(clippy::cast_sign_loss, reason = "what is cast is not negative")]

use half::f16;

use super::*;
use crate::audit::simulation::Dice;
use crate::dataset::{Label, split};
use crate::pixels::{Format, PhotoFacts, Thumbnail};
use crate::progress::Silent;

const IMAGES: usize = 200;
const REPETITIONS: u64 = 100;

/// Columns of the simulated border; the real ones have 2048.
const WIDTH: usize = 48;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Cue {
    None,
    PngAgainstJpeg,
    Brightness,
    Quality,
    Camera,
    /// A watermark in the corner: the border sees it better than the whole.
    Watermark,
    /// The border knows something of the subject, but less than the whole.
    HonestContext,
}

/// Facts as of photos from one source, whatever they show.
fn facts(dice: &mut Dice) -> PhotoFacts {
    let is_upright = dice.roll() < 0.3;
    let (width, height) = if is_upright { (375, 500) } else { (500, 375) };
    let brightness = 0.45 + 0.1 * dice.normal();
    let camera = ["NIKON E990", "Canon EOS 5D", "SONY DSC-F828"][dice.below(3)];
    PhotoFacts {
        bytes: (60_000.0 * (0.4 * dice.normal()).exp()) as u64,
        format: Format::Jpeg,
        width,
        height,
        brightness: brightness.clamp(0.0, 1.0) as f32,
        contrast: (0.2 + 0.04 * dice.normal()).clamp(0.0, 0.5) as f32,
        jpeg_quality: Some(70 + dice.below(28) as u8),
        camera: (dice.roll() < 0.4).then(|| camera.to_owned()),
        levels: None,
        thumbnail: Thumbnail::new(&[0; Thumbnail::LEVELS]).unwrap(),
    }
}

/// One set of photos with a cue on the positive ones, and a real head of this ROC-AUC (as the distance of two normal
/// distributions).
fn shortcuts(cue: Cue, distance: f64, seed: u64) -> Vec<Shortcut> {
    let mut dice = Dice::new(seed);
    let labels: Vec<bool> = (0..IMAGES).map(|image| image % 2 == 0).collect();
    let asides: Vec<Aside> = labels
        .iter()
        .map(|&label| {
            let mut facts = facts(&mut dice);
            match cue {
                Cue::PngAgainstJpeg if label => (facts.format, facts.jpeg_quality) = (Format::Png, None),
                Cue::Brightness if label => facts.brightness += 0.25,
                Cue::Quality if label => facts.jpeg_quality = Some(50 + dice.below(22) as u8),
                Cue::Camera if label => facts.camera = Some("Canon EOS 5D".to_owned()),
                _ => {}
            }
            let shift = match cue {
                Cue::Watermark if label => 2.0,
                Cue::HonestContext if label => 0.35,
                _ => 0.0,
            };
            let border: Vec<f32> =
                (0..WIDTH).map(|column| (dice.normal() + if column < 6 { shift } else { 0.0 }) as f32).collect();
            Aside::new(&border, facts)
        })
        .collect();
    let logits: Vec<f64> =
        labels.iter().map(|&label| dice.normal() + if label { distance } else { 0.0 } - distance / 2.0).collect();
    let kinds: Vec<Label> = labels.iter().map(|&label| Label::from(label)).collect();
    let folds = split::folds(&kinds, &(0..IMAGES).collect::<Vec<_>>(), 5, seed).unwrap();
    let groups: Vec<usize> = (0..labels.len()).collect();
    let fitted =
        Fitted { labels: &labels, groups: &groups, folds: &folds, logits: &logits, balance: Balance::Auto, l2: None };
    probe(fitted, &asides.iter().collect::<Vec<_>>(), &Silent).unwrap()
}

/// How often in a hundred sets the facts and the border are warned of.
fn warned(cue: Cue, distance: f64) -> [usize; 2] {
    let mut warned = [0; 2];
    for seed in 0..REPETITIONS {
        let found = shortcuts(cue, distance, seed);
        assert_eq!(found.iter().map(|shortcut| shortcut.probe).collect::<Vec<_>>(), [Probe::FileFacts, Probe::Border]);
        for (count, shortcut) in warned.iter_mut().zip(&found) {
            *count += usize::from(shortcut.warning.is_some());
        }
    }
    println!(
        "{cue:?}, distance {distance}: facts warned {} times, border {} times of {REPETITIONS}",
        warned[0], warned[1]
    );
    warned
}

#[test]
fn clean_photos_are_hardly_ever_warned_of_whether_the_head_is_good_or_weak() {
    for distance in [3.0, 1.5, 0.4] {
        let [facts, border] = warned(Cue::None, distance);
        assert!(facts < 5 && border < 5, "distance {distance}: {facts} {border}");
    }
}

#[test]
fn a_cue_in_the_files_is_warned_of_and_only_there() {
    for cue in [Cue::PngAgainstJpeg, Cue::Brightness, Cue::Quality, Cue::Camera] {
        let [facts, border] = warned(cue, 2.5);
        assert!(facts >= 95 && border < 5, "{cue:?}: {facts} {border}");
    }
}

#[test]
fn a_watermark_is_warned_of_and_honest_context_is_not() {
    let [facts, border] = warned(Cue::Watermark, 2.5);
    assert!(facts < 5 && border >= 95, "{facts} {border}");
    let [_, border] = warned(Cue::HonestContext, 2.5);
    assert!(border < 5, "{border}");
}

#[test]
fn the_warning_names_the_fact_and_both_numbers() {
    let found = shortcuts(Cue::PngAgainstJpeg, 2.5, 1);
    let warning = found[0].warning.clone().unwrap();
    assert!(warning.contains("ROC-AUC 1.000") && warning.contains("format PNG"), "{warning}");
    assert_eq!(found[1].warning, None);
    let bright = shortcuts(Cue::Brightness, 2.5, 1);
    assert_eq!(bright[0].telling[0].0, "brightness");
    let mark = shortcuts(Cue::Watermark, 2.5, 1);
    assert!(mark[1].warning.clone().unwrap().contains("may be honest context"), "{mark:?}");
}

#[test]
fn photos_without_a_border_or_a_differing_fact_are_probed_with_what_there_is() {
    let mut dice = Dice::new(3);
    let same = Aside::new(&[], facts(&mut dice));
    let labels = [true, false, true, false, true, false, true, false];
    let (folds, logits) = ([0, 0, 0, 0, 1, 1, 1, 1], [0.5; 8]);
    let groups: Vec<usize> = (0..labels.len()).collect();
    let fitted =
        Fitted { labels: &labels, groups: &groups, folds: &folds, logits: &logits, balance: Balance::None, l2: None };
    assert_eq!(probe(fitted, &[&same; 8], &Silent).unwrap(), []);
    let mut others = vec![same.clone(); 8];
    others[3].facts.bytes = 1;
    others[5].border = vec![f16::ONE];
    let found = probe(fitted, &others.iter().collect::<Vec<_>>(), &Silent).unwrap();
    assert_eq!(found.len(), 1);
    assert!(probe(Fitted { logits: &[0.5], ..fitted }, &others.iter().collect::<Vec<_>>(), &Silent).is_err());
}
