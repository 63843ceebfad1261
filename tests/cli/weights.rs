//! Weights: known, missing, refused, fetched from a server on this machine.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use crate::setup::{Dir, TRAIN, run};

/// A server that answers one request with 1000 bytes.
fn mirror() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n");
        let _ = stream.write_all(&[7; 1000]);
    });
    url
}

#[test]
fn the_binary_checks_a_mirrors_file_before_it_uses_it() {
    let dir = Dir::new();
    let fetch = ["weights", "fetch"];
    let said = run(dir.command().args(fetch).env("HF_ENDPOINT", mirror()).env_remove("HF_HUB_OFFLINE"));
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("SHA-256 expected 5d061a3c"), "{}", said.err);
    assert!(dir.names("cache/weights").is_empty());
}

#[test]
fn offline_says_which_file_is_needed_where_it_was_looked_for_and_where_it_is_published() {
    let dir = Dir::with_photos(3);
    let said = run(dir.command().args(["train", "--data", "imgs", "--offline"]));
    assert_eq!(said.code, Some(1));
    for words in [
        "resnet50-imagenet-v1-5d061a3c.safetensors",
        "`weights`",
        "cache/weights",
        "https://huggingface.co/",
        "offline",
    ] {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    assert!(!dir.path("model.safetensors").exists());
}

#[test]
fn known_weights_are_listed_for_people_and_for_scripts() {
    let dir = Dir::new();
    assert!(run(dir.command().args(["weights", "list"])).out.contains("imagenet-v1 (default)"));
    let said = run(dir.command().args(["weights", "list", "--json"]));
    let rows: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(rows[0]["sha256"].as_str().unwrap().len(), 64);
    let said = run(dir.command().args(["weights", "verify"]));
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("weights fetch"), "{}", said.err);
}

#[test]
fn a_pickle_with_code_in_it_is_refused_through_the_binary_too() {
    let dir = Dir::with_photos(3);
    let evil = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/weights/evil.zip.pth");
    let said = run(dir.command().args(TRAIN).args(["--weights", evil]));
    assert_ne!(said.code, Some(0));
    let said = run(dir.command().args(["train", "--data", "imgs", "--weights", evil]));
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("system`; refused, nothing was executed"), "{}", said.err);
}
