//! Samples of 16 bits on their way to 8: which levels are black and white.
//!
//! Cameras, microscopes and X-ray machines write 10, 12 or 14 bits into files of 16 without saying so; as whole-range
//! samples such photos are nearly black. No photo can tell by itself whether it is dark or of fewer bits, so the levels are
//! chosen once for a data set and kept in the model.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Most samples that one photo gives to those of its data set, so that a large one weighs no more than a small one.
const MAX_SAMPLES: usize = 1 << 16;

/// Which levels of 16-bit samples become black and white, as the numbers stand in the file; in between it is linear,
/// beyond it is clipped. Photos of 8 bits are left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Levels {
    /// This and all below is black.
    pub low: u16,
    /// This and all above is white.
    pub high: u16,
}

impl Levels {
    /// What 16 bits can hold.
    pub(crate) const WHOLE: Self = Self { low: 0, high: u16::MAX };

    /// How many steps lie between black and white.
    pub(crate) fn span(self) -> u32 {
        u32::from(self.high.saturating_sub(self.low))
    }

    /// A sample in 8 bits, rounded.
    fn eight_bits(self, sample: u16) -> u8 {
        let above = u32::from(sample.clamp(self.low, self.high.max(self.low)) - self.low);
        let span = self.span().max(1);
        ((above * 255 + span / 2) / span) as u8
    }
}

impl fmt::Display for Levels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{},{}", self.low, self.high)
    }
}

impl FromStr for Levels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no `LOW,HIGH` with 0 ≤ LOW < HIGH ≤ 65535, such as `0,4095` for 12 bits");
        let (low, high) = text.split_once(',').ok_or_else(wrong)?;
        let number = |text: &str| text.trim().parse().map_err(|_| wrong());
        let levels = Self { low: number(low)?, high: number(high)? };
        if levels.low < levels.high { Ok(levels) } else { Err(wrong()) }
    }
}

/// How the numbers in a file became the 16-bit samples that its decoder gives out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    /// As they are.
    Plain,
    /// Zero is white.
    Inverted,
    /// Stretched from a largest level that the file names.
    UpTo(u16),
    /// Inks made into light: the numbers are lost.
    Inks,
}

/// The way of one file's samples from 16 bits to 8, and what they were.
#[derive(Debug)]
pub(super) struct Depth {
    levels: Option<Levels>,
    pub(super) stored: Stored,
    /// The smallest and the largest, where there were any of 16 bits.
    pub(super) seen: Option<[u16; 2]>,
    /// Some of them, evenly chosen, where they are wanted.
    samples: Option<Vec<u16>>,
}

impl Depth {
    pub(super) fn new(levels: Option<Levels>) -> Self {
        Self { levels, stored: Stored::Plain, seen: None, samples: None }
    }

    /// One that keeps some of the samples.
    pub(super) fn sampling() -> Self {
        Self { samples: Some(Vec::new()), ..Self::new(None) }
    }

    /// The samples that were kept, as the numbers stand in the file; `None` where there are none of 16 bits.
    pub(super) fn into_samples(self) -> Option<Vec<u16>> {
        self.samples.filter(|samples| !samples.is_empty())
    }

    /// Samples in the machine's byte order → 8 bits. Of each `channels` the first `colours` count, the rest is alpha.
    ///
    /// Without levels the upper 8 bits are kept, which is how Pillow reads 16-bit colour.
    pub(super) fn eight_bits(&mut self, samples: &[u8], channels: usize, colours: usize) -> Vec<u8> {
        let all = || samples.as_chunks().0.iter().map(|sample| u16::from_ne_bytes(*sample));
        let of_colour = || all().enumerate().filter(|(at, _)| at % channels < colours).map(|(_, sample)| sample);
        let ends = of_colour().fold([u16::MAX, 0], |[low, high], sample| [low.min(sample), high.max(sample)]);
        if ends[0] <= ends[1] && self.stored != Stored::Inks {
            // Without levels a stretched file has the whole range.
            let is_whole = self.levels.is_none() && matches!(self.stored, Stored::UpTo(_));
            let ends = ends.map(|end| if is_whole { end } else { self.number(end) });
            self.seen = Some([ends[0].min(ends[1]), ends[0].max(ends[1])]);
        }
        if self.samples.is_some() && self.stored != Stored::Inks {
            let step = (samples.len() / 2 / channels * colours).div_ceil(MAX_SAMPLES).max(1);
            self.samples = Some(of_colour().step_by(step).map(|sample| self.number(sample)).collect());
        }
        match self.levels.filter(|_| self.stored != Stored::Inks) {
            None => all().map(|sample| (sample >> 8) as u8).collect(),
            Some(levels) => {
                let of_number = |number| {
                    let level = levels.eight_bits(number);
                    if self.stored == Stored::Inverted { u8::MAX - level } else { level }
                };
                let table: Vec<u8> = (0..=u16::MAX).map(|sample| of_number(self.number(sample))).collect();
                all().map(|sample| table.get(usize::from(sample)).copied().unwrap_or(0)).collect()
            }
        }
    }

    /// The number in the file that became this sample.
    fn number(&self, sample: u16) -> u16 {
        match self.stored {
            Stored::Plain | Stored::Inks => sample,
            Stored::Inverted => u16::MAX - sample,
            Stored::UpTo(most) => {
                let whole = u32::from(u16::MAX);
                ((u32::from(sample) * u32::from(most) + whole / 2) / whole) as u16
            }
        }
    }
}

