//! Reproducible pseudo-random numbers for the simulations in this module's tests.

use rand::{Rng as _, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(super) struct Rng(ChaCha8Rng);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A uniform number in [0, 1).
    pub(super) fn roll(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(super) fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.roll()
    }

    /// A uniform integer below `count`.
    #[expect(clippy::cast_sign_loss, reason = "it is not negative")]
    pub(super) fn below(&mut self, count: usize) -> usize {
        (self.roll() * count as f64) as usize
    }

    /// An approximately normal number of mean 0 and standard deviation 1: the sum of twelve uniform ones.
    pub(super) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.roll()).sum::<f64>() - 6.0
    }

    pub(super) fn shuffle(&mut self, items: &mut [usize]) {
        for last in (1..items.len()).rev() {
            let chosen = self.below(last + 1);
            items.swap(last, chosen);
        }
    }
}
