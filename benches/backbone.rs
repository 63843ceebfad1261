//! Images a second of the frozen network: the engine in each arithmetic beside tch's own vision module. `--threads N` (1) and
//! `--rounds N` (9).
//!
//! All take turns within each round and the medians of the rounds are compared: a shared machine is busier at one moment
//! than at another, and only the ratio of neighbours says anything.

#![expect(clippy::unwrap_used, reason = "a benchmark may stop where it stands")]
#![expect(clippy::print_stdout, reason = "the figures are the result")]

use std::time::Instant;

use resnet_binary::backbone::device::DeviceChoice;
use resnet_binary::backbone::{Backbone, PrecisionChoice, Target};
use resnet_binary::pixels::{Crop, Preprocess};
use tch::nn::{ModuleT, VarStore};
use tch::{Device, Kind, Tensor};

/// A second or so a measurement.
const BATCHES: usize = 3;
const BATCH: usize = 4;

fn crops() -> Vec<Crop> {
    let bytes = |crop: usize| (0..224 * 224 * 3).map(move |index| ((index * 31 + crop * 97) % 251) as u8);
    (0..BATCH).map(|crop| Crop { size: 224, rgb: bytes(crop).collect() }).collect()
}

fn images_per_second(run: &mut dyn FnMut()) -> f64 {
    let started = Instant::now();
    (0..BATCHES).for_each(|_| run());
    (BATCHES * BATCH) as f64 / started.elapsed().as_secs_f64()
}

/// A name and one batch of it.
type Contender<'a> = (&'a str, Box<dyn FnMut() + 'a>);

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The number behind an option.
fn given(option: &str, default: usize) -> usize {
    let place = std::env::args().position(|argument| argument == option);
    place.and_then(|place| std::env::args().nth(place + 1)).map_or(default, |number| number.parse().unwrap())
}

fn main() {
    // `cargo test --benches` runs this too, with no figures to expect.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let (threads, rounds) = (given("--threads", 1), given("--rounds", 9));
    tch::set_num_threads(i32::try_from(threads).unwrap());
    let (preprocess, crops) = (Preprocess::default(), crops());
    let engine = |precision| {
        let target = Target::resolve(DeviceChoice::Cpu, precision, 224).ok()?;
        Some(Backbone::random(0, target).unwrap().engine())
    };
    let store = VarStore::new(Device::Cpu);
    let module = tch::vision::resnet::resnet50_no_final_layer(&store.root());
    let input = Tensor::rand([i64::try_from(BATCH).unwrap(), 3, 224, 224], (Kind::Float, Device::Cpu));

    let mut runs: Vec<Contender> = Vec::new();
    runs.push(("tch_module", Box::new(|| drop(tch::no_grad(|| module.forward_t(&input, false))))));
    for (name, precision) in [("engine_fp32", PrecisionChoice::Fp32), ("engine_bf16", PrecisionChoice::Bf16)] {
        let Some(engine) = engine(precision) else { continue };
        let (crops, preprocess) = (&crops, &preprocess);
        runs.push((name, Box::new(move || drop(engine.features(crops, preprocess).unwrap()))));
    }
    for (_, run) in &mut runs {
        run();
    }
    let mut rates = vec![Vec::new(); runs.len()];
    for _ in 0..rounds {
        for ((_, run), rates) in runs.iter_mut().zip(&mut rates) {
            rates.push(images_per_second(run));
        }
    }
    for ((name, _), rates) in runs.iter().zip(rates) {
        println!("{name} {:.2} images/s", median(rates));
    }
}
