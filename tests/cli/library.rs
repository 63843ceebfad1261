//! Programs that call the library get what the commands give.

use std::path::Path;

use crate::setup::{Dir, run};

/// What `cargo test` built beside the binary from `examples/`.
fn example(name: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_resnet-binary"));
    binary.with_file_name("examples").join(name).to_string_lossy().into_owned()
}

#[test]
fn the_examples_write_the_bytes_and_say_the_numbers_of_the_commands() {
    let dir = Dir::with_photos(4);
    let trained = run(dir.command_of(&example("train")).args(["imgs", "library.safetensors", "random:0"]));
    assert_eq!(trained.code, Some(0), "{}", trained.err);
    let command = ["train", "--data", "imgs", "--weights", "random:0", "--output", "command.safetensors"];
    assert_eq!(run(dir.command().args(command)).code, Some(0));
    let bytes = |name: &str| std::fs::read(dir.path(name)).unwrap();
    assert_eq!(bytes("library.safetensors"), bytes("command.safetensors"));

    dir.photo("new.ppm", 120);
    let answered = run(dir.command_of(&example("predict")).args(["library.safetensors", "new.ppm"]));
    assert_eq!(answered.code, Some(0), "{}", answered.err);
    let row = run(dir.command().args(["predict", "new.ppm", "--model", "command.safetensors", "--format", "json"]));
    let row: serde_json::Value = serde_json::from_str(&row.out).unwrap();
    let (label, probability) = (row["label"].as_str().unwrap(), row["probability"].as_f64().unwrap());
    assert_eq!(answered.out, format!("{label} {probability:.4} new.ppm\n"));
}
