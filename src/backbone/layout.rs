//! ResNet-50 as plain data: its 53 convolutions, and the name and shape of its 265 tensors.
//!
//! This module does not use libtorch. A weights file is compared with this table before any value is copied, because
//! tch's own loading broadcasts a tensor of the wrong shape silently. Letters in shapes: `O` outputs, `I` inputs, `K`
//! kernel side.
//!
//! The layout is that of He et al. 2015, "Deep Residual Learning for Image Recognition", table 1, with the stride in
//! the 3×3 convolution of a bottleneck as in torchvision ("ResNet V1.5").

use crate::weights::Dtype;

use super::BackboneError;

/// The length of a feature vector: the channels of the last stage.
pub(crate) const FEATURES: usize = 2048;

/// The side of one cell of the last feature map, in input pixels: the product of all strides.
pub(crate) const STRIDE: u32 = 32;

/// One stage of bottleneck blocks.
struct Stage {
    blocks: usize,
    /// Channels inside a block; its output has four times as many.
    width: usize,
}

const STAGES: [Stage; 4] = [
    Stage { blocks: 3, width: 64 },
    Stage { blocks: 4, width: 128 },
    Stage { blocks: 6, width: 256 },
    Stage { blocks: 3, width: 512 },
];

/// Output channels of a bottleneck ÷ channels inside it.
const EXPANSION: usize = 4;

/// Output channels of the stem.
const STEM: usize = 64;

/// A convolution without bias and the BatchNorm after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Convolution {
    /// The name of the weight's module, such as `layer1.0.conv2`.
    pub name: String,
    /// The name of the BatchNorm after it, such as `layer1.0.bn2`.
    pub norm: String,
    /// Input channels, `I`.
    pub inputs: usize,
    /// Output channels, `O`.
    pub outputs: usize,
    /// The side of the kernel, `K`.
    pub kernel: usize,
    /// Step of the kernel.
    pub stride: usize,
}

impl Convolution {
    /// The zero padding, with which only the stride changes the size.
    pub(crate) fn padding(&self) -> usize {
        self.kernel / 2
    }

    /// The shape of the weight, `[O, I, K, K]`.
    pub(crate) fn shape(&self) -> [usize; 4] {
        [self.outputs, self.inputs, self.kernel, self.kernel]
    }
}

/// A bottleneck: 1×1, 3×3, 1×1, and a projection of the input if its shape changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// The three convolutions in order.
    pub convolutions: [Convolution; 3],
    /// The 1×1 convolution on the shortcut, in the first block of a stage.
    pub projection: Option<Convolution>,
}

/// The 7×7 convolution before the blocks.
pub(crate) fn stem() -> Convolution {
    Convolution { name: "conv1".into(), norm: "bn1".into(), inputs: 3, outputs: STEM, kernel: 7, stride: 2 }
}

/// The 16 bottlenecks, by stage, in forward order.
pub(crate) fn stages() -> Vec<Vec<Block>> {
    let mut inputs = STEM;
    let mut stages = Vec::with_capacity(STAGES.len());
    for (stage, Stage { blocks, width }) in STAGES.iter().enumerate() {
        let outputs = width * EXPANSION;
        let mut of_stage = Vec::with_capacity(*blocks);
        for block in 0..*blocks {
            // The max pool before the first stage has halved the map already.
            let stride = if block == 0 && stage > 0 { 2 } else { 1 };
            of_stage.push(bottleneck(&format!("layer{}.{block}", stage + 1), inputs, *width, stride));
            inputs = outputs;
        }
        stages.push(of_stage);
    }
    stages
}

