//! Models for other programs: written, replayed, caught when they were changed, and read by the tools of their users.

use std::io::{Cursor, Read, Write};
use std::process::Command;

use safetensors::SafeTensors;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::setup::{Dir, QUICK, TRAIN, run};

/// Exports the model in the folder and gives the bytes.
fn exported(dir: &Dir, arguments: &[&str]) -> Vec<u8> {
    let said = run(dir.command().args(["export", "--output", "exported"]).args(arguments));
    assert_eq!(said.code, Some(0), "{arguments:?}: {}", said.err);
    assert!(said.out.contains("next        resnet-binary verify exported"), "{}", said.out);
    std::fs::read(dir.path("exported")).unwrap()
}

/// `verify` finds this stage first, and says these words.
fn caught(dir: &Dir, bytes: &[u8], stage: &str, words: &str) {
    let file = dir.file("changed", bytes);
    let said = run(dir.command().arg("verify").arg(file));
    let message = format!("does not answer as the model did: stage `{stage}` differs");
    assert!(
        said.code == Some(1) && said.err.contains(&message) && said.err.contains(words),
        "{}{}",
        said.out,
        said.err
    );
}

fn place(bytes: &[u8], words: &[u8]) -> usize {
    bytes.windows(words.len()).position(|window| window == words).unwrap()
}

/// The bytes with some replaced by as many others.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let place = place(bytes, from);
    [&bytes[..place], to, &bytes[place + to.len()..]].concat()
}

/// The bytes with one number changed, the one that begins here.
fn nudged(bytes: &[u8], place: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let number = f32::from_le_bytes(bytes[place..place + 4].try_into().unwrap());
    bytes[place..place + 4].copy_from_slice(&(number + 0.5).to_le_bytes());
    bytes
}

