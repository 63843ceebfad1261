//! The computation from pixels to label as a graph of ONNX operators, which `onnx` writes and `evaluate` runs.
//!
//! The output tensor of each stage has the stage's name, so that a graph can be inspected.

use super::constants::insert_integers;
use super::{Entry, whole};
use crate::backbone::Pooling;
use crate::backbone::layout::{self, Block, Convolution};
use crate::decision::Calibration;
use crate::model::Facts;
use crate::weights::NamedArrays;

/// The numbers of the ONNX types.
pub(super) const FLOAT: i64 = 1;
pub(super) const UINT8: i64 = 2;
pub(super) const INT64: i64 = 7;
pub(super) const DOUBLE: i64 = 11;

/// The nodes in the order of execution, and the constants that they use.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// The name of the only input.
    pub(super) input: String,
    pub(super) nodes: Vec<Node>,
    pub(super) constants: NamedArrays,
}

/// An application of an operator; all operators used here have one output.
#[derive(Debug, Default, Clone)]
pub(super) struct Node {
    pub(super) operator: String,
    /// The names of the input tensors; empty for an omitted optional input.
    pub(super) inputs: Vec<String>,
    pub(super) output: String,
    pub(super) attributes: Vec<(String, Attribute)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attribute {
    Integer(i64),
    Integers(Vec<i64>),
    Text(String),
}

use Attribute::{Integer, Integers};

impl Graph {
    /// Creates the graph of a model from its constants, for this kind of input.
    pub(super) fn new(entry: Entry, facts: &Facts, constants: NamedArrays) -> Self {
        let mut graph = Self { input: entry.name().to_owned(), nodes: Vec::new(), constants };
        if entry == Entry::Photo {
            graph.crop(facts.preprocess.resize, facts.preprocess.crop);
        }
        graph.normalise();
        graph.network();
        graph.head(facts.pooling);
        graph.answer(&facts.calibration);
        graph
    }

    fn add<const N: usize>(
        &mut self,
        operator: &str,
        inputs: &[&str],
        output: &str,
        attributes: [(&str, Attribute); N],
    ) {
        self.nodes.push(Node {
            operator: operator.to_owned(),
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: output.to_owned(),
            attributes: attributes.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        });
    }

    /// `[N, H, W, 3]` → `[N, 3, S, S]`: resizes the short side to `resize` and the long side in proportion, rounded
    /// down, and takes the centre crop; half of an odd margin is rounded half to even, as by Python's `round`.
    fn crop(&mut self, resize: u32, side: u32) {
        let numbers: [(&str, &[i64]); 6] = [
            ("crop.resize", &[i64::from(resize)]),
            ("crop.side", &[i64::from(side)]),
            ("crop.zero", &[0]),
            ("crop.two", &[2]),
            ("crop.four", &[4]),
            ("crop.axes", &[2, 3]),
        ];
        for (name, numbers) in numbers {
            insert_integers(&mut self.constants, name, numbers);
        }
        self.add("Transpose", &["photo"], "crop.planes", [("perm", Integers(vec![0, 3, 1, 2]))]);
        self.add("Shape", &["crop.planes"], "crop.shape", []);
        self.add("Slice", &["crop.shape", "crop.zero", "crop.two"], "crop.batch", []); // N, 3
        self.add("Slice", &["crop.shape", "crop.two", "crop.four"], "crop.sides", []); // H, W
        self.add("ReduceMin", &["crop.sides"], "crop.short", [("keepdims", Integer(1))]);
        self.add("Mul", &["crop.sides", "crop.resize"], "crop.scaled", []);
        self.add("Div", &["crop.scaled", "crop.short"], "crop.resized", []);
        self.add("Concat", &["crop.batch", "crop.resized"], "crop.sizes", [("axis", Integer(0))]);
        let linear = Attribute::Text("linear".to_owned());
        let resized = [("mode", linear), ("antialias", Integer(1))];
        self.add("Resize", &["crop.planes", "", "", "crop.sizes"], "crop.whole", resized);
        self.add("Sub", &["crop.resized", "crop.side"], "crop.spare", []);
        self.add("Div", &["crop.spare", "crop.two"], "crop.half", []);
        self.add("Mod", &["crop.half", "crop.two"], "crop.odd", []);
        self.add("Add", &["crop.spare", "crop.odd"], "crop.even", []);
        self.add("Div", &["crop.even", "crop.two"], "crop.start", []);
        self.add("Add", &["crop.start", "crop.side"], "crop.end", []);
        self.add("Slice", &["crop.whole", "crop.start", "crop.end", "crop.axes"], "crop", []);
    }

