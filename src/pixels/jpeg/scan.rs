//! The scans of a JPEG: entropy-coded data to coefficients to samples, every block of every scan, or an error.
//!
//! Blocks outside of the wanted region are decoded too, for only the last one shows that none was lost, but they are not
//! transformed. The sequential image of one scan, which nearly every photo is, is transformed as it is read; of others
//! all coefficients are collected first.

use pulp::Arch;

use super::frame::{Component, Frame, Header, Steps, Tables, ZIGZAG};
use super::huffman::{Bits, Fault, Stop, Table};
use super::plane::{Block, Plane};
use super::segments::{EOI, SOS, Segments};
use super::{damaged, error_of, truncated};
use crate::pixels::DecodeError;
use crate::pixels::deadline::Deadline;

/// Bits of a coefficient that no scan has sent anything of.
const NOTHING: u8 = u8::MAX;

/// Largest distance of the mean of a block from grey, times 8: twice what 8 bits can have, for writers who round oddly.
const MAX_MEAN: i32 = 2048;

/// The samples of every component that the planes have room for.
pub(super) fn decode(header: Header<'_>, planes: Vec<Plane>, deadline: &Deadline) -> Result<Vec<Plane>, DecodeError> {
    let Header { frame, mut tables, mut scans, .. } = header;
    let mut parts: Vec<Part> = planes.into_iter().zip(&frame.components).map(Part::new).collect();
    while let Some((marker, content)) = scans.next() {
        match marker {
            SOS => {
                let scan = Scan::parse(content, &frame)?;
                for (place, _) in &scan.parts {
                    parts[*place].note(&scan, &tables)?;
                }
                let is_all = !frame.is_progressive && scan.parts.len() == parts.len();
                scans.at = scan.decode(&scans, &frame, &tables, &mut parts, is_all, deadline)?;
                if is_all {
                    return Ok(parts.into_iter().map(|part| part.plane).collect());
                }
            }
            EOI => break,
            _ => tables.read(marker, content)?,
        }
    }
    parts.into_iter().map(|part| part.transformed(deadline)).collect()
}

/// What there is of a component.
struct Part<'a> {
    component: &'a Component,
    plane: Plane,
    /// The table as it was when the first scan of this component came, and the largest mean that it allows.
    steps: Steps,
    most_mean: i32,
    /// How many bits of each coefficient are still to come, in the file's order.
    missing: [u8; 64],
    /// All blocks, where they are collected, and how many there are across.
    blocks: Vec<Block>,
    across: usize,
}

