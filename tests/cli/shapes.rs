//! The network as a table, the flatten head, and every shape that does not fit.

use std::sync::OnceLock;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use crate::setup::{Dir, TRAIN, run, tensors};

/// `train` at 64 pixels, where the last map has 2×2 cells.
const TRAIN_64: [&str; 7] = ["train", "--data", "imgs", "--weights", "random:0", "--image-size", "64"];

#[test]
fn inspect_shows_every_stage_down_to_the_head_and_loads_nothing() {
    let dir = Dir::new();
    let said = run(dir.command().args(["inspect", "--offline"]));
    assert_eq!(said.code, Some(2), "inspect never fetches, so there is nothing to forbid: {}", said.err);
    let said = run(dir.command().arg("inspect"));
    assert_eq!(said.code, Some(0), "{}", said.err);
    for words in ["layer4", "[B, 2048, 7, 7]", "Linear(2048, 1)", "23,508,032", "2,049", "4.09 G multiply-adds"] {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }
    let said = run(dir.command().args(["inspect", "--json", "--head", "flatten", "--image-size", "256"]));
    let table: Value = serde_json::from_str(&said.out).unwrap();
    let stages: Vec<_> =
        table["stages"].as_array().unwrap().iter().map(|stage| stage["name"].as_str().unwrap()).collect();
    let expected = ["input", "conv1", "maxpool", "layer1", "layer2", "layer3", "layer4", "flatten", "head"];
    assert_eq!(stages, expected);
    assert_eq!((table["stages"][7]["output"][0].as_u64(), table["trainable"].as_u64()), (Some(131_072), Some(131_073)));
    assert_eq!(table["frozen"], 23_508_032);
    assert!(!dir.path("cache").exists());
}

#[test]
fn a_flatten_head_goes_the_whole_way_and_the_model_knows_its_image_size() {
    let dir = Dir::with_photos(8);
    let trained = run(dir.command().args(TRAIN_64).args(["--head", "flatten", "--save-split", "split.csv", "--json"]));
    assert_eq!(trained.code, Some(0), "{}", trained.err);
    let trained: Value = serde_json::from_str(&trained.out).unwrap();
    assert_eq!(
        (trained["pooling"].as_str(), trained["validation"]["accuracy"]["value"].as_f64()),
        (Some("flatten"), Some(1.0))
    );
    let evaluated = run(dir.command().args(["evaluate", "--data", "split.csv", "--json"]));
    let evaluated: Value = serde_json::from_str(&evaluated.out).unwrap();
    assert_eq!(evaluated["metrics"], trained["validation"]);
    // Rows of a flatten head are too large for the cache.
    assert_eq!(evaluated["features_from_cache"], 0);
    let predicted = run(dir.command().args(["predict", "imgs/light/1.ppm", "imgs/dark/1.ppm", "--format", "csv"]));
    assert_eq!(predicted.code, Some(0), "{}", predicted.err);
    let labels: Vec<_> = predicted.out.lines().skip(1).map(|line| line.split(',').nth(1).unwrap()).collect();
    assert_eq!(labels, ["light", "dark"]);
    let shown = run(dir.command().args(["inspect", "--model", "model.safetensors"]));
    for words in ["flatten", "[B, 8192]", "Linear(8192, 1)", "8,193", "images of 64×64 with weights random:0"] {
        assert!(shown.out.contains(words), "{words}: {}", shown.out);
    }
    let sgd = run(dir.command().args(TRAIN_64).args(["--head", "flatten", "--solver", "sgd", "--epochs", "3"]));
    assert_eq!(sgd.code, Some(0), "{}", sgd.err);
}

/// Bytes of a model, trained once for all rows.
fn model(flatten: bool) -> &'static [u8] {
    static MODELS: [OnceLock<Vec<u8>>; 2] = [OnceLock::new(), OnceLock::new()];
    MODELS[usize::from(flatten)].get_or_init(|| {
        let dir = Dir::with_photos(4);
        let head = if flatten { "flatten" } else { "gap" };
        let said = run(dir.command().args(TRAIN_64).args(["--head", head]));
        assert_eq!(said.code, Some(0), "{}", said.err);
        std::fs::read(dir.path("model.safetensors")).unwrap()
    })
}

/// Puts a model down with something replaced in its description, and a weight of another shape.
fn altered(dir: &Dir, flatten: bool, replace: [&str; 2], shape: &[usize]) {
    let bytes = model(flatten);
    let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
    let facts = metadata.metadata().as_ref().unwrap()["resnet_binary"].clone();
    assert!(facts.contains(replace[0]), "{facts}");
    let facts = facts.replace(replace[0], replace[1]);
    let weight = vec![0; 4 * shape.iter().product::<usize>()];
    let tensors = [
        ("head.weight", TensorView::new(Dtype::F32, shape.to_vec(), &weight).unwrap()),
        ("head.bias", TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap()),
    ];
    let metadata = std::collections::HashMap::from([("resnet_binary".to_owned(), facts)]);
    dir.file("m", &safetensors::serialize(tensors, Some(metadata)).unwrap());
}

