//! A page with every part: drawn photos and made-up scores, the same in every run.

use std::collections::HashMap;
use std::io::Cursor;
use std::path::PathBuf;

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::dataset::Unreadable;
use crate::metrics::{Bootstrap, Estimate, Scores, evaluate, interval};
use crate::report::html::{
    ClassPhotos, Data, Decision, Measured, Network, Page, Photo, Picture, Repeat, Seen, Unfamiliar, Warning,
};
use crate::report::{
    ClassCount, CrossValidationReport, GroupReport, LabelError, Leak, LearningPoint, MeanStd, NearDuplicate, Shortcut,
};

const PHOTOS: usize = 153;
const THRESHOLD: f64 = 0.46;

/// What `train` would say of two classes that are told apart fairly well.
pub(crate) fn page() -> Page {
    let (labels, probabilities) = scores(PHOTOS);
    let few = Bootstrap { resamples: 2000, seed: 0 };
    let metrics = evaluate(&Scores::new(&labels, &probabilities).unwrap(), THRESHOLD, few).unwrap();
    let accuracy = metrics.accuracy.unwrap();
    let photos = photos(&labels, &probabilities);
    let mut mistakes: Vec<Photo> =
        photos.iter().filter(|photo| photo.is_positive != photo.answered_positive).cloned().collect();
    let doubt = |photo: &Photo| if photo.is_positive { photo.probability } else { 1.0 - photo.probability };
    mistakes.sort_by(|a, b| doubt(a).total_cmp(&doubt(b)));
    mistakes.truncate(8);
    Page {
        title: "ants or bees".to_owned(),
        command: "resnet-binary train --data imgs --threshold 'recall>=0.95' --report report.html".to_owned(),
        model: PathBuf::from("model.safetensors"),
        negative: "ants".to_owned(),
        positive: "bees".to_owned(),
        date: "2024-05-17".to_owned(),
        samples: [false, true].map(samples).to_vec(),
        data: Some(data()),
        network: Some(network()),
        measured: vec![Measured {
            name: "validation".to_owned(),
            seen: Seen::Nothing,
            metrics,
            labels,
            probabilities,
            groups: Vec::new(),
            mistakes,
        }],
        cross_validation: Some(cross_validation()),
        decision: Some(Decision {
            rule: "recall>=0.95".to_owned(),
            threshold: THRESHOLD,
            warning: Some(Warning {
                sentence: "recall>=0.95 cannot be guaranteed with 83 positives, it needs at least 124".to_owned(),
                step: Some("Add at least 41 photos of `bees` to the training photos".to_owned()),
            }),
            cost: Some(
                "At the threshold of 0.46, chosen by `recall>=0.95`, 83 % of `bees` and 27 % of `ants` among the validation photos \
                 are predicted `bees`; at 0.5 it would be 80 % and 26 %"
                    .to_owned(),
            ),
            calibration: Some(
                "platt curve; out-of-fold log loss 0.447 before, 0.431 after"
                    .to_owned(),
            ),
        }),
        learning_curve: learning_curve(),
        photo_groups: Some(photo_groups()),
        leaks: vec![leak(accuracy)],
        splits: splits(),
        thumbnails: thumbnails(),
        label_errors: Some(label_errors()),
        shortcuts: shortcuts(),
        unfamiliar: Some(Unfamiliar { images: 3, of: PHOTOS }),
        repeat: Some(repeat()),
        ..Page::default()
    }
}

/// Overlapping scores of so many images, a little more than half of them positive.
pub(crate) fn scores(count: usize) -> (Vec<bool>, Vec<f64>) {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let mut noise = || (0..6).map(|_| random.random::<f64>()).sum::<f64>() - 3.0;
    let labels: Vec<bool> = (0..count).map(|image| image * 83 % 153 < 83).collect();
    let logit = |&is_positive: &bool| if is_positive { 1.2 } else { -1.2 } + 2.2 * noise();
    let probabilities = labels.iter().map(logit).map(|logit: f64| 1.0 / (1.0 + (-logit).exp())).collect();
    (labels, probabilities)
}

fn photos(labels: &[bool], probabilities: &[f64]) -> Vec<Photo> {
    let photo = |(place, (&is_positive, &probability)): (usize, (&bool, &f64))| {
        let class = if is_positive { "bees" } else { "ants" };
        Photo {
            path: PathBuf::from(format!("imgs/val/{class}/{}_{:010x}.jpg", 1_000_000 + place * 7919, place * 99_991)),
            is_positive,
            answered_positive: probability >= THRESHOLD,
            probability,
            thumbnail: Some(drawn(is_positive, place as u64, false)),
            map: Some(drawn(is_positive, place as u64, true)),
        }
    };
    labels.iter().zip(probabilities).enumerate().map(photo).collect()
}

