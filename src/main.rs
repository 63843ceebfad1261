//! Parse, run, exit code; the one error printer.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
