//! Images a second of the frozen network: the engine that runs here beside tch's own vision module, on one thread.
//!
//! The two take turns within each round and the medians of the rounds are compared: a shared machine is busier at one
//! moment than at another, and only the ratio of neighbours says anything.

#![expect(clippy::unwrap_used, reason = "a benchmark may stop where it stands")]
#![expect(clippy::print_stdout, reason = "the figures are the result")]

use std::time::Instant;

use resnet_binary::backbone::{Backbone, Target};
use resnet_binary::pixels::{Crop, Preprocess};
use tch::nn::{ModuleT, VarStore};
use tch::{Device, Kind, Tensor};

const ROUNDS: usize = 9;
/// A second or so a measurement.
const BATCHES: usize = 3;
const BATCH: usize = 4;

fn crops() -> Vec<Crop> {
    let bytes = |crop: usize| (0..224 * 224 * 3).map(move |index| ((index * 31 + crop * 97) % 251) as u8);
    (0..BATCH).map(|crop| Crop { size: 224, rgb: bytes(crop).collect() }).collect()
}

fn images_per_second(mut run: impl FnMut()) -> f64 {
    let started = Instant::now();
    (0..BATCHES).for_each(|_| run());
    (BATCHES * BATCH) as f64 / started.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    // `cargo test --benches` runs this too, with no figures to expect.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    tch::set_num_threads(1);
    let backbone = Backbone::random(0, Target::CPU).unwrap();
    let (engine, preprocess, crops) = (backbone.engine(), Preprocess::default(), crops());
    let store = VarStore::new(Device::Cpu);
    let module = tch::vision::resnet::resnet50_no_final_layer(&store.root());
    let input = Tensor::rand([i64::try_from(BATCH).unwrap(), 3, 224, 224], (Kind::Float, Device::Cpu));
    let mut ours = || drop(engine.features(&crops, &preprocess).unwrap());
    let mut module = || drop(tch::no_grad(|| module.forward_t(&input, false)));
    ours();
    module();
    let rounds: Vec<(f64, f64)> =
        (0..ROUNDS).map(|_| (images_per_second(&mut ours), images_per_second(&mut module))).collect();
    println!("median of {ROUNDS} interleaved rounds, batch {BATCH}, one thread, images/s:");
    println!("  engine               {:6.2}", median(rounds.iter().map(|round| round.0).collect()));
    println!("  tch's vision module  {:6.2}", median(rounds.iter().map(|round| round.1).collect()));
    println!("  ratio                {:6.2}", median(rounds.iter().map(|round| round.0 / round.1).collect()));
}
