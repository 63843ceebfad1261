//! Class activation maps: which cells of the last map speak for which answer, and how much (Zhou et al. 2016, "Learning
//! Deep Features for Discriminative Localization").
//!
//! A linear head on the map is a sum over its cells, so nothing about the map is estimated. With `w·f` the inner product
//! over the 2048 channels of one cell:
//!
//! - average, then Linear: logit = bias + the mean of `w·f` over the cells
//! - flatten, then Linear: logit = bias + the sum of `w·f` over the cells, each cell with weights of its own
//!
//! Cells and features come out of one forward pass, so this holds in any arithmetic (tested to 1e-4 in fp32 and bf16).

use serde::Serialize;
use tch::{Device, Kind, TchError, Tensor};

use super::layout::FEATURES;
use super::{BackboneError, Pooling};

/// The head behind the network, as plain numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Linear<'a> {
    /// `[D]`
    pub weight: &'a [f32],
    /// What the logit is where all features are 0.
    pub bias: f32,
}

/// What is read out of the last map.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Readout<'a> {
    /// How the map becomes a row.
    pub pooling: Pooling,
    /// Whether the cells of this head are wanted too.
    pub explain: Option<Linear<'a>>,
}

/// The class activation map of one photo.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActivationMap {
    /// Cells a side.
    pub side: usize,
    /// `w·f` of every cell, `[side, side]`: rows from the top, cells from the left.
    pub cells: Vec<f32>,
    /// How the cells make the logit.
    pub pooling: Pooling,
    /// The head's bias.
    pub bias: f32,
}

impl ActivationMap {
    /// The logit of a photo that looks like this cell everywhere, `[side, side]`; their mean is the photo's logit. For
    /// pictures: the sign of a cell without its part of the bias says nothing about the answer.
    pub fn cell_logits(&self) -> Vec<f32> {
        let scale = match self.pooling {
            Pooling::Average => 1.0,
            Pooling::Flatten => self.cells.len() as f32,
        };
        self.cells.iter().map(|cell| cell * scale + self.bias).collect()
    }
}

/// A head's weights on the device of the network.
#[derive(Debug)]
pub(super) struct Weights {
    /// `[D]`
    weight: Tensor,
    kind: Kind,
}

impl Weights {
    pub(super) fn new(weight: &[f32], device: Device) -> Result<Self, TchError> {
        // Doubles, for large weights of both signs cancel; Apple's GPUs have none.
        let kind = if device == Device::Mps { Kind::Float } else { Kind::Double };
        let weight = Tensor::f_from_slice(weight)?.f_to_kind(kind)?.f_to_device(device)?;
        Ok(Self { weight, kind })
    }

    /// `[B, 2048, H, W]` → `[B, H, W]`, `w·f` of every cell.
    pub(super) fn cells(&self, map: &Tensor, pooling: Pooling) -> Result<Tensor, BackboneError> {
        let size = map.size();
        let [_, channels, height, width] = size.as_slice() else {
            return Err(misfit(&size, self.weight.numel(), FEATURES));
        };
        let shape = match pooling {
            Pooling::Average => [1, *channels, 1, 1],
            Pooling::Flatten => [1, *channels, *height, *width],
        };
        let expected: i64 = shape.iter().product();
        let expected = usize::try_from(expected).unwrap_or(0);
        if self.weight.numel() != expected {
            return Err(misfit(&size, self.weight.numel(), expected));
        }
        let weighted = map.f_to_kind(self.kind)?.f_mul(&self.weight.f_view(shape)?)?;
        Ok(weighted.f_sum_dim_intlist([1i64].as_slice(), false, self.kind)?)
    }
}

fn misfit(map: &[i64], given: usize, expected: usize) -> BackboneError {
    BackboneError::Shape {
        stage: "head",
        expected: format!("Linear({expected}, 1) on a map of {map:?}"),
        given: format!("Linear({given}, 1)"),
        remedy: "use images of the size that the head was trained on".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activation(pooling: Pooling) -> ActivationMap {
        ActivationMap { side: 2, cells: vec![1.0, -2.0, 4.0, 1.0], pooling, bias: -0.5 }
    }

    #[test]
    fn the_mean_of_the_cells_logits_is_the_photos_whether_the_head_averages_or_flattens() {
        for (pooling, logit) in [(Pooling::Average, 0.5), (Pooling::Flatten, 3.5)] {
            let map = activation(pooling);
            let mean: f32 = map.cell_logits().iter().sum::<f32>() / 4.0;
            assert!((f64::from(mean) - logit).abs() < 1e-6, "{pooling}");
        }
    }

    #[test]
    fn a_head_of_another_width_is_refused_with_both_widths() {
        let map = Tensor::zeros([1, 2048, 2, 2], (Kind::Float, Device::Cpu));
        let weights = Weights::new(&[0.0; 2048], Device::Cpu).unwrap();
        assert_eq!(weights.cells(&map, Pooling::Average).unwrap().size(), [1, 2, 2]);
        let error = weights.cells(&map, Pooling::Flatten).unwrap_err();
        let words = "head: expected Linear(8192, 1) on a map of [1, 2048, 2, 2], given Linear(2048, 1)";
        assert_eq!(error.to_string(), words);
    }
}
