//! Test images with the model's outputs. The images are generated, so they are free of rights, with edges, colours and
//! gradients, larger and smaller than the network's input, wide and tall.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

use super::card::Golden;
use super::evaluate::{self, Values};
use super::graph::Graph;
use super::{Entry, ExportError, STAGES, whole};
use crate::backbone::{Backbone, Readout};
use crate::model::Model;
use crate::pixels::{Crop, Rgb};

/// The width and height of each test image.
const SIZES: [(u32, u32); 3] = [(640, 427), (213, 320), (250, 96)];

/// The side in pixels of a block of one colour.
const BLOCK: u32 = 11;

/// The number of values stored per stage.
const KEPT: usize = 512;

/// The distance between sampled values in a tensor: a prime above any number of channels, so that all axes are sampled.
const STEP: usize = 1_000_003;

/// Creates the test images with the model's outputs and the graph's intermediate values.
pub(super) fn new(model: &Model, backbone: &Backbone, entry: Entry, graph: &Graph) -> Result<Vec<Golden>, ExportError> {
    let facts = &model.facts;
    let engine = backbone.engine().reading(Readout { pooling: facts.pooling, explain: None })?;
    let golden = |(seed, &size): (usize, &(u32, u32))| {
        let photo = draw(seed as u64, size);
        let crop = facts.preprocess.apply(&photo)?;
        let features = engine.features(std::slice::from_ref(&crop), &facts.preprocess)?.whole;
        let (logit, probability) = model.score(&features)?;
        let label = if probability >= facts.threshold { &facts.positive } else { &facts.negative };
        let (values, stopped) = evaluate::run(graph, input(entry, &photo, &crop)?);
        if let Some(error) = stopped {
            return Err(error);
        }
        let mut png = Vec::new();
        PngEncoder::new(&mut png)
            .write_image(&photo.data, photo.width, photo.height, ExtendedColorType::Rgb8)
            .map_err(|error| ExportError::Encode(error.to_string()))?;
        Ok(Golden { png: STANDARD.encode(png), stages: kept(&values)?, logit, probability, label: label.clone() })
    };
    SIZES.iter().enumerate().map(golden).collect()
}

/// Draws blocks of random colours over a gradient in each channel.
fn draw(seed: u64, (width, height): (u32, u32)) -> Rgb {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let columns = width.div_ceil(BLOCK) as usize;
    let colours: Vec<[u8; 3]> = (0..columns * height.div_ceil(BLOCK) as usize).map(|_| random.random()).collect();
    let pixel = |x: u32, y: u32| {
        let block = colours.get((y / BLOCK) as usize * columns + (x / BLOCK) as usize).copied().unwrap_or_default();
        let slope = [x * 255 / width, y * 255 / height, (x + y) * 255 / (width + height)];
        [0, 1, 2].map(|channel: usize| u32::from(block[channel]).midpoint(slope[channel]) as u8)
    };
    let data = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
    Rgb { width, height, data }
}

/// The input tensor of one photo for an entry.
pub(super) fn input(entry: Entry, photo: &Rgb, crop: &Crop) -> Result<Tensor, ExportError> {
    let bytes = |data: &[u8], height: u32, width: u32| {
        Tensor::f_from_data_size(data, &[1, i64::from(height), i64::from(width), 3], Kind::Uint8)
    };
    Ok(match entry {
        Entry::Photo => bytes(&photo.data, photo.height, photo.width)?,
        Entry::Crop => bytes(&crop.rgb, crop.size, crop.size)?.f_permute([0, 3, 1, 2])?.f_contiguous()?,
    })
}

/// Sampled values of each computed stage, up to the pool.
fn kept(values: &Values) -> Result<BTreeMap<String, String>, ExportError> {
    let mut all = BTreeMap::new();
    for stage in STAGES.into_iter().take_while(|&stage| stage != "logit") {
        if let Some(tensor) = values.get(stage) {
            let bytes: Vec<u8> = sample(tensor)?.into_iter().flat_map(|number| (number as f32).to_le_bytes()).collect();
            all.insert(stage.to_owned(), STANDARD.encode(bytes));
        }
    }
    Ok(all)
}

/// Values sampled across a tensor, at most [`KEPT`].
pub(super) fn sample(tensor: &Tensor) -> Result<Vec<f64>, ExportError> {
    let count = tensor.numel();
    let places: Vec<i64> = (0..count.min(KEPT)).map(|place| whole(place * STEP % count)).collect();
    let flat = tensor.f_to_device(Device::Cpu)?.f_contiguous()?.f_view([-1])?;
    Ok(evaluate::numbers(&flat.f_index_select(0, &Tensor::f_from_slice(&places)?)?)?)
}

impl Golden {
    /// The stored values of a stage; empty if they are damaged.
    pub(super) fn stage(&self, stage: &str) -> Option<Vec<f64>> {
        let bytes = STANDARD.decode(self.stages.get(stage)?).unwrap_or_default();
        Some(bytes.as_chunks().0.iter().map(|chunk| f64::from(f32::from_le_bytes(*chunk))).collect())
    }

    /// The bytes of the PNG file.
    pub(super) fn png(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.png).ok()
    }
}
