//! The order of the modules, held by a test: a module uses those on its left only.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Left to right, as in `src/lib.rs`.
const ORDER: [&str; 20] = [
    "ffi", "kernels", "files", "progress", "metrics", "decision", "dataset", "pixels", "weights", "backbone",
    "features", "shards", "index", "head", "audit", "model", "export", "report", "pipeline", "cli",
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
        let known = ORDER.contains(&module.as_str()) || ["lib", "main"].contains(&module.as_str());
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

/// The paths of a `use`, without braces: `a::{b, c::{d, e}}` → `a::b`, `a::c::d`, `a::c::e`.
fn flat(tree: &str) -> Vec<String> {
    let Some((stem, rest)) = tree.split_once('{') else {
        return vec![tree.trim().to_owned()];
    };
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for letter in rest.trim_end().trim_end_matches('}').chars() {
        match letter {
            ',' if depth == 0 => parts.push(String::new()),
            _ => {
                depth += i32::from(letter == '{') - i32::from(letter == '}');
                parts.last_mut().unwrap().push(letter);
            }
        }
    }
    let parts = parts.iter().filter(|part| !part.trim().is_empty()).flat_map(|part| flat(part));
    parts.map(|part| format!("{}{part}", stem.trim())).collect()
}

/// All paths that code names by `super` or `crate`.
fn named(code: &str) -> Vec<String> {
    let is_path = |path: &String| path.starts_with("super::") || path.starts_with("crate::");
    let used = code.split("use ").skip(1).filter_map(|rest| rest.split_once(';')).flat_map(|(tree, _)| flat(tree));
    let words = code.split(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != ':');
    used.chain(words.map(str::to_owned)).filter(is_path).collect()
}

/// The module of a file, as a path from the root.
fn module_of(path: &Path) -> Vec<String> {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap().with_extension("");
    let mut module: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    module.pop_if(|last| last == "mod");
    module
}

/// The deepest module on a path that is named within another one.
fn resolve(from: &[String], path: &str, modules: &BTreeSet<Vec<String>>) -> Vec<String> {
    let mut module = from.to_vec();
    for word in path.split("::") {
        match word {
            "crate" => module.clear(),
            "super" => drop(module.pop()),
            name => {
                module.push(name.to_owned());
                if !modules.contains(&module) {
                    module.pop();
                    break;
                }
            }
        }
    }
    module
}

#[test]
fn no_two_files_of_a_folder_name_each_other_even_by_way_of_others() {
    let is_test = |path: &Path| path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
    let sources: BTreeMap<Vec<String>, String> = sources()
        .into_iter()
        .filter(|(_, path, _)| !is_test(path))
        .map(|(_, path, code)| (module_of(&path), code.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned()))
        .collect();
    let modules: BTreeSet<Vec<String>> = sources.keys().cloned().collect();
    // Of each folder, who names whom; what a folder's `mod.rs` offers has no file for who takes it from there.
    let mut folders: BTreeMap<&[String], BTreeSet<[&String; 2]>> = BTreeMap::new();
    let resolved: Vec<_> = sources
        .iter()
        .flat_map(|(module, code)| named(code).into_iter().map(move |path| (module, path)))
        .map(|(module, path)| (module, resolve(module, &path, &modules)))
        .collect();
    for (from, to) in &resolved {
        let common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
        if let (Some(a), Some(b)) = (from.get(common), to.get(common)) {
            folders.entry(&from[..common]).or_default().insert([a, b]);
        }
    }
    assert!(folders.len() > 20, "only {} folders have files that name others", folders.len());
    for (folder, mut arrows) in folders {
        // Who names nobody that is left is in no circle.
        while let Some(end) = arrows.iter().map(|[_, to]| *to).find(|to| arrows.iter().all(|[from, _]| from != to)) {
            arrows.retain(|[_, to]| *to != end);
        }
        assert!(arrows.is_empty(), "src/{}: {arrows:?}", folder.join("/"));
    }
}
