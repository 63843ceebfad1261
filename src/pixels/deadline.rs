//! How long decoding one image may take.
//!
//! A thread cannot be stopped from outside without leaving its work torn, so a decoder is stopped through its input: all
//! bytes come from here, a piece at a time, and once the time is up no more do. What a decoder does between two reads is
//! bounded by the pixels that [`Limits`] admit. Our own JPEG decoder looks at the clock after each row of blocks.

use std::cell::Cell;
use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use super::{DecodeError, Format, Limits};

/// Most bytes handed out at once: deflate makes at most a thousand times as many of them.
const PIECE: usize = 1 << 15;

/// The clock is looked at once in so many reads of a piece, of which some are a single byte.
const PIECES_A_LOOK: u32 = 16;

/// When decoding has to be over.
#[derive(Debug)]
pub(super) struct Deadline {
    /// `None` for a limit beyond all time.
    end: Option<Instant>,
    limit: Duration,
    reads: Cell<u32>,
    passed: Cell<bool>,
}

impl Deadline {
    /// The clock starts now.
    pub(super) fn new(limits: &Limits) -> Self {
        let end = Instant::now().checked_add(limits.max_time);
        Self { end, limit: limits.max_time, reads: Cell::new(0), passed: Cell::new(false) }
    }

    /// Whether the time is up, by a look at the clock in the first and every `often`th read.
    pub(super) fn is_over(&self, often: u32) -> bool {
        let reads = self.reads.replace(self.reads.get().wrapping_add(1));
        if reads.is_multiple_of(often) && self.end.is_some_and(|end| Instant::now() >= end) {
            self.passed.set(true);
        }
        self.passed.get()
    }

    /// What came of an image: whatever its decoder made of an input that dried up, the time was the reason.
    pub(super) fn or_timed_out<T>(&self, format: Format, result: Result<T, DecodeError>) -> Result<T, DecodeError> {
        if self.passed.get() { Err(DecodeError::TooSlow { format, limit: self.limit }) } else { result }
    }
}

/// The bytes of a file for decoders that read from a stream.
pub(super) struct DeadlineReader<'a> {
    bytes: Cursor<&'a [u8]>,
    deadline: &'a Deadline,
}

impl<'a> DeadlineReader<'a> {
    pub(super) fn new(bytes: &'a [u8], deadline: &'a Deadline) -> Self {
        Self { bytes: Cursor::new(bytes), deadline }
    }

    /// All of them, for a look that is over in no time.
    pub(super) fn all(&self) -> &'a [u8] {
        self.bytes.get_ref()
    }
}

impl BufRead for DeadlineReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.deadline.is_over(PIECES_A_LOOK) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let rest = self.bytes.fill_buf()?;
        Ok(rest.get(..PIECE).unwrap_or(rest))
    }

    fn consume(&mut self, count: usize) {
        self.bytes.consume(count);
    }
}

impl Read for DeadlineReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl Seek for DeadlineReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deadline(limit: Duration) -> Deadline {
        Deadline::new(&Limits { max_time: limit, ..Limits::default() })
    }

    #[test]
    fn all_bytes_arrive_while_there_is_time() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
        for limit in [Duration::from_mins(1), Duration::MAX] {
            let deadline = deadline(limit);
            let mut read = Vec::new();
            DeadlineReader::new(&bytes, &deadline).read_to_end(&mut read).unwrap();
            assert_eq!(read, bytes);
            assert_eq!(deadline.or_timed_out(Format::Png, Ok(1)), Ok(1));
        }
    }

    #[test]
    fn none_arrive_afterwards_and_time_is_the_reason_whatever_the_decoder_says() {
        let deadline = deadline(Duration::ZERO);
        assert_eq!(DeadlineReader::new(b"abc", &deadline).read(&mut [0]).unwrap_err().kind(), io::ErrorKind::TimedOut);
        let error = deadline.or_timed_out(Format::Png, Ok(1)).unwrap_err();
        assert_eq!(error.to_string(), "decoding the PNG image took longer than the limit of 0 s");
        assert!(error.hint().unwrap().contains("--max-seconds"));
    }
}
