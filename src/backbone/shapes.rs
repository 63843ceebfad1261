//! The network as a table of stages: output shapes, parameters and cost, including the head.
//!
//! It is computed from [`layout`], without a network or weights. Guarantee: shapes, parameters and multiply-adds (MACs)
//! are those that hooks count in torchvision's ResNet-50 (`tests/golden/shapes/`); a head that does not fit is included
//! as a [`Mismatch`] with the given and the expected shape and a remedy.
//!
//! Parameters are counted as in torchvision: weights and biases, not the running statistics of a BatchNorm.
//! Multiply-adds are those of convolutions and linear layers for one image.

use std::fmt;

use serde::{Serialize, Serializer};

use super::layout::{self, Convolution, FEATURES};
use super::pooling::{self, Pooling};

/// One stage of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Stage {
    /// torchvision's name if it has one.
    pub name: &'static str,
    /// The operation in words.
    pub operation: String,
    /// The output shape; `None` for a head that does not fit.
    pub output: Option<Shape>,
    /// The number of frozen parameters.
    pub frozen: u64,
    /// The number of trained parameters.
    pub trainable: u64,
    /// The number of multiply-adds for one image.
    pub multiply_adds: u64,
}

/// A shape without its batch axis, displayed with it: `[B, 2048, 7, 7]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape(pub Vec<usize>);

impl fmt::Display for Shape {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[B")?;
        self.0.iter().try_for_each(|size| write!(out, ", {size}"))?;
        out.write_str("]")
    }
}

impl Serialize for Shape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A linear layer of one unit and the pooling before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeadSpec {
    /// The pooling; with `None` the layer is directly on the map, which is a common mistake.
    pub pooling: Option<Pooling>,
    /// The number of inputs.
    pub inputs: usize,
}

impl HeadSpec {
    /// The head that fits `pooling` at an image size.
    pub(crate) fn fitting(pooling: Pooling, image_size: u32) -> Self {
        Self { pooling: Some(pooling), inputs: pooling.width(image_size) }
    }

    /// One unit directly on the channels of the map.
    pub(crate) const NONE: Self = Self { pooling: None, inputs: FEATURES };
}

/// Two adjacent stages whose shapes do not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Mismatch {
    /// The name of the first stage.
    pub stage: &'static str,
    /// Its output shape.
    pub given: Shape,
    /// The input shape that the head expects.
    pub expected: Shape,
    /// Advice to the user.
    pub remedy: String,
    /// The behaviour of other frameworks in this case.
    pub elsewhere: Vec<String>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, given, expected, remedy, .. } = self;
        write!(out, "{stage} gives {given}, Linear wants {expected}: {remedy}")
    }
}

/// The table of all stages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Shapes {
    /// The side of the input in pixels.
    pub image_size: u32,
    /// The stages from the input to the head.
    pub stages: Vec<Stage>,
    /// The mismatch of the head, if it does not fit.
    pub mismatch: Option<Mismatch>,
    /// The number of values of the running statistics, which are in a weights file but are not parameters.
    pub running_statistics: u64,
}

impl Shapes {
    /// The table for images of `image_size` and a head.
    pub(crate) fn new(image_size: u32, head: HeadSpec) -> Self {
        let convolutions: Vec<_> = layout::convolutions().into_iter().zip(layout::input_sides(image_size)).collect();
        let mut stages = vec![fixed("input", "RGB, normalised", map(3, image_size as usize))];
        let conv1 = stage(&convolutions, "conv1", "7×7 convolution, stride 2".to_owned());
        let halved = image_size.div_ceil(4) as usize;
        let channels = conv1.output.as_ref().and_then(|shape| shape.0.first().copied()).unwrap_or(0);
        stages.extend([conv1, fixed("maxpool", "3×3 maximum, stride 2", map(channels, halved))]);
        for (name, blocks) in ["layer1", "layer2", "layer3", "layer4"].into_iter().zip(layout::stages()) {
            let strides = blocks.iter().any(|block| block.convolutions.iter().any(|one| one.stride == 2));
            let stride = if strides { ", stride 2" } else { "" };
            stages.push(stage(&convolutions, name, format!("{} bottlenecks{stride}", blocks.len())));
        }
        let mismatch = add_head(&mut stages, image_size, head);
        let norms: usize = convolutions.iter().map(|(convolution, _)| convolution.outputs).sum();
        Self { image_size, stages, mismatch, running_statistics: 2 * norms as u64 }
    }

