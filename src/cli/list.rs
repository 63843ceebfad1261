//! Paths on the command line, and lists of them on standard input.

use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::terminal::Terminal;
use crate::features::Inputs;
use crate::files::Text;
use crate::pipeline::{Argument, Arguments};

/// Why the list on standard input ended early, once it did.
pub(super) type ReadError = Arc<OnceLock<io::Error>>;

/// The paths on the command line, with `-` replaced by the list on standard input, and where a failure to read that list
/// will be found.
pub(super) fn arguments(paths: Vec<PathBuf>, null: bool, terminal: &Terminal) -> io::Result<(Arguments, ReadError)> {
    let read_error = ReadError::default();
    let mut stdin_is_taken = false;
    let mut arguments = Vec::with_capacity(paths.len());
    for path in paths {
        let is_stdin = path.as_os_str() == "-";
        if is_stdin && stdin_is_taken {
            return Err(io::Error::other("`-` is given twice: standard input can be read only once"));
        }
        stdin_is_taken |= is_stdin;
        arguments.push(if is_stdin {
            let separator = if null { 0 } else { b'\n' };
            Argument::List(Box::new(Lines::from_stdin(separator, terminal.stop_flag(), Arc::clone(&read_error))?))
        } else {
            Argument::Path(path)
        });
    }
    Ok((Arguments::new(arguments), read_error))
}

/// Paths from a stream, each passed on as soon as it is read.
struct Lines {
    paths: Receiver<PathBuf>,
    stop: Arc<AtomicBool>,
}

/// How often a wait for a silent pipe checks for Ctrl-C.
const POLL: Duration = Duration::from_millis(100);

impl Lines {
    /// Reads on a thread that is never joined, because a read from a silent pipe cannot be interrupted.
    fn from_stdin(separator: u8, stop: Arc<AtomicBool>, read_error: ReadError) -> io::Result<Self> {
        let (send, paths) = bounded(1024);
        std::thread::Builder::new().spawn(move || {
            let input = io::stdin().lock();
            // Programs that separate paths by NUL write raw bytes without a byte-order mark.
            let input: Box<dyn Read> = if separator == 0 { Box::new(input) } else { Box::new(Text::new(input)) };
            for line in BufReader::new(input).split(separator) {
                let mut line = match line {
                    Ok(line) => line,
                    Err(error) => {
                        let _ = read_error.set(error);
                        return;
                    }
                };
                if separator == b'\n' && line.last() == Some(&b'\r') {
                    line.pop();
                }
                if !line.is_empty() && send.send(path_of(line)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { paths, stop })
    }
}

#[cfg(unix)]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

impl Inputs for Lines {
    fn next(&mut self, at_most: usize) -> Vec<PathBuf> {
        let first = loop {
            match self.paths.recv_timeout(POLL) {
                Ok(path) => break path,
                Err(RecvTimeoutError::Timeout) if !self.stop.load(Ordering::Relaxed) => {}
                Err(_) => return Vec::new(),
            }
        };
        // Paths that arrive slowly are answered one by one; those that arrive quickly fill the batches.
        std::iter::once(first).chain(self.paths.try_iter()).take(at_most).collect()
    }
}