#[test]
fn a_changed_onnx_file_is_caught_and_the_stage_named() {
    let dir = Dir::with_photos(6);
    dir.model();
    let bytes = exported(&dir, &["--format", "onnx"]);
    assert_eq!(bytes, exported(&dir, &["--format", "onnx"]), "the same model gives the same bytes");
    let said = run(dir.command().args(["verify", "exported"]));
    assert!(said.code == Some(0) && said.out.contains("photos u8 [N, H, W, 3]"), "{}{}", said.out, said.err);

    let tensor = [b"layer3.4.conv2.weight".as_slice(), &[0x4a]].concat();
    // Behind the tensor's name come a tag and a length of four bytes.
    let weight = place(&bytes, &tensor) + tensor.len() + 4 + 400;
    caught(&dir, &nudged(&bytes, weight), "layer3", "its numbers have changed");
    let names = |names: &str| [b"labels\x12\x10".as_slice(), names.as_bytes()].concat();
    let swapped = replaced(&bytes, &names(r#"["dark","light"]"#), &names(r#"["light","dark"]"#));
    caught(&dir, &swapped, "label", "`labels` is [\"light\", \"dark\"]");
    // The first convolution reads the levels themselves.
    let (from, to) = (b"\x0a\x0anormalised\x0a\x0cconv1.weight", b"\x0a\x0acrop.float\x0a\x0cconv1.weight");
    caught(&dir, &replaced(&bytes, from, to), "normalised", "largest difference");
    let unknown = replaced(&bytes, b"GlobalAveragePool", b"GlobalMaximumPool");
    caught(&dir, &unknown, "pool", "operator `GlobalMaximumPool` is not known");
    caught(
        &dir,
        &replaced(&bytes, b"antialias\x18\x01", b"antialias\x18\x00"),
        "crop",
        "not bilinear with antialiasing",
    );

    for end in [0, 1, 20, 1000, bytes.len() / 2, bytes.len() - 1] {
        let file = dir.file("cut", &bytes[..end]);
        let said = run(dir.command().arg("verify").arg(file));
        assert!(
            said.code == Some(1) && said.err.contains("hint:") && !said.err.contains("flaw"),
            "{end}: {}",
            said.err
        );
    }
    let crop = exported(&dir, &["--format", "onnx", "--input", "crop", "--opset", "21"]);
    assert!(crop.len() < bytes.len());
    let said = run(dir.command().args(["verify", "exported"]));
    assert!(said.out.contains("ONNX, opset 21") && said.out.contains("crops u8 [N, 3, 32, 32]"), "{}", said.out);
}

/// An archive with the content of some files changed.
fn rewritten(bytes: &[u8], change: impl Fn(&str, Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut changed = ZipWriter::new(Cursor::new(Vec::new()));
    for number in 0..archive.len() {
        let mut file = archive.by_index(number).unwrap();
        let (name, mut content) = (file.name().unwrap().into_owned(), Vec::new());
        file.read_to_end(&mut content).unwrap();
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        changed.start_file(&*name, options).unwrap();
        changed.write_all(&change(&name, content)).unwrap();
    }
    changed.finish().unwrap().into_inner()
}

#[test]
fn a_changed_torchscript_file_is_caught_and_the_stage_named() {
    let dir = Dir::with_photos(6);
    dir.model();
    let bytes = exported(&dir, &["--format", "torchscript", "--input", "crop"]);
    let in_file = |end: &'static str, from: &'static str, to: &'static str| {
        rewritten(&bytes, move |name, content| {
            if !name.ends_with(end) {
                return content;
            }
            let text = String::from_utf8(content).unwrap();
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1).into_bytes()
        })
    };
    let code = "code/__torch__.py";
    let plain = in_file(code, "torch.div(torch.sub(unit, self.normalised_mean), self.normalised_std)", "unit");
    caught(&dir, &plain, "normalised", "largest difference");
    let reversed = in_file(code, "torch.ge(sure, self.label_threshold)", "torch.lt(sure, self.label_threshold)");
    caught(&dir, &reversed, "label", "largest difference 3");
    let swapped = in_file("resnet_binary.json", r#""labels":["dark","light"]"#, r#""labels":["light","dark"]"#);
    caught(&dir, &swapped, "label", "`labels` is");
    let first = |name: &str, content: Vec<u8>| if name.ends_with("data/20") { nudged(&content, 0) } else { content };
    caught(&dir, &rewritten(&bytes, first), "layer1", "its numbers have changed");
    let file = dir.file("changed", &in_file(code, "torch.relu", "torch.nothing"));
    let said = run(dir.command().arg("verify").arg(file));
    assert!(said.code == Some(1) && said.err.contains("is damaged"), "{}", said.err);
    exported(&dir, &["--format", "torchscript"]);
}

#[test]
fn changed_weights_for_torchvision_are_caught_and_the_stage_named() {
    let dir = Dir::with_photos(6);
    dir.model();
    let bytes = exported(&dir, &["--format", "safetensors"]);
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("fc.weight").unwrap().shape(), [1, 2048]);
    let at = |name: &str| tensors.tensor(name).unwrap().data().as_ptr() as usize - bytes.as_ptr() as usize;
    caught(&dir, &nudged(&bytes, at("layer4.2.bn3.weight")), "layer4", "its numbers have changed");
    caught(&dir, &nudged(&bytes, at("fc.weight")), "logit", "its numbers have changed");
    let mean = |number: &str| format!(r#"\"mean\":[{number}"#).into_bytes();
    caught(&dir, &replaced(&bytes, &mean("0.485"), &mean("0.000")), "normalised", "largest difference");
    let threshold = |number: &str| format!(r#"\"threshold\":{number}"#).into_bytes();
    caught(&dir, &replaced(&bytes, &threshold("0.5"), &threshold("0.9")), "label", "`threshold` is");
}

#[test]
fn what_cannot_be_exported_or_replayed_gets_a_sentence() {
    let dir = Dir::with_photos(6);
    crate::setup::weights(&dir, "mine.safetensors");
    let train = ["train", "--data", "imgs", "--weights", "mine.safetensors", "--image-size", "32", "--output"];
    assert_eq!(run(dir.command().args(train).arg("no-weights.safetensors")).code, Some(0));
    std::fs::remove_file(dir.path("mine.safetensors")).unwrap();
    let flat = run(dir.command().args(TRAIN).args(["--head", "flatten", "--output", "flat.safetensors"]));
    assert_eq!(flat.code, Some(0), "{}", flat.err);
    dir.model();
    dir.file("notes.txt", b"mine");
    dir.file("foreign.onnx", b"\x08\x08\x12\x07pytorch\x3a\x00");
    let export = |words: &'static str| ("export", words);
    let verify = |words: &'static str| ("verify", words);
    let cases = [
        (export("--format onnx --output none/a.onnx"), 1, "mkdir -p"),
        (export("--format onnx --output /proc/a.onnx"), 1, "/proc"),
        (export("--format onnx --output notes.txt"), 1, "not an ONNX file of this program"),
        (export("--format onnx --output model.safetensors"), 1, "it is the model"),
        (export("--format tflite --output a"), 2, "possible values: onnx, torchscript, safetensors"),
        (export("--format onnx --opset 99 --output a"), 2, "99 is not in 18..=21"),
        (export("--format torchscript --opset 18 --output a"), 2, "`--opset` has no effect here"),
        (export("--format safetensors --input crop --output a"), 2, "`--input` has no effect here"),
        (export("--format onnx --model no-weights.safetensors --output a"), 1, "put that file beside the model"),
        (export("--format safetensors --model flat.safetensors --output a"), 1, "`--head flatten`"),
        (export("--format onnx --model absent --output a"), 1, "no such file"),
        (verify("foreign.onnx"), 1, "it is an ONNX file of pytorch without test images"),
        (verify("model.safetensors"), 1, "it is a safetensors file without test images"),
        (verify("notes.txt"), 1, "was not written by `resnet-binary export`"),
        (verify("imgs/dark/0.ppm"), 1, "was not written by `resnet-binary export`"),
        (verify("absent"), 1, "no such file"),
    ];
    let before = dir.names(".");
    for ((command, words), code, expected) in cases {
        let said = run(dir.command().arg(command).args(words.split(' ')));
        assert_eq!(said.code, Some(code), "{words}: {}", said.err);
        assert!(said.err.contains(expected) && !said.err.contains("flaw"), "{words}: {}", said.err);
    }
    assert_eq!(dir.names("."), before);
    // The flattened map fits the other formats.
    exported(&dir, &["--format", "onnx", "--model", "flat.safetensors"]);
}

/// Reads every form with the tools of its users and prints the logit of one photo by each.
const READ: &str = r#"
import json, sys
import numpy as np, onnx, onnxruntime, safetensors.torch, torch, torchvision
from PIL import Image
photo = np.array(Image.open("imgs/light/1.ppm"))[None]
resized = torchvision.transforms.Resize(37)(Image.open("imgs/light/1.ppm"))
crop = np.array(torchvision.transforms.CenterCrop(32)(resized)).transpose(2, 0, 1)[None]
answers = {}
for entry, pixels in [("photo", photo), ("crop", crop)]:
    onnx.checker.check_model(f"{entry}.onnx", full_check=True)
    session = onnxruntime.InferenceSession(f"{entry}.onnx")
    labels = json.loads(session.get_modelmeta().custom_metadata_map["labels"])
    two = np.concatenate([pixels, pixels])
    _, logit, label = session.run(None, {entry: two})
    answers[f"onnx {entry}"] = float(logit[1]), labels[label[1]]
    module = torch.jit.load(f"{entry}.pt")
    _, logit, label = module(torch.from_numpy(two))
    answers[f"torchscript {entry}"] = float(logit[1]), labels[label[1]]
net = torchvision.models.resnet50()
net.fc = torch.nn.Linear(2048, 1)
net.load_state_dict(safetensors.torch.load_file("net.safetensors"))
normalise = torchvision.transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
logit = float(net.eval()(normalise(torch.from_numpy(crop) / 255.0)))
answers["safetensors crop"] = logit, labels[int(logit >= 0)]
print(json.dumps(answers))
"#;

#[test]
fn the_tools_of_their_users_read_the_files_and_answer_the_same() {
    let python = std::env::var("PYTHON").unwrap_or("python3".to_owned());
    let modules = "import onnx, onnxruntime, safetensors.torch, torch, torchvision, PIL";
    if !Command::new(&python).args(["-c", modules]).output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: `{python}` (`PYTHON` names another) does not {modules}");
        return;
    }
    let dir = Dir::with_photos(6);
    let trained = run(dir.command().args(["train", "--data", "imgs"]).args(QUICK).args(["--precision", "fp32"]));
    assert_eq!(trained.code, Some(0), "{}", trained.err);
    for (format, entry, output) in [
        ("onnx", "photo", "photo.onnx"),
        ("onnx", "crop", "crop.onnx"),
        ("torchscript", "photo", "photo.pt"),
        ("torchscript", "crop", "crop.pt"),
    ] {
        let words = ["export", "--format", format, "--input", entry, "--output", output];
        assert_eq!(run(dir.command().args(words)).code, Some(0));
    }
    assert_eq!(
        run(dir.command().args(["export", "--format", "safetensors", "--output", "net.safetensors"])).code,
        Some(0)
    );
    let ours = run(dir.command().args(["predict", "imgs/light/1.ppm", "--json", "--precision", "fp32"]));
    let ours: serde_json::Value = serde_json::from_str(&ours.out).unwrap();
    let read = run(dir.command_of(&python).args(["-c", READ]));
    assert_eq!(read.code, Some(0), "{}", read.err);
    let answers: serde_json::Value = serde_json::from_str(read.out.lines().last().unwrap()).unwrap();
    assert_eq!(answers.as_object().unwrap().len(), 5);
    for (form, answer) in answers.as_object().unwrap() {
        let (logit, expected) = (answer[0].as_f64().unwrap(), ours["logit"].as_f64().unwrap());
        // ONNX Runtime's resize is up to one level off.
        let allowed = if form == "onnx photo" { 0.05 } else { 1e-4 } * expected.abs().max(1.0);
        assert!((logit - expected).abs() <= allowed, "{form}: {logit}, ours is {expected}");
        assert_eq!(answer[1], ours["label"], "{form}");
    }
}
