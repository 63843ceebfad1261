//! The network on this program's own kernels ([`crate::kernels`]): fp32 on a processor that has their instructions.
//!
//! `[B, H, W, 3]` → `[B, H/32, W/32, 2048]`, channels last throughout; shapes in this file omit the channels. In the
//! stem and the first two stages, images are processed one by one, so that their maps stay in the cache; in the last
//! two, in groups of [`GROUP`], so that the weights do. Guarantee, by the kernels: the same bits for an image in any
//! batch and on any number of threads. Handles share the weights; each has its own buffers, which are kept between
//! batches.

use std::cell::RefCell;
use std::sync::Arc;

use super::{BackboneError, layout};
use crate::kernels::{Convolution, Geometry, Isa, max_pool_3x3_s2};

/// Images per group in the last two stages.
const GROUP: usize = 4;

/// A handle for one thread.
#[derive(Debug)]
pub(super) struct Network {
    weights: Arc<Weights>,
    buffers: RefCell<Box<Buffers>>,
}

#[derive(Debug)]
struct Weights {
    isa: Isa,
    stem: Convolution,
    stages: [Stage; 4],
}

/// Bottlenecks, the first of which has its input projected.
#[derive(Debug)]
struct Stage {
    projection: Convolution,
    blocks: Vec<[Convolution; 3]>,
}

/// The maps between the layers, each buffer as large as has been needed.
#[derive(Debug, Default)]
struct Buffers {
    /// For one image, the map after the stem, then after the first stage; for a group, after the third stage.
    outer: Vec<f32>,
    /// For one image, the map after the pooling.
    pooled: Vec<f32>,
    /// For a group, the map after the second stage.
    middle: Vec<f32>,
    /// The maps within a bottleneck.
    inner: [Vec<f32>; 2],
}

/// Packs the weight `[O, I, K, K]` of a layer, multiplied by the scale, and the bias, both `[O]`.
pub(super) fn pack(
    isa: Isa,
    layer: &layout::Convolution,
    mut weight: Vec<f32>,
    scale: &[f32],
    bias: &[f32],
) -> Result<Convolution, BackboneError> {
    let &layout::Convolution { inputs, outputs, kernel, stride, .. } = layer;
    for (weight, scale) in weight.chunks_exact_mut(inputs * kernel * kernel).zip(scale) {
        for weight in weight {
            *weight *= scale;
        }
    }
    Convolution::new(isa, &weight, bias, Geometry { inputs, outputs, kernel, stride })
        .ok_or_else(|| BackboneError::Libtorch(format!("no kernel computes {}", layer.name)))
}

impl Network {
    /// The network from all layers in forward order.
    pub(super) fn new(isa: Isa, layers: Vec<Convolution>) -> Result<Self, BackboneError> {
        let missing = || BackboneError::Libtorch("a layer is missing".into());
        let mut layers = layers.into_iter();
        let mut next = || layers.next().ok_or_else(missing);
        let stem = next()?;
        let mut stages = Vec::new();
        for of_stage in layout::stages() {
            let (mut blocks, mut projection) = (Vec::new(), None);
            for block in of_stage {
                blocks.push([next()?, next()?, next()?]);
                projection = block.projection.map(|_| next()).transpose()?.or(projection);
            }
            stages.push(Stage { projection: projection.ok_or_else(missing)?, blocks });
        }
        let stages = stages.try_into().map_err(|_| missing())?;
        Ok(Self { weights: Arc::new(Weights { isa, stem, stages }), buffers: RefCell::default() })
    }

    /// Another handle on the same weights.
    pub(super) fn share(&self) -> Self {
        Self { weights: Arc::clone(&self.weights), buffers: RefCell::default() }
    }

