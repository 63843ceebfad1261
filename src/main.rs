//! Parse, run, exit code; the one error printer.

mod cli;

fn main() {
    resnet_binary::leave(cli::run().code())
}
