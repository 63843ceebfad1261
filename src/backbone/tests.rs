use tch::nn::ModuleT;

use super::*;

/// tch's own module with the weights of `backbone`: the reference that nobody here wrote.
fn reference(backbone: &Backbone) -> (VarStore, Box<dyn ModuleT>) {
    let mut store = VarStore::new(Device::Cpu);
    let module = tch::vision::resnet::resnet50_no_final_layer(&store.root());
    store.copy(&backbone.store).unwrap();
    (store, Box::new(module))
}

/// Gives BatchNorm statistics that are not 0 and 1, so that folding has something to fold.
fn with_lively_norms(seed: u64) -> Backbone {
    let mut tensors = initial::random(seed);
    for (name, _, values) in &mut tensors {
        let lively = |index: usize| 0.5 + (index * 37 % 101) as f32 / 100.0;
        if name.ends_with(".running_mean") || name.ends_with("bn1.bias") {
            values.iter_mut().enumerate().for_each(|(index, value)| *value = 0.1 * lively(index) - 0.1);
        } else if name.ends_with(".running_var") {
            values.iter_mut().enumerate().for_each(|(index, value)| *value = lively(index));
        }
    }
    Backbone::build(&tensors, WeightsId::random(seed), Device::Cpu).unwrap()
}

fn crops(count: usize, size: u32) -> Vec<Crop> {
    let bytes = size as usize * size as usize * 3;
    (0..count)
        .map(|crop| Crop { size, rgb: (0..bytes).map(|index| ((index * 31 + crop * 97) % 251) as u8).collect() })
        .collect()
}

#[test]
fn the_table_names_the_tensors_of_tchs_vision_module() {
    let backbone = Backbone::random(0, Device::Cpu).unwrap();
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

#[test]
fn folding_gives_the_features_of_tchs_vision_module_whatever_the_batch() {
    let backbone = with_lively_norms(1);
    let (_store, module) = reference(&backbone);
    let (preprocess, crops) = (Preprocess::default(), crops(3, 64));
    let engine = backbone.engine();
    let batch = engine.features(&crops, &preprocess).unwrap();
    let single: Vec<f32> =
        crops.iter().flat_map(|crop| engine.features(std::slice::from_ref(crop), &preprocess).unwrap()).collect();
    let input = engine.input(&crops, &preprocess).unwrap();
    let expected = to_vec(&tch::no_grad(|| module.forward_t(&input, false))).unwrap();
    let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|value| f64::from(value * value)).sum::<f64>().sqrt();
    for given in [&batch, &single] {
        let difference = norm(&mut given.iter().zip(&expected).map(|(left, right)| left - right));
        let relative = difference / norm(&mut expected.iter().copied());
        assert!(relative < 1e-5, "{relative}");
    }
}

#[test]
fn running_the_network_changes_none_of_its_tensors() {
    let backbone = Backbone::random(2, Device::Cpu).unwrap();
    let before = backbone.checksum().unwrap();
    backbone.engine().features(&crops(2, 32), &Preprocess::default()).unwrap();
    assert_eq!(backbone.checksum().unwrap(), before);
    assert_ne!(Backbone::random(3, Device::Cpu).unwrap().checksum().unwrap(), before);
}

#[test]
fn crops_that_are_too_small_or_differ_are_refused_with_the_remedy() {
    let engine = Backbone::random(0, Device::Cpu).unwrap().engine();
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
    let error = Backbone::load(&arrays, WeightsId::random(0), Device::Cpu).unwrap_err();
    assert!(error.to_string().contains("layer2.0.bn1.weight"), "{error}");
}
