//! tch's vision module used directly, as a reader of its documentation would: all photos of a folder, batches through
//! `forward_t`, all threads in each operation. `benches/compare.py` sets `extract` against it.
//!
//! `direct WEIGHTS.safetensors FOLDER` prints images a second, decoding included.

#![expect(clippy::unwrap_used, reason = "a benchmark may stop where it stands")]
#![expect(clippy::print_stdout, reason = "the figures are the result")]

use std::path::PathBuf;
use std::time::Instant;

use resnet_binary::{Limits, Preprocess};
use tch::nn::{ModuleT, VarStore};
use tch::{Device, Tensor};

/// The fastest for it.
const BATCH: usize = 4;

fn photos(folder: PathBuf) -> Vec<PathBuf> {
    let mut folders = vec![folder];
    let mut photos = Vec::new();
    while let Some(folder) = folders.pop() {
        #[expect(clippy::disallowed_methods, reason = "a benchmark reads its own folder")]
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { photos.push(path) }
        }
    }
    photos.sort();
    photos
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [weights, folder] = arguments.as_slice() else { return };
    let mut store = VarStore::new(Device::Cpu);
    let module = tch::vision::resnet::resnet50_no_final_layer(&store.root());
    store.load(weights).unwrap();
    let (preprocess, limits) = (Preprocess::default(), Limits::default());
    let photos = photos(folder.into());
    let started = Instant::now();
    let mut images = 0;
    for batch in photos.chunks(BATCH) {
        let crops: Vec<_> =
            batch.iter().filter_map(|path| preprocess.load(&std::fs::read(path).unwrap(), &limits).ok()).collect();
        let mut pixels = vec![0.0; crops.len() * 3 * 224 * 224];
        for (crop, pixels) in crops.iter().zip(pixels.chunks_mut(3 * 224 * 224)) {
            preprocess.normalise(crop, pixels);
        }
        let input = Tensor::from_slice(&pixels).view([i64::try_from(crops.len()).unwrap(), 3, 224, 224]);
        let features = tch::no_grad(|| module.forward_t(&input, false));
        images += usize::try_from(features.size()[0]).unwrap();
    }
    println!("{images} images, {:.2} images/s", images as f64 / started.elapsed().as_secs_f64());
}