    /// The map and its shape, computed on `threads` threads.
    ///
    /// # Errors
    /// [`BackboneError::OutOfMemory`].
    pub(super) fn map(
        &self,
        input: &[f32],
        shape: [usize; 3],
        threads: usize,
    ) -> Result<(Vec<f32>, [usize; 3]), BackboneError> {
        let (weights, buffers) = (&*self.weights, &mut **self.buffers.borrow_mut());
        if threads > 1 {
            // Called within rayon's pool, which computes the parts of each layer.
            rayon::scope(|_| weights.map(buffers, input, shape, threads))
        } else {
            weights.map(buffers, input, shape, 1)
        }
    }
}

impl Weights {
    fn map(
        &self,
        buffers: &mut Buffers,
        input: &[f32],
        [batch, height, width]: [usize; 3],
        threads: usize,
    ) -> Result<(Vec<f32>, [usize; 3]), BackboneError> {
        let Self { isa, stem, stages: [first, second, third, fourth] } = self;
        let Buffers { outer, pooled, middle, inner } = buffers;
        let one = [1, height, width];
        // The shapes after the stem, the pooling and each stage but the last, for one image.
        let shape_0 = stem.output_shape(one);
        let shape_pooled = shape_0.map(|size| size.div_ceil(2));
        let shape_1 = first.projection.output_shape(shape_pooled);
        let shape_2 = second.projection.output_shape(shape_1);
        let shape_3 = third.projection.output_shape(shape_2);
        let of = |count, [_, height, width]: [usize; 3]| [count, height, width];

        let of_image = 3 * height * width;
        let of_middle = second.projection.results(shape_1);
        let of_map = fourth.projection.results(shape_3);
        let mut map = Vec::new();
        let maps = sized(&mut map, batch * of_map)?.chunks_mut(GROUP * of_map);
        for (images, map) in input.chunks(GROUP * of_image).zip(maps) {
            let count = images.len() / of_image;
            let middle = sized(middle, count * of_middle)?;
            for (image, middle) in images.chunks(of_image).zip(middle.chunks_mut(of_middle)) {
                let behind_stem = sized(outer, stem.results(one))?;
                stem.relu(image, one, behind_stem, threads);
                let pooled = sized(pooled, shape_pooled.iter().product::<usize>() * stem.outputs())?;
                max_pool_3x3_s2(*isa, behind_stem, shape_0, stem.outputs(), pooled, threads);
                let outer = sized(outer, first.projection.results(shape_pooled))?;
                first.run(pooled, shape_pooled, outer, inner, threads)?;
                second.run(outer, shape_1, middle, inner, threads)?;
            }
            let outer = sized(outer, count * third.projection.results(shape_2))?;
            third.run(middle, of(count, shape_2), outer, inner, threads)?;
            fourth.run(outer, of(count, shape_3), map, inner, threads)?;
        }
        Ok((map, of(batch, fourth.projection.output_shape(shape_3))))
    }
}

impl Stage {
    fn run(
        &self,
        input: &[f32],
        mut shape: [usize; 3],
        output: &mut [f32],
        [one, two]: &mut [Vec<f32>; 2],
        threads: usize,
    ) -> Result<(), BackboneError> {
        for (index, [first, second, third]) in self.blocks.iter().enumerate() {
            // The output of a block overwrites its input, to which it is added.
            let source = if index == 0 { input } else { &*output };
            let inner = sized(one, first.results(shape))?;
            first.relu(source, shape, inner, threads);
            let strided = sized(two, second.results(shape))?;
            second.relu(inner, shape, strided, threads);
            if index == 0 {
                self.projection.linear(input, shape, output, threads);
            }
            shape = second.output_shape(shape);
            third.add_relu(strided, shape, output, threads);
        }
        Ok(())
    }
}

/// The first `len` values of a buffer, which grows if necessary.
fn sized(buffer: &mut Vec<f32>, len: usize) -> Result<&mut [f32], BackboneError> {
    if buffer.len() < len {
        buffer.clear();
        buffer.try_reserve_exact(len).map_err(|_| BackboneError::OutOfMemory)?;
        buffer.resize(len, 0.0);
    }
    Ok(&mut buffer[..len])
}

#[cfg(test)]
mod tests;
