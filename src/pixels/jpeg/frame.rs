//! The headers of a JPEG: its size, its components, and the tables that its scans are decoded with.

use super::huffman::Table;
use super::segments::{self, DHT, DQT, DRI, SOF_PROGRESSIVE, SOF_SEQUENTIAL, SOS, Segments};
use super::{damaged, truncated, unsupported};
use crate::pixels::DecodeError;

/// Where the coefficients of a block stand by rows, in the order in which a file has them.
pub(in super::super) const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// The start of XMP in its segment.
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// Steps of a quantisation table, by rows of a block.
pub(super) type Steps = [u16; 64];

/// One of the planes that an image is stored in.
#[derive(Debug, Clone)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Blocks of it in an MCU, across and down.
    pub(super) blocks: (usize, usize),
    /// Pixels of the image for each of its samples, across and down.
    pub(super) factors: (usize, usize),
    /// Number of its quantisation table.
    steps: usize,
    /// Its samples, across and down.
    pub(super) samples: (usize, usize),
}

impl Component {
    /// The blocks that hold its samples.
    pub(super) fn whole_blocks(&self) -> (usize, usize) {
        (self.samples.0.div_ceil(8), self.samples.1.div_ceil(8))
    }
}

/// What the frame header says.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) is_progressive: bool,
    pub(super) components: Vec<Component>,
    /// MCUs across and down.
    pub(super) mcus: (usize, usize),
}

impl Frame {
    fn parse(marker: u8, content: &[u8]) -> Result<Self, DecodeError> {
        let [precision, h1, h0, w1, w0, count, rest @ ..] = content else { return Err(truncated()) };
        let (width, height) = (u16::from_be_bytes([*w1, *w0]), u16::from_be_bytes([*h1, *h0]));
        if *precision != 8 {
            return Err(unsupported(&format!("a JPEG image of {precision} bits a channel")));
        }
        if width == 0 || height == 0 {
            return Err(damaged("its width or height is zero"));
        }
        if !matches!(count, 1 | 3 | 4) {
            return Err(unsupported(&format!("a JPEG image of {count} components")));
        }
        let parts = rest.as_chunks::<3>().0.get(..usize::from(*count)).ok_or_else(truncated)?;
        let samplings = || parts.iter().map(|part| (usize::from(part[1] >> 4), usize::from(part[1] & 15)));
        if samplings().any(|(across, down)| !(1..=4).contains(&across) || !(1..=4).contains(&down)) {
            return Err(damaged("the sampling of a component is none"));
        }
        let most = samplings().fold((1, 1), |most, next| (most.0.max(next.0), most.1.max(next.1)));
        if samplings().any(|each| most.0 % each.0 != 0 || most.1 % each.1 != 0) {
            return Err(unsupported("a JPEG image of which a component has a fraction of a sample for each pixel"));
        }
        let (width, height) = (usize::from(width), usize::from(height));
        let components = parts.iter().zip(samplings()).map(|([id, _, steps], blocks)| {
            let factors = (most.0 / blocks.0, most.1 / blocks.1);
            let samples = (width.div_ceil(factors.0), height.div_ceil(factors.1));
            Component { id: *id, blocks, factors, steps: usize::from(*steps), samples }
        });
        Ok(Self {
            width: width as u32,
            height: height as u32,
            is_progressive: marker == SOF_PROGRESSIVE,
            components: components.collect(),
            mcus: (width.div_ceil(8 * most.0), height.div_ceil(8 * most.1)),
        })
    }
}

/// The tables that the next scan is decoded with.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    steps: [Option<Steps>; 4],
    /// For means, then for the other coefficients.
    codes: [[Option<Table>; 4]; 2],
    /// MCUs between two restart markers; 0 where there are none.
    pub(super) restart: usize,
}

impl Tables {
    /// Those that a frame of Motion JPEG leaves out.
    fn standard() -> Self {
        let code = |text: &(&[u8; 16], &[u8])| Table::new(text.0, text.1);
        let [luma, chroma] = [&STANDARD[0], &STANDARD[1]];
        let codes = [[code(&luma[0]), code(&chroma[0]), None, None], [code(&luma[1]), code(&chroma[1]), None, None]];
        Self { steps: [None; 4], codes, restart: 0 }
    }

