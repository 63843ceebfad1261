//! The commands, and how running one ends.

use std::sync::{LazyLock, OnceLock};

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use super::output;
use super::settings::Settings;
use super::terminal::{Exit, Terminal};
use super::{
    cache, doctor, evaluate, export, extract, help, inspect, merge, options, predict, shell, train, verify, weights,
};
use crate::dataset::DatasetError;
use crate::files::FileError;
use crate::pipeline::PipelineError;
use crate::pixels;
use crate::progress::Progress as _;
use crate::weights::WeightsError;

/// The versions of this program and of the libtorch it runs with, which may differ from the one it was compiled with.
static VERSION: LazyLock<String> =
    LazyLock::new(|| format!("{} ({})", env!("CARGO_PKG_VERSION"), crate::backbone::about::short()));

/// A folder of photos in, a trustworthy binary classifier out.
#[derive(Debug, Parser)]
#[command(name = "resnet-binary", version = VERSION.as_str(), max_term_width = 100, propagate_version = true)]
#[command(after_help = "\
Start here:
  resnet-binary train --data ./imgs      of ./imgs/cats/*.jpg, ./imgs/dogs/*.jpg
  resnet-binary predict img.jpg

Exit codes: 0 done; 1 failed; 2 usage error, or a failure that a retry cannot
fix; 3 done, but some inputs could not be read; 10-20 problem found by `doctor`;
130 interrupted by Ctrl-C; 143 terminated.")]
pub(super) struct Cli {
    /// Print only results, warnings and errors
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
    /// Check that feature shards are complete and consistent, and merge them into one file
    Merge(merge::Args),
    /// Write a model as ONNX, TorchScript or safetensors
    Export(export::Args),
    /// Check an exported file against its test images, stage by stage
    Verify(verify::Args),
    /// Show every stage of the network, including the head
    Inspect(inspect::Args),
    /// List, fetch, check and import the backbone's ImageNet weights
    Weights(weights::Args),
    /// Show, clear or shrink the cache of features
    Cache(cache::Args),
    /// Check the installation, and run a batch on every device
    Doctor(doctor::Args),
    /// Write completions for a shell to standard output
    Completions(shell::CompletionsArgs),
    /// Write a manual page for each command to a folder
    Man(shell::ManArgs),
}

/// Runs the command that the arguments of the process say, and ends the process with its exit code.
pub fn main() {
    crate::ffi::end_clearly_without_memory();
    crate::ffi::exit_without_destructors(run().code())
}

/// Parses the command line, runs the command and turns its outcome into an exit code.
fn run() -> Exit {
    let (cli, settings) = match parse() {
        Ok(Some(parsed)) => parsed,
        Ok(None) => return Exit::Done,
        Err(error) => {
            output::print_error(&format!("{error:#}"), hint(&error).as_deref());
            return Exit::Usage;
        }
    };
    remember_panics();
    let terminal = match Terminal::new(cli.quiet) {
        Ok(terminal) => terminal,
        Err(error) => {
            output::print_error(&format!("cannot listen for signals: {error}"), None);
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
            output::print_error(
                &format!("internal error (bug): {}", first_panic()),
                Some("please report it with the command you ran; no incomplete output was left behind"),
            );
            Exit::Failed
        }
    }
}

/// The command line, and a line for each source of settings of `train`. `None` after `--print-config`, which only prints them.
fn parse() -> anyhow::Result<Option<(Cli, Vec<String>)>> {
    let command = help::fitted(Cli::command(), std::env::args_os().skip(1));
    let given = command.clone().try_get_matches().unwrap_or_else(|error| exit(&with_example(error)));
    let mut built = command.clone();
    built.build();
    let (Some(("train", train)), Some(definition)) = (given.subcommand(), built.find_subcommand("train")) else {
        return Ok(Some((Cli::from_arg_matches(&given)?, Vec::new())));
    };
    let settings = Settings::find(definition, train)?;
    let command = command.mut_subcommand("train", |train| settings.apply(train));
    let whole = command.try_get_matches().and_then(|whole| Ok((Cli::from_arg_matches(&whole)?, whole)));
    let (cli, whole) = whole.unwrap_or_else(|error| exit(&settings.explain(error)));
    match whole.subcommand_matches("train").filter(|train| train.get_flag("print_config")) {
        Some(train) => {
            output::print(&settings.table(definition, train))?;
            Ok(None)
        }
        None => Ok(Some((cli, settings.notes()))),
    }
}

/// Prints help, the version or a usage error, and ends the process.
fn exit(message: &clap::Error) -> ! {
    let _ = message.print();
    crate::ffi::exit_without_destructors(u8::try_from(message.exit_code()).unwrap_or(2))
}

/// Adds an example of a data folder to the error of `train` without `--data`, which is probably a newcomer's.
fn with_example(mut error: clap::Error) -> clap::Error {
    let needs_data = matches!(
        error.get(ContextKind::InvalidArg),
        Some(ContextValue::Strings(missing)) if missing.iter().any(|option| option.starts_with("--data"))
    );
    if needs_data {
        let tip =
            "give a folder with one folder per class: `--data ./imgs` for ./imgs/cats/*.jpg and ./imgs/dogs/*.jpg";
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// Prints the error and chooses the exit code; a closed pipe is not an error.
fn failed(error: &anyhow::Error, terminal: &Terminal) -> Exit {
    let is_interrupt = match error.downcast_ref::<PipelineError>() {
        Some(error) => error.is_interrupt(),
        None => matches!(error.downcast_ref(), Some(WeightsError::Interrupted(_))),
    };
    if is_interrupt {
        output::print_error(&"interrupted; no incomplete output was left behind", None);
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
    output::print_error(&format!("{error:#}"), hint(error).as_deref());
    match error.downcast_ref() {
        // A scheduler retries a failed task, but this one would fail again.
        Some(PipelineError::Shard(error)) if error.is_lasting() => Exit::Usage,
        _ => Exit::Failed,
    }
}

/// The hint of the first error in the chain that has one.
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
        crate::backbone::BackboneError,
        crate::head::HeadError,
        crate::model::ModelError,
        FileError,
    )
}

/// The first panic of any thread as text; a scope that joins a thread loses its message.
static FIRST_PANIC: OnceLock<String> = OnceLock::new();

/// A panic is shown once, as an ordinary error. A panic inside a decoder is an error of that photo, not a bug.
fn remember_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let _ = FIRST_PANIC.set(panic.to_string().replace('\n', " "));
    }));
    pixels::silence_decoder_panics();
}

fn first_panic() -> &'static str {
    FIRST_PANIC.get().map_or("no message", String::as_str)
}
