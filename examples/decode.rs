//! Decodes every file below a folder as `train` and `predict` do, for whoever wants to see the pixels.
//!
//! `decode FOLDER OUTPUT` writes `OUTPUT/0.ppm`, `1.ppm`, … and prints a line of JSON for each file, in the order of the
//! paths: path, format by content, and either the name of the written file or the reason why there is none.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use resnet_binary::files;
use resnet_binary::pixels::{Limits, decode, silence_decoder_panics, sniff};
use serde_json::json;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [folder, output] = arguments.as_slice() else {
        anyhow::bail!("usage: decode FOLDER OUTPUT");
    };
    silence_decoder_panics();
    files::make_folder(output)?;
    let walk = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
    for (number, entry) in walk.filter(|entry| entry.file_type().is_file()).enumerate() {
        print(&row(entry.path(), &output.join(format!("{number}.ppm"))));
    }
    Ok(())
}

/// What came of one file.
fn row(path: &Path, output: &Path) -> serde_json::Value {
    let format = head(path).and_then(|head| sniff(&head)).map(|format| format.to_string());
    match pixels(path, output) {
        Ok(()) => json!({ "path": path, "format": format, "pixels": output }),
        Err(error) => json!({ "path": path, "format": format, "error": error.to_string() }),
    }
}

fn head(path: &Path) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(64).read_to_end(&mut head).ok()?;
    Some(head)
}

fn pixels(path: &Path, output: &Path) -> anyhow::Result<()> {
    let limits = Limits::default();
    let image = decode(&files::read(path, limits.max_file_bytes)?, &limits)?;
    files::write(output, |file| {
        writeln!(file, "P6 {} {} 255", image.width, image.height)?;
        file.write_all(&image.data)
    })?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "it is a program, and this is its answer")]
fn print(row: &serde_json::Value) {
    println!("{row}");
}