fn bottleneck(path: &str, inputs: usize, width: usize, stride: usize) -> Block {
    let outputs = width * EXPANSION;
    let convolution = |number: usize, inputs, outputs, kernel, stride| Convolution {
        name: format!("{path}.conv{number}"),
        norm: format!("{path}.bn{number}"),
        inputs,
        outputs,
        kernel,
        stride,
    };
    let projection = (inputs != outputs).then(|| Convolution {
        name: format!("{path}.downsample.0"),
        norm: format!("{path}.downsample.1"),
        inputs,
        outputs,
        kernel: 1,
        stride,
    });
    let convolutions = [
        convolution(1, inputs, width, 1, 1),
        convolution(2, width, width, 3, stride),
        convolution(3, width, outputs, 1, 1),
    ];
    Block { convolutions, projection }
}

/// All 53 convolutions, in forward order.
pub(crate) fn convolutions() -> Vec<Convolution> {
    let mut all = vec![stem()];
    for block in stages().into_iter().flatten() {
        all.extend(block.convolutions);
        all.extend(block.projection);
    }
    all
}

/// The side of the input of each of [`convolutions`], for images of `image_size`.
pub(crate) fn input_sides(image_size: u32) -> Vec<u32> {
    let mut sides = vec![image_size];
    // The stem and the max pool, each of stride 2, padded so that halves are rounded up.
    let mut side = image_size.div_ceil(2).div_ceil(2);
    for Block { convolutions: [_, second, _], projection } in stages().into_iter().flatten() {
        let after = if second.stride == 2 { side.div_ceil(2) } else { side };
        sides.extend([side, side, after]);
        sides.extend(projection.map(|_| side));
        side = after;
    }
    sides
}

/// The side of the last map in cells for images of `image_size`: every stride rounds up.
pub(crate) fn map_side(image_size: u32) -> usize {
    image_size.div_ceil(STRIDE) as usize
}

/// The names and shapes of the 265 tensors: 53 weights `[O, I, K, K]`, and four vectors `[O]` for each BatchNorm.
pub(crate) fn tensors() -> Vec<(String, Vec<usize>)> {
    let mut all = Vec::with_capacity(265);
    for convolution in convolutions() {
        all.push((format!("{}.weight", convolution.name), convolution.shape().to_vec()));
        for part in ["weight", "bias", "running_mean", "running_var"] {
            all.push((format!("{}.{part}", convolution.norm), vec![convolution.outputs]));
        }
    }
    all
}

/// Whether a tensor of a weights file is not part of the frozen backbone and is ignored: the classifier, which the head
/// replaces, and BatchNorm's training step counters.
pub(crate) fn is_ignored(name: &str) -> bool {
    name.starts_with("fc.") || name.ends_with(".num_batches_tracked")
}

/// The name, shape and dtype of one tensor of a weights file.
pub(crate) type Found<'a> = (&'a str, &'a [usize], Dtype);

