//! Bakes the folder of libtorch into every binary and test, so that they run from anywhere with no `LD_LIBRARY_PATH`; before
//! it the folder `lib` beside the program, so that a release runs where it is unpacked.
//!
//! torch-sys finds libtorch (in `LIBTORCH`, or where `scripts/setup` put it) and hands its library folder on. The binary is
//! made to keep `libtorch.so`, which pulls in CUDA where there is CUDA: no symbol of it is named by our code, so the linker
//! would drop it as unused, and a machine that has CUDA would be told that it has none.
//!
//! It also compiles the C++ files of `src/ffi/` against the headers beside that folder.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let Some(libraries) = std::env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else {
        println!("cargo::error=torch-sys names no folder of libtorch: run `scripts/setup`");
        return;
    };
    if !libraries.is_dir() {
        println!(
            "cargo::error=there is no libtorch in `{}`: run `scripts/setup`, or set `LIBTORCH` to a libtorch 2.11.0",
            libraries.display()
        );
        return;
    }
    println!("cargo::rerun-if-changed={}", libraries.display());

    compile_operators(&libraries.with_file_name("include"));

    // RPATH and not RUNPATH, so that an LD_LIBRARY_PATH with another libtorch in it, such as that of a Python, does not
    // come before the one that this was built with; where that is gone, LD_LIBRARY_PATH is looked at all the same.
    // `-Xlinker` rather than `-Wl,…`: the latter would split a folder's name at its commas.
    // First of all `lib` beside the program itself, which a release archive has; a release knows no other folder, so that it
    // is the same wherever it was built.
    println!("cargo::rerun-if-env-changed=RESNET_BINARY_RELEASE");
    let system = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let (beside, options): (_, &[&str]) = match system.as_str() {
        // Its loader looks beside the program.
        "windows" => return,
        "macos" => ("@loader_path/lib", &[]),
        _ => ("$ORIGIN/lib", &["--disable-new-dtags", "--no-as-needed", "-ltorch", "--as-needed"]),
    };
    let own = std::env::var_os("RESNET_BINARY_RELEASE").is_none().then_some(libraries.as_os_str());
    let paths = [Some(OsStr::new(beside)), own].into_iter().flatten();
    let paths = paths.flat_map(|path| [OsStr::new("-rpath"), path]);
    for argument in options.iter().map(OsStr::new).chain(paths) {
        println!("cargo::rustc-link-arg=-Xlinker");
        println!("cargo::rustc-link-arg={}", argument.display());
    }
}

/// The calls into libtorch that tch lacks, with libtorch's own rules: C++20 and the new ABI.
fn compile_operators(headers: &Path) {
    let sources = ["onednn", "libtorch", "stream"].map(|name| format!("src/ffi/{name}.cpp"));
    for file in sources.iter().map(String::as_str).chain(["src/ffi/message.h"]) {
        println!("cargo::rerun-if-changed={file}");
    }
    cc::Build::new()
        .cpp(true)
        .std("c++20")
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .include(headers)
        // libtorch's headers have their own.
        .warnings(false)
        .files(&sources)
        .compile("resnet_binary_operators");
}