/// The largest level that the header of a PNM file names.
pub(super) fn pnm_largest(bytes: &[u8]) -> Option<u32> {
    let head = bytes.get(..4096).unwrap_or(bytes);
    if head.starts_with(b"P7") {
        let place = head.windows(7).position(|word| word == b"MAXVAL ")?;
        return number(head.get(place + 7..)?);
    }
    // The kind, width and height, then the largest level, with comments between them.
    let mut rest = matches!(head, [b'P', b'2' | b'3' | b'5' | b'6', ..]).then(|| head.get(2..))??;
    for _ in 0..2 {
        rest = after_blanks(rest)?;
        rest = rest.get(rest.iter().position(|byte| !byte.is_ascii_digit())?..)?;
    }
    number(after_blanks(rest)?)
}

fn after_blanks(mut text: &[u8]) -> Option<&[u8]> {
    loop {
        text = text.trim_ascii_start();
        match text.first()? {
            b'#' => text = text.get(text.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?..)?,
            _ => return Some(text),
        }
    }
}

fn number(text: &[u8]) -> Option<u32> {
    let digits = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    std::str::from_utf8(text.get(..digits)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(samples: &[u16]) -> Vec<u8> {
        samples.iter().flat_map(|sample| sample.to_ne_bytes()).collect()
    }

    #[test]
    fn levels_are_read_and_nonsense_is_refused_with_an_example() {
        assert_eq!("0,4095".parse(), Ok(Levels { low: 0, high: 4095 }));
        assert_eq!(" 100 , 900".parse(), Ok(Levels { low: 100, high: 900 }));
        for text in ["", "0", "0,0", "5,4", "0,65536", "-1,5", "a,b", "0,1,2", "1.5,9"] {
            assert!(text.parse::<Levels>().unwrap_err().contains("0,4095"), "{text}");
        }
        let levels = Levels { low: 3, high: 77 };
        assert_eq!(levels.to_string().parse(), Ok(levels));
    }

    #[test]
    fn twelve_bits_by_their_levels_are_the_eight_bits_that_they_were_made_of() {
        let twelve: Vec<u16> = (0..=255_u32).map(|level| (level * 4095 / 255) as u16).collect();
        let mut depth = Depth::new(Some(Levels { low: 0, high: 4095 }));
        assert_eq!(depth.eight_bits(&bytes(&twelve), 1, 1), (0..=255).collect::<Vec<u8>>());
        assert_eq!(depth.seen, Some([0, 4095]));
        // Without levels all of it is nearly black; the whole range by name is rounded and not cut.
        assert!(Depth::new(None).eight_bits(&bytes(&twelve), 1, 1).into_iter().max() < Some(16));
        let ends = bytes(&[0, 128, 129, 65_535]);
        assert_eq!(Depth::new(Some(Levels::WHOLE)).eight_bits(&ends, 1, 1), [0, 0, 1, 255]);
    }

    #[test]
    fn what_lies_beyond_is_clipped_and_alpha_is_no_level() {
        let mut depth = Depth::new(Some(Levels { low: 100, high: 200 }));
        let samples = bytes(&[0, 65_535, 150, 65_535, 60_000, 0]);
        let levels = depth.eight_bits(&samples, 2, 1);
        assert_eq!([levels[0], levels[2], levels[4]], [0, 128, 255]);
        assert_eq!(depth.seen, Some([0, 60_000]));
        assert_eq!(Depth::new(None).eight_bits(&[], 1, 1), Vec::<u8>::new());
    }

    #[test]
    fn numbers_are_those_of_the_file_however_its_decoder_gives_them() {
        let levels = Some(Levels { low: 0, high: 4095 });
        // A PNM of 12 bits is stretched by its decoder; zero as white is turned by its.
        let stretched = bytes(&[0, 32_775, 65_535]);
        let mut depth = Depth { stored: Stored::UpTo(4095), ..Depth::new(levels) };
        assert_eq!(depth.eight_bits(&stretched, 1, 1), [0, 128, 255]);
        assert_eq!(depth.seen, Some([0, 4095]));
        let turned = bytes(&[65_535, 61_440]);
        let mut depth = Depth { stored: Stored::Inverted, ..Depth::new(levels) };
        assert_eq!(depth.eight_bits(&turned, 1, 1), [255, 0]);
        assert_eq!(depth.seen, Some([0, 4095]));
        let mut sampled = Depth { stored: Stored::Inverted, ..Depth::sampling() };
        sampled.eight_bits(&turned, 1, 1);
        assert_eq!(sampled.into_samples(), Some(vec![0, 4095]));
    }

    #[test]
    fn a_large_photo_gives_no_more_samples_than_a_small_one() {
        let mut depth = Depth::sampling();
        depth.eight_bits(&vec![1; 3 * 2 * 100_000], 3, 3);
        let count = depth.into_samples().map_or(0, |samples| samples.len());
        assert!((MAX_SAMPLES / 2..=MAX_SAMPLES).contains(&count), "{count}");
        assert_eq!(Depth::sampling().into_samples(), None);
    }

    #[test]
    fn the_largest_level_of_a_pnm_is_found_behind_comments() {
        let cases: [(&[u8], Option<u32>); 8] = [
            (b"P5 3 2 4095\n", Some(4095)),
            (b"P5\n# a\n3 # b\n2\n# c\n65535\n", Some(65_535)),
            (b"P2 3 2 255 1", Some(255)),
            (b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 1023\nTUPLTYPE GRAYSCALE\nENDHDR\n", Some(1023)),
            (b"P4 3 2 1", None),
            (b"P5 3 2", None),
            (b"P5 3 2 ", None),
            (b"P5 # endless", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(pnm_largest(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
