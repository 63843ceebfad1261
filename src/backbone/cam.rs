//! Class activation maps: the contribution of each cell of the last feature map to the logit (Zhou et al. 2016,
//! "Learning Deep Features for Discriminative Localization").
//!
//! With a linear head the logit is a sum over the cells, so the map is exact. With `w·f` the inner product over the
//! 2048 channels of one cell:
//!
//! - average, then Linear: logit = bias + the mean of `w·f` over the cells
//! - flatten, then Linear: logit = bias + the sum of `w·f` over the cells, each cell with its own weights
//!
//! Cells and features come from the same forward pass, so this holds in any precision (tested to 1e-4 in fp32 and
//! bf16).

use serde::Serialize;
use tch::{Device, Kind, TchError, Tensor};

use super::layout::FEATURES;
use super::{BackboneError, Pooling};

/// The linear head as plain numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Linear<'a> {
    /// The weights, `[D]`.
    pub weight: &'a [f32],
    /// The bias: the logit if all features are 0.
    pub bias: f32,
}

/// The outputs that are computed from the last map.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Readout<'a> {
    /// The pooling of the map to a feature row.
    pub pooling: Pooling,
    /// The head whose activation map is computed too, if any.
    pub explain: Option<Linear<'a>>,
}

/// The class activation map of one photo.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActivationMap {
    /// The number of cells per side.
    pub side: usize,
    /// `w·f` of every cell, `[side, side]`: rows from top to bottom, cells from left to right.
    pub cells: Vec<f32>,
    /// The pooling, which determines how the cells add up to the logit.
    pub pooling: Pooling,
    /// The bias of the head.
    pub bias: f32,
}

impl ActivationMap {
    /// For each cell, `[side, side]`, the logit of a photo that equals this cell everywhere; their mean is the photo's
    /// logit. For display: without its share of the bias, the sign of a cell does not show which answer it supports.
    pub fn cell_logits(&self) -> Vec<f32> {
        let scale = match self.pooling {
            Pooling::Average => 1.0,
            Pooling::Flatten => self.cells.len() as f32,
        };
        self.cells.iter().map(|cell| cell * scale + self.bias).collect()
    }
}

/// The weights of a head on the device of the network.
#[derive(Debug)]
pub(super) struct Weights {
    /// The weights, `[D]`.
    weight: Tensor,
    kind: Kind,
}

impl Weights {
    pub(super) fn new(weight: &[f32], device: Device) -> Result<Self, TchError> {
        // In f64, since large weights of opposite signs cancel; in f32 on Apple's GPUs, which have no f64.
        let kind = if device == Device::Mps { Kind::Float } else { Kind::Double };
        let weight = Tensor::f_from_slice(weight)?.f_to_kind(kind)?.f_to_device(device)?;
        Ok(Self { weight, kind })
    }

    /// `w·f` of every cell: `[B, 2048, H, W]` → `[B, H, W]`.
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
