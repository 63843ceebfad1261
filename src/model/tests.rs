use std::collections::HashMap;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::file::{BIAS, ENTRY, WEIGHT};
use super::*;
use crate::backbone::Pooling;
use crate::backbone::layout::FEATURES;
use crate::decision::{Calibration, ThresholdRule};
use crate::features::FeatureMatrix;
use crate::files::ContentHash;
use crate::head::Head;
use crate::index::Index;
use crate::metrics::Certificate;
use crate::metrics::interval::wilson;
use crate::pixels::Preprocess;
use crate::weights::WeightsId;

fn model() -> Model {
    let training = Training {
        images: 8,
        positives: 4,
        validation_images: 0,
        validation_positives: 0,
        seed: 0,
        solver: "exact".into(),
        l2: Some(0.1),
        pos_weight: 1.0,
        refitted: false,
    };
    let facts = Facts {
        weights_path: None,
        precision: Some("fp32".to_owned()),
        int8: None,
        format_version: FORMAT_VERSION,
        created_by: "resnet-binary 0.1.0".into(),
        classes: vec!["ants".into(), "bees".into()],
        positive: "bees".into(),
        negative: "ants".into(),
        threshold: 0.5,
        threshold_rule: ThresholdRule::Fixed(0.5),
        calibration: Calibration::Platt { slope: 0.8, intercept: -0.1 },
        preprocess: Preprocess::default(),
        pooling: Pooling::Average,
        weights: WeightsId::random(0),
        training,
        validation: None,
        index: IndexFacts::default(),
    };
    let weight = (0..FEATURES).map(|index| index as f32 * 0.001).collect();
    let (head, index, trained_on) = (Head { weight, bias: -0.25 }, Index::default(), TrainedOn::default());
    Model { head, index, trained_on, facts, backbone: None }
}

fn bytes_of(model: &Model) -> Vec<u8> {
    model.to_bytes(Path::new("m")).unwrap()
}

#[test]
fn a_model_comes_back_as_it_was_and_always_has_the_same_bytes() {
    let bytes = bytes_of(&model());
    assert_eq!(Model::parse(&bytes, "m").unwrap(), model());
    assert!((0..8).all(|_| bytes_of(&model()) == bytes));
    assert!(bytes.len() < 12_000, "{}", bytes.len());
}

#[test]
fn a_model_keeps_what_int8_cost_and_one_without_it_is_read_too() {
    let certificate = Certificate {
        photos: 64,
        least_cosine: 0.99,
        median_cosine: 0.997,
        largest_logit_change: 0.5,
        answers_changed: 0,
        share_changed: wilson(0, 64).unwrap(),
        roc_auc_change: None,
    };
    let facts = Facts { int8: Some(certificate), precision: Some("int8".to_owned()), ..model().facts };
    let given = Model { facts, ..model() };
    assert_eq!(Model::parse(&bytes_of(&given), "m").unwrap(), given);
    assert!(!String::from_utf8_lossy(&bytes_of(&model())).contains("int8"));
}

#[test]
fn the_photos_that_were_trained_on_are_known_by_their_content() {
    let hashes = ["b", "a", "b", "c"].map(|content| ContentHash::new(content.as_bytes()));
    let model = Model { trained_on: TrainedOn::new(&hashes), ..model() };
    let bytes = bytes_of(&model);
    let read = Model::parse(&bytes, "m").unwrap();
    assert_eq!(read, model);
    assert!(hashes.iter().all(|hash| read.trained_on.has(hash)) && !read.trained_on.has(&ContentHash::new(b"d")));
    assert!((KIND.is_one)(&bytes[..200]) && !(KIND.is_one)(&bytes[1..]));
    let unsorted = TrainedOn(read.trained_on.0.iter().rev().copied().collect());
    let error = Model::parse(&bytes_of(&Model { trained_on: unsorted, ..model }), "m").unwrap_err();
    assert!(error.to_string().contains("trained_on.hashes is not in order"), "{error}");
}

#[test]
fn every_cut_and_every_flipped_header_byte_is_an_error_or_an_equal_model_never_a_panic() {
    let bytes = bytes_of(&model());
    for length in (0..bytes.len()).step_by(7) {
        assert!(Model::parse(&bytes[..length], "m").is_err(), "cut at {length}");
    }
    for position in 0..1200 {
        let mut damaged = bytes.clone();
        damaged[position] ^= 0x11;
        let _ = Model::parse(&damaged, "m");
    }
}

#[test]
fn facts_that_cannot_be_are_refused_by_name() {
    let message = |change: &dyn Fn(&mut Model)| {
        let mut changed = model();
        change(&mut changed);
        Model::parse(&bytes_of(&changed), "m").unwrap_err().to_string()
    };
    assert!(message(&|model| model.facts.format_version = 9).contains("format 9, this program reads format 4"));
    assert!(message(&|model| model.facts.threshold = 1.5).contains("threshold"));
    assert!(message(&|model| model.facts.positive = "wasps".into()).contains("positive class"));
    assert!(message(&|model| model.head.weight[7] = f32::NAN).contains("head.weight"));
    assert!(message(&|model| model.head.weight.truncate(512)).contains("expected F32 [1, 2048], given F32 [1, 512]"));
}

