//! Fetching from a server on this machine that has all the manners of servers.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::*;
use crate::files::ContentHash;
use crate::progress::Silent;
use crate::weights::manifest;

/// What the server does with a request.
#[derive(Clone, Copy, PartialEq)]
enum Manners {
    Proper,
    /// Sends half of what it promised.
    BreaksOff,
    NotFound,
    /// Sends everything whatever was asked.
    IgnoresRange,
    /// Says that the file is to be had in clear text elsewhere.
    SendsOn,
}

/// A stand-in for the weights' host; remembers the ranges that it was asked for.
struct Host {
    url: String,
    ranges: Arc<Mutex<Vec<Option<usize>>>>,
}

impl Host {
    fn serving(content: Vec<u8>, manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&ranges);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                seen.lock().unwrap().push(answer(stream.unwrap(), &content, manners));
            }
        });
        Self { url, ranges }
    }
}

/// Answers one request and returns the start of the range that it asked for.
fn answer(mut stream: TcpStream, content: &[u8], manners: Manners) -> Option<usize> {
    let mut range = None;
    for line in BufReader::new(stream.try_clone().unwrap()).lines() {
        let line = line.unwrap().to_ascii_lowercase();
        if let Some(start) = line.strip_prefix("range: bytes=") {
            range = start.trim_end_matches('-').parse().ok();
        }
        if line.is_empty() {
            break;
        }
    }
    let start = if manners == Manners::IgnoresRange { 0 } else { range.unwrap_or(0) };
    let status = match (manners, start) {
        (Manners::NotFound, _) => "404 Not Found",
        (Manners::SendsOn, _) => "302 Found\r\nLocation: http://127.0.0.1:1/model.safetensors",
        (_, 0) => "200 OK",
        _ => "206 Partial Content",
    };
    let part = &content[start..];
    let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", part.len());
    let sent = if manners == Manners::BreaksOff { part.len() / 2 } else { part.len() };
    let _ = stream.write_all(&part[..sent]);
    range
}

fn content() -> Vec<u8> {
    (0..300_000_u32).map(|index| (index * 31 % 251) as u8).collect()
}

fn entry(host: &Host, content: &[u8]) -> Entry {
    Entry {
        name: "stand-in".into(),
        title: "a file of this test".into(),
        url: format!("{}/model.safetensors", host.url),
        sha256: ContentHash::new(content).to_string(),
        megabytes: 1,
        licence: "none".into(),
        top1: None,
        architecture: "none".into(),
    }
}

/// What is in the folder, hidden files too.
fn names(dir: &TempDir) -> Vec<std::ffi::OsString> {
    dir.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect()
}

fn places(dir: &TempDir) -> Places {
    Places { read_only: vec![], cache: dir.path().to_owned() }
}

fn get(dir: &TempDir, entry: &Entry) -> Result<PathBuf, WeightsError> {
    fetch(entry, &places(dir), &FetchOptions::default(), &Silent)
}

#[test]
fn a_download_arrives_whole_and_leaves_nothing_else() {
    let dir = TempDir::new().unwrap();
    let host = Host::serving(content(), Manners::Proper);
    let path = get(&dir, &entry(&host, &content())).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), content());
    assert_eq!(names(&dir).len(), 1);
}

#[test]
fn a_broken_download_goes_on_where_it_stopped() {
    let dir = TempDir::new().unwrap();
    let flaky = Host::serving(content(), Manners::BreaksOff);
    let error = get(&dir, &entry(&flaky, &content())).unwrap_err();
    assert!(error.to_string().contains("broke off"), "{error}");
    assert_eq!(names(&dir).len(), 1);
    let host = Host::serving(content(), Manners::Proper);
    let path = get(&dir, &entry(&host, &content())).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), content());
    assert_eq!(*host.ranges.lock().unwrap(), [Some(150_000)]);
    assert_eq!(names(&dir).len(), 1);
}

#[test]
fn a_server_that_cannot_resume_makes_it_start_again() {
    let dir = TempDir::new().unwrap();
    let flaky = Host::serving(content(), Manners::BreaksOff);
    get(&dir, &entry(&flaky, &content())).unwrap_err();
    let host = Host::serving(content(), Manners::IgnoresRange);
    assert_eq!(std::fs::read(get(&dir, &entry(&host, &content())).unwrap()).unwrap(), content());
}

#[test]
fn a_wrong_checksum_is_an_error_and_the_bytes_are_thrown_away() {
    let dir = TempDir::new().unwrap();
    let host = Host::serving(vec![7; 1000], Manners::Proper);
    let error = get(&dir, &entry(&host, &content())).unwrap_err();
    assert!(matches!(error, WeightsError::Checksum { .. }), "{error}");
    assert!(names(&dir).is_empty());
}

#[test]
fn a_missing_file_and_one_that_is_too_large_are_refused() {
    let dir = TempDir::new().unwrap();
    let host = Host::serving(content(), Manners::NotFound);
    assert!(get(&dir, &entry(&host, &content())).unwrap_err().to_string().contains("404"));
    let host = Host::serving(vec![0; 4_000_000], Manners::Proper);
    assert!(get(&dir, &entry(&host, &content())).unwrap_err().to_string().contains("more than 3000000 bytes"));
}

#[test]
fn a_redirect_to_clear_text_is_not_followed_even_from_this_machine() {
    let dir = TempDir::new().unwrap();
    let host = Host::serving(content(), Manners::SendsOn);
    let error = get(&dir, &entry(&host, &content())).unwrap_err().to_string();
    assert!(error.contains("http://127.0.0.1:1/model.safetensors") && error.contains("not https"), "{error}");
}

#[test]
fn a_download_that_another_process_has_finished_is_taken_and_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let host = Host::serving(content(), Manners::Proper);
    let entry = entry(&host, &content());
    let started = || {
        std::thread::scope(|scope| [(); 4].map(|()| scope.spawn(|| get(&dir, &entry))).map(|get| get.join().unwrap()))
    };
    for path in started() {
        assert_eq!(std::fs::read(path.unwrap()).unwrap(), content());
    }
    assert_eq!(names(&dir).len(), 1);
    assert_eq!(host.ranges.lock().unwrap().len(), 1);
}

#[test]
fn a_mirror_replaces_the_host_and_must_be_encrypted_unless_it_is_this_machine() {
    let manifest = manifest().unwrap();
    let entry = manifest.entry("imagenet-v1").unwrap();
    let url = |endpoint: &str| FetchOptions { offline: false, endpoint: Some(endpoint.to_owned()) }.url(entry);
    assert!(url("https://mirror.example").unwrap().starts_with("https://mirror.example/timm/"));
    assert!(url("http://127.0.0.1:9").unwrap().starts_with("http://127.0.0.1:9/timm/"));
    assert!(url("http://mirror.example").is_err());
    assert!(url("http://[::1]:9").unwrap().starts_with("http://[::1]:9/timm/"));
    assert!(url("http://[::1]").is_ok());
    for other in ["http://127.0.0.1.evil.example", "http://127.0.0.1:80@evil.example", "http://localhost@e", "ftp://x"]
    {
        assert!(url(other).is_err(), "{other}");
    }
}
