//! Files that strangers made: models, weights, tables and folders of the worst kind get an answer or a reason.

use std::collections::HashMap;
use std::fs;
use std::process::Command;

use resnet_binary::{Model, ModelError};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::setup::{Dir, TRAIN, photo, run};

/// The description in a model file.
fn facts(bytes: &[u8]) -> String {
    let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
    metadata.metadata().as_ref().unwrap()["resnet_binary"].clone()
}

/// A model file with this description and these tensors.
fn model_of(facts: &str, tensors: &[(&str, Dtype, Vec<usize>, Vec<u8>)]) -> Vec<u8> {
    let views =
        tensors.iter().map(|(name, dtype, shape, data)| (*name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
    safetensors::serialize(views, Some(HashMap::from([("resnet_binary".to_owned(), facts.to_owned())]))).unwrap()
}

#[test]
fn a_model_cut_at_any_length_is_refused_and_no_flipped_byte_makes_a_panic() {
    let dir = Dir::with_photos(4);
    let bytes = fs::read(dir.model()).unwrap();
    for length in 0..bytes.len() {
        assert!(Model::parse(&bytes[..length], "m").is_err(), "cut at {length}");
    }
    let header = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let mut refused = 0;
    for position in 0..bytes.len() {
        for bits in [0x01, 0x80, 0xff] {
            let mut flipped = bytes.clone();
            flipped[position] ^= bits;
            match Model::parse(&flipped, "m") {
                Ok(model) => assert!(model.head.weight.iter().all(|weight| weight.is_finite())),
                Err(error) => {
                    assert!(error.hint().is_some(), "{error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > header, "{refused} refused, the header has {header} bytes");
}

#[test]
fn a_model_of_another_dtype_or_with_numbers_that_are_none_is_refused_by_name() {
    let dir = Dir::with_photos(4);
    let bytes = fs::read(dir.model()).unwrap();
    let facts = facts(&bytes);
    let floats = |value: f32| value.to_le_bytes().repeat(2048);
    let with = |dtype, weight: Vec<u8>, bias: f32| {
        let whole = SafeTensors::deserialize(&bytes).unwrap();
        let others = whole.iter().filter(|(name, _)| !name.starts_with("head."));
        let mut tensors: Vec<(&str, Dtype, Vec<usize>, Vec<u8>)> =
            others.map(|(name, view)| (name, view.dtype(), view.shape().to_vec(), view.data().to_vec())).collect();
        tensors.push(("head.weight", dtype, vec![1, 2048], weight));
        tensors.push(("head.bias", Dtype::F32, vec![1], bias.to_le_bytes().into()));
        Model::parse(&model_of(&facts, &tensors), "m")
    };
    assert!(with(Dtype::F32, floats(0.5), 0.0).is_ok());
    for (dtype, size) in [(Dtype::F64, 8), (Dtype::F16, 2), (Dtype::BF16, 2), (Dtype::I32, 4), (Dtype::U8, 1)] {
        let error = with(dtype, vec![0; 2048 * size], 0.0).unwrap_err();
        assert!(error.to_string().contains(&format!("given {dtype:?} [1, 2048]")), "{error}");
    }
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(matches!(with(Dtype::F32, floats(value), 0.0), Err(ModelError::Value { .. })), "{value}");
        let error = with(Dtype::F32, floats(0.0), value).unwrap_err();
        assert!(error.to_string().contains("head.bias"), "{error}");
    }
}

#[test]
fn headers_that_are_overlong_or_endlessly_deep_are_refused_at_once() {
    let dir = Dir::with_photos(4);
    let good = facts(&fs::read(dir.model()).unwrap());
    for length in [u64::MAX, u64::MAX - 7, 1 << 63, 100_000_001, 100_000_000, 65, 9] {
        let bytes = [&length.to_le_bytes()[..], b"{}", &[b' '; 40]].concat();
        assert!(Model::parse(&bytes, "m").is_err(), "{length}");
    }
    let deep = "[".repeat(1_000_000);
    let bytes = [&(deep.len() as u64).to_le_bytes()[..], deep.as_bytes()].concat();
    assert!(Model::parse(&bytes, "m").is_err());
    for facts in [deep, good.replace('}', ""), good.replace("\"classes\":[", "\"classes\":[1,"), String::new()] {
        let weight = ("head.weight", Dtype::F32, vec![1, 2048], vec![0; 8192]);
        let bytes = model_of(&facts, &[weight, ("head.bias", Dtype::F32, vec![1], vec![0; 4])]);
        assert!(Model::parse(&bytes, "m").is_err(), "{}", &facts[..facts.len().min(80)]);
    }
}

#[test]
fn a_file_in_the_place_of_known_weights_is_checked_before_it_is_used() {
    let dir = Dir::with_photos(4);
    dir.file("weights/resnet50-imagenet-v1-5d061a3c.safetensors", b"\x02\0\0\0\0\0\0\0{}");
    for cache in [&["--cache", "off"][..], &[]] {
        let said = run(dir.command().args(["train", "--data", "imgs"]).args(cache));
        assert_eq!(said.code, Some(1), "{}", said.err);
        assert!(said.err.contains("is not `imagenet-v1`: SHA-256 expected 5d061a3c"), "{}", said.err);
    }
}

#[test]
fn a_table_may_name_any_path_and_each_gets_its_line_and_is_only_read() {
    let dir = Dir::with_photos(6);
    let secret = dir.file("secret", b"root:x:0:0");
    assert!(Command::new("mkfifo").arg(dir.path("pipe")).status().unwrap().success());
    std::os::unix::fs::symlink("round", dir.path("round")).unwrap();
    let long = "x/".repeat(3000);
    let photos = (0..6).map(|number| format!("imgs/dark/{number}.ppm,dark\nimgs/light/{number}.ppm,light\n"));
    let others =
        ["../../../../etc/hostname", "imgs/../secret", "/dev/zero", "/proc/self/mem", "pipe", "round", ".", &long];
    let lines = photos.chain(others.map(|path| format!("{path},dark\n")));
    let text: String = std::iter::once("path,label\n".to_owned()).chain(lines).collect();
    dir.file("list.csv", text.as_bytes());
    let arguments = [&["train", "--data", "list.csv"], &TRAIN[3..]].concat();
    let said = run(dir.command().args(arguments).arg("--json"));
    assert_eq!(said.code, Some(3), "{}", said.err);
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["unreadable"].as_array().unwrap().len(), 8, "{}", said.err);
    assert_eq!(fs::read(secret).unwrap(), b"root:x:0:0");
}

#[test]
fn a_folder_may_hold_links_in_circles_names_that_are_no_text_and_pipes() {
    use std::os::unix::ffi::OsStrExt;
    let dir = Dir::with_photos(4);
    dir.model();
    std::os::unix::fs::symlink("..", dir.path("imgs/dark/up")).unwrap();
    std::os::unix::fs::symlink("itself", dir.path("imgs/dark/itself")).unwrap();
    assert!(Command::new("mkfifo").arg(dir.path("imgs/dark/pipe.jpg")).status().unwrap().success());
    let odd = dir.path("imgs/dark").join(std::ffi::OsStr::from_bytes(b"caf\xe9\n\x1b[31m.ppm"));
    #[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
    fs::write(&odd, photo(77)).unwrap();
    for format in ["text", "json", "csv"] {
        let said = run(dir.command().args(["predict", "imgs", "--format", format]));
        // The link to itself is the one thing that cannot be read.
        assert_eq!(said.code, Some(3), "{}", said.err);
        assert_eq!(said.out.matches("itself").count(), 1, "{}", said.out);
        assert!(!said.out.contains("up/"), "{}", said.out);
        if format == "json" {
            assert_eq!(said.out.lines().count(), 10, "{}", said.out);
        }
    }
    let said = run(dir.command().args(TRAIN).arg("--json"));
    assert_eq!(said.code, Some(3), "{}", said.err);
    assert!(said.out.contains("circular link"), "{}", said.out);
}

#[test]
fn each_limit_of_a_file_can_be_set() {
    let dir = Dir::with_photos(4);
    dir.model();
    let refused = |limit: [&str; 2]| {
        let with = |more: &[&str]| {
            let said = run(dir.command().args(["predict", "imgs"]).args(more).args(limit));
            assert_eq!(said.code, Some(3), "{}", said.err);
            assert_eq!(said.out.lines().filter(|line| line.starts_with("unreadable")).count(), 8, "{}", said.out);
            said.out
        };
        let fresh = with(&["--cache", "off"]);
        // That the features are known from training is no reason to answer; only of the time nothing is left to limit.
        if limit[0] != "--max-seconds" {
            assert_eq!(with(&[]), fresh);
        }
        fresh
    };
    assert!(refused(["--max-megapixels", "0"]).contains("the limit is 0 pixels"));
    assert!(refused(["--max-file-size", "1KB"]).contains("larger than the limit of 1000 bytes"));
    assert!(refused(["--max-seconds", "1e-9"]).contains("took longer than the limit"));
    for limit in
        [["--max-seconds", "0"], ["--max-seconds", "nan"], ["--max-file-size", "big"], ["--max-megapixels", "-1"]]
    {
        let said = run(dir.command().args(["predict", "imgs"]).args(limit));
        assert_eq!(said.code, Some(2), "{limit:?}: {}", said.err);
    }
    let said = run(dir.command().args(["predict", "imgs", "--max-megapixels", "4000000"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
}

#[test]
fn half_a_jpeg_gets_a_row_that_says_so_and_no_answer() {
    let dir = Dir::with_photos(4);
    dir.model();
    let whole = include_bytes!("../golden/pixels/jpeg_default_420.jpg");
    let progressive = include_bytes!("../golden/pixels/jpeg_progressive.jpg");
    let second_scan = progressive.windows(2).enumerate().filter(|(_, two)| two == b"\xff\xda").nth(1).unwrap().0;
    let end = b"\xff\xd9";
    let half = whole.len() / 2;
    dir.file("half/cut.jpg", &[&whole[..half], end].concat());
    dir.file("half/lost.jpg", &[&whole[..half], &whole[half + 300..]].concat());
    dir.file("half/zeroed.jpg", &[&whole[..half], &[0; 300], &whole[half + 300..]].concat());
    dir.file("half/one_scan.jpg", &[&progressive[..second_scan], end].concat());
    for name in ["cut", "lost", "zeroed", "one_scan"] {
        let said = run(dir.command().args(["predict", &format!("half/{name}.jpg")]));
        assert_eq!(said.code, Some(3), "{name}: {}{}", said.out, said.err);
        assert!(said.out.starts_with("unreadable"), "{name}: {}", said.out);
        assert!(said.out.contains("cut off") || said.out.contains("damaged"), "{name}: {}", said.out);
    }
    // No pixel is missing without the end marker, nor because of what follows it.
    dir.file("whole.jpg", whole);
    dir.file("no_end.jpg", &whole[..whole.len() - 2]);
    dir.file("more.jpg", &[&whole[..], b"more"].concat());
    let answer = |name: &str| {
        let said = run(dir.command().args(["predict", name]));
        assert_eq!(said.code, Some(0), "{name}: {}", said.err);
        said.out.replace(name, "")
    };
    assert_eq!(answer("no_end.jpg"), answer("whole.jpg"));
    assert_eq!(answer("more.jpg"), answer("whole.jpg"));
}

#[test]
fn metadata_that_states_gigabytes_takes_no_memory() {
    let dir = Dir::with_photos(4);
    dir.model();
    let whole = include_bytes!("../golden/pixels/orientation6.webp");
    let size = whole.windows(4).position(|name| name == b"EXIF").unwrap() + 4;
    let mut stated = whole.to_vec();
    stated[size..size + 4].copy_from_slice(&0xff00_0000_u32.to_le_bytes());
    dir.file("whole.webp", whole);
    dir.file("stated.webp", &stated);
    let predict = |name: &str| {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "ulimit -v 4000000 && exec \"$0\" predict \"$1\""])
            .arg(dir.command().get_program())
            .arg(name);
        run(shell.current_dir(dir.path(".")).env("RESNET_BINARY_CACHE", dir.path("cache")))
    };
    if predict("whole.webp").code != Some(0) {
        println!("skipped: libtorch wants more than 4 GB of addresses here, or they cannot be limited");
        return;
    }
    let said = predict("stated.webp");
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.starts_with("dark") || said.out.starts_with("light"), "{}", said.out);
}
