//! Paths on the command line, and lists of them on standard input.

use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use resnet_binary::features::Inputs;
use resnet_binary::files::Text;
use resnet_binary::pipeline::{Argument, Arguments};

use super::terminal::Terminal;

/// Paths as they are, `-` as the list on standard input.
pub(super) fn arguments(paths: Vec<PathBuf>, null: bool, terminal: &Terminal) -> io::Result<Arguments> {
    let mut stdin_is_taken = false;
    let mut arguments = Vec::with_capacity(paths.len());
    for path in paths {
        let is_stdin = path.as_os_str() == "-";
        if is_stdin && stdin_is_taken {
            return Err(io::Error::other("`-` is given twice: standard input can be read only once"));
        }
        stdin_is_taken |= is_stdin;
        arguments.push(if is_stdin {
            Argument::List(Box::new(Lines::from_stdin(if null { 0 } else { b'\n' }, terminal.stop_flag())?))
        } else {
            Argument::Path(path)
        });
    }
    Ok(Arguments::new(arguments))
}

/// Paths from a stream, each handed on as soon as it is there.
struct Lines {
    paths: Receiver<PathBuf>,
    stop: Arc<AtomicBool>,
}

/// How soon a wait for a silent pipe sees Ctrl-C.
const POLL: Duration = Duration::from_millis(100);

impl Lines {
    /// Reads on a thread that is never joined: a read from a silent pipe cannot be interrupted.
    fn from_stdin(separator: u8, stop: Arc<AtomicBool>) -> io::Result<Self> {
        let (send, paths) = bounded(1024);
        std::thread::Builder::new().spawn(move || {
            let input = io::stdin().lock();
            // What separates its paths by NUL writes their bytes, and no byte-order mark.
            let input: Box<dyn Read> = if separator == 0 { Box::new(input) } else { Box::new(Text::new(input)) };
            for line in BufReader::new(input).split(separator) {
                let Ok(mut line) = line else { return };
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
        // A slow writer gets its answers one by one, a fast one fills the batches.
        std::iter::once(first).chain(self.paths.try_iter()).take(at_most).collect()
    }
}
