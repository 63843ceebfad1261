//! The pooling of the last map, which determines the number of inputs of the head.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::layout::{FEATURES, map_side};

/// The conversion of the map `[B, 2048, H, W]` to rows `[B, D]` for a linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Pooling {
    /// Global average pooling, the mean over all cells: 2048 features at any image size.
    #[default]
    #[serde(rename = "gap")]
    Average,
    /// All values of the map, channel by channel as in `torch.flatten(map, 1)`: 2048·H·W features, so the head depends
    /// on the image size.
    #[serde(rename = "flatten")]
    Flatten,
}

impl Pooling {
    /// D, the width of a row, for images of `image_size` pixels per side.
    pub(crate) fn width(self, image_size: u32) -> usize {
        match self {
            Self::Average => FEATURES,
            Self::Flatten => FEATURES * map_side(image_size).pow(2),
        }
    }

    /// The mean of each channel, `[2048]`, of a row of this pooling: that of [`Pooling::Average`] for the same map.
    pub(crate) fn averaged(self, row: &[f32]) -> Cow<'_, [f32]> {
        match self {
            Self::Average => Cow::Borrowed(row),
            Self::Flatten => {
                let channels = row.chunks((row.len() / FEATURES).max(1));
                channels.map(|cells| cells.iter().sum::<f32>() / cells.len() as f32).collect()
            }
        }
    }

    /// The name of the stage in the network's table.
    pub(crate) fn stage(self) -> &'static str {
        match self {
            Self::Average => "pool",
            Self::Flatten => "flatten",
        }
    }
}

impl fmt::Display for Pooling {
    /// The name in the syntax of `--head`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Average => "gap",
            Self::Flatten => "flatten",
        })
    }
}

/// The smallest and largest image size whose flattened map has `width` values; `None` if there is none.
pub(crate) fn sizes_of_flattened(width: usize) -> Option<(u32, u32)> {
    let side = u32::try_from((width / FEATURES).isqrt()).ok()?;
    let largest = side.checked_mul(super::layout::STRIDE)?;
    let smallest = largest.checked_sub(super::layout::STRIDE - 1)?;
    (Pooling::Flatten.width(largest) == width).then_some((smallest.max(super::layout::STRIDE), largest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flattened_map_has_the_width_of_its_image_size_and_an_average_never_has() {
        assert_eq!([224, 256, 225, 32].map(|size| Pooling::Flatten.width(size)), [100_352, 131_072, 131_072, 2048]);
        assert_eq!([224, 4096].map(|size| Pooling::Average.width(size)), [2048, 2048]);
    }

    #[test]
    fn a_width_knows_the_image_sizes_that_have_it() {
        assert_eq!(sizes_of_flattened(100_352), Some((193, 224)));
        assert_eq!(sizes_of_flattened(2048), Some((32, 32)));
        assert_eq!([0, 512, 4096, usize::MAX].map(sizes_of_flattened), [None; 4]);
    }
}
