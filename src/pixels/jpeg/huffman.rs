//! Huffman codes, and the bits of a scan, which know how many of them the file really holds.
//!
//! A scan's data ends at a marker. Decoders read some bits ahead of what they need, so all of them make up bits behind
//! the marker; those who then use them paint grey. Here they are counted apart, and using one is [`Fault::Short`].

/// Bits that one look into a table decides.
const LOOK: u32 = 10;

/// What can be wrong with the data of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It ends before its last block.
    Short,
    /// More of it is left after the last block than any writer pads with.
    Left,
    /// Bits that are no code.
    Code,
    /// A coefficient behind the last one of its block, or a run of empty blocks behind the last block.
    Place,
    /// A block whose mean no image of 8 bits can have: the difference to some block before it was lost.
    Level,
    /// A restart marker that is not the next one.
    Restart,
}

/// Bytes between the last block of a scan and the marker behind it that cost nothing: some writers pad. A flat block
/// takes four bits at least, so they cannot hide more than a few.
const MAX_LEFT: usize = 32;

/// A code, and where it ends.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// By the next [`LOOK`] bits: length of the code, symbol; 0 where the code is longer.
    look: Box<[u16; 1 << LOOK]>,
    /// By the same bits, where they hold a coefficient as a whole: its value, the zeros before it, length; else 0.
    whole: Box<[i32; 1 << LOOK]>,
    /// By the length of a code: one more than the last code of that length, in the upper of 16 bits.
    end: [u32; 17],
    /// By the length of a code: what added to the code is the place of its symbol.
    offset: [i32; 17],
    symbols: Vec<u8>,
}

impl Table {
    /// From how many codes there are of each length, and the symbols in their order; `None` if that is no code.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut table = Self {
            look: Box::new([0; 1 << LOOK]),
            whole: Box::new([0; 1 << LOOK]),
            end: [0; 17],
            offset: [0; 17],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut place) = (0_u32, 0_usize);
        for (length, &count) in (1_u32..).zip(counts) {
            let at = length as usize;
            table.offset[at] = i32::try_from(place).ok()? - i32::try_from(code).ok()?;
            for _ in 0..count {
                let symbol = *symbols.get(place)?;
                if code >> length != 0 {
                    return None;
                }
                if length <= LOOK {
                    let first = (code << (LOOK - length)) as usize;
                    let entries = table.look.get_mut(first..first + (1 << (LOOK - length)))?;
                    entries.fill(length as u16 * 256 + u16::from(symbol));
                }
                (code, place) = (code + 1, place + 1);
            }
            table.end[at] = code << (16 - length);
            code <<= 1;
        }
        for bits in 0..1 << LOOK {
            let (length, symbol) = (u32::from(table.look[bits] >> 8), u32::from(table.look[bits] & 255));
            let (zeros, size) = (symbol >> 4, symbol & 15);
            if length > 0 && size > 0 && length + size <= LOOK {
                let value = bits as u32 >> (LOOK - length - size) & ((1 << size) - 1);
                table.whole[bits] = extended(value, size) << 16 | (zeros << 8 | (length + size)).cast_signed();
            }
        }
        Some(table)
    }
}

/// The number that `size` bits stand for: negative ones begin with 0.
#[expect(clippy::inline_always, reason = "one of a few operations a coefficient")]
#[inline(always)]
fn extended(value: u32, size: u32) -> i32 {
    let value = value.cast_signed();
    if size > 0 && value < 1 << (size - 1) { value - (1 << size) + 1 } else { value }
}

/// The bits of a scan.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The byte that is read next.
    at: usize,
    /// The next bits, from the top.
    buffer: u64,
    /// How many there are.
    count: u32,
    /// How many of them, the last ones, are not in the file.
    made_up: u32,
}