const AS_IT_IS: [&str; 2] = ["", ""];

/// Puts a weights file down with zeros of these shapes.
fn weights(dir: &Dir, tensors: &[(&str, &[usize])]) {
    let sizes = tensors.iter().map(|(_, shape)| vec![0; 4 * shape.iter().product::<usize>()]);
    let data: Vec<Vec<u8>> = sizes.collect();
    let views = tensors
        .iter()
        .zip(&data)
        .map(|((name, shape), data)| (*name, TensorView::new(Dtype::F32, shape.to_vec(), data).unwrap()));
    dir.file("w.safetensors", &safetensors::serialize(views, None).unwrap());
}

const BOTTLENECK: (&str, &[usize]) = ("layer1.0.conv1.weight", &[64, 64, 1, 1]);

/// Name, what to prepare, arguments, exit code, words on stdout or stderr.
type Row = (&'static str, fn(&Dir), &'static [&'static str], i32, &'static [&'static str]);

const PREDICT: &[&str] = &["predict", "imgs/dark/0.ppm", "--model", "m"];
const TRAIN_ON_FILE: &[&str] = &["train", "--data", "imgs", "--weights", "w.safetensors"];
const INSPECT_FILE: &[&str] = &["inspect", "--weights", "w.safetensors"];

fn nothing(_: &Dir) {}

const MISMATCHES: &[Row] = &[
    (
        "one unit on the map, shown",
        nothing,
        &["inspect", "--head", "none"],
        0,
        &[
            "layer4 gives [B, 2048, 7, 7], Linear wants [B, 2048]: pool it (--head gap) or flatten it (--head flatten, \
             100352 inputs)",
            "PyTorch",
            "[B, 7, 7, 1]",
        ],
    ),
    (
        "one unit on the map, trained",
        nothing,
        &["train", "--data", "imgs", "--head", "none", "--image-size", "320"],
        2,
        &["layer4 gives [B, 2048, 10, 10], Linear wants [B, 2048]: pool it", "204800 inputs", "hint: "],
    ),
    (
        "a flatten model inspected at another image size",
        |dir| drop(dir.file("m", model(true))),
        &["inspect", "--model", "m", "--image-size", "96"],
        0,
        &["flatten gives [B, 18432], Linear wants [B, 8192]: ", "33 to 64 pixels", "`--head gap`"],
    ),
    (
        "a flatten model that says another image size",
        |dir| altered(dir, true, ["\"crop\":64", "\"crop\":96"], &[1, 8192]),
        PREDICT,
        1,
        &["head.weight: expected F32 [1, 18432], given F32 [1, 8192]", "hint: at 96 pixels flatten gives [B, 18432]"],
    ),
    (
        "a flattened weight behind an average",
        |dir| altered(dir, false, AS_IT_IS, &[1, 8192]),
        PREDICT,
        1,
        &["head.weight: expected F32 [1, 2048], given F32 [1, 8192]", "pool gives [B, 2048], Linear wants [B, 8192]"],
    ),
    (
        "a head of another width",
        |dir| altered(dir, false, AS_IT_IS, &[1, 512]),
        PREDICT,
        1,
        &["head.weight: expected F32 [1, 2048], given F32 [1, 512]", "train a head of 2048 inputs"],
    ),
    (
        "a transposed head",
        |dir| altered(dir, false, AS_IT_IS, &[2048, 1]),
        PREDICT,
        1,
        &["head.weight: expected F32 [1, 2048], given F32 [2048, 1]", "hint: it is transposed: write it as [1, 2048]"],
    ),
    (
        "a transposed flatten head",
        |dir| altered(dir, true, AS_IT_IS, &[8192, 1]),
        &["evaluate", "--data", "imgs", "--model", "m"],
        1,
        &["expected F32 [1, 8192], given F32 [8192, 1]", "transposed"],
    ),
    (
        "a head of two units",
        |dir| altered(dir, false, AS_IT_IS, &[2, 2048]),
        PREDICT,
        1,
        &["expected F32 [1, 2048], given F32 [2, 2048]", "2 units", "keep one row"],
    ),
    (
        "a 1000-class head as a model",
        |dir| {
            weights(dir, &[("fc.weight", &[1000, 2048])]);
        },
        &["predict", "imgs/dark/0.ppm", "--model", "w.safetensors"],
        1,
        &["a classifier of shape [1000, 2048] only", "hint: "],
    ),
    (
        "a 1000-class head as weights",
        |dir| weights(dir, &[("fc.weight", &[1000, 2048]), ("fc.bias", &[1000])]),
        TRAIN_ON_FILE,
        1,
        &["a classifier only, fc.weight [1000, 2048], and conv1 to layer4 are missing", "`resnet-binary weights list`"],
    ),
    (
        "ResNet-18",
        |dir| weights(dir, &[("layer1.0.conv1.weight", &[64, 64, 3, 3])]),
        INSPECT_FILE,
        1,
        &["looks like ResNet-18: layer1.0.conv1.weight is [64, 64, 3, 3], ResNet-50 has [64, 64, 1, 1]", "hint: "],
    ),
    (
        "ResNet-34",
        |dir| weights(dir, &[("layer1.0.conv1.weight", &[64, 64, 3, 3]), ("layer3.2.conv1.weight", &[2])]),
        TRAIN_ON_FILE,
        1,
        &["looks like ResNet-34"],
    ),
    (
        "ResNet-101",
        |dir| weights(dir, &[BOTTLENECK, ("layer3.22.conv1.weight", &[2])]),
        INSPECT_FILE,
        1,
        &["looks like ResNet-101: it has layer3.22.conv1.weight, ResNet-50 ends stage 3 at layer3.5"],
    ),
    (
        "ResNet-152",
        |dir| weights(dir, &[BOTTLENECK, ("layer3.35.conv1.weight", &[2])]),
        TRAIN_ON_FILE,
        1,
        &["looks like ResNet-152"],
    ),
    (
        "a wide ResNet-50",
        |dir| weights(dir, &[BOTTLENECK, ("layer1.0.conv2.weight", &[128, 128, 3, 3])]),
        INSPECT_FILE,
        1,
        &["looks like Wide ResNet-50-2: layer1.0.conv2.weight is [128, 128, 3, 3], ResNet-50 has [64, 64, 3, 3]"],
    ),
    (
        "weights for grey images",
        |dir| weights(dir, &[("conv1.weight", &[64, 1, 7, 7])]),
        TRAIN_ON_FILE,
        1,
        &["conv1.weight: expected [64, 3, 7, 7], given [64, 1, 7, 7]", "1 channels and this tool gives RGB"],
    ),
    (
        "weights in Keras's order",
        |dir| weights(dir, &[("conv1.weight", &[7, 7, 3, 64])]),
        TRAIN_ON_FILE,
        1,
        &["conv1.weight: expected [64, 3, 7, 7], given [7, 7, 3, 64]", "permute every convolution to [O, I, K, K]"],
    ),
    (
        "weights out of a wrapper",
        |dir| weights(dir, &[("module.conv1.weight", &[64, 3, 7, 7])]),
        INSPECT_FILE,
        1,
        &["expected conv1.weight, given module.conv1.weight", "take `module.` off the names"],
    ),
    (
        "a norm that would broadcast",
        |dir| weights(dir, &[("conv1.weight", &[64, 3, 7, 7]), ("bn1.weight", &[1])]),
        TRAIN_ON_FILE,
        1,
        &["bn1.weight: expected [64], given [1]"],
    ),
    (
        "an image smaller than one cell",
        nothing,
        &["inspect", "--image-size", "31"],
        2,
        &["layer4", "expected [B, 3, 32, 32] or larger, given [B, 3, 31, 31]", "give 32 or more"],
    ),
    (
        "a head beside a model that has its own",
        nothing,
        &["inspect", "--model", "m", "--head", "gap"],
        2,
        &["cannot be used with"],
    ),
];

#[test]
fn every_mismatch_names_the_stage_what_is_expected_what_is_given_and_what_to_do() {
    assert!(MISMATCHES.len() >= 20);
    let mut wrong = Vec::new();
    for (name, prepare, arguments, code, words) in MISMATCHES {
        let dir = Dir::with_photos(2);
        prepare(&dir);
        let said = run(dir.command().args(*arguments));
        let all = format!("{}{}", said.out, said.err);
        let missing: Vec<_> = words.iter().filter(|words| !all.contains(**words)).collect();
        if said.code != Some(*code) || !missing.is_empty() || all.contains("panicked") {
            wrong.push(format!("{name}: exit {:?}, expected {code}; not said: {missing:?}\n{all}", said.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn weights_that_fit_are_compared_with_the_table_and_named() {
    let dir = Dir::new();
    let tensors = tensors();
    let mut all: Vec<(&str, &[usize])> =
        tensors.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect();
    all.push(("fc.weight", &[1000, 2048]));
    weights(&dir, &all);
    let said = run(dir.command().args(INSPECT_FILE));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(
        said.out.contains("w.safetensors: 265 tensors fit") && said.out.contains("fc.weight [1000, 2048]"),
        "{}",
        said.out
    );
    let missing = run(dir.command().args(["inspect", "--weights", "imagenet-v1"]));
    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains("hint: "), "{}", missing.err);
}

#[test]
fn the_average_takes_any_image_size_that_has_a_cell() {
    let dir = Dir::with_photos(4);
    let args = TRAIN.iter().map(|&word| if word == "32" { "75" } else { word });
    let said = run(dir.command().args(args));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("[B, 3, 75, 75] → [B, 2048, 3, 3] → pool → [B, 2048] → Linear(2048, 1)"), "{}", said.out);
}
