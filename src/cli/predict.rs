//! `resnet-binary predict`

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::list::arguments;
use super::options;
use super::output;
use super::rows::{OutputFormat, Rows};
use super::terminal::{Exit, Terminal};
use crate::decision::Review;
use crate::files::{FileError, shell_word};
use crate::pipeline::{self, Arguments, MapOutput, MaxUnreadable, PredictOptions, Prediction, Verdict};
use crate::progress::Progress;
use crate::shards::Shard;
use crate::weights::WeightsSource;

/// Classify photos, folders and tar archives of photos, or a list on standard input
///
/// Prints one row per input, in input order, as results arrive; for a photo that cannot be read, the row gives the reason.
///
/// Fields of JSON and columns of CSV: path; label, the predicted class, or `review`; positive, the name of the positive class;
/// probability, the calibrated probability of that class; logit, the head's output before calibration; unfamiliar, whether
/// the photo is unlike the training photos; error, why the photo could not be read, in place of all but the path. JSON only,
/// where they apply: pages, the number of pages or frames, of which the first is classified; `trained_on`, true if the model was
/// trained on this photo; nearest, with `--explain`: a list of path, class and similarity (1 is the same photo); cam, with
/// `--cam`: path (of the picture), head (gap or flatten), bias, and cells, row by row, whose mean (with flatten: sum) plus
/// the bias is the logit.
///
/// A list on standard input is UTF-8, or UTF-16 with a byte-order mark. In a path that is not valid UTF-8, text and JSON show
/// each invalid byte as `\xHH` and a backslash as `\\`; CSV has the bytes unchanged.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "\
Examples:
  resnet-binary predict img.jpg
  resnet-binary predict img.jpg --cam map.png
  resnet-binary predict photos/ --format csv > answers.csv
  find . -name '*.jpg' | resnet-binary predict - --format json",
    override_usage = "resnet-binary predict [OPTIONS] <FILE|DIR|TAR|->..."
)]
pub(crate) struct Args {
    /// Photos, folders, tar archives, or - for a list of paths on standard input; a photo in an archive is photos.tar/cat/1.jpg
    #[arg(value_name = "FILE|DIR|TAR|-")]
    inputs: Vec<PathBuf>,
    /// The model that `train` wrote
    #[arg(short, long, value_name = "FILE", default_value = "model.safetensors")]
    model: PathBuf,
    /// Format of the rows
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
    /// Same as --format json
    #[arg(long, conflicts_with = "format", hide_short_help = true)]
    json: bool,
    /// Draw a class activation map (evidence for and against the positive class) over the photo: a PNG for one photo; for
    /// several photos, or with a trailing `/`, a folder that gets a NAME.cam.png for each
    #[arg(long, value_name = "PNG|DIR")]
    cam: Option<PathBuf>,
    /// Decision threshold: positive if the probability is at least X [default: the model's]
    #[arg(long, value_name = "X", value_parser = options::probability)]
    threshold: Option<f64>,
    /// Answer `review` if the probability is between LOW and HIGH, both included
    #[arg(long, value_name = "LOW,HIGH", value_parser = options::review)]
    review: Option<Review>,
    /// Create a new folder with links to the photos, one subfolder per answer; no photo is moved
    #[arg(long, value_name = "DIR")]
    sort: Option<PathBuf>,
    /// Name the three most similar training photos for each photo, of the up to 256 that the model stores
    #[arg(long)]
    explain: bool,
    /// The paths on standard input are separated by NUL characters, as written by `find -print0`
    #[arg(short = '0', long, hide_short_help = true)]
    null: bool,
    /// Only every N-th photo of the inputs sorted by path, starting with the I-th, counted from 0
    #[arg(long, value_name = "I/N", hide_short_help = true)]
    shard: Option<Shard>,
    /// Fail, after all rows are printed, if more photos than this could not be read: a percentage such as 5%, or a number
    #[arg(long, value_name = "LIMIT", hide_short_help = true)]
    max_unreadable: Option<MaxUnreadable>,
    #[command(flatten)]
    reading: options::Reading,
    /// Weights to use in place of those that the model names; the checksum must be the same
    #[arg(long, value_name = "WEIGHTS", help_heading = "Backbone", hide_short_help = true)]
    weights: Option<WeightsSource>,
    #[command(flatten)]
    backbone: options::Backbone,
}

/// The number of training photos that `--explain` names.
const NEAREST: usize = 3;

/// Classifies every input and prints one row for each.
pub(crate) fn run(args: Args, terminal: &Terminal) -> anyhow::Result<Exit> {
    let format = if args.json { OutputFormat::Json } else { args.format };
    if args.inputs.is_empty() {
        let (message, hint) = no_inputs(args.sort.as_deref());
        output::print_error(&message, Some(&hint));
        return Ok(Exit::Usage);
    }
    if let Some((option, remedy)) = ineffective_option(&args, format) {
        output::print_error(&format!("`{option}` has no effect here"), Some(remedy));
        return Ok(Exit::Usage);
    }
    let (inputs, read_error) = arguments(args.inputs, args.null, terminal)?;
    inputs.check_archives()?;
    let mut inputs = match args.shard {
        Some(shard) => inputs.shard(shard),
        None => inputs,
    };
    let cam = match args.cam.map(|path| map_output(path, &inputs)).transpose() {
        Ok(cam) => cam,
        Err(reason) => {
            output::print_error(
                &reason,
                Some("give a file for one photo (`--cam map.png`) or a folder for several (`--cam maps/`)"),
            );
            return Ok(Exit::Usage);
        }
    };
    let options = PredictOptions {
        cam,
        on_unreadable: args.reading.on_unreadable,
        max_unreadable: args.max_unreadable,
        limits: args.reading.limits(),
        model: args.model,
        threshold: args.threshold,
        review: args.review,
        sort: args.sort,
        explain: args.explain.then_some(NEAREST),
        backbone: args.backbone.options(args.weights, terminal)?,
    };
    let mut rows = Rows {
        terminal,
        format,
        csv_header_is_due: format == OutputFormat::Csv,
        outlives_its_reader: options.sort.is_some(),
        failure: None,
    };
    let mut counts = Counts::default();
    let unreadable = pipeline::predict(&options, &mut inputs, terminal, &mut |prediction| {
        counts.add(&prediction);
        rows.print(&prediction)
    })?;
    if let Some(error) = rows.failure {
        return Err(error).context("cannot write to standard output");
    }
    if let Some(error) = read_error.get() {
        bail!("cannot read the whole list on standard input: {error}");
    }
    if counts.photos > 1 {
        terminal.note(&counts.to_string());
    }
    if let Some(hint) = counts.hint() {
        terminal.note(&format!("hint: {hint}"));
    }
    if let Some(folder) = options.sort.filter(|folder| folder.is_dir()) {
        terminal.note(&format!("sorted: `{}` has a folder of links for each answer", folder.display()));
    }
    Ok(Exit::done(unreadable > 0))
}

