//! The commands, and how a run of one ends.

use std::sync::{LazyLock, OnceLock};

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use resnet_binary::dataset::DatasetError;
use resnet_binary::files::FileError;
use resnet_binary::pipeline::PipelineError;
use resnet_binary::pixels;
use resnet_binary::progress::Progress as _;
use resnet_binary::weights::WeightsError;

use super::settings::Settings;
use super::terminal::{self, Exit, Terminal};
use super::{
    cache, doctor, evaluate, export, extract, help, inspect, merge, options, predict, shell, train, verify, weights,
};

/// This program and its libtorch, which is asked, for it need not be the one that the program was compiled with.
static VERSION: LazyLock<String> =
    LazyLock::new(|| format!("{} ({})", env!("CARGO_PKG_VERSION"), resnet_binary::backbone::about::short()));

/// A folder of photos in, a trustworthy binary classifier out.
#[derive(Debug, Parser)]
#[command(name = "resnet-binary", version = VERSION.as_str(), max_term_width = 100, propagate_version = true)]
#[command(after_help = "\
Start here:
  resnet-binary train --data ./imgs      of ./imgs/cats/*.jpg, ./imgs/dogs/*.jpg
  resnet-binary predict img.jpg

Exit codes: 0 done, 1 failed, 2 usage, 3 done but some inputs could not be read.")]
pub(super) struct Cli {
    /// Say nothing but results, warnings and errors
    #[arg(short, long, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a classifier on a folder of photos
    Train(Box<train::Args>),
    /// Measure a model on labelled photos that it was not trained on
    Evaluate(evaluate::Args),
    /// Classify photos, folders of photos, or a list on standard input
    Predict(predict::Args),
    /// Write the 2048 features of every photo to a safetensors file
    Extract(extract::Args),
    /// Prove that shards of features are one whole, and write it as one file
    Merge(merge::Args),
    /// Write a model as ONNX, TorchScript or safetensors
    Export(export::Args),
    /// Replay the golden photos of an exported file, stage by stage
    Verify(verify::Args),
    /// Show every stage of the network, down to the head
    Inspect(inspect::Args),
    /// List, fetch, check and import the backbone's ImageNet weights
    Weights(weights::Args),
    /// Show, clear or shrink the cache of features
    Cache(cache::Args),
    /// Look at the installation, and try every device
    Doctor(doctor::Args),
    /// Write the completions of a shell to standard output
    Completions(shell::CompletionsArgs),
    /// Write a manual page for each command into a folder
    Man(shell::ManArgs),
}

/// Parses the command line, runs the command and turns its end into an exit code.
pub(crate) fn run() -> Exit {
    let (cli, settings) = match parse() {
        Ok(Some(parsed)) => parsed,
        Ok(None) => return Exit::Done,
        Err(error) => {
            terminal::print_error(&format!("{error:#}"), hint(&error).as_deref());
            return Exit::Usage;
        }
    };
    remember_panics();
    let terminal = match Terminal::new(cli.quiet) {
        Ok(terminal) => terminal,
        Err(error) => {
            terminal::print_error(&format!("cannot listen for signals: {error}"), None);
            return Exit::Failed;
        }
    };
    for line in &settings {
        terminal.note(line);
    }
    let work = std::panic::AssertUnwindSafe(|| match cli.command {
        Command::Train(args) => train::run(*args, &terminal),
        Command::Evaluate(args) => evaluate::run(args, &terminal),
        Command::Predict(args) => predict::run(args, &terminal),
        Command::Extract(args) => extract::run(args, &terminal),
        Command::Merge(args) => merge::run(args, &terminal),
        Command::Export(args) => export::run(args, &terminal),
        Command::Verify(args) => verify::run(&args),
        Command::Inspect(args) => inspect::run(args),
        Command::Weights(args) => weights::run(args, &terminal),
        Command::Cache(args) => cache::run(&args, &terminal),
        Command::Doctor(args) => doctor::run(&args, &terminal),
        Command::Completions(args) => shell::completions(&args, Cli::command()),
        Command::Man(args) => shell::man(&args, Cli::command()),
    });
    match std::panic::catch_unwind(work) {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => failed(&error, &terminal),
        Err(_) => {
            terminal::print_error(
                &format!("a flaw in resnet-binary: {}", first_panic()),
                Some("please report it with the command you ran; nothing half-written was left behind"),
            );
            Exit::Failed
        }
    }
}

/// The command line, and a line for each place that settings of `train` are from. `None` where they were only asked for.
fn parse() -> anyhow::Result<Option<(Cli, Vec<String>)>> {
    let command = help::fitted(Cli::command(), std::env::args_os().skip(1));
    let given = command.clone().try_get_matches().unwrap_or_else(|error| with_example(error).exit());
    let mut built = command.clone();
    built.build();
    let (Some(("train", train)), Some(definition)) = (given.subcommand(), built.find_subcommand("train")) else {
        return Ok(Some((Cli::from_arg_matches(&given)?, Vec::new())));
    };
    let settings = Settings::find(definition, train)?;
    let command = command.mut_subcommand("train", |train| settings.apply(train));
    let whole = command.try_get_matches().and_then(|whole| Ok((Cli::from_arg_matches(&whole)?, whole)));
    let (cli, whole) = whole.unwrap_or_else(|error| settings.explain(error).exit());
    match whole.subcommand_matches("train").filter(|train| train.get_flag("print_config")) {
        Some(train) => {
            terminal::print(&settings.table(definition, train))?;
            Ok(None)
        }
        None => Ok(Some((cli, settings.notes()))),
    }
}

/// A bare `train` is asked by those who do not know yet what a folder of photos looks like.
fn with_example(mut error: clap::Error) -> clap::Error {
    let needs_data = matches!(
        error.get(ContextKind::InvalidArg),
        Some(ContextValue::Strings(missing)) if missing.iter().any(|option| option.starts_with("--data"))
    );
    if needs_data {
        let tip =
            "give a folder with a folder for each class: `--data ./imgs` for ./imgs/cats/*.jpg and ./imgs/dogs/*.jpg";
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// Prints an error, unless the user asked for the end or the reader of a pipe went away.
fn failed(error: &anyhow::Error, terminal: &Terminal) -> Exit {
    let is_interrupt = match error.downcast_ref::<PipelineError>() {
        Some(error) => error.is_interrupt(),
        None => matches!(error.downcast_ref(), Some(WeightsError::Interrupted(_))),
    };
    if is_interrupt {
        terminal::print_error(&"interrupted; nothing half-written was left behind", None);
        return terminal.interrupted_exit();
    }
    let is_closed_pipe = |cause: &(dyn std::error::Error + 'static)| {
        let in_file = cause.downcast_ref::<FileError>().map(|error| &error.cause);
        let error = in_file.or_else(|| cause.downcast_ref::<std::io::Error>());
        error.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(is_closed_pipe) {
        return Exit::Done;
    }
    terminal::print_error(&format!("{error:#}"), hint(error).as_deref());
    match error.downcast_ref() {
        // A scheduler tries a failed task again, and this one can only fail again.
        Some(PipelineError::Shard(error)) if error.is_lasting() => Exit::Usage,
        _ => Exit::Failed,
    }
}

/// The remedy of the first error in the chain that knows one.
fn hint(error: &anyhow::Error) -> Option<String> {
    if let Some(PipelineError::Dataset(DatasetError::Ambiguous(ambiguity))) = error.downcast_ref() {
        return Some(ambiguity.commands(&options::command_line()));
    }
    macro_rules! first_hint {
        ($($kind:ty),* $(,)?) => {
            error.chain().find_map(|cause| {
                $(if let Some(known) = cause.downcast_ref::<$kind>() { return known.hint(); })*
                None
            })
        };
    }
    first_hint!(
        PipelineError,
        DatasetError,
        WeightsError,
        resnet_binary::backbone::BackboneError,
        resnet_binary::head::HeadError,
        resnet_binary::model::ModelError,
        FileError,
    )
}

/// The first panic of any thread, in words; a thread that is joined by a scope loses its own.
static FIRST_PANIC: OnceLock<String> = OnceLock::new();

/// A panic is shown once and as an error like any other. One inside a decoder is that photo's error and not a flaw.
fn remember_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let _ = FIRST_PANIC.set(panic.to_string().replace('\n', " "));
    }));
    pixels::silence_decoder_panics();
}

fn first_panic() -> &'static str {
    FIRST_PANIC.get().map_or("no message", String::as_str)
}
