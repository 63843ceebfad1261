//! What `scripts/check/faults` does for long, for a moment: kills, two at once, closed streams, other libraries, no network.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::setup::{Dir, TRAIN, run, weights};

#[test]
fn a_kill_at_any_moment_leaves_the_old_model_or_the_new_one() {
    let dir = Dir::with_photos(30);
    let model = |seed: &str| {
        let said = run(dir.command().args(TRAIN).args(["--seed", seed]));
        assert_eq!(said.code, Some(0), "{}", said.err);
        fs::read(dir.path("model.safetensors")).unwrap()
    };
    let started = Instant::now();
    let models = [model("1"), model("2")];
    let time = started.elapsed() / 2;
    for kill in 0..6_u32 {
        let seed = if kill % 2 == 0 { "1" } else { "2" };
        let mut command = dir.command();
        command.args(TRAIN).args(["--seed", seed]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(time * (kill + 4) / 10);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(models.contains(&fs::read(dir.path("model.safetensors")).unwrap()), "after kill {kill}");
    }
    assert_eq!(model("1"), models[0]);
}

#[test]
fn two_runs_at_once_share_the_cache_and_leave_one_whole_model() {
    let dir = Dir::with_photos(20);
    let said = run(dir.command().args(TRAIN).args(["--cache", "off"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let right = fs::read(dir.path("model.safetensors")).unwrap();
    let start = || dir.command().args(TRAIN).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    for child in [start(), start()] {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(fs::read(dir.path("model.safetensors")).unwrap(), right);
    assert_eq!(dir.unfinished("."), Vec::<String>::new());
}

#[test]
fn sigterm_keeps_what_was_computed() {
    let dir = Dir::new();
    for number in 0..200_u8 {
        dir.photo(&format!("imgs/a/{number}.ppm"), number);
    }
    dir.photo("imgs/b/0.ppm", 255);
    let rows = || {
        let said = run(dir.command().args(["cache", "info", "--json"]));
        serde_json::from_str::<serde_json::Value>(&said.out).map_or(0, |info| info["features"].as_u64().unwrap())
    };
    // Full size, so that it takes long enough.
    let arguments = ["extract", "--data", "imgs", "--weights", "random:0", "--precision", "fp32", "--threads", "1"];
    let child = dir.command().args(arguments).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while rows() < 4 && started.elapsed() < Duration::from_mins(1) {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", String::from_utf8_lossy(&output.stderr));
    assert!((4..200).contains(&rows()));
    assert!(!dir.path("features.safetensors").exists());
}

#[test]
fn a_photo_that_vanishes_once_it_is_listed_is_a_row_that_says_so() {
    use std::io::{BufRead, BufReader, Write};
    let dir = Dir::with_photos(4);
    dir.model();
    let mut command = dir.command();
    command.args(["predict", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut list = child.stdin.take().unwrap();
    let mut rows = BufReader::new(child.stdout.take().unwrap()).lines();
    writeln!(list, "imgs/dark/0.ppm").unwrap();
    assert!(rows.next().unwrap().unwrap().starts_with("dark"));
    fs::remove_file(dir.path("imgs/dark/1.ppm")).unwrap();
    fs::remove_file(dir.path("imgs/dark/2.ppm")).unwrap();
    assert!(Command::new("mkfifo").arg(dir.path("imgs/dark/2.ppm")).status().unwrap().success());
    writeln!(list, "imgs/dark/1.ppm\nimgs/dark/2.ppm\nimgs/dark/3.ppm").unwrap();
    drop(list);
    let rows: Vec<String> = rows.map(Result::unwrap).collect();
    assert!(rows[0].contains("no such file") && rows[1].contains("not a regular file"), "{rows:?}");
    assert!(rows[2].starts_with("dark"), "{rows:?}");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn locale_terminal_and_closed_streams_change_no_result() {
    let dir = Dir::with_photos(4);
    dir.model();
    let plain = run(dir.command().args(["predict", "imgs"])).out;
    for (name, value) in [("LC_ALL", "C"), ("TERM", "dumb"), ("COLUMNS", "1")] {
        assert_eq!(run(dir.command().args(["predict", "imgs"]).env(name, value)).out, plain, "{name}={value}");
    }
    for closed in [">&-", "2>&-", "<&-", ">&- 2>&- <&-"] {
        let shown = dir.command();
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("\"$0\" predict imgs {closed}")]).arg(shown.get_program());
        shell.current_dir(dir.path(".")).env("RESNET_BINARY_CACHE", dir.path("cache"));
        let said = run(&mut shell);
        assert_eq!(said.code, Some(0), "{closed}: {}", said.err);
        assert!(!said.err.contains("panicked"), "{}", said.err);
    }
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = dir.command().args(["predict", "imgs"]).stdout(full).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("cannot write to standard output"), "{err}");
}

#[test]
fn another_libtorch_in_the_librarys_path_is_not_taken() {
    let dir = Dir::new();
    dir.file("other/libtorch_cpu.so", b"an older one, or half of one");
    dir.file("other/libc10.so", b"");
    dir.file("other/libgomp.so.1", b"");
    let said = run(dir.command().arg("--version").env("LD_LIBRARY_PATH", dir.path("other")));
    assert_eq!(said.code, Some(0), "{}", said.err);
}

#[test]
fn with_the_weights_present_train_and_predict_open_no_socket() {
    let dir = Dir::with_photos(4);
    let trace = dir.path("trace");
    let traced = |arguments: &[&str]| {
        let plain = dir.command();
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-e", "trace=network", "-o"]).arg(&trace).arg(plain.get_program()).args(arguments);
        command.current_dir(dir.path(".")).env("RESNET_BINARY_CACHE", dir.path("cache"));
        // The network is allowed: it is just not needed.
        command.env_remove("HF_HUB_OFFLINE").env_remove("RESNET_BINARY_OFFLINE");
        command.output()
    };
    let tracing = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status();
    if !tracing.is_ok_and(|status| status.success()) {
        println!("skipped: strace is not installed, or may not trace here");
        return;
    }
    weights(&dir, "w.safetensors");
    let train = ["train", "--data", "imgs", "--weights", "w.safetensors", "--image-size", "32"];
    for arguments in [&TRAIN[..], &train, &["predict", "imgs"], &["cache", "info"], &["weights", "list"]] {
        let output = traced(arguments).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(fs::read_to_string(&trace).unwrap(), "", "{arguments:?}");
    }
}
