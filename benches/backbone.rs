//! Images a second of the frozen network: the engine in each arithmetic beside tch's own vision module, and how much of the
//! processor's multiply-add peak it uses. `--threads N` (1) and `--rounds N` (9).
//!
//! All take turns within each round and the medians of the rounds are compared: a shared machine is busier at one moment
//! than at another, and only the ratio of neighbours says anything.

#![expect(clippy::unwrap_used, reason = "a benchmark may stop where it stands")]
#![expect(clippy::print_stdout, reason = "the figures are the result")]

use std::hint::black_box;
use std::time::Instant;

use pulp::{Arch, Simd, WithSimd};
use resnet_binary::backbone::device::DeviceChoice;
use resnet_binary::backbone::{Backbone, PrecisionChoice, Target, layout};
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

/// Multiply-adds of registers with registers, in GFLOP/s of one thread: nothing is loaded, so nothing is faster.
struct Peak;

impl WithSimd for Peak {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        const STEPS: usize = 30_000_000;
        let (factor, summand) = (simd.splat_f32s(0.999), simd.splat_f32s(0.001));
        // As many chains as it takes to hide the latency, and as few as there are registers for.
        let mut sums: [S::f32s; 12] = std::array::from_fn(|chain| simd.splat_f32s(black_box(chain as f32)));
        let started = Instant::now();
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = simd.mul_add_f32s(*sum, factor, summand);
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        let total: f32 = sums.iter().map(|sum| simd.reduce_sum_f32s(*sum)).sum();
        assert!(total.is_finite());
        (STEPS * sums.len() * 2 * S::F32_LANES) as f64 / seconds / 1e9
    }
}

/// GFLOP of one image: two for each multiply-add of the 53 convolutions.
fn work() -> f64 {
    let sides = layout::input_sides(224);
    let flops = layout::convolutions().into_iter().zip(sides).map(|(convolution, side)| {
        let out = (side as usize).div_ceil(convolution.stride);
        2 * out * out * convolution.shape().iter().product::<usize>()
    });
    flops.sum::<usize>() as f64 / 1e9
}

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
    let mut shares = Vec::new();
    for _ in 0..rounds {
        let peak = Arch::new().dispatch(Peak);
        for ((_, run), rates) in runs.iter_mut().zip(&mut rates) {
            rates.push(images_per_second(run));
        }
        shares.push(rates[1].last().unwrap() * work() / peak / threads as f64);
    }
    for ((name, _), rates) in runs.iter().zip(rates) {
        println!("{name} {:.2} images/s", median(rates));
    }
    println!("fp32_share_of_peak {:.3} of the threads' multiply-adds, {:.2} GFLOP an image", median(shares), work());
}