fn samples(is_bee: bool) -> ClassPhotos {
    let class = if is_bee { "bees" } else { "ants" };
    let photo = |seed: u64| (PathBuf::from(format!("imgs/train/{class}/{seed}.jpg")), drawn(is_bee, 60 + seed, false));
    ClassPhotos { class: class.to_owned(), photos: (0..9).map(photo).collect() }
}

fn data() -> Data {
    let class = |name: &str, positive, train, validation| ClassCount {
        name: name.to_owned(),
        positive,
        train,
        validation,
        test: 0,
        undivided: 0,
    };
    let skipped = |path: &str, reason: &str| Unreadable { path: PathBuf::from(path), reason: reason.to_owned() };
    Data {
        source: PathBuf::from("imgs"),
        classes: vec![class("ants", false, 124, 70), class("bees", true, 121, 83)],
        split: "your train/val folders".to_owned(),
        unreadable: vec![
            skipped("imgs/train/ants/imageNotFound.gif", "the file ends in the middle of the picture"),
            skipped("imgs/val/bees/notes.jpg", "this is a text file, expected JPEG, PNG, GIF, BMP, TIFF, WebP or PNM"),
        ],
        ignored: "2 hidden, 1 file that is not an image".to_owned(),
    }
}

fn network() -> Network {
    Network {
        backbone: "ResNet-50, frozen".to_owned(),
        weights: "imagenet-v1".to_owned(),
        precision: "bf16".to_owned(),
        device: "cpu".to_owned(),
        image_size: 224,
        head: "logistic regression solved exactly, L2 10 (chosen by 5-fold cross-validation); class weight 1.025"
            .to_owned(),
    }
}

fn cross_validation() -> CrossValidationReport {
    let spread = |mean, std| Some(MeanStd { mean, std });
    CrossValidationReport {
        folds: 5,
        images: 398,
        fewest_of_a_class: 30,
        accuracy: spread(0.807, 0.031),
        balanced_accuracy: spread(0.806, 0.032),
        roc_auc: spread(0.884, 0.025),
        f1: spread(0.812, 0.034),
        log_loss: spread(0.431, 0.042),
    }
}

fn learning_curve() -> Vec<LearningPoint> {
    let point = |(images, log_loss, loss_deviation, roc_auc, auc_deviation)| LearningPoint {
        images,
        roc_auc: MeanStd { mean: roc_auc, std: auc_deviation },
        log_loss: MeanStd { mean: log_loss, std: loss_deviation },
    };
    let points = [
        (20, 0.641, 0.07, 0.704, 0.06),
        (40, 0.574, 0.05, 0.782, 0.045),
        (80, 0.509, 0.036, 0.831, 0.03),
        (159, 0.462, 0.03, 0.866, 0.022),
        (318, 0.431, 0.024, 0.884, 0.018),
    ];
    points.map(point).to_vec()
}

