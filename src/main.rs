//! Parse, run, exit code; the one error printer.

mod cli;

#[global_allocator]
static ALLOCATOR: resnet_binary::Allocator = resnet_binary::Allocator;

fn main() {
    resnet_binary::end_clearly_without_memory();
    resnet_binary::exit_without_destructors(cli::run().code())
}
