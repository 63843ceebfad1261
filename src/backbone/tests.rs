use tch::nn::{ModuleT, VarStore};
use tch::{Device, Kind, Tensor};

use super::*;
use crate::ffi::libtorch::to_vec;
use crate::pixels::{Crop, Preprocess};
use crate::weights::NamedArrays;

/// tch's own module with the weights of `backbone`: the reference that nobody here wrote.
fn reference(backbone: &Backbone) -> (VarStore, Box<dyn ModuleT>) {
    let mut store = VarStore::new(Device::Cpu);
    let module = tch::vision::resnet::resnet50_no_final_layer(&store.root());
    store.copy(&backbone.store).unwrap();
    (store, Box::new(module))
}

/// Gives BatchNorm statistics that are not 0 and 1, so that folding has something to fold.
fn with_lively_norms(seed: u64, target: Target) -> Backbone {
    let mut tensors = initial::random(seed);
    for (name, _, values) in &mut tensors {
        let lively = |index: usize| 0.5 + (index * 37 % 101) as f32 / 100.0;
        if name.ends_with(".running_mean") || name.ends_with("bn1.bias") {
            values.iter_mut().enumerate().for_each(|(index, value)| *value = 0.1 * lively(index) - 0.1);
        } else if name.ends_with(".running_var") {
            values.iter_mut().enumerate().for_each(|(index, value)| *value = lively(index));
        }
    }
    Backbone::build(&tensors, target).unwrap()
}

fn crops(count: usize, size: u32) -> Vec<Crop> {
    let bytes = size as usize * size as usize * 3;
    (0..count)
        .map(|crop| Crop { size, rgb: (0..bytes).map(|index| ((index * 31 + crop * 97) % 251) as u8).collect() })
        .collect()
}

#[test]
fn the_table_names_the_tensors_of_tchs_vision_module() {
    let backbone = Backbone::random(0, Target::CPU).unwrap();
    let mut network: Vec<_> =
        backbone.store.variables().into_iter().map(|(name, tensor)| (name, tensor.size())).collect();
    network.sort();
    let mut table: Vec<_> = layout::tensors()
        .into_iter()
        .map(|(name, shape)| (name, shape.into_iter().map(|size| i64::try_from(size).unwrap()).collect::<Vec<_>>()))
        .collect();
    table.sort();
    assert_eq!(network, table);
}

fn norm(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|value| f64::from(value * value)).sum::<f64>().sqrt()
}

/// Length of the difference over length of the expected.
fn relative(given: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(given.len(), expected.len());
    norm(given.iter().zip(expected).map(|(given, expected)| given - expected)) / norm(expected.iter().copied())
}

fn of_module(backbone: &Backbone, crops: &[Crop]) -> Vec<f32> {
    let (_store, module) = reference(backbone);
    let input = backbone.engine().input(crops, &Preprocess::default()).unwrap();
    to_vec(&tch::no_grad(|| module.forward_t(&input, false))).unwrap()
}

#[test]
fn the_network_that_runs_gives_the_features_of_tchs_vision_module() {
    let backbone = with_lively_norms(1, Target::CPU);
    for (count, size) in [(3, 64), (1, 224), (2, 75), (5, 33), (1, 32), (1, 300)] {
        let crops = crops(count, size);
        let given = backbone.engine().features(&crops, &Preprocess::default()).unwrap().whole;
        let distance = relative(&given, &of_module(&backbone, &crops));
        assert!(distance < 1e-5, "{count} of {size}: {distance}");
    }
}

#[test]
fn the_forms_of_the_network_for_other_processors_are_the_same_function() {
    use folded::{Folded, Form};
    let backbone = with_lively_norms(1, Target::CPU);
    let crops = crops(2, 96);
    let input = backbone.engine().input(&crops, &Preprocess::default()).unwrap();
    let expected = of_module(&backbone, &crops);
    for form in [Form::Fused, Form::Plain, Form::Products] {
        let network = Folded::derive_as(form, &backbone.store.variables(), Target::CPU).unwrap();
        for network in [network.on(Device::Cpu).unwrap(), network] {
            let map = tch::no_grad(|| network.map(&input)).unwrap();
            let given = to_vec(&map.mean_dim([2i64, 3].as_slice(), false, Kind::Float)).unwrap();
            let distance = relative(&given, &expected);
            assert!(distance < 1e-5, "{form:?}: {distance}");
            // No layer turned the numbers around on the way, which would cost a copy each.
            assert!(map.permute([0, 2, 3, 1]).is_contiguous(), "{form:?}");
        }
    }
}

