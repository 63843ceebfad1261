//! Features that were computed once.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::setup::{Dir, Said, TRAIN, run};

const STORE: &str = "cache/features-v3.sqlite";

fn train(dir: &Dir, more: &[&str]) -> Said {
    run(dir.command().args(TRAIN).args(more).arg("--json"))
}

fn from_cache(said: &Said) -> u64 {
    assert_eq!(said.code, Some(0), "{}", said.err);
    serde_json::from_str::<Value>(&said.out).unwrap()["features_from_cache"].as_u64().unwrap()
}

fn info(dir: &Dir) -> Value {
    let said = run(dir.command().args(["cache", "info", "--json"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

#[test]
fn a_second_run_computes_only_what_is_new_and_gives_the_same_model() {
    let dir = Dir::with_photos(6);
    assert_eq!(from_cache(&train(&dir, &["--output", "a"])), 0);
    assert_eq!(from_cache(&train(&dir, &["--output", "b"])), 12);
    assert_eq!(from_cache(&train(&dir, &["--output", "c", "--cache", "off"])), 0);
    let read = |name| std::fs::read(dir.path(name)).unwrap();
    assert_eq!(read("a"), read("b"));
    assert_eq!(read("a"), read("c"));
    dir.photo("imgs/dark/new.ppm", 99);
    assert_eq!(from_cache(&train(&dir, &[])), 12);
    for other in [["random:1", "32"], ["random:0", "64"]] {
        let [weights, size] = other;
        let arguments = ["train", "--data", "imgs", "--json", "--weights", weights, "--image-size", size];
        assert_eq!(from_cache(&run(dir.command().args(arguments))), 0, "{other:?}");
    }
    let said = run(dir.command().args(TRAIN));
    assert!(said.out.contains("all from the cache"), "{}", said.out);
}

#[test]
fn another_instruction_set_finds_nothing_and_the_key_names_it_beside_libtorch() {
    let dir = Dir::with_photos(4);
    let with = |set: Option<&str>| {
        let mut command = dir.command();
        set.map(|set| command.env("ATEN_CPU_CAPABILITY", set));
        from_cache(&run(command.args(TRAIN).arg("--json")))
    };
    assert_eq!((with(None), with(None)), (0, 8));
    let key = info(&dir)["keys"][0][0].as_str().unwrap().to_owned();
    let version = run(dir.command().arg("--version")).out;
    let libtorch = version.split("libtorch ").nth(1).unwrap().split(',').next().unwrap();
    assert!(key.contains(&format!("libtorch{libtorch}")), "{key}: {version}");
    assert!(key.contains(std::env::consts::ARCH), "{key}");
    let lowered = with(Some("default"));
    if info(&dir)["keys"].as_array().unwrap().len() == 1 {
        println!("skipped: this processor has one instruction set only");
        return;
    }
    assert_eq!((lowered, with(Some("default")), with(None)), (0, 8, 8));
}

#[test]
fn predict_and_extract_share_it() {
    let dir = Dir::with_photos(6);
    dir.model();
    let before = info(&dir)["features"].as_u64();
    let said = run(dir.command().args(["predict", "imgs/dark"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let arguments = ["extract", "--data", "imgs", "--weights", "random:0", "--image-size", "32"];
    let said = run(dir.command().args(arguments));
    assert!(said.out.contains("12 from the cache"), "{}", said.out);
    assert_eq!(info(&dir)["features"].as_u64(), before);
}

#[test]
fn off_leaves_no_file_and_another_folder_is_used_as_given() {
    let dir = Dir::with_photos(4);
    assert_eq!(from_cache(&train(&dir, &["--cache", "off"])), 0);
    assert!(!dir.path("cache").exists());
    assert_eq!(from_cache(&train(&dir, &["--cache", "elsewhere"])), 0);
    assert_eq!(from_cache(&train(&dir, &["--cache", "elsewhere"])), 8);
    assert!(!dir.path("cache").exists());
}

#[test]
fn a_cache_that_cannot_be_used_costs_one_warning_and_no_photo() {
    let dir = Dir::with_photos(4);
    dir.file("blocked", b"a file where a folder should be");
    let said = train(&dir, &["--cache", "blocked"]);
    assert_eq!(from_cache(&said), 0);
    assert_eq!(said.err.matches("going on without the cache").count(), 1, "{}", said.err);
}

#[test]
fn a_damaged_cache_is_set_aside_and_begun_anew() {
    let dir = Dir::with_photos(4);
    train(&dir, &[]);
    dir.file(STORE, &[7; 9000]);
    let said = train(&dir, &[]);
    assert_eq!(from_cache(&said), 0);
    assert!(said.err.contains("damaged-1"), "{}", said.err);
    assert_eq!(from_cache(&train(&dir, &[])), 8);
    assert_eq!(info(&dir)["damaged"].as_array().unwrap().len(), 1);
    assert_eq!(run(dir.command().args(["cache", "clear"])).code, Some(0));
    assert_eq!((info(&dir)["features"].as_u64(), dir.names("cache").len()), (Some(0), 1));
}

#[test]
fn pruning_comes_down_to_the_size_and_a_size_that_is_none_is_a_matter_of_usage() {
    let dir = Dir::with_photos(8);
    train(&dir, &[]);
    let said = run(dir.command().args(["cache", "prune", "--max-size", "70KB"]));
    assert!(said.out.starts_with("9 photos removed"), "{}{}", said.out, said.err);
    let said = run(dir.command().args(["cache", "prune", "--max-size", "lots"]));
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("500MB"), "{}", said.err);
}

#[test]
fn a_killed_run_loses_no_more_than_what_was_in_flight() {
    let dir = Dir::new();
    for number in 0..120 {
        dir.photo(&format!("imgs/dark/{number}.ppm"), number);
        dir.photo(&format!("imgs/light/{number}.ppm"), 130 + number);
    }
    // Full size, so that it takes long enough to be killed on the way.
    let arguments = ["extract", "--data", "imgs", "--weights", "random:0", "--precision", "fp32", "--threads", "1"];
    let mut child = dir.command().args(arguments).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while started.elapsed() < Duration::from_mins(1) && (!dir.path(STORE).exists() || count(&dir) < 8) {
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let kept = count(&dir);
    assert!((8..240).contains(&kept), "{kept}");
    assert!(!dir.path("features.safetensors").exists());
    let said = run(dir.command().args(arguments));
    assert!(said.out.contains(&format!("{kept} from the cache")), "{}{}", said.out, said.err);
}

fn count(dir: &Dir) -> u64 {
    info(dir)["features"].as_u64().unwrap()
}