impl<'a> Part<'a> {
    fn new((plane, component): (Plane, &'a Component)) -> Self {
        let (steps, most_mean, missing) = ([0; 64], 0, [NOTHING; 64]);
        Self { component, plane, steps, most_mean, missing, blocks: Vec::new(), across: 0 }
    }

    /// Takes down what a scan will have sent.
    fn note(&mut self, scan: &Scan, tables: &Tables) -> Result<(), DecodeError> {
        if self.missing == [NOTHING; 64] {
            self.steps = tables.steps(self.component)?;
            self.most_mean = MAX_MEAN.checked_div(i32::from(self.steps[0])).map_or(i32::MAX, |most| most + 1);
        }
        let (before, now) = scan.bits;
        for missing in &mut self.missing[scan.first..=scan.last] {
            if *missing != before.unwrap_or(NOTHING) {
                return Err(damaged("its scans do not follow each other: some are lost"));
            }
            *missing = now;
        }
        Ok(())
    }

    /// The samples of an image whose coefficients were collected, if all of them were sent.
    fn transformed(mut self, deadline: &Deadline) -> Result<Plane, DecodeError> {
        if self.missing != [0; 64] {
            return Err(truncated());
        }
        let arch = Arch::new();
        for (y, row) in self.blocks.chunks_exact(self.across.max(1)).enumerate() {
            if deadline.is_over(1) {
                return Err(truncated());
            }
            for (x, block) in row.iter().enumerate() {
                let is_flat = block[1..] == [0; 63];
                self.plane.put(arch, (x, y), block, &self.steps, is_flat);
            }
        }
        Ok(self.plane)
    }
}

/// The header of a scan.
struct Scan {
    /// The place of each component among those of the frame, with the numbers of its codes for means and for others.
    parts: Vec<(usize, [usize; 2])>,
    /// First and last coefficient, in the file's order.
    first: usize,
    last: usize,
    /// The bit that was sent before, where one was, counted from the lowest; and the one that is sent now.
    bits: (Option<u8>, u8),
}

impl Scan {
    fn parse(content: &[u8], frame: &Frame) -> Result<Self, DecodeError> {
        let wrong = || damaged("the header of a scan contradicts itself");
        let (count, rest) = content.split_first().ok_or_else(wrong)?;
        let (listed, rest) = rest.split_at_checked(2 * usize::from(*count)).ok_or_else(wrong)?;
        let [first, last, bits, ..] = rest else { return Err(wrong()) };
        let mut parts: Vec<(usize, [usize; 2])> = Vec::with_capacity(4);
        for [id, codes] in listed.as_chunks::<2>().0 {
            // Of two components with one name the first that is not taken yet, as in libjpeg.
            let is_free = |place: &usize| parts.iter().all(|(taken, _)| taken != place);
            let mut named = (0..frame.components.len()).filter(|place| frame.components[*place].id == *id);
            parts.push((named.find(is_free).ok_or_else(wrong)?, [usize::from(codes >> 4), usize::from(codes & 15)]));
        }
        let (first, last, before, now) = if frame.is_progressive {
            (usize::from(*first), usize::from(*last), bits >> 4, bits & 15)
        } else {
            (0, 63, 0, 0)
        };
        let is_band = if first == 0 { last == 0 } else { first <= last && last < 64 && parts.len() == 1 };
        let is_next = before == 0 || before == now + 1;
        if parts.is_empty() || (frame.is_progressive && !is_band) || !is_next || now > 13 {
            return Err(wrong());
        }
        Ok(Self { parts, first, last, bits: ((before > 0).then_some(before), now) })
    }

    /// Decodes the data of this scan, which begins where the segments stand; where the marker behind it is.
    fn decode(
        &self,
        segments: &Segments<'_>,
        frame: &Frame,
        tables: &Tables,
        parts: &mut [Part<'_>],
        is_all: bool,
        deadline: &Deadline,
    ) -> Result<usize, DecodeError> {
        let passes = self.parts.iter().map(|(_, codes)| self.pass(frame, tables, *codes));
        let passes: Vec<Pass<'_>> = passes.collect::<Result<_, _>>()?;
        // A component alone has its blocks one by one, and none that only fill an MCU.
        let alone = if let [(place, _)] = self.parts.as_slice() { Some(*place) } else { None };
        let (across, down) = alone.map_or(frame.mcus, |place| parts[place].component.whole_blocks());
        if !is_all {
            for part in parts.iter_mut().filter(|part| part.blocks.is_empty()) {
                part.across = frame.mcus.0 * part.component.blocks.0;
                part.blocks = vec![[0; 64]; part.across * frame.mcus.1 * part.component.blocks.1];
            }
        }
        let mut data = Data { bits: Bits::new(segments.bytes, segments.at), means: [0; 4], empty: 0 };
        let (mut left, mut number) = (tables.restart, 0);
        let (arch, mut block) = (Arch::new(), [0; 64]);
        for row in 0..down {
            if deadline.is_over(1) {
                return Err(truncated());
            }
            for column in 0..across {
                if tables.restart > 0 && left == 0 {
                    data.restart(number).map_err(error_of)?;
                    (left, number) = (tables.restart, (number + 1) % 8);
                }
                left = left.wrapping_sub(1);
                for ((place, _), pass) in self.parts.iter().zip(&passes) {
                    let part = &mut parts[*place];
                    let blocks = if alone.is_some() { (1, 1) } else { part.component.blocks };
                    for (down, across) in (0..blocks.1).flat_map(|down| (0..blocks.0).map(move |across| (down, across)))
                    {
                        let (x, y) = (column * blocks.0 + across, row * blocks.1 + down);
                        if !is_all {
                            let block = &mut part.blocks[y * part.across + x];
                            data.block(pass, *place, part.most_mean, block).map_err(error_of)?;
                            continue;
                        }
                        let is_flat = data.block(pass, *place, part.most_mean, &mut block).map_err(error_of)?;
                        part.plane.put(arch, (x, y), &block, &part.steps, is_flat);
                        if !is_flat {
                            block = [0; 64];
                        }
                    }
                }
            }
        }
        data.end().map(|stop| stop.at).map_err(error_of)
    }

    fn pass<'t>(&self, frame: &Frame, tables: &'t Tables, codes: [usize; 2]) -> Result<Pass<'t>, DecodeError> {
        let Self { first, last, bits: (before, bit), .. } = *self;
        Ok(match (before, first) {
            _ if !frame.is_progressive => Pass::All(tables.means(codes[0])?, tables.others(codes[1])?),
            (None, 0) => Pass::Means(tables.means(codes[0])?, bit),
            (Some(_), 0) => Pass::MeansBit(bit),
            (None, _) => Pass::Band(tables.others(codes[1])?, first, last, bit),
            (Some(_), _) => Pass::BandBit(tables.others(codes[1])?, first, last, bit),
        })
    }
}

