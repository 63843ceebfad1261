//! Downloads: resumed where they broke off, checked before the file takes its name.
//!
//! The unfinished file is `NAME.part` beside the final one and survives an interrupt, a failure and a kill, so that the
//! next attempt goes on from there; it is locked, so that two downloads at once do not mix. It takes its final name only
//! with the right SHA-256, and is removed with a wrong one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::http::{StatusCode, header};
use ureq::{Agent, Body};

use super::{Entry, Places, WeightsError, find};
use crate::files::{self, FileError};
use crate::progress::{Progress, Unit};

/// Whether and from where weights may be fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FetchOptions {
    /// Never touch the network.
    pub offline: bool,
    /// Replaces `https://huggingface.co`.
    pub endpoint: Option<String>,
}

const HUGGING_FACE: &str = "https://huggingface.co";

/// How long to wait for a connection, and for the next bytes of a stalled one.
const CONNECT: Duration = Duration::from_secs(15);
const STALL: Duration = Duration::from_mins(1);

impl FetchOptions {
    /// `offline`, or `HF_HUB_OFFLINE` or `RESNET_BINARY_OFFLINE` set to 1; the mirror from `HF_ENDPOINT`.
    pub fn from_environment(offline: bool) -> Self {
        let is_on = |name| std::env::var(name).is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
        let offline = offline || is_on("HF_HUB_OFFLINE") || is_on("RESNET_BINARY_OFFLINE");
        let endpoint = std::env::var("HF_ENDPOINT").ok().filter(|value| !value.is_empty());
        Self { offline, endpoint: endpoint.map(|value| value.trim_end_matches('/').to_owned()) }
    }

    fn url(&self, entry: &Entry) -> Result<String, WeightsError> {
        let url = match (&self.endpoint, entry.url.strip_prefix(HUGGING_FACE)) {
            (Some(endpoint), Some(path)) => format!("{endpoint}{path}"),
            _ => entry.url.clone(),
        };
        if url.starts_with("https://") || is_loopback(&url) { Ok(url) } else { Err(WeightsError::NotHttps(url)) }
    }
}

/// A mirror on this very machine has nobody on the way.
fn is_loopback(url: &str) -> bool {
    let authority = url.strip_prefix("http://").and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        // Not a port but a password and another host, or the last part of `[::1]`.
        _ => authority,
    };
    matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}

/// Downloads the file of an entry into the user's cache folder and returns where it is.
///
/// # Errors
/// [`WeightsError::Missing`] with the reason if it is not to be had, [`WeightsError::Checksum`],
/// [`WeightsError::NotHttps`], [`WeightsError::File`], [`WeightsError::Interrupted`].
pub(crate) fn fetch(
    entry: &Entry,
    places: &Places,
    options: &FetchOptions,
    progress: &dyn Progress,
) -> Result<PathBuf, WeightsError> {
    let missing = |reason: String| find::missing(entry, places, reason);
    if options.offline {
        return Err(missing("offline, so it was not fetched".to_owned()));
    }
    let url = options.url(entry)?;
    let target = places.destination(entry);
    files::make_folder(&places.cache)?;
    // An import that was killed leaves as much as a download takes.
    files::remove_stale(&places.cache);
    progress.note(&format!("fetching `{}` ({} MB) from {url}", entry.name, entry.megabytes));
    let part = Part::open(&target, progress)?;
    // Another process may have finished it while this one waited for the lock.
    if target.is_file() {
        files::remove(&part.path)?;
        return Ok(target);
    }
    progress.start("fetching", Unit::Bytes, Some(entry.megabytes * 1_000_000));
    let downloaded = part.download(&url, entry, progress);
    progress.finish();
    match downloaded {
        Ok(()) => part.finish(entry, &target, &url),
        Err(Failure::File(error)) => Err(error.into()),
        Err(Failure::Interrupted(error)) => Err(error.into()),
        Err(Failure::Network(reason)) => Err(missing(format!("fetching it failed: {reason}"))),
    }
}

/// Why the bytes stopped coming.
enum Failure {
    Network(String),
    File(FileError),
    Interrupted(crate::progress::Interrupted),
}