    /// The numbers of frozen and trainable parameters of all stages.
    pub(crate) fn parameters(&self) -> (u64, u64) {
        let sum = |of: fn(&Stage) -> u64| self.stages.iter().map(of).sum();
        (sum(|stage| stage.frozen), sum(|stage| stage.trainable))
    }

    /// The number of multiply-adds of all stages for one image.
    pub(crate) fn multiply_adds(&self) -> u64 {
        self.stages.iter().map(|stage| stage.multiply_adds).sum()
    }
}

fn map(channels: usize, side: usize) -> Shape {
    Shape(vec![channels, side, side])
}

/// A stage without parameters.
fn fixed(name: &'static str, operation: &str, output: Shape) -> Stage {
    Stage { name, operation: operation.to_owned(), output: Some(output), frozen: 0, trainable: 0, multiply_adds: 0 }
}

/// A stage from its convolutions, each with its BatchNorm.
fn stage(convolutions: &[(Convolution, u32)], name: &'static str, operation: String) -> Stage {
    let is_inside = |path: &str| path.split('.').next() == Some(name);
    let inside = || convolutions.iter().filter(|(convolution, _)| is_inside(&convolution.name));
    let side = |(convolution, input): &(Convolution, u32)| (*input as usize).div_ceil(convolution.stride);
    let weights = |convolution: &Convolution| convolution.shape().iter().product::<usize>();
    let frozen = inside().map(|(convolution, _)| weights(convolution) + 2 * convolution.outputs).sum::<usize>();
    let multiply_adds = inside().map(|one| weights(&one.0) as u64 * (side(one) as u64).pow(2)).sum();
    // A projection follows the convolution to whose output it is added, so the last one has the stage's shape.
    let output = inside().next_back().map(|one| map(one.0.outputs, side(one)));
    Stage { name, operation, output, frozen: frozen as u64, trainable: 0, multiply_adds }
}

/// Appends pooling and head after `layer4`; returns the mismatch if the head does not fit.
fn add_head(stages: &mut Vec<Stage>, image_size: u32, HeadSpec { pooling, inputs }: HeadSpec) -> Option<Mismatch> {
    let side = layout::map_side(image_size);
    if let Some(pooling) = pooling {
        let operation = match pooling {
            Pooling::Average => format!("mean of the {side}×{side} cells"),
            Pooling::Flatten => format!("{FEATURES}·{side}·{side} numbers, channel by channel"),
        };
        stages.push(fixed(pooling.stage(), &operation, Shape(vec![pooling.width(image_size)])));
    }
    let mismatch = mismatch(image_size, pooling, inputs);
    stages.push(Stage {
        name: "head",
        operation: format!("Linear({inputs}, 1)"),
        output: mismatch.is_none().then(|| Shape(vec![1])),
        frozen: 0,
        trainable: inputs as u64 + 1,
        multiply_adds: if mismatch.is_none() { inputs as u64 } else { 0 },
    });
    mismatch
}

