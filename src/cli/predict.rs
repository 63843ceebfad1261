//! `resnet-binary predict`

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use resnet_binary::backbone::Pooling;
use resnet_binary::decision::Review;
use resnet_binary::features::Inputs;
use resnet_binary::files::{Text, escaped};
use resnet_binary::pipeline::{
    self, Answer, Argument, Arguments, Cam, MapOutput, PredictOptions, Prediction, Similar, Verdict,
};
use resnet_binary::progress::Progress;
use resnet_binary::report::heatmap;
use resnet_binary::weights::WeightsSource;
use serde_json::json;

use super::options;
use super::terminal::{self, Exit, Terminal};

/// Classify photos, folders of photos, or a list on standard input
///
/// One row for every input, in input order, as results arrive; a photo that cannot be read is a row with the reason. The
/// probability is that of the positive class, which every row names.
///
/// A list on standard input is UTF-8, or UTF-16 with a byte-order mark. In a path that is not UTF-8, text and JSON show each
/// byte that is none as `\xHH` and a backslash as `\\`; CSV has the bytes themselves.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  resnet-binary predict img.jpg
  resnet-binary predict img.jpg --cam map.png
  resnet-binary predict photos/ --format csv > answers.csv
  find . -name '*.jpg' -print0 | resnet-binary predict - --null --format json")]
pub(crate) struct Args {
    /// Photos, folders, or - for a list of paths on standard input
    #[arg(required = true, value_name = "FILE|DIR|-")]
    inputs: Vec<PathBuf>,
    /// The model that `train` wrote
    #[arg(short, long, value_name = "FILE", default_value = "model.safetensors")]
    model: PathBuf,
    /// How to print a row
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Same as --format json
    #[arg(long, conflicts_with = "format", hide_short_help = true)]
    json: bool,
    /// Draw what speaks for and against over the photo: a PNG for one photo; for several, or with a `/` at its end, a
    /// folder that gets NAME.cam.png of each
    #[arg(long, value_name = "PNG|DIR")]
    cam: Option<PathBuf>,
    /// Probability from which the answer is the positive class [default: the model's]
    #[arg(long, value_name = "X", value_parser = options::probability)]
    threshold: Option<f64>,
    /// Answer `review` where the probability lies from LOW to HIGH
    #[arg(long, value_name = "LOW,HIGH", value_parser = options::review)]
    review: Option<Review>,
    /// Make a new folder of links to the photos, one folder for each answer; no photo is moved
    #[arg(long, value_name = "DIR")]
    sort: Option<PathBuf>,
    /// Name the three training photos that look most like each photo, of the 256 or fewer that a model remembers
    #[arg(long)]
    explain: bool,
    /// The list on standard input is separated by NUL characters, as `find -print0` writes it
    #[arg(short = '0', long, hide_short_help = true)]
    null: bool,
    #[command(flatten)]
    reading: options::Reading,
    /// Backbone to use in place of the one that the model names; it must have the same checksum
    #[arg(long, value_name = "WEIGHTS", help_heading = "Backbone", hide_short_help = true)]
    weights: Option<WeightsSource>,
    #[command(flatten)]
    backbone: options::Backbone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Answer, probability and path, for people
    Text,
    /// One JSON object a line
    Json,
    /// path,label,positive,probability,logit,unfamiliar,error
    Csv,
}

/// Training photos that `--explain` names.
const NEAREST: usize = 3;

/// Classifies every input and prints a row for each.
pub(crate) fn run(args: Args, terminal: &Terminal) -> anyhow::Result<Exit> {
    let format = if args.json { Format::Json } else { args.format };
    if let Some((option, remedy)) = void_option(&args, format) {
        terminal::print_error(&format!("`{option}` does nothing here"), Some(remedy));
        return Ok(Exit::Usage);
    }
    let mut inputs = arguments(args.inputs, args.null, terminal)?;
    let cam = match args.cam.map(|path| map_output(path, &inputs)).transpose() {
        Ok(cam) => cam,
        Err(reason) => {
            terminal::print_error(
                &reason,
                Some("give a file for one photo (`--cam map.png`), a folder for several (`--cam maps/`)"),
            );
            return Ok(Exit::Usage);
        }
    };
    let options = PredictOptions {
        cam,
        on_unreadable: args.reading.on_unreadable(),
        limits: args.reading.limits(),
        model: args.model,
        threshold: args.threshold,
        review: args.review,
        sort: args.sort,
        explain: args.explain.then_some(NEAREST),
        backbone: args.backbone.options(args.weights, terminal)?,
    };
    let mut rows = Rows { format, csv_header_is_due: format == Format::Csv, failure: None };
    let mut counts = Counts::default();
    let unreadable = pipeline::predict(&options, &mut inputs, terminal, &mut |prediction| {
        counts.add(&prediction);
        rows.print(&prediction)
    })?;
    if let Some(error) = rows.failure {
        return Err(error).context("cannot write to standard output");
    }
    if counts.photos > 1 {
        terminal.note(&counts.to_string());
    }
    Ok(Exit::done(unreadable > 0))
}