#[test]
fn an_image_has_the_same_bits_whatever_the_batch_it_is_in_and_on_any_number_of_threads() {
    let (backbone, preprocess) = (with_lively_norms(1, Target::CPU), Preprocess::default());
    let (engine, crops) = (backbone.engine(), crops(7, 128));
    let of_batches = |batch: usize| {
        let mut all = Pooled::default();
        for crops in crops.chunks(batch) {
            all.whole.extend(engine.features(crops, &preprocess).unwrap().whole);
        }
        all
    };
    tch::set_num_threads(1);
    let single = of_batches(1);
    for batch in [2, 3, 4, 7] {
        assert!(of_batches(batch) == single, "batches of {batch} differ from single images");
    }
    // libtorch promises nothing about threads.
    for threads in if Target::CPU.kernels().is_some() { 2..6 } else { 1..2 } {
        tch::set_num_threads(threads);
        for batch in [1, 7] {
            assert!(of_batches(batch) == single, "batches of {batch} differ on {threads} threads");
        }
    }
}

#[test]
fn an_image_has_the_same_bits_in_every_batch_of_onednn_too() {
    use folded::{Folded, Form};
    tch::set_num_threads(1);
    let backbone = with_lively_norms(1, Target::CPU);
    let network = Folded::derive_as(Form::Fused, &backbone.store.variables(), Target::CPU).unwrap();
    let input = backbone.engine().input(&crops(7, 128), &Preprocess::default()).unwrap();
    let of_batches = |batch: i64| {
        let maps = input.split(batch, 0).into_iter().map(|input| tch::no_grad(|| network.map(&input)).unwrap());
        to_vec(&Tensor::cat(&maps.collect::<Vec<_>>(), 0)).unwrap()
    };
    let single = of_batches(1);
    for batch in [2, 3, 4, 7] {
        assert!(of_batches(batch) == single, "batches of {batch} differ from single images");
    }
}

#[test]
fn bf16_stays_within_a_percent_where_the_processor_has_it() {
    let Ok(target) = Target::on(Device::Cpu, PrecisionChoice::Bf16, 64) else {
        println!("skipped: this processor has no instructions for bf16");
        return;
    };
    let (half, full) = (with_lively_norms(1, target), with_lively_norms(1, Target::CPU));
    let crops = crops(3, 64);
    let features = |backbone: &Backbone| backbone.engine().features(&crops, &Preprocess::default()).unwrap().whole;
    let distance = relative(&features(&half), &features(&full));
    assert!(distance > 0.0 && distance < 1e-2, "{distance}");
}

/// The numbers of all tensors, by name.
fn contents(backbone: &Backbone) -> std::collections::BTreeMap<String, Vec<f32>> {
    backbone.store.variables().into_iter().map(|(name, tensor)| (name, to_vec(&tensor).unwrap())).collect()
}

#[test]
fn running_the_network_changes_none_of_its_tensors() {
    let backbone = Backbone::random(2, Target::CPU).unwrap();
    let before = contents(&backbone);
    backbone.engine().features(&crops(2, 32), &Preprocess::default()).unwrap();
    assert_eq!(contents(&backbone), before);
    assert_ne!(contents(&Backbone::random(3, Target::CPU).unwrap()), before);
}

#[test]
fn crops_that_are_too_small_or_differ_are_refused_with_the_remedy() {
    let engine = Backbone::random(0, Target::CPU).unwrap().engine();
    let refused = |crops: &[Crop]| engine.features(crops, &Preprocess::default()).unwrap_err();
    let error = refused(&crops(1, 31));
    assert!(error.to_string().contains("given [1, 3, 31, 31]"), "{error}");
    assert!(error.hint().unwrap().contains("--image-size 32"));
    let mixed = [crops(1, 32), crops(1, 64)].concat();
    assert!(refused(&mixed).to_string().contains("64"));
}

#[test]
fn a_weight_that_is_not_a_number_is_found_before_it_is_used() {
    let mut arrays = NamedArrays::default();
    for (name, shape, mut values) in initial::random(0) {
        if name == "layer2.0.bn1.weight" {
            values[3] = f32::NAN;
        }
        arrays.insert(name, crate::weights::Array::from_f32(shape, &values));
    }
    let error = Backbone::load(&arrays, "random", Target::CPU).unwrap_err();
    assert!(error.to_string().contains("layer2.0.bn1.weight"), "{error}");
}

