//! Text that other programs wrote, as UTF-8: a byte-order mark tells UTF-16 from it and is no part of the text, however often
//! programs have put one before it.

use std::collections::VecDeque;
use std::io::{self, Read};

/// Reads UTF-8, or UTF-16 that begins with a byte-order mark, as UTF-8 without one. It hands on what is there and waits for
/// no more, so that a list may still be growing. Bytes that are no UTF-8 stay as they are, for a path may have them; half a
/// surrogate pair becomes U+FFFD.
#[derive(Debug)]
pub(crate) struct Text<R> {
    reader: R,
    encoding: Option<Encoding>,
    /// Whether only byte-order marks have come so far.
    at_start: bool,
    /// Read and not yet decoded.
    raw: Vec<u8>,
    /// Decoded and not yet handed on.
    decoded: VecDeque<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16LittleEndian,
    Utf16BigEndian,
}

/// The byte-order mark as a character.
const MARK: char = '\u{feff}';

const MARKS: [(&[u8], Encoding); 3] = [
    (b"\xEF\xBB\xBF", Encoding::Utf8),
    (b"\xFF\xFE", Encoding::Utf16LittleEndian),
    (b"\xFE\xFF", Encoding::Utf16BigEndian),
];

impl<R: Read> Text<R> {
    /// Of what is left in a reader.
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, encoding: None, at_start: true, raw: Vec::new(), decoded: VecDeque::new() }
    }

    /// Takes the byte-order mark off, if there is one, and in UTF-8 all of them.
    fn detect(&mut self) -> io::Result<Encoding> {
        let mut encoding = None;
        loop {
            let marks = MARKS.iter().filter(|(_, other)| encoding.is_none_or(|encoding| encoding == *other));
            let may_grow = |raw: &[u8]| marks.clone().any(|(mark, _)| mark.len() > raw.len() && mark.starts_with(raw));
            while may_grow(&self.raw) {
                let mut byte = [0];
                if self.reader.read(&mut byte)? == 0 {
                    break;
                }
                self.raw.extend(byte);
            }
            let Some((mark, found)) = marks.clone().find(|(mark, _)| self.raw.starts_with(mark)) else { break };
            self.raw.drain(..mark.len());
            encoding = Some(*found);
            // Those of UTF-16 are read as the characters that they are.
            if encoding != Some(Encoding::Utf8) {
                break;
            }
        }
        let encoding = encoding.unwrap_or(Encoding::Utf8);
        if encoding == Encoding::Utf8 {
            self.decoded.extend(self.raw.drain(..));
        }
        self.encoding = Some(encoding);
        Ok(encoding)
    }

    /// Decodes what comes next, at least a character unless this is the end.
    fn decode(&mut self, unit_of: fn([u8; 2]) -> u16) -> io::Result<()> {
        let mut chunk = [0; 4096];
        while self.decoded.is_empty() {
            let count = self.reader.read(&mut chunk)?;
            self.raw.extend(chunk.iter().take(count));
            let mut units: Vec<u16> = self.raw.as_chunks::<2>().0.iter().copied().map(unit_of).collect();
            // The other half of a pair may be on its way.
            if count > 0 && units.last().is_some_and(|unit| (0xD800..0xDC00).contains(unit)) {
                units.pop();
            }
            self.raw.drain(..2 * units.len());
            let mut bytes = [0; 4];
            for character in char::decode_utf16(units) {
                let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
                self.at_start &= character == MARK;
                if self.at_start {
                    continue;
                }
                self.decoded.extend(character.encode_utf8(&mut bytes).as_bytes());
            }
            if count == 0 {
                break;
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let encoding = self.encoding.map_or_else(|| self.detect(), Ok)?;
        match encoding {
            _ if !self.decoded.is_empty() => {}
            Encoding::Utf8 => return self.reader.read(buffer),
            Encoding::Utf16LittleEndian => self.decode(u16::from_le_bytes)?,
            Encoding::Utf16BigEndian => self.decode(u16::from_be_bytes)?,
        }
        self.decoded.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = buffer.len().min(1);
            self.0.read(&mut buffer[..count])
        }
    }

    fn read(bytes: &[u8]) -> Vec<u8> {
        let [mut whole, mut slow] = [Vec::new(), Vec::new()];
        Text::new(bytes).read_to_end(&mut whole).unwrap();
        Text::new(Slow(bytes)).read_to_end(&mut slow).unwrap();
        assert_eq!(whole, slow);
        whole
    }

    #[test]
    fn text_is_the_same_in_every_encoding() {
        let text = "d/Käfer/1.jpg\n犬🐕.jpg\nĊ.jpg\n";
        let units = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            [b"\xFF\xFE", units(u16::to_le_bytes).as_slice()].concat(),
            [b"\xFE\xFF", units(u16::to_be_bytes).as_slice()].concat(),
        ] {
            assert_eq!(String::from_utf8(read(&bytes)).unwrap(), text);
        }
    }

    #[test]
    fn bytes_that_are_no_text_stay_and_half_a_pair_is_marked() {
        for bytes in [&b""[..], b"\xFF", b"\xEF\xBB", b"a\xFF.jpg", b"\xEFa", b"\xFE.jpg"] {
            assert_eq!(read(bytes), bytes);
        }
        // Two marks are as one, and in the middle of a text they are characters.
        assert_eq!(read(b"\xEF\xBB\xBF\xEF\xBB\xBFa"), b"a");
        assert_eq!(read(b"\xEF\xBB\xBF\xEF\xBBa"), b"\xEF\xBBa");
        assert_eq!(read(b"\xFF\xFE\xFF\xFEa\0\xFF\xFE"), "a\u{FEFF}".as_bytes());
        assert_eq!(read(b"\xFF\xFE"), b"");
        assert_eq!(read(b"\xFF\xFEa\0\x3D\xD8b\0"), "a\u{FFFD}b".as_bytes());
        assert_eq!(read(b"\xFF\xFEa\0\x3D\xD8"), "a\u{FFFD}".as_bytes());
    }
}
