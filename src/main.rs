//! The program: its allocator, and the command line of the library.

#[global_allocator]
static ALLOCATOR: resnet_binary::Allocator = resnet_binary::Allocator;

fn main() {
    resnet_binary::main();
}