/// What a marker behind the data of a scan says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stop {
    /// Where it begins; the length of the file where there is none.
    pub(super) at: usize,
    pub(super) marker: Option<u8>,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, buffer: 0, count: 0, made_up: 0 }
    }

    /// At least 32 bits, enough for a code and the number behind it.
    #[expect(clippy::inline_always, reason = "called for every coefficient, and nearly always has nothing to do")]
    #[inline(always)]
    fn refill(&mut self) {
        if self.count < 32 {
            self.read();
        }
    }

    #[inline]
    fn read(&mut self) {
        if let Some(four) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()) {
            let word = u32::from_be_bytes(*four);
            // No byte is 0xff, after which a zero is stuffed or a marker stands.
            if word & 0x8080_8080 & !word.wrapping_add(0x0101_0101) == 0 {
                self.buffer |= u64::from(word) << (32 - self.count);
                self.count += 32;
                self.at += 4;
                return;
            }
        }
        self.read_slowly();
    }

    #[inline(never)]
    fn read_slowly(&mut self) {
        while self.count <= 56 {
            let byte = match self.bytes.get(self.at) {
                Some(0xff) => match stop_or_stuffed(self.bytes, self.at) {
                    Ok(after) => {
                        self.at = after;
                        0xff
                    }
                    Err(_) => return self.make_up(),
                },
                Some(byte) => {
                    self.at += 1;
                    *byte
                }
                None => return self.make_up(),
            };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// Zeros behind the end, so that the last code can be looked up in a table.
    fn make_up(&mut self) {
        self.made_up += 64 - self.count;
        self.count = 64;
    }

    #[expect(clippy::inline_always, reason = "called for every coefficient")]
    #[inline(always)]
    fn skip(&mut self, bits: u32) {
        self.buffer <<= bits;
        self.count = self.count.wrapping_sub(bits);
    }

    /// The next bits as a number, at most 16; needs a [`Bits::refill`] before.
    #[expect(clippy::inline_always, reason = "called for every coefficient")]
    #[inline(always)]
    fn take(&mut self, bits: u32) -> u32 {
        // Two steps, for no number is shifted by all its 64 bits.
        let value = (self.buffer >> 1 >> (63 - bits)) as u32;
        self.skip(bits);
        value
    }

    #[expect(clippy::inline_always, reason = "called for every coefficient")]
    #[inline(always)]
    fn symbol(&mut self, table: &Table) -> Result<u32, Fault> {
        self.refill();
        let entry = table.look[(self.buffer >> (64 - LOOK)) as usize];
        if entry != 0 {
            self.skip(u32::from(entry >> 8));
            return Ok(u32::from(entry & 255));
        }
        self.long_symbol(table)
    }

    #[inline(never)]
    fn long_symbol(&mut self, table: &Table) -> Result<u32, Fault> {
        let next = (self.buffer >> 48) as u32;
        for length in LOOK + 1..=16 {
            if next < table.end[length as usize] {
                let place = (next >> (16 - length)).cast_signed() + table.offset[length as usize];
                let symbol = usize::try_from(place).ok().and_then(|place| table.symbols.get(place));
                self.skip(length);
                return symbol.map(|symbol| u32::from(*symbol)).ok_or(Fault::Code);
            }
        }
        Err(Fault::Code)
    }

    /// The difference of a mean to the one before it.
    #[expect(clippy::inline_always, reason = "called for every block")]
    #[inline(always)]
    pub(super) fn difference(&mut self, table: &Table) -> Result<i32, Fault> {
        let size = self.symbol(table)?;
        if size > 15 {
            return Err(Fault::Code);
        }
        Ok(extended(self.take(size), size))
    }

    /// The next coefficient of a band: the zeros before it and its value; a value of 0 ends the band, except after 15
    /// zeros, where it is one more of them.
    #[expect(clippy::inline_always, reason = "called for every coefficient")]
    #[inline(always)]
    pub(super) fn coefficient(&mut self, table: &Table) -> Result<(u32, i32), Fault> {
        self.refill();
        let whole = table.whole[(self.buffer >> (64 - LOOK)) as usize];
        if whole != 0 {
            self.skip(whole.cast_unsigned() & 255);
            return Ok((whole.cast_unsigned() >> 8 & 255, whole >> 16));
        }
        let symbol = self.symbol(table)?;
        let (zeros, size) = (symbol >> 4, symbol & 15);
        Ok((zeros, extended(self.take(size), size)))
    }

    /// Zeros and size of the next coefficient, whose bits follow.
    pub(super) fn run(&mut self, table: &Table) -> Result<(u32, u32), Fault> {
        let symbol = self.symbol(table)?;
        Ok((symbol >> 4, symbol & 15))
    }

    /// A coefficient of this size, behind its [`Bits::run`].
    pub(super) fn value(&mut self, size: u32) -> i32 {
        extended(self.take(size), size)
    }

    /// At most 16 bits as a number.
    pub(super) fn number(&mut self, bits: u32) -> u32 {
        self.refill();
        self.take(bits)
    }

    pub(super) fn bit(&mut self) -> bool {
        self.number(1) == 1
    }

    /// Whether all bits that were taken are in the file.
    #[expect(clippy::inline_always, reason = "called for every block")]
    #[inline(always)]
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.count < self.made_up { Err(Fault::Short) } else { Ok(()) }
    }

    /// Where the data ends, if nothing but padding is left of it.
    pub(super) fn end(&self) -> Result<Stop, Fault> {
        let (mut at, mut left) = (self.at, self.count.saturating_sub(self.made_up) as usize / 8);
        let stop = loop {
            let rest = self.bytes.get(at..).unwrap_or_default();
            let Some(next) = rest.iter().position(|byte| *byte == 0xff) else {
                left += rest.len();
                break Stop { at: self.bytes.len(), marker: None };
            };
            left += next;
            match stop_or_stuffed(self.bytes, at + next) {
                Ok(after) => (at, left) = (after, left + 1),
                Err(stop) => break stop,
            }
        };
        if left > MAX_LEFT { Err(Fault::Left) } else { Ok(stop) }
    }

    /// Goes on behind a restart marker, which must be the one of this number.
    pub(super) fn restart(&mut self, number: u8) -> Result<(), Fault> {
        match self.end()? {
            Stop { at, marker: Some(marker) } if marker == 0xd0 + number => {
                *self = Self::new(self.bytes, at + 2);
                Ok(())
            }
            Stop { marker: None | Some(super::segments::EOI), .. } => Err(Fault::Short),
            Stop { .. } => Err(Fault::Restart),
        }
    }
}

/// From 0xff on: where it goes on after a stuffed zero, or the marker. Filled bytes before either are passed over.
fn stop_or_stuffed(bytes: &[u8], at: usize) -> Result<usize, Stop> {
    let rest = bytes.get(at..).unwrap_or_default();
    let filled = rest.iter().take_while(|byte| **byte == 0xff).count();
    match rest.get(filled) {
        Some(0) => Ok(at + filled + 1),
        Some(marker) => Err(Stop { at: at + filled - 1, marker: Some(*marker) }),
        None => Err(Stop { at: bytes.len(), marker: None }),
    }
}