#[test]
fn a_flattened_map_is_channel_major_and_its_means_are_the_averages() {
    let backbone = with_lively_norms(1, Target::CPU);
    let (crops, preprocess) = (crops(2, 96), Preprocess::default());
    let averages = backbone.engine().features(&crops, &preprocess).unwrap().whole;
    let flatten = Readout { pooling: Pooling::Flatten, explain: None };
    let whole = backbone.engine().reading(flatten).unwrap().features(&crops, &preprocess).unwrap().whole;
    assert_eq!(whole.len(), 2 * Pooling::Flatten.width(96));
    let means: Vec<f32> = whole.chunks_exact(9).map(|channel| channel.iter().sum::<f32>() / 9.0).collect();
    assert!(relative(&means, &averages) < 1e-6);
}

/// Weights of both signs that no map could have by chance, small beside features of up to `largest`.
fn head_of(width: usize, largest: f32) -> Vec<f32> {
    (0..width).map(|index| ((index * 71 % 997) as f32 / 498.0 - 1.0) / largest).collect()
}

#[test]
fn bias_and_cells_make_the_logit_in_every_arithmetic_and_behind_both_heads() {
    let mut targets = vec![Target::CPU];
    match Target::on(Device::Cpu, PrecisionChoice::Bf16, 224) {
        Ok(target) => targets.push(target),
        Err(_) => println!("bf16 skipped: this processor has no instructions for it"),
    }
    targets.extend(int8());
    let (crops, preprocess) = (crops(3, 224), Preprocess::default());
    for target in targets {
        let backbone = with_lively_norms(1, target);
        for pooling in [Pooling::Average, Pooling::Flatten] {
            let plain = Readout { pooling, explain: None };
            let plain = backbone.engine().reading(plain).unwrap().features(&crops, &preprocess).unwrap().whole;
            let weight = head_of(pooling.width(224), plain.iter().copied().fold(1.0, f32::max));
            let explain = Some(Linear { weight: &weight, bias: -0.75 });
            let engine = backbone.engine().reading(Readout { pooling, explain }).unwrap();
            let Pooled { whole, cells } = engine.features(&crops, &preprocess).unwrap();
            assert_eq!(cells.len(), 3 * 49);
            for (row, cells) in whole.chunks_exact(weight.len()).zip(cells.chunks_exact(49)) {
                let products = row.iter().zip(&weight).map(|(&value, &weight)| f64::from(value) * f64::from(weight));
                let logit = products.sum::<f64>() - 0.75;
                let map = ActivationMap { side: 7, cells: cells.to_vec(), pooling, bias: -0.75 };
                let mean = map.cell_logits().into_iter().map(f64::from).sum::<f64>() / 49.0;
                assert!((mean - logit).abs() < 1e-4, "{pooling} {target:?}: {mean} {logit}");
            }
        }
    }
}

#[test]
fn an_explained_photo_has_the_features_that_it_has_without() {
    let (backbone, crops, preprocess) = (with_lively_norms(1, Target::CPU), crops(2, 64), Preprocess::default());
    let weight = head_of(2048, 1.0);
    let explain = Some(Linear { weight: &weight, bias: 0.0 });
    let engine = backbone.engine().reading(Readout { pooling: Pooling::Average, explain }).unwrap();
    let plain = backbone.engine().features(&crops, &preprocess).unwrap();
    assert!(engine.features(&crops, &preprocess).unwrap().whole == plain.whole);
    assert!(plain.cells.is_empty());
}

/// The target of int8; `None` with a word where this processor has no VNNI.
fn int8() -> Option<Target> {
    let target = Target::on(Device::Cpu, PrecisionChoice::Int8, 128);
    target.inspect_err(|error| println!("skipped: {error}")).ok()
}

/// A network whose batch normalisations have seen some photos, as trained ones have: their statistics are those of its maps.
fn that_has_seen_photos() -> Backbone {
    let before = with_lively_norms(1, Target::CPU);
    let (store, module) = reference(&before);
    let input = before.engine().input(&crops(2, 64), &Preprocess::default()).unwrap();
    tch::set_num_threads(1);
    tch::no_grad(|| (0..24).for_each(|_| drop(module.forward_t(&input, true))));
    Backbone::derive(store, Target::CPU).unwrap()
}

