//! Verification of an exported file with its test images, stage by stage.

use std::collections::BTreeMap;
use std::fmt;

use super::card::{self, Card, Golden};
use super::evaluate::{self, Values};
use super::graph::Graph;
use super::torchscript::Program;
use super::{Entry, ExportError, Format, OPSETS, STAGES, constants, golden, onnx, tensors, torchscript};
use crate::pixels::{self, Limits};

/// The tolerance relative to the largest number, or to 1 if that is larger, for f32 on another processor.
const ALLOWED: f64 = 1e-4;

/// The result of verifying a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Replay {
    pub format: Format,
    pub card: Card,
    /// The size of the file in bytes.
    pub size: usize,
    /// The results of the stages, in order.
    pub rows: Vec<Row>,
}

/// The result of one stage.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// The name, one of [`STAGES`].
    pub stage: &'static str,
    /// The largest difference from the stored values over all test images; for the label, the number of images with
    /// another label.
    pub difference: f64,
    /// The tolerance.
    pub allowed: f64,
    /// Another problem of the stage.
    pub wrong: Option<String>,
}

impl Row {
    /// Whether the stage differs; NaN counts as a difference.
    pub(crate) fn differs(&self) -> bool {
        self.wrong.is_some() || self.difference > self.allowed || self.difference.is_nan()
    }

    /// Records that the stage was not computed.
    fn miss(&mut self, reason: &str) {
        self.wrong.get_or_insert_with(|| reason.to_owned());
        self.difference = f64::INFINITY;
    }
}

impl Replay {
    /// The first stage that differs.
    pub(crate) fn first_difference(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.differs())
    }

    /// The error for the first stage that differs; `file` is the name of the file.
    pub(crate) fn error(&self, file: &str) -> Option<ExportError> {
        let Row { stage, difference, allowed, wrong } = self.first_difference()?;
        let numbers = format!("largest difference {}, allowed {}", shown(*difference), shown(*allowed));
        let what = wrong.as_ref().map_or(numbers.clone(), |wrong| format!("{wrong}; {numbers}"));
        Some(ExportError::Differs { file: file.to_owned(), stage: (*stage).to_owned(), what })
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { format, card, size, rows } = self;
        let side = card.model_card.preprocess.crop;
        let input = match (format, card.input) {
            (Format::Safetensors, _) => "weights under torchvision's names, the head as `fc`".to_owned(),
            (_, Entry::Photo) => "photos u8 [N, H, W, 3]".to_owned(),
            (_, Entry::Crop) => format!("crops u8 [N, 3, {side}, {side}]"),
        };
        let (sha256, megabytes) = (card.weights_sha256.get(..8).unwrap_or_default(), *size as f64 / 1e6);
        writeln!(out, "format      {format}, {megabytes:.1} MB, written by {}", card.created_by)?;
        writeln!(out, "input       {input}")?;
        let [negative, positive] = &card.labels;
        writeln!(out, "labels      0 {negative}, 1 {positive} if the probability is at least {:.4}", card.threshold)?;
        writeln!(out, "backbone    {} ({sha256})", card.weights)?;
        writeln!(out, "\nstage        largest difference  allowed  ({} test images)", card.golden.len())?;
        for row in rows {
            let mark = if row.differs() { "  differs" } else { "" };
            let (difference, allowed) = (shown(row.difference), shown(row.allowed));
            writeln!(out, "{:<11}  {difference:>18}  {allowed:>7}{mark}", row.stage)?;
        }
        Ok(())
    }
}

fn shown(number: f64) -> String {
    if number == 0.0 || number >= 1.0 { format!("{number:.0}") } else { format!("{number:.1e}") }
}

/// The executable content of a file.
enum Parts {
    Graph(Graph),
    Program(Program),
}

impl Parts {
    /// Computes the stages as far as possible, with the error that stopped the run.
    fn run(&self, input: tch::Tensor) -> (Values, Option<ExportError>) {
        match self {
            Self::Graph(graph) => {
                let (mut values, stopped) = evaluate::run(graph, input);
                // The actual input of the first convolution, whatever a modified graph names it.
                let first = graph.nodes.iter().find(|node| node.operator == "Conv");
                let seen = first.and_then(|node| values.get(node.inputs.first()?)).map(tch::Tensor::shallow_clone);
                seen.map(|seen| values.insert("normalised".to_owned(), seen));
                (values, stopped)
            }
            Self::Program(program) => match program.run(&input) {
                Ok(values) => (values, None),
                Err(error) => (Values::new(), Some(error)),
            },
        }
    }
}