/// The unfinished file, held by one process at a time.
struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    fn open(target: &Path, progress: &dyn Progress) -> Result<Self, WeightsError> {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let path = target.with_file_name(name);
        let fail = |error| FileError::new("write", &path, error);
        loop {
            let file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(fail)?;
            if file.try_lock().is_err() {
                progress.note("another process is fetching the same file; waiting for it");
                while file.try_lock().is_err() {
                    progress.check()?;
                    std::thread::sleep(Duration::from_millis(200));
                }
            }
            // Whoever held it may have given the file its final name, or thrown it away.
            if files::is_at(&file, &path) {
                return Ok(Self { path, file });
            }
        }
    }

    /// Appends what is missing; starts again where the server cannot resume.
    fn download(&self, url: &str, entry: &Entry, progress: &dyn Progress) -> Result<(), Failure> {
        let file_error = |error| Failure::File(FileError::new("write", &self.path, error));
        let mut have = self.file.metadata().map_err(file_error)?.len();
        let mut response = request(url, have)?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            // The part is whole already, or of another file: the checksum will tell.
            return Ok(());
        }
        let resumes = response.status() == StatusCode::PARTIAL_CONTENT;
        if !resumes && have > 0 {
            self.file.set_len(0).map_err(file_error)?;
            have = 0;
        }
        progress.advance(have);
        let length = header_number(&response, header::CONTENT_LENGTH.as_str());
        let limit = entry.most_bytes();
        let too_large = || Failure::Network(format!("the server sends more than {limit} bytes"));
        if length.is_some_and(|length| have.saturating_add(length) > limit) {
            return Err(too_large());
        }
        let mut reader = response.body_mut().as_reader();
        let mut buffer = vec![0; 1 << 16];
        let mut received = 0_u64;
        loop {
            progress.check().map_err(Failure::Interrupted)?;
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::Network(format!("the connection broke off: {error}"))),
            };
            received += count as u64;
            if have + received > limit {
                return Err(too_large());
            }
            (&self.file).write_all(buffer.get(..count).unwrap_or_default()).map_err(file_error)?;
            progress.advance(count as u64);
        }
        match length {
            Some(length) if received < length => {
                Err(Failure::Network(format!("the connection broke off after {received} of {length} bytes")))
            }
            _ => Ok(()),
        }
    }

    /// Checks the bytes and gives the file its name.
    fn finish(self, entry: &Entry, target: &Path, url: &str) -> Result<PathBuf, WeightsError> {
        let fail = |error| FileError::new("write", &self.path, error);
        (&self.file).seek(SeekFrom::Start(0)).map_err(fail)?;
        match find::verify(&self.path, entry) {
            Ok(_) => {
                self.file.sync_all().map_err(fail)?;
                files::rename(&self.path, target)?;
                Ok(target.to_path_buf())
            }
            Err(WeightsError::Checksum { name, expected, given, .. }) => {
                files::remove(&self.path)?;
                Err(WeightsError::Checksum { path: url.into(), name, expected, given })
            }
            Err(error) => Err(error),
        }
    }
}

/// Asks for the bytes from `have` on; follows redirects to https only.
fn request(url: &str, have: u64) -> Result<ureq::http::Response<Body>, Failure> {
    let is_local = is_loopback(url);
    let agent: Agent = Agent::config_builder()
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(STALL))
        .timeout_recv_body(None)
        .http_status_as_error(false)
        // A mirror on this machine may be without https, where it sends us may not.
        .max_redirects(if is_local { 0 } else { 5 })
        .https_only(!is_local)
        .user_agent(concat!("resnet-binary/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let mut get = agent.get(url);
    if have > 0 {
        get = get.header(header::RANGE, format!("bytes={have}-"));
    }
    let response = get.call().map_err(|error| Failure::Network(error.to_string()))?;
    match response.status() {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => Ok(response),
        status if status.is_redirection() && is_local => {
            let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
            match location {
                Some(location) if location.starts_with("https://") => request(location, have),
                _ => Err(Failure::Network(format!("it was sent on to {location:?}, which is not https"))),
            }
        }
        status => Err(Failure::Network(format!("the server answered {status}"))),
    }
}

fn header_number(response: &ureq::http::Response<Body>, name: &str) -> Option<u64> {
    response.headers().get(name)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