    /// Bytes to the network's input, in the steps of torchvision's `ToTensor` and `Normalize`.
    fn normalise(&mut self) {
        self.add("Cast", &["crop"], "crop.float", [("to", Integer(FLOAT))]);
        self.add("Div", &["crop.float", "normalised.levels"], "normalised.unit", []);
        self.add("Sub", &["normalised.unit", "normalised.mean"], "normalised.centred", []);
        self.add("Div", &["normalised.centred", "normalised.std"], "normalised", []);
    }

    /// `[N, 3, S, S]` → `[N, 2048, S/32, S/32]`
    fn network(&mut self) {
        self.convolution(&layout::stem(), "normalised", "conv1.sum");
        self.add("Relu", &["conv1.sum"], "conv1", []);
        let window = [("kernel_shape", 3), ("strides", 2)].map(|(name, size)| (name, Integers(vec![size; 2])));
        let [kernel, strides] = window;
        self.add("MaxPool", &["conv1"], "conv1.pooled", [kernel, strides, ("pads", Integers(vec![1; 4]))]);
        let mut input = "conv1.pooled".to_owned();
        for (stage, blocks) in layout::stages().iter().enumerate() {
            for (block, Block { convolutions, projection }) in blocks.iter().enumerate() {
                let path = format!("layer{}.{block}", stage + 1);
                // The last block's output is that of the stage.
                let output = if block + 1 == blocks.len() { format!("layer{}", stage + 1) } else { path.clone() };
                let mut inner = input.clone();
                for (number, convolution) in convolutions.iter().enumerate() {
                    let sum = format!("{path}.sum{}", number + 1);
                    self.convolution(convolution, &inner, &sum);
                    inner = format!("{path}.relu{}", number + 1);
                    if number + 1 < convolutions.len() {
                        self.add("Relu", &[&sum], &inner, []);
                    } else {
                        inner = sum;
                    }
                }
                let shortcut = match projection {
                    Some(projection) => {
                        let shortcut = format!("{path}.shortcut");
                        self.convolution(projection, &input, &shortcut);
                        shortcut
                    }
                    None => input,
                };
                let both = format!("{path}.sum");
                self.add("Add", &[&inner, &shortcut], &both, []);
                self.add("Relu", &[&both], &output, []);
                input = output;
            }
        }
    }

    fn convolution(&mut self, convolution: &Convolution, input: &str, output: &str) {
        let [weight, bias] = ["weight", "bias"].map(|part| format!("{}.{part}", convolution.name));
        let attributes = [
            ("kernel_shape", Integers(vec![whole(convolution.kernel); 2])),
            ("strides", Integers(vec![whole(convolution.stride); 2])),
            ("pads", Integers(vec![whole(convolution.padding()); 4])),
        ];
        self.add("Conv", &[input, &weight, &bias], output, attributes);
    }

    /// `[N, 2048, S/32, S/32]` → `[N, D]` → logits `[N]`
    fn head(&mut self, pooling: Pooling) {
        let map = match pooling {
            Pooling::Average => {
                self.add("GlobalAveragePool", &["layer4"], "pool.map", []);
                "pool.map"
            }
            Pooling::Flatten => "layer4",
        };
        self.add("Flatten", &[map], "pool", [("axis", Integer(1))]);
        self.add("Gemm", &["pool", "fc.weight", "fc.bias"], "logit.column", [("transB", Integer(1))]);
        insert_integers(&mut self.constants, "logit.shape", &[-1]);
        self.add("Reshape", &["logit.column", "logit.shape"], "logit", []);
    }

