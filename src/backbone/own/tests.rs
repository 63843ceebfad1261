//! What each layer costs and how exact it is, beside libtorch's: figures for docs/benchmarks.md.
//!
//! `WEIGHTS=FILE PHOTO=FILE cargo test --release -- --ignored --nocapture each_layer`; `benches/peers.py layers` sets ONNX
//! Runtime beside them.

use std::time::Instant;

use tch::{Device, Kind, Tensor};

use super::super::network::Backbone;
use super::super::{Target, layout};
use crate::ffi::libtorch::to_vec;
use crate::ffi::onednn;
use crate::kernels::{Convolution, Geometry, Isa};
use crate::pixels::{Limits, Preprocess};
use crate::weights;

/// Images that go through a layer at once.
const BATCH: i64 = 4;

/// Each is computed this often, and the median counts.
const ROUNDS: usize = 7;

/// Added to the variance before the root.
const EPSILON: f64 = 1e-5;

/// ‖a − b‖ / ‖b‖
fn relative(given: &Tensor, expected: &Tensor) -> f64 {
    ((given.to_kind(Kind::Double) - expected).norm() / expected.norm()).double_value(&[])
}

/// Milliseconds of both in turns, medians.
fn race(mut runs: [&mut dyn FnMut(); 2]) -> [f64; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..=ROUNDS {
        for (run, times) in runs.iter_mut().zip(&mut times) {
            let started = Instant::now();
            run();
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
    }
    // The first round finds the caches cold.
    times.map(|mut times| {
        times.remove(0);
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    })
}

/// The network in float64, layer by layer, with a line for each.
struct Walk {
    tensors: std::collections::HashMap<String, Tensor>,
    layers: std::vec::IntoIter<layout::Convolution>,
    isa: Isa,
}

impl Walk {
    /// `[B, I, H, W]` → `[B, O, H/stride, W/stride]` in float64, without ReLU.
    fn next(&mut self, input: &Tensor) -> Tensor {
        let layer = self.layers.next().expect("as many as in the table");
        let double = |name: String| self.tensors[&name].to_kind(Kind::Double);
        let norm = |part: &str| double(format!("{}.{part}", layer.norm));
        let scale = norm("weight") / (norm("running_var") + EPSILON).sqrt();
        let bias = norm("bias") - norm("running_mean") * &scale;
        let weight = double(format!("{}.weight", layer.name)) * scale.view([-1, 1, 1, 1]);
        let layout::Convolution { inputs, outputs, kernel, stride, .. } = layer;
        let [step, padding] = [stride, layer.padding()].map(|number| i64::try_from(number).expect("small"));
        let convolve = |input: &Tensor| input.conv2d(&weight, Some(&bias), [step; 2], [padding; 2], [1, 1], 1);

        let input = input.to_kind(Kind::Float);
        let expected = convolve(&input.to_kind(Kind::Double)).relu();
        let [weight_32, bias_32] = [&weight, &bias].map(|tensor| tensor.to_kind(Kind::Float).contiguous());
        let vec = |tensor: &Tensor| to_vec(tensor).expect("it is on the CPU");
        let geometry = Geometry { inputs, outputs, kernel, stride };
        let own = Convolution::new(self.isa, &vec(&weight_32), &vec(&bias_32), geometry).expect("it has kernels");
        let channels_last = input.permute([0, 2, 3, 1]).contiguous();
        let [_, _, height, width] = <[i64; 4]>::try_from(input.size()).expect("it has four sides");
        let shape = [BATCH, height, width].map(|side| usize::try_from(side).expect("no side is negative"));
        let pixels = vec(&channels_last);
        let mut output = vec![0.0; own.results(shape)];
        let sides = [BATCH, i64::try_from(inputs).expect("small"), height, width];
        let fused = onednn::Convolution::new(&weight_32, &bias_32, step, padding, sides).expect("it is valid");
        let input_last = channels_last.permute([0, 3, 1, 2]);
        let mut theirs = Tensor::new();
        let times = race([&mut || own.relu(&pixels, shape, &mut output, 1), &mut || {
            theirs = fused.apply(&input_last, true).expect("it is valid");
        }]);
        let [_, h, w] = own.output_shape(shape).map(|side| i64::try_from(side).expect("small"));
        let ours = Tensor::from_slice(&output).view([BATCH, h, w, -1]).permute([0, 3, 1, 2]);
        println!(
            "layer\t{}\t{inputs}\t{outputs}\t{kernel}\t{stride}\t{height}\t{:.4}\t{:.4}\t{:.2e}\t{:.2e}",
            layer.name,
            times[0],
            times[1],
            relative(&ours, &expected),
            relative(&theirs, &expected)
        );
        convolve(&input.to_kind(Kind::Double))
    }
}

#[test]
#[ignore = "prints figures of trained weights and a photo"]
fn each_layer_beside_libtorch() {
    let [file, photo] = ["WEIGHTS", "PHOTO"].map(|name| std::env::var(name).expect("it names a file"));
    let isa = Isa::detect().expect("a processor with AVX2");
    tch::set_num_threads(1);
    let _no_grad = tch::no_grad_guard();
    let arrays = weights::read(file.as_ref()).expect("it is a weights file");
    let backbone = Backbone::load(&arrays, "w", Target::CPU).expect("it is ResNet-50");
    let preprocess = Preprocess::default();
    let crop = preprocess.load(&std::fs::read(photo).expect("it is there"), &Limits::default()).expect("it is a photo");
    let crops = [(); BATCH as usize].map(|()| crop.clone());
    let engine = backbone.engine();
    let input = engine.input(&crops, &preprocess).expect("crops of one size").to_kind(Kind::Double);
    let mut walk = Walk { tensors: backbone.store.variables(), layers: layout::convolutions().into_iter(), isa };
    assert_eq!(input.device(), Device::Cpu);
    let mut map = walk.next(&input).relu().max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false);
    for block in layout::stages().into_iter().flatten() {
        let first = walk.next(&map).relu();
        let second = walk.next(&first).relu();
        let third = walk.next(&second);
        let shortcut = if block.projection.is_some() { walk.next(&map) } else { map };
        map = (third + shortcut).relu();
    }
    let expected = map.mean_dim([2_i64, 3].as_slice(), false, Kind::Double);
    let features = |target| {
        let backbone = Backbone::load(&arrays, "w", target).expect("it is ResNet-50");
        let pooled = backbone.engine().features(&crops, &preprocess).expect("crops of one size");
        Tensor::from_slice(&pooled.whole).view([BATCH, -1])
    };
    println!("features\t{:.2e}", relative(&features(Target::CPU), &expected));
}