fn least_cosine(given: &[f32], expected: &[f32]) -> f64 {
    let rows = given.chunks_exact(layout::FEATURES).zip(expected.chunks_exact(layout::FEATURES));
    let cosine = |(given, expected): (&[f32], &[f32])| {
        let product: f64 = given.iter().zip(expected).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        product / norm(given.iter().copied()) / norm(expected.iter().copied())
    };
    rows.map(cosine).fold(1.0, f64::min)
}

#[test]
fn int8_points_where_fp32_does_whether_the_norms_have_seen_photos_or_not() {
    let Some(target) = int8() else { return };
    let crops = crops(3, 128);
    let features = |backbone: &Backbone| backbone.engine().features(&crops, &Preprocess::default()).unwrap().whole;
    let random = Backbone::random(0, Target::CPU).unwrap();
    for (norms, fp32) in
        [("of photos", that_has_seen_photos()), ("of nothing", with_lively_norms(1, Target::CPU)), ("neutral", random)]
    {
        let int8 = Backbone::derive(reference(&fp32).0, target).unwrap();
        let cosine = least_cosine(&features(&int8), &features(&fp32));
        assert!(cosine > 0.99, "norms {norms}: {cosine}");
    }
}

#[test]
fn an_image_has_the_same_bits_in_every_batch_of_int8_and_on_any_number_of_threads() {
    let Some(target) = int8() else { return };
    let (backbone, preprocess) = (with_lively_norms(1, target), Preprocess::default());
    let (engine, crops) = (backbone.engine(), crops(4, 128));
    let of_batches = |batch: usize| {
        let batches = crops.chunks(batch).flat_map(|crops| engine.features(crops, &preprocess).unwrap().whole);
        batches.collect::<Vec<_>>()
    };
    tch::set_num_threads(1);
    let single = of_batches(1);
    for (threads, batch) in [(1, 4), (2, 1), (2, 4)] {
        tch::set_num_threads(threads);
        assert!(of_batches(batch) == single, "batches of {batch} on {threads} threads differ from single images");
    }
}

/// Images a second of the network alone in each arithmetic, beside tch's own module, in turns:
/// `THREADS=1 ROUNDS=9 cargo test --release -- --ignored --nocapture images_a_second`.
///
/// A shared machine is busier at one moment than at another, and only the ratio of neighbours says anything.
#[test]
#[ignore = "prints figures"]
fn images_a_second() {
    const BATCHES: usize = 3;
    let number = |name, default| std::env::var(name).map_or(default, |number| number.parse().unwrap());
    let (threads, rounds) = (number("THREADS", 1), number("ROUNDS", 9));
    tch::set_num_threads(threads);
    let (preprocess, crops) = (Preprocess::default(), crops(4, 224));
    let store = VarStore::new(Device::Cpu);
    let module = tch::vision::resnet::resnet50_no_final_layer(&store.root());
    let input = Tensor::rand([4, 3, 224, 224], (Kind::Float, Device::Cpu));
    let mut runs: Vec<(String, Box<dyn FnMut()>)> = Vec::new();
    runs.push(("tch_module".into(), Box::new(|| drop(tch::no_grad(|| module.forward_t(&input, false))))));
    for precision in [PrecisionChoice::Fp32, PrecisionChoice::Bf16, PrecisionChoice::Int8] {
        let Ok(target) = Target::on(Device::Cpu, precision, 224) else { continue };
        let engine = Backbone::random(0, target).unwrap().engine();
        let (crops, preprocess) = (&crops, &preprocess);
        let run = Box::new(move || drop(engine.features(crops, preprocess).unwrap()));
        runs.push((format!("engine_{}", target.precision), run));
    }
    let mut rates = vec![Vec::new(); runs.len()];
    for (_, run) in &mut runs {
        run();
    }
    for _ in 0..rounds {
        for ((_, run), rates) in runs.iter_mut().zip(&mut rates) {
            let started = std::time::Instant::now();
            (0..BATCHES).for_each(|_| run());
            rates.push((BATCHES * crops.len()) as f64 / started.elapsed().as_secs_f64());
        }
    }
    for ((name, _), mut rates) in runs.iter().zip(rates) {
        rates.sort_by(f64::total_cmp);
        println!("{name} {:.2} images/s", rates[rates.len() / 2]);
    }
}
