//! Ctrl-C at every stage: a clean end, the shell's exit code, no incomplete output.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::setup::{Dir, TRAIN, photo};

/// Starts the command, waits until it works, sends the signal; returns its exit code and what it said.
fn interrupted(command: &mut Command, wait: Duration, signal: &str) -> (Option<i32>, String) {
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(wait);
    send(&child, signal);
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn send(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success(), "the command had ended before the signal");
}

#[test]
fn during_extraction() {
    let dir = Dir::with_photos(2);
    for number in 0..3000 {
        dir.file(&format!("imgs/dark/more{number}.ppm"), &photo(9));
    }
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let mut command = dir.command();
        // Full size and without the cache, for which these photos are all one, so that it takes minutes.
        command.args(["train", "--data", "imgs", "--weights", "random:0", "--cache", "off"]);
        let (given, said) = interrupted(&mut command, Duration::from_secs(4), signal);
        assert_eq!(given, Some(code), "{said}");
        assert!(said.contains("interrupted"), "{said}");
        assert_eq!(dir.names(".").iter().filter(|name| name.contains("part") || name.contains("model")).count(), 0);
    }
}

#[test]
fn during_fitting_the_old_model_stays() {
    let dir = Dir::with_photos(6);
    let old = std::fs::read(dir.model()).unwrap();
    let mut command = dir.command();
    command.args(TRAIN).args(["--solver", "sgd", "--epochs", "100000000", "--lr", "0.000001"]);
    let (code, said) = interrupted(&mut command, Duration::from_secs(5), "-INT");
    assert_eq!(code, Some(130), "{said}");
    assert_eq!(std::fs::read(dir.path("model.safetensors")).unwrap(), old);
    assert!(dir.unfinished(".").is_empty());
}

#[test]
fn during_a_download_what_has_come_is_kept_for_the_next_time() {
    use std::io::{Read, Write};
    let dir = Dir::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 102000000\r\n\r\n");
        // A slow host: a little every now and then, until nobody listens any more.
        while stream.write_all(&[1; 1000]).is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let mut command = dir.command();
    command.args(["weights", "fetch"]).env("HF_ENDPOINT", url).env_remove("HF_HUB_OFFLINE");
    let (code, said) = interrupted(&mut command, Duration::from_secs(2), "-INT");
    assert_eq!(code, Some(130), "{said}");
    assert_eq!(dir.names("cache/weights"), ["resnet50-imagenet-v1-5d061a3c.safetensors.part"]);
    assert!(dir.path("cache/weights/resnet50-imagenet-v1-5d061a3c.safetensors.part").metadata().unwrap().len() > 0);
}

#[test]
fn while_waiting_for_a_silent_list() {
    let dir = Dir::with_photos(6);
    dir.model();
    let mut command = dir.command();
    command.args(["predict", "-"]).stdin(Stdio::piped());
    let (code, said) = interrupted(&mut command, Duration::from_secs(2), "-INT");
    assert_eq!(code, Some(130), "{said}");
}