/// The mismatch of a head with this number of inputs, if it does not fit.
pub(crate) fn mismatch(image_size: u32, pooling: Option<Pooling>, inputs: usize) -> Option<Mismatch> {
    let side = layout::map_side(image_size);
    let expected = Shape(vec![inputs]);
    let Some(pooling) = pooling else {
        let flattened = Pooling::Flatten.width(image_size);
        return Some(Mismatch {
            stage: "layer4",
            given: map(FEATURES, side),
            expected,
            remedy: format!("pool it (--head gap) or flatten it (--head flatten, {flattened} inputs)"),
            elsewhere: vec![
                format!(
                    "PyTorch: nn.Linear({inputs}, 1) goes by the last axis, which is {side} and not {inputs}: mat1 and mat2 \
                     shapes cannot be multiplied"
                ),
                format!(
                    "Keras: Dense(1) takes the last axis of [B, {side}, {side}, {inputs}] and gives [B, {side}, {side}, 1], \
                     which no label [B, 1] fits"
                ),
            ],
        });
    };
    let given = pooling.width(image_size);
    let remedy = match pooling::sizes_of_flattened(inputs) {
        _ if given == inputs => return None,
        Some((smallest, largest)) if pooling == Pooling::Flatten => format!(
            "give images of the size that it was made for ({}), or train again with `--head gap`, which takes any size",
            if smallest == largest { largest.to_string() } else { format!("{smallest} to {largest} pixels") }
        ),
        _ => format!("train a head of {given} inputs"),
    };
    Some(Mismatch { stage: pooling.stage(), given: Shape(vec![given]), expected, remedy, elsewhere: Vec::new() })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn shapes_parameters_and_multiply_adds_are_those_that_hooks_count_in_torchvisions_resnet50() {
        let golden: Value = serde_json::from_str(include_str!("../../tests/golden/shapes/resnet50.json")).unwrap();
        let sizes = golden["sizes"].as_object().unwrap();
        assert_eq!(sizes.len(), 4);
        for (size, expected) in sizes {
            let shapes = Shapes::new(size.parse().unwrap(), HeadSpec::fitting(Pooling::Average, size.parse().unwrap()));
            for name in ["conv1", "maxpool", "layer1", "layer2", "layer3", "layer4"] {
                let stage = shapes.stages.iter().find(|stage| stage.name == name).unwrap();
                assert_eq!(serde_json::to_value(&stage.output).unwrap(), expected[name]["output"], "{name} at {size}");
                assert_eq!(Value::from(stage.multiply_adds), expected[name]["multiply_adds"], "{name} at {size}");
                assert_eq!(Value::from(stage.frozen), golden["parameters"][name], "{name}");
            }
            let without_classifier = expected.as_object().unwrap().iter().filter(|(name, _)| *name != "fc");
            let multiply_adds: u64 =
                without_classifier.map(|(_, stage)| stage["multiply_adds"].as_u64().unwrap()).sum();
            assert_eq!(shapes.multiply_adds(), multiply_adds + 2048);
        }
        let shapes = Shapes::new(224, HeadSpec::fitting(Pooling::Average, 224));
        // 25,557,032 and 4.09 G with the classifier of 1000 units.
        assert_eq!(shapes.parameters(), (25_557_032 - 2_049_000, 2049));
        assert_eq!(shapes.multiply_adds(), 4_089_184_256 - 2_048_000 + 2048);
        assert_eq!(Value::from(shapes.running_statistics), golden["running_statistics"]);
    }

    #[test]
    fn the_mistake_is_shown_in_the_words_of_the_field() {
        let shapes = Shapes::new(224, HeadSpec::NONE);
        assert_eq!(
            shapes.mismatch.unwrap().to_string(),
            "layer4 gives [B, 2048, 7, 7], Linear wants [B, 2048]: pool it (--head gap) or flatten it (--head flatten, \
             100352 inputs)"
        );
        assert_eq!(shapes.stages.last().unwrap().output, None);
    }

    #[test]
    fn a_flatten_head_fits_at_its_own_image_size_only_and_an_average_at_any() {
        assert_eq!(mismatch(224, Some(Pooling::Flatten), 100_352), None);
        assert_eq!(mismatch(200, Some(Pooling::Flatten), 100_352), None);
        assert_eq!(mismatch(999, Some(Pooling::Average), 2048), None);
        let other = mismatch(256, Some(Pooling::Flatten), 100_352).unwrap().to_string();
        assert!(other.starts_with("flatten gives [B, 131072], Linear wants [B, 100352]: "), "{other}");
        assert!(other.contains("193 to 224 pixels"), "{other}");
        let narrow = mismatch(224, Some(Pooling::Average), 512).unwrap().to_string();
        assert!(narrow.ends_with("[B, 512]: train a head of 2048 inputs"), "{narrow}");
    }
}