/// Each pair: its kind, and of both photos the path, the split and the seed of its picture.
type Pair = (&'static str, [(&'static str, &'static str); 2], u64);

const PAIRS: [Pair; 3] = [
    (
        "near-duplicate",
        [("imgs/train/bees/29494643_e3410f0d37.jpg", "training"), ("imgs/val/bees/29494643_small.jpg", "validation")],
        4,
    ),
    ("mirrored", [("imgs/train/ants/0013035.jpg", "training"), ("imgs/val/ants/0013035_flip.jpg", "validation")], 9),
    (
        "near-duplicate",
        [("imgs/train/ants/5650366.jpg", "training"), ("imgs/train/ants/5650366 (1).jpg", "training")],
        11,
    ),
];

fn photo_groups() -> GroupReport {
    let pair = |(kind, [(first, _), (second, _)], _): Pair| NearDuplicate {
        kind,
        first: PathBuf::from(first),
        second: PathBuf::from(second),
        ..NearDuplicate::default()
    };
    GroupReport { near_duplicates: PAIRS.map(pair).to_vec(), ..GroupReport::default() }
}

fn splits() -> HashMap<PathBuf, String> {
    PAIRS.iter().flat_map(|(_, photos, _)| photos).map(|(path, split)| (path.into(), (*split).to_owned())).collect()
}

fn leak(accuracy: Estimate) -> Leak {
    Leak {
        split: "validation".to_owned(),
        images: 2,
        accuracy_with: Some(accuracy),
        accuracy_without: interval::wilson(113, 151),
        roc_auc_with: None,
        roc_auc_without: None,
    }
}

/// Each doubtful label: the path, both labels, the probability and the seed of its picture.
const DOUBTFUL: [(&str, &str, &str, f64, u64); 3] = [
    ("imgs/train/ants/2288481644_83ff7e4572.jpg", "ants", "bees", 0.981, 40),
    ("imgs/train/bees/1092977343_cb42b38d62.jpg", "bees", "ants", 0.964, 41),
    ("imgs/val/ants/8124241_36b290d372.jpg", "ants", "bees", 0.937, 42),
];

fn label_errors() -> Vec<LabelError> {
    let doubtful = |(path, given, suggested, probability, _): (&str, &str, &str, f64, u64)| LabelError {
        path: PathBuf::from(path),
        given: given.to_owned(),
        suggested: suggested.to_owned(),
        probability,
    };
    DOUBTFUL.map(doubtful).to_vec()
}

fn thumbnails() -> HashMap<PathBuf, Picture> {
    let of_pairs = PAIRS.iter().flat_map(|(_, photos, seed)| {
        photos.map(|(path, _)| (PathBuf::from(path), drawn(seed % 2 == 0, *seed, false)))
    });
    let of_labels = DOUBTFUL
        .iter()
        .map(|(path, _, suggested, _, seed)| (PathBuf::from(path), drawn(*suggested == "bees", *seed, false)));
    of_pairs.chain(of_labels).collect()
}

fn shortcuts() -> Vec<Shortcut> {
    let probe = |sees: &str, roc_auc, warning: Option<&str>| Shortcut {
        sees: sees.to_owned(),
        roc_auc,
        model_roc_auc: 0.884,
        warning: warning.map(str::to_owned),
    };
    vec![
        probe("the photo with its centre masked", 0.862, Some("nearly as good as the whole photo")),
        probe("file properties alone: size, format, quality, brightness, camera", 0.571, None),
    ]
}

fn repeat() -> Repeat {
    Repeat {
        seed: 0,
        versions: vec![("resnet-binary", "0.1.0".to_owned()), ("libtorch", "2.11.0".to_owned())],
        hashes: vec![
            ("weights", "5d061a3c593d795bfe682d9b152bafbcf550579873492def3515b46db1189888".to_owned()),
            ("photos", "9daac994b1f1c5a9e1f2b8b6f3a9f5d4c2e1b7a6958473625140f3e2d1c0b9a8".to_owned()),
        ],
        preprocess: vec![
            ("resize", "short side to 256, antialiased bilinear".to_owned()),
            ("crop", "224 × 224, centre".to_owned()),
            ("mean", "0.485, 0.456, 0.406".to_owned()),
            ("deviation", "0.229, 0.224, 0.225".to_owned()),
        ],
    }
}

/// An insect on a meadow, 160 pixels a side; with `as_map`, what a class activation map over it looks like.
#[expect(clippy::cast_sign_loss, reason = "a mixed colour is not negative")]
fn drawn(is_bee: bool, seed: u64, as_map: bool) -> Picture {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut between = |low: f64, high: f64| low + random.random::<f64>() * (high - low);
    let ground = if is_bee {
        [between(60.0, 120.0), between(110.0, 170.0), 70.0]
    } else {
        [between(150.0, 200.0), 150.0, 110.0]
    };
    let (x, y, size, angle) = (between(60.0, 100.0), between(60.0, 100.0), between(20.0, 34.0), between(0.0, 3.1));
    let grain = between(0.05, 0.2);
    let picture = RgbImage::from_fn(160, 160, |column, row| {
        let (dx, dy) = (f64::from(column) - x, f64::from(row) - y);
        let (along, across) = (dx * angle.cos() + dy * angle.sin(), dy * angle.cos() - dx * angle.sin());
        let (along, across) = (along / size, across / size);
        let wave = 1.0 + 0.12 * (f64::from(column) * grain).sin() * (f64::from(row) * grain * 1.3).cos();
        let body = if is_bee {
            (along / 1.5).hypot(across / 0.8) < 1.0
        } else {
            [-1.1, 0.0, 1.2].iter().any(|middle| ((along - middle) / 0.62).hypot(across / 0.42) < 1.0)
        };
        let is_dark = !is_bee || (along * 3.2).sin() > 0.1;
        let colour = match (body, is_dark) {
            (true, true) => [45.0, 30.0, 25.0],
            (true, false) => [225.0, 170.0, 40.0],
            (false, _) => ground.map(|level| level * wave),
        };
        let heat = (-(dx * dx + dy * dy) / (2.0 * size * size)).exp();
        let mixed = |level: f64, glow: f64| if as_map { level * 0.45 + 0.55 * heat * glow } else { level };
        Rgb([(colour[0], 255.0), (colour[1], 128.0), (colour[2], 0.0)].map(|(level, glow)| mixed(level, glow) as u8))
    });
    let mut bytes = Cursor::new(Vec::new());
    JpegEncoder::new_with_quality(&mut bytes, 80).encode_image(&picture).unwrap();
    Picture { bytes: bytes.into_inner() }
}
