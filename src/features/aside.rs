//! What goes with a row of features without being part of it: the border's features and the facts of the photo.
//!
//! The audit reads it; predictions never do. It is kept in the cache beside the row, so that a second run has it without
//! decoding. The border is kept in 16 bits, here as there, so that it is the same whether it was read or computed.

use half::f16;

use crate::pixels::PhotoFacts;

/// What is known of a photo besides its features.
#[derive(Debug, Clone, PartialEq)]
pub struct Aside {
    /// The mean over the outermost cells of the last map, `[2048]`; empty where the map is too small to have a middle.
    pub border: Vec<f16>,
    /// Size, compression, brightness, camera.
    pub facts: PhotoFacts,
}

impl Aside {
    /// Keeps the border in 16 bits.
    pub fn new(border: &[f32], facts: PhotoFacts) -> Self {
        let (least, most) = (f16::MIN.to_f32(), f16::MAX.to_f32());
        Self { border: border.iter().map(|value| f16::from_f32(value.clamp(least, most))).collect(), facts }
    }

    /// For the cache: the length of the border, its numbers, the facts.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = (self.border.len() as u32).to_le_bytes().to_vec();
        bytes.extend(self.border.iter().flat_map(|value| value.to_le_bytes()));
        bytes.extend(self.facts.to_bytes());
        bytes
    }

    /// What [`Aside::to_bytes`] made; `None` for the bytes of another layout.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?.checked_mul(2)?;
        let (border, facts) = rest.split_at_checked(length)?;
        let border = border.as_chunks().0.iter().map(|two| f16::from_le_bytes(*two)).collect();
        Some(Self { border, facts: PhotoFacts::from_bytes(facts)? })
    }
}