/// Compares all tensors of a weights file with what the network expects.
///
/// # Errors
/// [`BackboneError::OtherArchitecture`], [`BackboneError::Prefixed`], [`BackboneError::ClassifierOnly`],
/// [`BackboneError::MissingTensor`], [`BackboneError::WrongShape`], [`BackboneError::WrongDtype`] or
/// [`BackboneError::UnknownTensor`].
pub(crate) fn compare(file: &str, found: &[Found<'_>]) -> Result<(), BackboneError> {
    if let Some(evidence) = other_architecture(found) {
        return Err(BackboneError::OtherArchitecture { file: file.to_owned(), evidence });
    }
    let is_there = |wanted: &str| found.iter().find(|(name, ..)| *name == wanted);
    if is_there("conv1.weight").is_none() {
        let prefixed = found.iter().find_map(|(name, ..)| name.strip_suffix("conv1.weight")).filter(is_prefix);
        if let Some(prefix) = prefixed {
            return Err(BackboneError::Prefixed { file: file.to_owned(), prefix: prefix.to_owned() });
        }
        if let (Some((_, shape, _)), true) = (is_there("fc.weight"), found.iter().all(|(name, ..)| is_ignored(name))) {
            return Err(BackboneError::ClassifierOnly { file: file.to_owned(), given: shape.to_vec() });
        }
    }
    let expected = tensors();
    for (name, shape) in &expected {
        let Some((_, given, dtype)) = found.iter().find(|(given, ..)| given == name) else {
            return Err(BackboneError::MissingTensor { file: file.to_owned(), tensor: name.clone() });
        };
        if *given != shape.as_slice() {
            let (tensor, expected, given) = (name.clone(), shape.clone(), given.to_vec());
            return Err(BackboneError::WrongShape { file: file.to_owned(), tensor, expected, given });
        }
        if !dtype.is_float() {
            let given = dtype.to_string();
            return Err(BackboneError::WrongDtype { file: file.to_owned(), tensor: name.clone(), given });
        }
    }
    let is_unknown = |name: &str| !is_ignored(name) && !expected.iter().any(|(known, _)| known == name);
    match found.iter().find(|(name, ..)| is_unknown(name)) {
        Some((name, ..)) => Err(BackboneError::UnknownTensor { file: file.to_owned(), tensor: (*name).to_owned() }),
        None => Ok(()),
    }
}

/// Whether this is a prefix of whole names, and not a block's own path such as `layer1.0.`.
fn is_prefix(prefix: &&str) -> bool {
    prefix.ends_with('.') && !prefix.contains("layer")
}

/// The evidence, as a part of the error message, that the tensors are of a relative of ResNet-50.
fn other_architecture(found: &[Found<'_>]) -> Option<String> {
    let shape = |name: &str| found.iter().find(|(given, ..)| *given == name).map(|(_, shape, _)| *shape);
    let has = |name: &str| shape(name).is_some();
    let first = shape("layer1.0.conv1.weight")?;
    if first == [64, 64, 3, 3] {
        let name = if has("layer3.2.conv1.weight") { "ResNet-34" } else { "ResNet-18" };
        return Some(format!(
            "this looks like {name}: layer1.0.conv1.weight is {first:?}, ResNet-50 has [64, 64, 1, 1]"
        ));
    }
    for (name, last) in [("ResNet-152", "layer3.35"), ("ResNet-101", "layer3.22")] {
        if has(&format!("{last}.conv1.weight")) {
            return Some(format!(
                "this looks like {name}: it has {last}.conv1.weight, ResNet-50 ends stage 3 at layer3.5"
            ));
        }
    }
    let second = shape("layer1.0.conv2.weight")?;
    let name = match second {
        [128, 128, 3, 3] => "Wide ResNet-50-2",
        [128, 4, 3, 3] => "ResNeXt-50 32x4d",
        _ => return None,
    };
    Some(format!("this looks like {name}: layer1.0.conv2.weight is {second:?}, ResNet-50 has [64, 64, 3, 3]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare_with(change: impl FnOnce(&mut Vec<(String, Vec<usize>, Dtype)>)) -> Result<(), BackboneError> {
        let mut file: Vec<_> = tensors().into_iter().map(|(name, shape)| (name, shape, Dtype::F32)).collect();
        file.push(("fc.weight".into(), vec![1000, 2048], Dtype::F32));
        file.push(("bn1.num_batches_tracked".into(), vec![], Dtype::I64));
        change(&mut file);
        let found: Vec<_> = file.iter().map(|(name, shape, dtype)| (name.as_str(), shape.as_slice(), *dtype)).collect();
        compare("w", &found)
    }

    #[test]
    fn there_are_53_convolutions_265_tensors_and_as_many_parameters_as_torchvision_states() {
        assert_eq!(convolutions().len(), 53);
        let tensors = tensors();
        assert_eq!(tensors.len(), 265);
        let parameters: usize = tensors
            .iter()
            .filter(|(name, _)| !name.contains("running"))
            .map(|(_, shape)| shape.iter().product::<usize>())
            .sum();
        // 25,557,032 with the 1000-class layer.
        assert_eq!(parameters, 25_557_032 - 1000 * 2048 - 1000);
    }

    #[test]
    fn every_convolution_knows_the_side_of_its_input() {
        let (convolutions, sides) = (convolutions(), input_sides(224));
        assert_eq!(sides.len(), convolutions.len());
        let side = |name| sides[convolutions.iter().position(|convolution| convolution.name == name).unwrap()];
        assert_eq!((side("conv1"), side("layer1.0.conv1"), side("layer2.0.conv3")), (224, 56, 28));
        assert_eq!((side("layer4.0.downsample.0"), side("layer4.2.conv2")), (14, 7));
    }

    #[test]
    fn a_file_with_the_classifier_and_the_counters_fits() {
        compare_with(|_| {}).unwrap();
    }

    #[test]
    fn relatives_are_called_by_their_name() {
        let cases: [(&str, &str, &[usize]); 4] = [
            (
                "ResNet-18: layer1.0.conv1.weight is [64, 64, 3, 3], ResNet-50 has",
                "layer1.0.conv1.weight",
                &[64, 64, 3, 3],
            ),
            ("ResNet-101", "layer3.22.conv1.weight", &[256, 1024, 1, 1]),
            ("ResNet-152", "layer3.35.conv1.weight", &[256, 1024, 1, 1]),
            ("ResNeXt-50", "layer1.0.conv2.weight", &[128, 4, 3, 3]),
        ];
        for (expected, tensor, shape) in cases {
            let error = compare_with(|file| {
                if tensor == "layer1.0.conv1.weight" {
                    file.retain(|(name, ..)| !name.starts_with("layer3.2"));
                }
                file.retain(|(name, ..)| name != tensor);
                file.push((tensor.into(), shape.to_vec(), Dtype::F32));
            });
            let message = error.unwrap_err().to_string();
            assert!(message.contains(&format!("looks like {expected}")), "{message}");
        }
    }

    #[test]
    fn a_classifier_alone_longer_names_other_axes_and_other_channels_are_told_apart() {
        let keep = |name: &'static str, shape: Vec<usize>| {
            compare_with(|file| *file = vec![(name.to_owned(), shape, Dtype::F32)]).unwrap_err()
        };
        let classifier = keep("fc.weight", vec![1000, 2048]);
        assert!(classifier.to_string().contains("a classifier only, fc.weight [1000, 2048]"), "{classifier}");
        let prefixed = keep("module.conv1.weight", vec![64, 3, 7, 7]);
        assert!(prefixed.to_string().contains("given module.conv1.weight"), "{prefixed}");
        let inside = keep("layer1.0.conv1.weight", vec![64, 64, 1, 1]);
        assert!(matches!(inside, BackboneError::MissingTensor { .. }), "{inside}");
        let keras = keep("conv1.weight", vec![7, 7, 3, 64]).hint().unwrap();
        assert!(keras.contains("permute every convolution"), "{keras}");
        let grey = keep("conv1.weight", vec![64, 1, 7, 7]).hint().unwrap();
        assert!(grey.contains("images of 1 channels"), "{grey}");
    }

    #[test]
    fn missing_misshapen_and_unknown_tensors_and_integers_are_named() {
        let missing = compare_with(|file| drop(file.remove(7))).unwrap_err();
        assert!(missing.to_string().contains("bn1.bias"), "{missing}");
        // [1] would broadcast into [64] without a word if it were copied.
        let broadcast = compare_with(|file| file[1].1 = vec![1]).unwrap_err();
        assert!(broadcast.to_string().contains("expected [64], given [1]"), "{broadcast}");
        let unknown = compare_with(|file| file.push(("se.weight".into(), vec![1], Dtype::F32))).unwrap_err();
        assert!(unknown.to_string().contains("se.weight"), "{unknown}");
        let integers = compare_with(|file| file[0].2 = Dtype::I64).unwrap_err();
        assert!(integers.to_string().contains("conv1.weight"), "{integers}");
    }
}