/// An option that another one, or its absence, makes void, and what to do about it.
fn void_option(args: &Args, format: Format) -> Option<(&'static str, &'static str)> {
    if args.null && args.inputs.iter().all(|input| input.as_os_str() != "-") {
        return Some(("--null", "it is about a list on standard input: add `-`, or leave it out"));
    }
    (args.explain && format == Format::Csv)
        .then_some(("--explain", "a CSV has no column for it: use `--format json`, or leave it out"))
}

/// What the photos were answered to be, for the last line.
#[derive(Debug, Default)]
struct Counts {
    photos: usize,
    /// Every answer that was given, with how often.
    answers: BTreeMap<String, usize>,
    unfamiliar: usize,
    unreadable: usize,
}

impl Counts {
    fn add(&mut self, prediction: &Prediction) {
        self.photos += 1;
        match &prediction.outcome {
            Ok(answer) => {
                *self.answers.entry(answer.label.word().to_owned()).or_default() += 1;
                self.unfamiliar += usize::from(answer.unfamiliar == Some(true));
            }
            Err(_) => self.unreadable += 1,
        }
    }
}

/// Such as `5 photos: 3 ants, 2 bees; 1 unlike the training photos`.
impl fmt::Display for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answers = self.answers.iter().map(|(answer, count)| format!("{count} {answer}"));
        let unreadable = (self.unreadable > 0).then(|| format!("{} unreadable", self.unreadable));
        let parts: Vec<String> = answers.chain(unreadable).collect();
        write!(out, "{} photos: {}", self.photos, parts.join(", "))?;
        match self.unfamiliar {
            0 => Ok(()),
            some => write!(out, "; {some} unlike the training photos"),
        }
    }
}

/// What `--cam` means for these inputs.
fn map_output(path: PathBuf, inputs: &Arguments) -> Result<MapOutput, String> {
    let is_png = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    let is_folder = path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/");
    if is_folder || inputs.count() != Some(1) && !is_png && !path.exists() {
        return Ok(MapOutput::Folder(path));
    }
    if inputs.count() != Some(1) {
        return Err(format!("`--cam {}` is one file, and there may be several photos", path.display()));
    }
    if !is_png {
        return Err(format!("`--cam {}` does not end in .png, and a map is a PNG", path.display()));
    }
    Ok(MapOutput::File(path))
}

/// Paths as they are, `-` as the list on standard input.
fn arguments(paths: Vec<PathBuf>, null: bool, terminal: &Terminal) -> io::Result<Arguments> {
    let mut stdin_is_taken = false;
    let mut arguments = Vec::with_capacity(paths.len());
    for path in paths {
        let is_stdin = path.as_os_str() == "-";
        if is_stdin && stdin_is_taken {
            return Err(io::Error::other("`-` is given twice: standard input can be read only once"));
        }
        stdin_is_taken |= is_stdin;
        arguments.push(if is_stdin {
            Argument::List(Box::new(Lines::from_stdin(if null { 0 } else { b'\n' }, terminal.stop_flag())?))
        } else {
            Argument::Path(path)
        });
    }
    Ok(Arguments::new(arguments))
}

/// Paths from a stream, each handed on as soon as it is there.
struct Lines {
    paths: Receiver<PathBuf>,
    stop: Arc<AtomicBool>,
}

/// How soon a wait for a silent pipe sees Ctrl-C.
const POLL: Duration = Duration::from_millis(100);

