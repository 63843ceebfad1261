//! Packing of weights in the order in which the micro-kernel reads them: panels of [`Simd::PANEL`] outputs, in which
//! there is a row of `PANEL` values for each step of the product's depth.

use std::ops::Range;

use super::simd::Simd;
use super::workspace::Aligned;

/// Inputs that are transposed together, so that their rows stay in the L1 cache.
const BLOCK: usize = 32;

/// Packed weights `[outputs / P][depth][P]` of a product, and its bias.
#[derive(Debug)]
pub(super) struct Panels {
    pub(super) depth: usize,
    pub(super) outputs: usize,
    pub(super) bias: Aligned,
    numbers: Aligned,
}

impl Panels {
    /// Packs `weight`, `[O, I, taps]`, with the depth running over the taps and within each tap over the inputs, as in
    /// a window of an NHWC map.
    pub(super) fn pack<S: Simd>(weight: &[f32], bias: &[f32], inputs: usize, taps: usize) -> Self {
        let (outputs, depth) = (bias.len(), inputs * taps);
        assert!(weight.len() == outputs * depth && outputs.is_multiple_of(S::PANEL), "the weights fill panels");
        let mut numbers = Aligned::zeros(outputs * depth);
        for (panel, weights) in numbers.chunks_exact_mut(depth * S::PANEL).zip(weight.chunks_exact(depth * S::PANEL)) {
            for first in (0..inputs).step_by(BLOCK) {
                let block = first..(first + BLOCK).min(inputs);
                for (output, weights) in weights.chunks_exact(depth).enumerate() {
                    for tap in 0..taps {
                        let rows = &mut panel[(tap * inputs + first) * S::PANEL..][..block.len() * S::PANEL];
                        let weights = weights[first * taps..block.end * taps].iter().skip(tap).step_by(taps);
                        for (row, &weight) in rows.chunks_exact_mut(S::PANEL).zip(weights) {
                            row[output] = weight;
                        }
                    }
                }
            }
        }
        Self { depth, outputs, bias: Aligned::from_slice(bias), numbers }
    }

    /// The number of panels.
    pub(super) fn count<S: Simd>(&self) -> usize {
        self.outputs / S::PANEL
    }

    /// Rows `steps` of panel `index`, `[steps, P]`.
    pub(super) fn panel<S: Simd>(&self, index: usize, steps: &Range<usize>) -> &[f32] {
        let first = index * self.depth;
        &self.numbers[(first + steps.start) * S::PANEL..(first + steps.end) * S::PANEL]
    }
}
