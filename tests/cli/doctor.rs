//! What is wrong with an installation is told by a message, a remedy and an exit code of its own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::setup::{Dir, Said, run, weights};

/// A shared library of these lines of C++, with this name as its own.
fn library(dir: &Dir, name: &str, source: &str) -> PathBuf {
    let path = dir.folder("stubs").join(name);
    let mut compiler = Command::new("c++")
        .args(["-shared", "-fPIC", "-x", "c++", "-", &format!("-Wl,-soname,{name}"), "-o"])
        .arg(&path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    compiler.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
    assert!(compiler.wait().unwrap().success());
    path
}

/// `scripts/check/doctor` on this binary.
fn script(dir: &Dir, binary: &Path) -> Command {
    let settings = dir.command();
    let mut script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/check/doctor"));
    script.current_dir(settings.get_current_dir().unwrap()).arg("--binary").arg(binary);
    script.envs(settings.get_envs().filter_map(|(name, value)| Some((name, value?))));
    script
}

fn assert_unwell(said: &Said, code: i32, words: &[&str]) {
    assert_eq!(said.code, Some(code), "{}{}", said.out, said.err);
    assert!(said.err.contains("hint: "), "{}", said.err);
    for word in words {
        assert!(said.err.contains(word), "no `{word}` in: {}", said.err);
    }
}

fn is_cpu_only(dir: &Dir) -> bool {
    run(dir.command().arg("--version")).out.contains("CPU-only")
}

#[test]
fn the_version_names_libtorch() {
    let said = run(Dir::new().command().arg("--version")).out;
    let rest = said.strip_prefix(concat!("resnet-binary ", env!("CARGO_PKG_VERSION"), " (libtorch 2.11.0, ")).unwrap();
    assert!(["CPU-only)\n", "CUDA 13.0)\n"].contains(&rest), "{said}");
}

#[test]
fn a_sound_installation_is_well_and_nothing_is_made() {
    let dir = Dir::new();
    let said = run(dir.command().args(["doctor", "--device", "cpu", "--json"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let answer: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(answer["problems"], serde_json::json!([]));
    assert_eq!(answer["libtorch"], "2.11.0");
    assert!(answer["devices"][0]["distance"].as_f64().unwrap() < 3e-2);
    assert_eq!(answer["weights"][0]["path"], serde_json::Value::Null);
    assert!(dir.names(".").is_empty());
    let text = run(dir.command().args(["doctor", "--device", "cpu"])).out;
    assert!(
        text.ends_with("no problems found, except that the weights are missing: `resnet-binary weights fetch` downloads them (102 MB)\n"),
        "{text}"
    );
}

#[test]
fn every_exit_code_is_in_the_help() {
    let help = run(Dir::new().command().args(["doctor", "--help"])).out;
    for code in 10..=20 {
        assert!(help.contains(&format!("\n  {code}  ")), "{code}: {help}");
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_code_20() {
    let dir = Dir::new();
    dir.file("file", b"no folder");
    let said = run(dir.command().args(["doctor", "--device", "cpu", "--cache", "file/cache"]));
    assert_unwell(&said, 20, &["the cache cannot be used", "file/cache", "--cache DIR"]);
}

#[test]
fn weights_that_are_cut_off_are_code_19_and_named_before_the_cache() {
    let dir = Dir::new();
    let name = "cache/weights/resnet50-imagenet-v1-5d061a3c.safetensors";
    dir.file(name, b"the first bytes only");
    dir.file("file", b"no folder");
    let said = run(dir.command().args(["doctor", "--device", "cpu", "--cache", "file/cache"]));
    assert_unwell(&said, 19, &["imagenet-v1", "5d061a3c", "(code 20)"]);
    assert!(said.out.contains("damaged"), "{}", said.out);
}

#[test]
fn weights_that_are_asked_for_have_to_be_there_and_fit() {
    let dir = Dir::new();
    weights(&dir, "w.safetensors");
    let doctor = |weights: &str| run(dir.command().args(["doctor", "--device", "cpu", "--weights", weights]));
    let fits = doctor("w.safetensors");
    assert_eq!(fits.code, Some(0), "{}", fits.err);
    assert!(fits.out.contains("w.safetensors, ") && fits.out.contains("MB, fits the network"), "{}", fits.out);
    dir.file("torn.safetensors", b"the first bytes only");
    assert_unwell(&doctor("torn.safetensors"), 19, &["torn.safetensors"]);
    assert_unwell(&doctor("absent.safetensors"), 19, &["absent.safetensors"]);
    assert_unwell(&doctor("imagenet-v1"), 19, &["imagenet-v1"]);
}

#[test]
fn a_gpu_that_was_asked_for_and_a_libtorch_without_cuda_are_code_13() {
    let dir = Dir::new();
    if !is_cpu_only(&dir) {
        println!("skipped: this libtorch has CUDA");
        return;
    }
    let said = run(dir.command().args(["doctor", "--device", "cuda"]));
    assert_unwell(&said, 13, &["CPU-only", "scripts/setup --cuda"]);
    // Where none was asked for, it is no fault.
    assert!(run(dir.command().args(["doctor"])).err.is_empty());
}

/// A driver that knows no more than its version and this answer.
fn driver(version: u32, init: u32) -> String {
    format!(
        "extern \"C\" {{
        int cuDriverGetVersion(int* out) {{ *out = {version}; return 0; }}
        int cuInit(unsigned) {{ return {init}; }}
        int cuDeviceGetCount(int* out) {{ *out = 0; return 0; }}
        int cuGetErrorName(int, const char** out) {{ *out = \"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH\"; return 0; }} }}"
    )
}

#[test]
fn a_driver_that_is_too_old_or_broken_is_told_with_its_version() {
    for (version, init, code, words) in [
        (12_040, 0, 15, "it runs CUDA 12.4, and libtorch was built for 13.0"),
        (13_000, 803, 16, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"),
    ] {
        let dir = Dir::new();
        let stub = library(&dir, "libcuda.so.1", &driver(version, init));
        // A CPU-only libtorch comes first.
        let first = if is_cpu_only(&dir) { 13 } else { code };
        let path = stub.parent().unwrap();
        let said = run(dir.command().args(["doctor", "--device", "cuda"]).env("LD_LIBRARY_PATH", path));
        assert_unwell(&said, first, &[words, &format!("(code {code})")]);
    }
}

#[test]
fn a_second_openmp_library_is_code_12() {
    let dir = Dir::new();
    let stub = library(&dir, "libgomp-24e2ab19.so.1", "int nothing;");
    let said = run(dir.command().args(["doctor", "--device", "cpu"]).env("LD_PRELOAD", &stub));
    assert_unwell(&said, 12, &["libgomp-24e2ab19.so.1", "LD_PRELOAD"]);
}

/// This program on a machine where the libtorch that it was built with is not, and the folder of that libtorch.
fn moved(dir: &Dir) -> (PathBuf, PathBuf) {
    let binary = Path::new(env!("CARGO_BIN_EXE_resnet-binary"));
    let trace = Command::new(binary).env("LD_TRACE_LOADED_OBJECTS", "1").output().unwrap();
    let trace = String::from_utf8(trace.stdout).unwrap();
    let line = trace.lines().find(|line| line.contains("libtorch_cpu.so => ")).unwrap();
    let path = Path::new(line.split(" => ").nth(1).unwrap().split(" (").next().unwrap());
    let folder = path.parent().unwrap();
    let name = folder.as_os_str().as_encoded_bytes();
    let mut bytes = std::fs::read(binary).unwrap();
    let places: Vec<_> = (0..bytes.len() - name.len()).filter(|&at| bytes[at..].starts_with(name)).collect();
    assert!(!places.is_empty(), "the program does not name {}", folder.display());
    for at in places {
        bytes[at..at + name.len()].fill(b'x');
        bytes[at] = b'/';
    }
    let moved = dir.file("moved", &bytes);
    make_executable(&moved);
    (moved, folder.to_path_buf())
}

#[test]
fn a_libtorch_that_lacks_symbols_is_code_11_though_the_program_does_not_start() {
    let dir = Dir::new();
    let (moved, libraries) = moved(&dir);
    let stub = library(&dir, "libtorch_cpu.so", "extern const char version[] = \"TORCH_VERSION=2.9.1, \";");
    let folder = stub.parent().unwrap();
    for entry in libraries.read_dir().unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "libtorch_cpu.so" {
            std::os::unix::fs::symlink(entry.path(), folder.join(entry.file_name())).unwrap();
        }
    }
    let alone = Command::new(&moved).arg("doctor").env("LD_LIBRARY_PATH", folder).output().unwrap();
    assert_eq!(alone.status.code(), Some(127));
    let said = run(script(&dir, &moved).env("LD_LIBRARY_PATH", folder));
    assert_unwell(&said, 11, &["libtorch_cpu.so", "2.9.1", "compiled for 2.11.0", "LD_LIBRARY_PATH"]);
}

#[test]
fn a_library_that_is_missing_is_code_10_though_the_program_does_not_start() {
    let dir = Dir::new();
    let (moved, libraries) = moved(&dir);
    let said = run(&mut script(&dir, &moved));
    assert_unwell(&said, 10, &["libtorch_cpu.so", "libc10.so", "scripts/setup", "torch/lib"]);
    // And with the remedy it starts.
    let said = run(script(&dir, &moved).args(["--device", "cpu"]).env("LD_LIBRARY_PATH", libraries));
    assert_eq!(said.code, Some(0), "{}", said.err);
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_script_hands_over_to_the_program_where_it_starts() {
    let dir = Dir::new();
    let binary = Path::new(env!("CARGO_BIN_EXE_resnet-binary"));
    let said = run(script(&dir, binary).args(["--device", "cpu"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("\nno problems found"), "{}", said.out);
}

#[test]
fn the_launcher_of_the_wheel_tells_of_a_torch_that_is_missing_or_another() {
    let dir = Dir::new();
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/wheel");
    dir.file("site/resnet_binary/__init__.py", &std::fs::read(packages.join("resnet_binary.py")).unwrap());
    let script = dir.file("site/resnet_binary/resnet-binary", b"#!/bin/sh\necho \"$LD_LIBRARY_PATH\" \"$@\"\n");
    make_executable(&script);
    // -S: without the packages of this machine.
    let launch = || {
        let mut python = dir.command_of("python3");
        python.args(["-S", "-c", "import resnet_binary; resnet_binary.main()", "doctor", "a b"]);
        run(python.env("PYTHONPATH", dir.path("site")).env("LD_LIBRARY_PATH", "/given"))
    };
    assert_unwell(&launch(), 1, &["no PyTorch", "-m pip install 'torch==2.11.*'"]);
    dir.file("site/torch/__init__.py", b"");
    dir.folder("site/nvidia/cu13/lib");
    for (version, word) in [("2.12.1", "2.12.1"), ("2.9.0+cpu", "2.9.0+cpu"), ("2.110.0", "2.110.0")] {
        dir.file("site/torch-0.dist-info/METADATA", format!("Name: torch\nVersion: {version}\n").as_bytes());
        assert_unwell(&launch(), 1, &[word, "needs 2.11", "-m pip install 'torch==2.11.*'"]);
    }
    dir.file("site/torch-0.dist-info/METADATA", b"Name: torch\nVersion: 2.11.0+cu130\n");
    let said = launch();
    let site = dir.path("site").display().to_string();
    assert_eq!(said.out, format!("{site}/torch/lib:{site}/nvidia/cu13/lib:/given doctor a b\n"), "{}", said.err);
}