/// Reads an exported file and verifies it with its test images; `file` is its name in messages.
///
/// # Errors
/// [`ExportError::Foreign`] for other files, [`ExportError::Damaged`] for a file that cannot be run. A file that runs
/// with different results is not an error here: [`Replay::error`] returns it.
pub(crate) fn verify(bytes: &[u8], file: &str) -> Result<Replay, ExportError> {
    let foreign = |found: String| ExportError::Foreign { file: file.to_owned(), found };
    let damaged = |reason: String| ExportError::Damaged { file: file.to_owned(), reason };
    let of_json = |text: String, what: &str| {
        if text.is_empty() {
            return Err(foreign(format!("it is {what} without test images")));
        }
        serde_json::from_str::<Card>(&text).map_err(|error| damaged(format!("its card does not parse: {error}")))
    };
    let (format, card, checksums, parts) = if let Some(text) = torchscript::card(bytes) {
        let card = of_json(text, "a TorchScript or PyTorch file")?;
        let program = Program::new(bytes).map_err(|error| damaged(first_line(&error)))?;
        (Format::TorchScript, card, card::checksums(&program.tensors()?), Parts::Program(program))
    } else if let Some(text) = tensors::card(bytes) {
        let card = of_json(text, "a safetensors file")?;
        let raw = tensors::decode(bytes, file)?;
        let graph = Graph::new(card.input, &card.model_card, constants::fold(&raw, &card.model_card)?);
        (Format::Safetensors, card, card::checksums(&raw), Parts::Graph(graph))
    } else if let Some(decoded) = onnx::decode(bytes) {
        if !decoded.metadata.iter().any(|(name, _)| name == "golden") {
            let producer = if decoded.producer.is_empty() { "an unknown program" } else { &decoded.producer };
            return Err(foreign(format!("it is an ONNX file of {producer} without test images")));
        }
        let card = Card::from_entries(&decoded.metadata)
            .map_err(|error| damaged(format!("its metadata do not parse: {error}")))?;
        if !OPSETS.contains(&decoded.opset) {
            let (first, last) = (OPSETS.start(), OPSETS.end());
            return Err(damaged(format!("its opset is {}, and `export` writes {first} to {last}", decoded.opset)));
        }
        let checksums = card::checksums(&decoded.graph.constants);
        (Format::Onnx(decoded.opset), card, checksums, Parts::Graph(decoded.graph))
    } else {
        return Err(foreign(pixels::describe(bytes.get(..pixels::HEAD).unwrap_or(bytes))));
    };
    if card.format_version != card::FORMAT_VERSION {
        return Err(damaged(format!("its card has version {}, this program reads 1", card.format_version)));
    }
    let rows = rows(&card, &checksums, &parts, &damaged)?;
    Ok(Replay { format, card, size: bytes.len(), rows })
}

fn first_line(error: &ExportError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// Compares all stages on all test images.
fn rows(
    card: &Card,
    checksums: &BTreeMap<String, String>,
    parts: &Parts,
    damaged: &dyn Fn(String) -> ExportError,
) -> Result<Vec<Row>, ExportError> {
    let preprocess = &card.model_card.preprocess;
    preprocess.check()?;
    card.model_card.calibration.check().map_err(|error| damaged(error.to_string()))?;
    if card.golden.is_empty() {
        return Err(damaged("it has no test images".to_owned()));
    }
    let new = |stage: &'static str| {
        let wrong = (card.checksums.get(stage) != checksums.get(stage)).then(|| "its numbers have changed".to_owned());
        Row { stage, difference: 0.0, allowed: 0.0, wrong }
    };
    let mut rows = STAGES.map(new);
    for golden in &card.golden {
        let png = golden.png().ok_or_else(|| damaged("a test image is not base64".to_owned()))?;
        let photo = pixels::decode(&png, &Limits::default())?;
        let input = golden::input(card.input, &photo, &preprocess.apply(&photo)?)?;
        let (values, stopped) = parts.run(input);
        let missing = stopped.as_ref().map_or("it is not there".to_owned(), first_line);
        for row in &mut rows {
            match values.get(row.stage) {
                Some(tensor) => compare(row, golden, card, tensor)?,
                None => row.miss(&missing),
            }
        }
    }
    if let Some(contradiction) = card.contradiction()
        && let [.., label] = &mut rows
    {
        label.wrong = Some(contradiction);
    }
    Ok(rows.into_iter().collect())
}

/// Updates a stage's result with one test image.
fn compare(row: &mut Row, golden: &Golden, card: &Card, tensor: &tch::Tensor) -> Result<(), ExportError> {
    let first = || Ok::<_, ExportError>(evaluate::numbers(tensor)?.first().copied().unwrap_or(f64::NAN));
    let (expected, given) = match row.stage {
        "logit" => (vec![golden.logit], vec![first()?]),
        "probability" => (vec![golden.probability], vec![first()?]),
        "label" => {
            let place = usize::from(first()? > 0.5);
            row.difference += f64::from(u8::from(card.labels[place] != golden.label));
            return Ok(());
        }
        stage => (golden.stage(stage).unwrap_or_default(), golden::sample(tensor)?),
    };
    // The bytes of the crop must be equal.
    if row.stage != "crop" {
        let largest = expected.iter().fold(1.0_f64, |largest, number| largest.max(number.abs()));
        row.allowed = row.allowed.max(ALLOWED * largest);
    }
    if expected.len() != given.len() {
        row.difference = f64::INFINITY;
    }
    for (expected, given) in expected.iter().zip(given) {
        let difference = (expected - given).abs();
        // `max` would ignore NaN.
        if difference.is_nan() || difference > row.difference {
            row.difference = difference;
        }
    }
    Ok(())
}
