//! The order of the modules, held by a test: a module uses those on its left only.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

/// Left to right, as in `src/lib.rs`.
const ORDER: [&str; 19] = [
    "ffi", "kernels", "files", "progress", "metrics", "decision", "dataset", "pixels", "weights", "backbone",
    "features", "shards", "index", "head", "audit", "model", "export", "report", "pipeline",
];

/// The only modules that may call libtorch: its missing calls, the backbone, who feeds it, the SGD solver, who runs exported
/// files, and who picks a device.
const MAY_NAME_TCH: [&str; 6] = ["ffi", "backbone", "features", "head", "export", "pipeline"];

fn sources() -> Vec<(String, PathBuf, String)> {
    let source_root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![source_root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(&source_root).unwrap();
                let module = inside.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
                let code = std::fs::read_to_string(&path).unwrap();
                let is_instruction = |line: &&str| !line.trim_start().starts_with("//");
                sources.push((
                    module,
                    path.clone(),
                    code.lines().filter(is_instruction).collect::<Vec<_>>().join("\n"),
                ));
            }
        }
    }
    sources
}

#[test]
fn every_module_names_only_those_before_it() {
    let sources = sources();
    assert!(sources.len() > 40, "only {} files were read", sources.len());
    let mut wrong = Vec::new();
    for (module, path, code) in &sources {
        let Some(position) = ORDER.iter().position(|name| name == module) else {
            continue;
        };
        for later in &ORDER[position + 1..] {
            if code.contains(&format!("crate::{later}")) {
                wrong.push(format!("{} names {later}", path.display()));
            }
        }
        assert!(
            !code.contains("use crate::{"),
            "{}: one `use` for each module, so that this test sees it",
            path.display()
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_module_of_the_library_has_its_place_in_the_order() {
    for (module, path, _) in sources() {
        let known = ORDER.contains(&module.as_str()) || ["lib", "main", "cli"].contains(&module.as_str());
        assert!(known, "{} is in no module of the order", path.display());
    }
}

#[test]
fn only_the_modules_around_the_network_call_libtorch() {
    for (module, path, code) in sources() {
        let may = MAY_NAME_TCH.contains(&module.as_str());
        // `fetch::` is another word.
        let names_tch = code.match_indices("tch::").any(|(at, _)| !code[..at].ends_with(char::is_alphanumeric));
        assert!(may || !names_tch, "{} names tch", path.display());
    }
}

#[test]
fn a_module_of_many_files_begins_with_what_it_is_and_offers() {
    let is_code = |line: &&str| !line.trim().is_empty();
    for (_, path, code) in sources() {
        // What is in it is elsewhere; its documentation, which may be longer, does not count.
        let lines = code.lines().filter(is_code).count();
        assert!(!path.ends_with("mod.rs") || lines <= 40, "{} has {lines} lines", path.display());
    }
}

#[test]
fn unsafe_code_is_allowed_in_two_modules() {
    for (module, path, code) in sources() {
        let may = ["ffi", "kernels"].contains(&module.as_str());
        assert!(may || !code.contains("unsafe_code"), "{} allows itself unsafe code", path.display());
    }
}