    /// Takes what a segment defines; of other segments nothing.
    pub(super) fn read(&mut self, marker: u8, content: &[u8]) -> Result<(), DecodeError> {
        match marker {
            DQT => read_steps(content, &mut self.steps).ok_or_else(|| damaged("a quantisation table is cut off")),
            DHT => self.read_codes(content).ok_or_else(|| damaged("a Huffman table is none")),
            DRI => {
                let interval = content.first_chunk().ok_or_else(truncated)?;
                self.restart = usize::from(u16::from_be_bytes(*interval));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn read_codes(&mut self, mut content: &[u8]) -> Option<()> {
        while let Some((kind, rest)) = content.split_first() {
            let (counts, rest) = rest.split_first_chunk()?;
            let (symbols, rest) = rest.split_at_checked(counts.iter().map(|count| usize::from(*count)).sum())?;
            let tables = self.codes.get_mut(usize::from(kind >> 4))?;
            *tables.get_mut(usize::from(kind & 15))? = Some(Table::new(counts, symbols)?);
            content = rest;
        }
        Some(())
    }

    /// The code for means.
    pub(super) fn means(&self, number: usize) -> Result<&Table, DecodeError> {
        self.codes[0].get(number).and_then(Option::as_ref).ok_or_else(no_code)
    }

    /// The code for all other coefficients.
    pub(super) fn others(&self, number: usize) -> Result<&Table, DecodeError> {
        self.codes[1].get(number).and_then(Option::as_ref).ok_or_else(no_code)
    }

    pub(super) fn steps(&self, component: &Component) -> Result<Steps, DecodeError> {
        let table = self.steps.get(component.steps).copied().flatten();
        table.ok_or_else(|| damaged("a quantisation table is missing"))
    }
}

fn no_code() -> DecodeError {
    damaged("a Huffman table is missing")
}

/// The quantisation tables of one segment.
pub(in super::super) fn read_steps(mut content: &[u8], tables: &mut [Option<Steps>; 4]) -> Option<()> {
    while let Some((kind, rest)) = content.split_first() {
        let wide = kind >> 4 != 0;
        let (numbers, rest) = rest.split_at_checked(if wide { 128 } else { 64 })?;
        let number = |place: usize| {
            if wide {
                return numbers.as_chunks().0.get(place).map(|pair| u16::from_be_bytes(*pair));
            }
            numbers.get(place).map(|byte| u16::from(*byte))
        };
        let mut table = [0; 64];
        for (place, by_rows) in ZIGZAG.into_iter().enumerate() {
            table[by_rows] = number(place)?;
        }
        *tables.get_mut(usize::from(kind & 15))? = Some(table);
        content = rest;
    }
    Some(())
}

/// What the numbers of the planes mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colours {
    Grey,
    YCbCr,
    Rgb,
    /// Inverted, as Adobe writes it and every reader expects.
    Cmyk,
    Ycck,
}

/// Everything before the first scan.
#[derive(Debug, Clone)]
pub(super) struct Header<'a> {
    pub(super) frame: Frame,
    pub(super) tables: Tables,
    pub(super) colours: Colours,
    pub(super) exif: Option<&'a [u8]>,
    pub(super) xmp: Option<&'a [u8]>,
    /// The segments from the first scan on.
    pub(super) scans: Segments<'a>,
}

impl<'a> Header<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut tables, mut frame) = (Tables::standard(), None);
        let (mut exif, mut xmp, mut is_jfif, mut adobe) = (None, None, false, None);
        let mut segments = Segments::new(bytes);
        loop {
            let scans = segments.clone();
            let Some((marker, content)) = segments.next() else { return Err(truncated()) };
            match marker {
                SOS => {
                    let frame: Frame = frame.ok_or_else(|| damaged("it has no frame header"))?;
                    let colours = colours(&frame, is_jfif, adobe);
                    return Ok(Self { frame, tables, colours, exif, xmp, scans });
                }
                segments::EOI => return Err(truncated()),
                0xc0..=0xc2 if frame.is_some() => return Err(damaged("it has two frame headers")),
                SOF_PROGRESSIVE => frame = Some(Frame::parse(marker, content)?),
                _ if SOF_SEQUENTIAL.contains(&marker) => frame = Some(Frame::parse(marker, content)?),
                0xc9..=0xcb | 0xcd..=0xcf => return Err(unsupported("an arithmetic-coded JPEG image")),
                0xc3 | 0xc7 => return Err(unsupported("a lossless JPEG image")),
                0xc5 | 0xc6 => return Err(unsupported("a hierarchical JPEG image")),
                0xe0 => is_jfif |= content.starts_with(b"JFIF\0"),
                0xe1 => {
                    // A zero or anything else fills the sixth byte.
                    exif = exif.or_else(|| content.strip_prefix(b"Exif\0")?.get(1..));
                    xmp = xmp.or_else(|| content.strip_prefix(XMP));
                }
                0xee if content.starts_with(b"Adobe") => adobe = content.get(11).copied(),
                _ => tables.read(marker, content)?,
            }
        }
    }
}

/// libjpeg's guess, `default_decompress_parms`.
fn colours(frame: &Frame, is_jfif: bool, adobe: Option<u8>) -> Colours {
    let ids: Vec<u8> = frame.components.iter().map(|component| component.id).collect();
    match (ids.as_slice(), adobe) {
        ([_], _) => Colours::Grey,
        ([_, _, _], _) if is_jfif => Colours::YCbCr,
        ([_, _, _], Some(0)) | (b"RGB", None) => Colours::Rgb,
        ([_, _, _, _], None | Some(0)) => Colours::Cmyk,
        ([_, _, _, _], Some(_)) => Colours::Ycck,
        _ => Colours::YCbCr,
    }
}

/// Tables K.3 to K.6 of the JPEG standard (ITU-T T.81): of luminance and of chrominance, each for means and for the
/// other coefficients; how many codes of each length, and their symbols.
const STANDARD: [[(&[u8; 16], &[u8]); 2]; 2] = [
    [
        (&[0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        (
            &[0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d],
            &[
                0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22,
                0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33,
                0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34,
                0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55,
                0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76,
                0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96,
                0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5,
                0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4,
                0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1,
                0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
            ],
        ),
    ],
    [
        (&[0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        (
            &[0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77],
            &[
                0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13,
                0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0, 0x15, 0x62,
                0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26, 0x27, 0x28, 0x29,
                0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54,
                0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75,
                0x76, 0x77, 0x78, 0x79, 0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94,
                0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3,
                0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2,
                0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea,
                0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
            ],
        ),
    ],
];