/// The error and the hint for a command line without photos. `--sort DIR` is easily mistaken for the photos.
fn no_inputs(sort: Option<&Path>) -> (String, String) {
    let Some(sort) = sort else {
        let hint =
            "name photos or folders, such as `resnet-binary predict photos/`, or `-` for a list on standard input";
        return ("no photos were given".to_owned(), hint.to_owned());
    };
    let word = |path: &Path| shell_word(&path.to_string_lossy());
    let (photos, links) = if sort.is_dir() {
        let mut links = sort.components().collect::<PathBuf>().into_os_string();
        links.push("-sorted");
        (word(sort), PathBuf::from(links))
    } else {
        ("photos/".to_owned(), sort.to_path_buf())
    };
    let message = format!("no photos were given: `--sort {}` is the new folder of links", word(sort));
    (message, format!("name the photos too: `resnet-binary predict {photos} --sort {}`", word(&links)))
}

/// An option that has no effect because of another one or its absence, and what to do about it.
fn ineffective_option(args: &Args, format: OutputFormat) -> Option<(&'static str, &'static str)> {
    if args.null && args.inputs.iter().all(|input| input.as_os_str() != "-") {
        return Some(("--null", "it applies to a list on standard input: add `-`, or omit it"));
    }
    (args.explain && format == OutputFormat::Csv)
        .then_some(("--explain", "CSV has no column for it: use `--format json`, or omit it"))
}

/// The counts of the answers, for the last line.
#[derive(Debug, Default)]
struct Counts {
    photos: usize,
    /// Every answer with its count.
    answers: BTreeMap<String, usize>,
    unfamiliar: usize,
    unreadable: usize,
    /// The first path that does not exist.
    missing: Option<PathBuf>,
}

impl Counts {
    fn add(&mut self, prediction: &Prediction) {
        self.photos += 1;
        if let Ok(answer) = &prediction.outcome {
            *self.answers.entry(answer.label.word().to_owned()).or_default() += 1;
            self.unfamiliar += usize::from(answer.unfamiliar == Some(true));
        } else {
            self.unreadable += 1;
            if self.missing.is_none() && !prediction.path.exists() {
                self.missing = Some(prediction.path.clone());
            }
        }
    }

    /// A hint where nothing could be read and a path does not exist, which is probably mistyped.
    fn hint(&self) -> Option<String> {
        let path = self.missing.as_ref().filter(|_| self.unreadable == self.photos)?;
        FileError::new("read", path, std::io::ErrorKind::NotFound.into()).hint()
    }
}

/// Such as `5 photos: 3 of ants, 2 of bees; 1 unlike the training photos`.
impl fmt::Display for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The plural of a class name is unknown, hence `3 of ants`.
        let review = Verdict::Review.word();
        let answers = self.answers.iter().map(|(answer, count)| {
            if answer == review { format!("{count} to review") } else { format!("{count} of {answer}") }
        });
        let unreadable = (self.unreadable > 0).then(|| format!("{} unreadable", self.unreadable));
        let parts: Vec<String> = answers.chain(unreadable).collect();
        write!(out, "{} photos: {}", self.photos, parts.join(", "))?;
        match self.unfamiliar {
            0 => Ok(()),
            some => write!(out, "; {some} unlike the training photos"),
        }
    }
}

/// Whether `--cam` is a file or a folder for these inputs.
fn map_output(path: PathBuf, inputs: &Arguments) -> Result<MapOutput, String> {
    let is_png = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    let is_folder = path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/");
    if is_folder || inputs.count() != Some(1) && !is_png && !path.exists() {
        return Ok(MapOutput::Folder(path));
    }
    if inputs.count() != Some(1) {
        return Err(format!("`--cam {}` is one file, but there may be several photos", path.display()));
    }
    if !is_png {
        return Err(format!("`--cam {}` does not end in .png, but a map is a PNG", path.display()));
    }
    Ok(MapOutput::File(path))
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::prediction;
    use super::*;

    #[test]
    fn the_last_line_counts_every_answer() {
        let mut counts = Counts::default();
        counts.add(&prediction("a.jpg"));
        counts.add(&Prediction { path: "x".into(), outcome: Err("empty file".into()) });
        assert_eq!(counts.to_string(), "2 photos: 1 of bees, 1 unreadable");
        counts.unfamiliar = 1;
        assert_eq!(counts.to_string(), "2 photos: 1 of bees, 1 unreadable; 1 unlike the training photos");
    }
}