impl Lines {
    /// Reads on a thread that is never joined: a read from a silent pipe cannot be interrupted.
    fn from_stdin(separator: u8, stop: Arc<AtomicBool>) -> io::Result<Self> {
        let (send, paths) = bounded(1024);
        std::thread::Builder::new().spawn(move || {
            let input = io::stdin().lock();
            // What separates its paths by NUL writes their bytes, and no byte-order mark.
            let input: Box<dyn Read> = if separator == 0 { Box::new(input) } else { Box::new(Text::new(input)) };
            for line in BufReader::new(input).split(separator) {
                let Ok(mut line) = line else { return };
                if separator == b'\n' && line.last() == Some(&b'\r') {
                    line.pop();
                }
                if !line.is_empty() && send.send(path_of(line)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { paths, stop })
    }
}

#[cfg(unix)]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

impl Inputs for Lines {
    fn next(&mut self, at_most: usize) -> Vec<PathBuf> {
        let first = loop {
            match self.paths.recv_timeout(POLL) {
                Ok(path) => break path,
                Err(RecvTimeoutError::Timeout) if !self.stop.load(Ordering::Relaxed) => {}
                Err(_) => return Vec::new(),
            }
        };
        // A slow writer gets its answers one by one, a fast one fills the batches.
        std::iter::once(first).chain(self.paths.try_iter()).take(at_most).collect()
    }
}

/// Prints one row after the other.
struct Rows {
    format: Format,
    csv_header_is_due: bool,
    failure: Option<io::Error>,
}

impl Rows {
    fn print(&mut self, prediction: &Prediction) -> ControlFlow<()> {
        let text = match self.format {
            Format::Text => text_row(prediction).into(),
            Format::Json => json_row(prediction).into(),
            Format::Csv => match csv_row(prediction, std::mem::take(&mut self.csv_header_is_due)) {
                Ok(text) => text,
                Err(error) => {
                    self.failure = Some(error);
                    return ControlFlow::Break(());
                }
            },
        };
        match terminal::print_bytes(&text) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failure = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

fn text_row(prediction: &Prediction) -> String {
    let path = escaped::text(&prediction.path);
    let mut rows = Vec::new();
    match &prediction.outcome {
        Ok(answer) => {
            let Answer { label, positive, .. } = answer;
            // Both names are as wide as the wider one, so that the columns stand still.
            let width = positive.chars().count().max(answer.negative.chars().count());
            let mark = if answer.unfamiliar == Some(true) { "  (unlike the training photos)" } else { "" };
            let probability = probability(answer.probability);
            rows.push(format!("{:width$}  P({positive}) {probability}{}  {path}{mark}", label.word(), beside(answer)));
            rows.extend(answer.nearest.iter().flatten().map(|photo| {
                let Similar { path, class, similarity } = photo;
                format!("{:width$}    like {similarity:.2}  {class}  {}", "", escaped::text(path))
            }));
            rows.extend(answer.cam.as_ref().map(|cam| cam_row(cam, answer)));
        }
        Err(reason) => rows.push(format!("unreadable  {path}: {reason}")),
    }
    rows.iter().map(|row| terminal::escape_control(row).into_owned() + "\n").collect()
}

/// Four digits, and no certainty that they do not show.
fn probability(value: f64) -> String {
    if value > 0.0 && value < 0.000_05 {
        "< 0.0001".to_owned()
    } else if (0.999_95..1.0).contains(&value) {
        "> 0.9999".to_owned()
    } else {
        format!("= {value:.4}")
    }
}

/// The threshold where it is not the one that everybody expects: the answer would look wrong without it.
fn beside(answer: &Answer) -> String {
    let Answer { threshold, probability, .. } = *answer;
    if answer.label == Verdict::Review || (threshold - 0.5).abs() < f64::EPSILON {
        return String::new();
    }
    format!(" ({} {threshold:.4})", if probability >= threshold { '≥' } else { '<' })
}

/// How the cells make the logit, and what the colours mean.
fn cam_row(Cam { path, map }: &Cam, answer: &Answer) -> String {
    let way = match map.pooling {
        Pooling::Average => "mean",
        Pooling::Flatten => "sum",
    };
    let (side, [orange, blue]) = (map.side, heatmap::COLOURS);
    let (logit, bias, evidence) = (answer.logit, map.bias, map.evidence());
    format!(
        "    {}: logit {logit:.4} = bias {bias:.4} + {way} of {side}×{side} cells {evidence:.4}; {orange} speaks for \
         {}, {blue} for {}",
        escaped::text(path),
        answer.positive,
        answer.negative
    )
}

/// The map as numbers, row by row from the top.
fn cam_json(Cam { path, map }: &Cam) -> serde_json::Value {
    let rows: Vec<_> = map.cells.chunks(map.side.max(1)).collect();
    json!({ "path": escaped::text(path), "head": map.pooling, "bias": map.bias, "cells": rows })
}

fn json_row(prediction: &Prediction) -> String {
    let path = escaped::text(&prediction.path);
    let row = match &prediction.outcome {
        Ok(answer) => {
            let mut row = json!({
                "path": path,
                "label": answer.label.word(),
                "positive": answer.positive,
                "probability": answer.probability,
                "logit": answer.logit,
            });
            if answer.pages > 1 {
                row["pages"] = json!(answer.pages);
            }
            if let Some(unfamiliar) = answer.unfamiliar {
                row["unfamiliar"] = json!(unfamiliar);
            }
            if let Some(nearest) = &answer.nearest {
                row["nearest"] = json!(nearest);
            }
            if let Some(cam) = &answer.cam {
                row["cam"] = cam_json(cam);
            }
            row
        }
        Err(reason) => json!({ "path": path, "error": reason }),
    };
    format!("{row}\n")
}

fn csv_row(prediction: &Prediction, with_header: bool) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if with_header {
        writer.write_record(["path", "label", "positive", "probability", "logit", "unfamiliar", "error"])?;
    }
    let path = prediction.path.as_os_str().as_encoded_bytes();
    match &prediction.outcome {
        Ok(answer) => {
            let (probability, logit) = (answer.probability.to_string(), answer.logit.to_string());
            let unfamiliar = answer.unfamiliar.map(|mark| mark.to_string()).unwrap_or_default();
            writer.write_record([
                path,
                answer.label.word().as_bytes(),
                answer.positive.as_bytes(),
                probability.as_bytes(),
                logit.as_bytes(),
                unfamiliar.as_bytes(),
                b"",
            ])?;
        }
        Err(reason) => writer.write_record([path, b"", b"", b"", b"", b"", reason.as_bytes()])?,
    }
    writer.flush()?;
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(path: &str) -> Prediction {
        let answer = Answer {
            label: Verdict::Class("bees".into()),
            positive: "bees".into(),
            negative: "others".into(),
            probability: 0.75,
            logit: 1.098_612_3,
            threshold: 0.5,
            pages: 1,
            unfamiliar: None,
            nearest: None,
            cam: None,
        };
        Prediction { path: path.into(), outcome: Ok(answer) }
    }

    #[test]
    fn a_row_names_the_class_whose_probability_it_gives() {
        assert_eq!(text_row(&prediction("a.jpg")), "bees    P(bees) = 0.7500  a.jpg\n");
        let json: serde_json::Value = serde_json::from_str(&json_row(&prediction("a.jpg"))).unwrap();
        assert_eq!((json["positive"].as_str(), json["probability"].as_f64()), (Some("bees"), Some(0.75)));
    }

    #[test]
    fn no_row_looks_more_certain_than_it_is_and_an_unusual_threshold_stands_beside_it() {
        let row = |probability: f64, threshold: f64| {
            let mut prediction = prediction("a.jpg");
            if let Ok(answer) = &mut prediction.outcome {
                (answer.probability, answer.threshold) = (probability, threshold);
            }
            text_row(&prediction)
        };
        assert_eq!(row(0.000_01, 0.5), "bees    P(bees) < 0.0001  a.jpg\n");
        assert_eq!(row(0.999_99, 0.5), "bees    P(bees) > 0.9999  a.jpg\n");
        assert_eq!(row(1.0, 0.5), "bees    P(bees) = 1.0000  a.jpg\n");
        assert_eq!(row(0.2176, 0.1438), "bees    P(bees) = 0.2176 (≥ 0.1438)  a.jpg\n");
    }

    #[test]
    fn the_last_line_counts_every_answer() {
        let mut counts = Counts::default();
        counts.add(&prediction("a.jpg"));
        counts.add(&Prediction { path: "x".into(), outcome: Err("empty file".into()) });
        assert_eq!(counts.to_string(), "2 photos: 1 bees, 1 unreadable");
        counts.unfamiliar = 1;
        assert_eq!(counts.to_string(), "2 photos: 1 bees, 1 unreadable; 1 unlike the training photos");
    }

    #[test]
    fn csv_quotes_what_needs_it_and_has_its_header_once() {
        let first = csv_row(&prediction("a, \"b\".jpg"), true).unwrap();
        assert!(first.starts_with(
            b"path,label,positive,probability,logit,unfamiliar,error\n\"a, \"\"b\"\".jpg\",bees,bees,0.75,"
        ));
        let error = Prediction { path: "x".into(), outcome: Err("empty file".into()) };
        assert_eq!(csv_row(&error, false).unwrap(), b"x,,,,,,empty file\n");
    }
}
