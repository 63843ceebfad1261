//! Features against torchvision's ResNet-50, whose answers `scripts/golden/features.py` keeps in
//! `golden/features/`. The weights are too large to keep: a formula that both sides know makes them, bit by bit.

use std::path::Path;

use safetensors::SafeTensors;

use crate::backbone::{Backbone, Pooling, Readout, Target, layout};
use crate::files::ContentHash;
use crate::head::Head;
use crate::pixels::{Crop, Preprocess};
use crate::weights::{Array, Dtype, NamedArrays};

/// `count` random words: the finaliser of `MurmurHash3` over a counter that starts at the name's FNV-1a.
fn mix(name: &str, count: usize) -> impl Iterator<Item = u32> {
    let start = name.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (0..count).map(move |index| {
        let mut value = start.wrapping_add(index as u32);
        value = (value ^ (value >> 16)).wrapping_mul(0x85EB_CA6B);
        value = (value ^ (value >> 13)).wrapping_mul(0xC2B2_AE35);
        value ^ (value >> 16)
    })
}

/// Kaiming-sized convolutions; `BatchNorm`s that are far from 0 and 1.
fn values(name: &str, shape: &[usize]) -> Vec<f32> {
    let unit = mix(name, shape.iter().product()).map(|word| (word >> 8) as f32 / (1 << 24) as f32);
    let centred = |unit: f32| unit * 2.0 - 1.0;
    if let [_, input, height, width] = shape {
        let bound = (6.0 / (input * height * width) as f64).sqrt() as f32;
        return unit.map(|unit| centred(unit) * bound).collect();
    }
    let is_scale = name.ends_with("running_var") || name.ends_with("weight");
    unit.map(|unit| if is_scale { unit + 0.5 } else { centred(unit) * 0.25 }).collect()
}

/// Blocks of 8 × 8 pixels of one colour.
fn crop(number: usize, size: u32) -> Crop {
    let side = size as usize / 8;
    let blocks: Vec<u8> = mix(&format!("crop{number}"), side * side * 3).map(|word| (word >> 24) as u8).collect();
    let rgb = (0..size as usize)
        .flat_map(|y| (0..size as usize).map(move |x| (y / 8 * side + x / 8) * 3))
        .flat_map(|start| blocks[start..start + 3].to_vec())
        .collect();
    Crop { size, rgb }
}

fn weights() -> (NamedArrays, ContentHash) {
    let mut named: Vec<_> = layout::tensors();
    named.sort();
    let mut all = Vec::new();
    let mut arrays = NamedArrays::default();
    for (name, shape) in named {
        let bytes: Vec<u8> = values(&name, &shape).into_iter().flat_map(f32::to_le_bytes).collect();
        all.extend_from_slice(name.as_bytes());
        all.extend_from_slice(&bytes);
        arrays.insert(name, Array::new(shape, Dtype::F32, bytes).unwrap());
    }
    (arrays, ContentHash::new(&all))
}

#[test]
fn features_averaged_and_flattened_are_torchvisions_within_a_ten_thousandth() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/features/features.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let facts = header.metadata().as_ref().unwrap();
    let (arrays, hash) = weights();
    assert_eq!(hash.to_string(), facts["weights_sha256"], "the formula makes other weights here than in Python");

    let backbone = Backbone::load(&arrays, "formula", Target::CPU).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let flatten = Readout { pooling: Pooling::Flatten, explain: None };
    let engine_flat = backbone.engine().reading(flatten).unwrap();
    let row = engine_flat.features(&[crop(2, 96)], &Preprocess::default()).unwrap().whole;
    let weight = values("head", &[row.len()]);
    let logit = Head { weight, bias: 0.0 }.logit(&row).unwrap();
    let expected = f64::from_le_bytes(file.tensor("flatten_logit").unwrap().data().try_into().unwrap());
    assert!((logit - expected).abs() < 1e-4 * expected.abs(), "flattened: {logit}, torchvision's is {expected}");

    let engine = backbone.engine();
    let expected = file.tensor("features").unwrap();
    assert_eq!(expected.shape(), [3, 2048]);
    let expected: Vec<f32> = expected.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    for ((number, size), expected) in [224, 224, 96].into_iter().enumerate().zip(expected.as_chunks::<2048>().0) {
        let given = engine.features(&[crop(number, size)], &Preprocess::default()).unwrap().whole;
        let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        let distance = norm(&mut given.iter().zip(expected).map(|(given, expected)| given - expected));
        let relative = distance / norm(&mut expected.iter().copied());
        assert!(relative < 1e-4, "crop {number}: {relative:e} away from torchvision");
        let most = expected.iter().copied().fold(0.0_f32, f32::max);
        let worst = given.iter().zip(expected).map(|(given, expected)| (given - expected).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4 * most, "crop {number}: a feature is {worst:e} away, the largest is {most}");
    }
}