    /// Logits `[N]` → probabilities `[N]` → labels `[N]`, in f64, so that a probability compares with the threshold as
    /// it did when the threshold was chosen.
    fn answer(&mut self, calibration: &Calibration) {
        self.add("Cast", &["logit"], "probability.logit", [("to", Integer(DOUBLE))]);
        let mut line = "probability.logit";
        if let Calibration::Platt { .. } = calibration {
            self.add("Mul", &[line, "probability.slope"], "probability.sloped", []);
            line = "probability.sloped";
        }
        match calibration {
            Calibration::None => self.add("Sigmoid", &[line], "probability.curve", []),
            Calibration::Prior { .. } | Calibration::Platt { .. } => {
                self.add("Add", &[line, "probability.intercept"], "probability.line", []);
                self.add("Sigmoid", &["probability.line"], "probability.curve", []);
            }
            Calibration::Isotonic { .. } => self.segments(line),
        }
        let range = ["probability.curve", "probability.least", "probability.most"];
        self.add("Clip", &range, "probability.exact", []);
        self.add("Cast", &["probability.exact"], "probability", [("to", Integer(FLOAT))]);
        self.add("GreaterOrEqual", &["probability.exact", "label.threshold"], "label.positive", []);
        self.add("Cast", &["label.positive"], "label", [("to", Integer(INT64))]);
    }

    /// Piecewise linear interpolation: the number of knots at or below a logit is the index of its segment.
    fn segments(&mut self, logit: &str) {
        insert_integers(&mut self.constants, "probability.column", &[-1, 1]);
        insert_integers(&mut self.constants, "probability.axis", &[1]);
        self.add("Reshape", &[logit, "probability.column"], "probability.logits", []);
        self.add("GreaterOrEqual", &["probability.logits", "probability.knots"], "probability.above", []);
        self.add("Cast", &["probability.above"], "probability.passed", [("to", Integer(INT64))]);
        let inputs = ["probability.passed", "probability.axis"];
        self.add("ReduceSum", &inputs, "probability.segment", [("keepdims", Integer(0))]);
        for part in ["from", "to", "start", "width"] {
            let [table, taken] = ["", ".taken"].map(|end| format!("probability.{part}{end}"));
            self.add("Gather", &[&table, "probability.segment"], &taken, [("axis", Integer(0))]);
        }
        self.add("Mul", &[logit, "probability.half"], "probability.halved", []);
        self.add("Sub", &["probability.halved", "probability.start.taken"], "probability.away", []);
        self.add("Div", &["probability.away", "probability.width.taken"], "probability.part", []);
        self.add("Sub", &["probability.to.taken", "probability.from.taken"], "probability.rise", []);
        self.add("Mul", &["probability.rise", "probability.part"], "probability.risen", []);
        self.add("Add", &["probability.from.taken", "probability.risen"], "probability.between", []);
        self.add("Max", &["probability.between", "probability.from.taken"], "probability.low", []);
        self.add("Min", &["probability.low", "probability.to.taken"], "probability.curve", []);
    }
}

#[cfg(test)]
mod tests {
    use tch::Tensor;

    use super::super::{constants, evaluate};
    use super::*;

    #[test]
    fn every_calibration_gives_the_models_probabilities_and_labels() {
        let knots = vec![[-2.0, 0.1], [-1.0, 0.1], [-0.5, 0.3], [0.25, 0.5], [3.0, 0.5], [4.0, 0.9]];
        let calibrations = [
            Calibration::None,
            Calibration::Prior { intercept: -0.7 },
            Calibration::Platt { slope: 1.7, intercept: 0.3 },
            Calibration::Isotonic { knots },
            Calibration::Isotonic { knots: vec![[0.5, 0.4]] },
        ];
        let logits: Vec<f32> = (-800_i16..800).map(|step| f32::from(step) / 16.0).collect();
        for calibration in calibrations {
            let mut constants = NamedArrays::default();
            constants::decision(&mut constants, &calibration, 0.5);
            let mut graph = Graph { input: "logit".to_owned(), nodes: Vec::new(), constants };
            graph.answer(&calibration);
            let (values, stopped) = evaluate::run(&graph, Tensor::from_slice(&logits));
            assert!(stopped.is_none(), "{stopped:?}");
            let numbers = |name: &str| evaluate::numbers(&values[name]).unwrap();
            let given = numbers("probability.exact").into_iter().zip(numbers("label"));
            for (&logit, (probability, label)) in logits.iter().zip(given) {
                let expected = calibration.apply(f64::from(logit));
                assert!(
                    (probability - expected).abs() < 1e-15,
                    "{calibration:?} at {logit}: {probability}, {expected}"
                );
                assert_eq!(label > 0.0, expected >= 0.5, "{calibration:?} at {logit}: {probability}");
            }
        }
    }
}