#[test]
fn other_safetensors_files_are_recognised() {
    let message = |name: &str, shape: Vec<usize>| {
        let data = vec![0; 4 * shape.iter().product::<usize>()];
        let view = TensorView::new(Dtype::F32, shape, &data).unwrap();
        let bytes = safetensors::serialize([(name, view)], None).unwrap();
        Model::parse(&bytes, "m").unwrap_err().to_string()
    };
    assert!(message("conv1.weight", vec![64, 3, 7, 7]).contains("backbone weights"));
    assert!(message("fc.weight", vec![1000, 2048]).contains("[1000, 2048]"));
    assert!(message("x", vec![1]).contains("1 tensors"));
}

#[test]
fn a_transposed_head_is_named_with_both_shapes() {
    let model = model();
    let weight: Vec<u8> = model.head.weight.iter().flat_map(|value| value.to_le_bytes()).collect();
    let bias = [0; 4];
    let tensors = [
        (WEIGHT, TensorView::new(Dtype::F32, vec![FEATURES, 1], &weight).unwrap()),
        (BIAS, TensorView::new(Dtype::F32, vec![1], &bias).unwrap()),
    ];
    let facts = serde_json::to_string(&model.facts).unwrap();
    let bytes = safetensors::serialize(tensors, Some(HashMap::from([(ENTRY.to_owned(), facts)]))).unwrap();
    let error = Model::parse(&bytes, "m").unwrap_err();
    assert!(error.to_string().contains("expected F32 [1, 2048], given F32 [2048, 1]"), "{error}");
    assert_eq!(error.hint().unwrap(), "it is transposed: write it as [1, 2048]");
}

fn flatten_model(image_size: u32) -> Model {
    let mut model = model();
    model.facts.pooling = Pooling::Flatten;
    model.facts.preprocess = Preprocess::with_image_size(image_size);
    model.head.weight = vec![0.5; Pooling::Flatten.width(image_size)];
    model
}

#[test]
fn a_flatten_head_comes_back_and_is_bound_to_its_image_size() {
    let mut flatten = flatten_model(64);
    assert_eq!(Model::parse(&bytes_of(&flatten), "m").unwrap(), flatten);
    flatten.facts.preprocess = Preprocess::with_image_size(96);
    let error = Model::parse(&bytes_of(&flatten), "m").unwrap_err();
    assert!(error.to_string().contains("expected F32 [1, 18432], given F32 [1, 8192]"), "{error}");
    let hint = error.hint().unwrap();
    assert!(hint.starts_with("at 96 pixels flatten gives [B, 18432], Linear wants [B, 8192]: "), "{hint}");
    assert!(hint.contains("33 to 64 pixels"), "{hint}");
}

#[test]
fn remembered_training_photos_come_back_and_find_themselves() {
    let features = FeatureMatrix::from_values(FEATURES, (0..3 * FEATURES).map(|n| (n * 37 % 101) as f32).collect());
    let features = features.unwrap();
    let mut kept = model();
    let photo = |name: &str| Kept { path: name.into(), class: "ants".into() };
    kept.facts.index.photos = vec![photo("a"), photo("b"), photo("c")];
    kept.index = Index::new(&features, &[0; 3], &[0, 1, 2]).0;
    let read = Model::parse(&bytes_of(&kept), "m").unwrap();
    assert_eq!(read, kept);
    let nearest = read.nearest(features.row(1), 2);
    assert_eq!((nearest[0].0.path.as_path(), nearest[0].1), (Path::new("b"), 1.0));
    // Three photos do not say what is usual.
    assert_eq!(read.is_unfamiliar(features.row(1)), None);
    kept.facts.index.photos = vec![photo("a")];
    let error = Model::parse(&bytes_of(&kept), "m").unwrap_err().to_string();
    assert!(error.contains("expected I8 [1, 2048], given I8 [3, 2048]"), "{error}");
}

#[test]
fn a_flattened_map_is_compared_by_the_mean_of_each_channel() {
    let mut flatten = flatten_model(64);
    let row = |photo: usize| -> Vec<f32> { (0..4 * FEATURES).map(|n| (n * (37 + photo) % 101) as f32).collect() };
    let averaged = (0..3).flat_map(|photo| Pooling::Flatten.averaged(&row(photo)).into_owned()).collect();
    let averaged = FeatureMatrix::from_values(FEATURES, averaged).unwrap();
    flatten.index = Index::new(&averaged, &[0; 3], &[0, 1, 2]).0;
    flatten.facts.index.photos = ["a", "b", "c"].map(|name| Kept { path: name.into(), class: "ants".into() }).to_vec();
    let nearest = flatten.nearest(&row(2), 1);
    assert_eq!((nearest[0].0.path.as_path(), nearest[0].1), (Path::new("c"), 1.0));
}

#[test]
fn probabilities_are_calibrated_and_a_damaged_calibration_is_refused() {
    let mut model = model();
    let (logit, probability) = model.score(&[0.0; FEATURES]).unwrap();
    let expected = 1.0 / (1.0 + (-(0.8 * logit - 0.1)).exp());
    assert!((logit + 0.25).abs() < 1e-12 && (probability - expected).abs() < 1e-12);
    model.facts.calibration = Calibration::Platt { slope: -1.0, intercept: 0.0 };
    assert!(Model::parse(&bytes_of(&model), "m").unwrap_err().to_string().contains("calibration"));
}
