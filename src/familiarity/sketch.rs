//! D features to a few numbers by random signs that need not be stored.
//!
//! Each feature is added to 4 of 48 sums with a random sign (sparse embedding: Kane and Nelson 2014, Journal of the ACM
//! 61). Distances survive that nearly, at the cost of 4 additions a feature. The places and signs are bits of a `ChaCha8`
//! stream with a fixed key, the same on every machine.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How strong the features are altogether: mean and root mean square. They come first.
pub(super) const STRENGTHS: usize = 2;

/// Sums with random signs.
const SUMS: usize = 48;

/// What stands for the features of a photo.
pub const COORDINATES: usize = STRENGTHS + SUMS;

/// Sums that a feature goes into.
const EACH: usize = 4;

/// Part of the format of a model: with another key, stored numbers mean nothing.
const KEY: [u8; 32] = *b"resnet-binary familiarity sketch";

/// Where each feature goes: of each byte the highest bit is the sign, the others the sum.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sketch {
    places: Vec<[u8; EACH]>,
}

impl Sketch {
    pub(super) fn new(width: usize) -> Self {
        let mut random = ChaCha8Rng::from_seed(KEY);
        let mut place = || {
            let bits = random.next_u32();
            // The upper bits scaled to the number of sums, the lowest for the sign.
            let sum = (u64::from(bits >> 1) * SUMS as u64) >> 31;
            sum as u8 | ((bits & 1) as u8) << 7
        };
        Self { places: (0..width).map(|_| std::array::from_fn(|_| place())).collect() }
    }

    /// The coordinates of features `[D]`; as many neighbouring columns share a scale as it takes.
    pub(super) fn coordinates(&self, features: &[f32], scales: &[f32]) -> [f64; COORDINATES] {
        let width = features.len() as f64;
        let columns = features.len().div_ceil(scales.len().max(1)).max(1);
        // Wide enough for the sign bit: places 128 and up are subtracted from.
        let mut sums = [0.0; 256];
        let (mut sum, mut square) = (0.0, 0.0);
        let groups = features.chunks(columns).zip(self.places.chunks(columns)).zip(scales);
        for ((features, places), &scale) in groups {
            for (&feature, places) in features.iter().zip(places) {
                let value = rooted(feature) / f64::from(scale);
                sum += value;
                square += value * value;
                for &place in places {
                    sums[usize::from(place)] += value;
                }
            }
        }
        let share = (SUMS as f64 / (EACH as f64 * width)).sqrt();
        std::array::from_fn(|place| match place.checked_sub(STRENGTHS) {
            None if place == 0 => sum / width,
            None => (square / width).sqrt(),
            Some(place) => (sums[place] - sums[place + 128]) * share,
        })
    }
}

/// The square root with the sign of the value.
pub(super) fn rooted(value: f32) -> f64 {
    let value = f64::from(value);
    value.abs().sqrt().copysign(value)
}