/// What a scan says of each block of a component, with the codes that it says it in.
enum Pass<'a> {
    /// All coefficients as they are.
    All(&'a Table, &'a Table),
    /// The mean without its lowest bits.
    Means(&'a Table, u8),
    /// One more bit of the mean.
    MeansBit(u8),
    /// Coefficients from one to another without their lowest bits.
    Band(&'a Table, usize, usize, u8),
    /// One more bit of these.
    BandBit(&'a Table, usize, usize, u8),
}

/// The data of a scan, and what is known of the blocks before.
struct Data<'a> {
    bits: Bits<'a>,
    /// By the place of the component.
    means: [i32; 4],
    /// How many blocks are to come that have nothing more in this band.
    empty: u32,
}

impl Data<'_> {
    /// Reads a block; whether its mean is all that it has.
    #[expect(clippy::inline_always, reason = "a call for every block")]
    #[inline(always)]
    fn block(&mut self, pass: &Pass<'_>, place: usize, most: i32, block: &mut Block) -> Result<bool, Fault> {
        let is_flat = match *pass {
            Pass::All(means, others) => {
                block[0] = self.mean(means, place, 0, most)?;
                self.all(others, block)?
            }
            Pass::Means(code, bit) => {
                block[0] = self.mean(code, place, bit, most)?;
                true
            }
            Pass::MeansBit(bit) => {
                block[0] |= i16::from(self.bits.bit()) << bit;
                true
            }
            Pass::Band(code, first, last, bit) => self.band(code, first, last, bit, block)?,
            Pass::BandBit(code, first, last, bit) => self.band_bit(code, first, last, bit, block)?,
        };
        self.bits.check()?;
        Ok(is_flat)
    }

    #[expect(clippy::inline_always, reason = "a call for every block")]
    #[inline(always)]
    fn mean(&mut self, code: &Table, place: usize, bit: u8, most: i32) -> Result<i16, Fault> {
        let mean = self.means[place].wrapping_add(self.bits.difference(code)?);
        self.means[place] = mean;
        let value = mean.wrapping_shl(u32::from(bit));
        // The first difference after lost data is added to another mean than it was taken from.
        if value.unsigned_abs() > most.unsigned_abs() || mean.unsigned_abs() > 1 << 16 {
            return Err(Fault::Level);
        }
        i16::try_from(value).map_err(|_| Fault::Level)
    }

    #[expect(clippy::inline_always, reason = "a call for every block")]
    #[inline(always)]
    fn all(&mut self, code: &Table, block: &mut Block) -> Result<bool, Fault> {
        let mut next = 1;
        while next < 64 {
            let (zeros, value) = self.bits.coefficient(code)?;
            if value != 0 {
                let place = *ZIGZAG.get(next + zeros as usize).ok_or(Fault::Place)?;
                block[place] = value as i16;
            } else if zeros != 15 {
                break;
            }
            next += zeros as usize + 1;
        }
        if next > 64 { Err(Fault::Place) } else { Ok(next == 1) }
    }

    fn band(&mut self, code: &Table, first: usize, last: usize, bit: u8, block: &mut Block) -> Result<bool, Fault> {
        if self.empty > 0 {
            self.empty -= 1;
            return Ok(false);
        }
        let mut next = first;
        while next <= last {
            let (zeros, size) = self.bits.run(code)?;
            if size > 0 {
                next += zeros as usize;
                let value = self.bits.value(size).wrapping_shl(u32::from(bit));
                let place = ZIGZAG.get(next).filter(|_| next <= last).ok_or(Fault::Place)?;
                block[*place] = value as i16;
            } else if zeros == 15 {
                next += 15;
            } else {
                self.empty = (1 << zeros) - 1 + self.bits.number(zeros);
                return Ok(false);
            }
            next += 1;
        }
        if next > last + 1 { Err(Fault::Place) } else { Ok(false) }
    }

    /// `decode_mcu_AC_refine` of libjpeg: bits of what is not 0 yet are between the codes of what becomes so.
    fn band_bit(&mut self, code: &Table, first: usize, last: usize, bit: u8, block: &mut Block) -> Result<bool, Fault> {
        let one = 1_i16 << bit;
        let mut next = first;
        while self.empty == 0 && next <= last {
            let (mut zeros, size) = self.bits.run(code)?;
            let mut value = 0;
            match (size, zeros) {
                (1, _) => value = if self.bits.bit() { one } else { -one },
                (0, 15) => {}
                (0, _) => {
                    self.empty = (1 << zeros) + self.bits.number(zeros);
                    break;
                }
                _ => return Err(Fault::Code),
            }
            while next <= last {
                let coefficient = &mut block[ZIGZAG[next]];
                if *coefficient != 0 {
                    self.correct(coefficient, one);
                } else if zeros == 0 {
                    break;
                } else {
                    zeros -= 1;
                }
                next += 1;
            }
            if next > last {
                // The place of this one is behind the band, and so was that of the last zero.
                return Err(Fault::Place);
            }
            block[ZIGZAG[next]] = value;
            next += 1;
        }
        if self.empty > 0 {
            for place in &ZIGZAG[next..=last] {
                self.correct(&mut block[*place], one);
            }
            self.empty -= 1;
        }
        Ok(false)
    }

    /// One more bit of a coefficient, where it has any.
    fn correct(&mut self, coefficient: &mut i16, one: i16) {
        if *coefficient != 0 && self.bits.bit() && *coefficient & one == 0 {
            let away = if *coefficient > 0 { one } else { -one };
            *coefficient = coefficient.wrapping_add(away);
        }
    }

    fn restart(&mut self, number: u8) -> Result<(), Fault> {
        self.is_done()?;
        self.bits.restart(number)?;
        self.means = [0; 4];
        Ok(())
    }

    /// Where the marker behind the data is, if it ends with its last block.
    fn end(&self) -> Result<Stop, Fault> {
        self.is_done()?;
        self.bits.end()
    }

    fn is_done(&self) -> Result<(), Fault> {
        if self.empty > 0 { Err(Fault::Place) } else { Ok(()) }
    }
}
