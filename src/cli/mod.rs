//! The command line: parsing and printing only. It uses all other modules, and only `src/main.rs` calls it.

mod cache;
mod doctor;
mod evaluate;
mod export;
mod extract;
mod help;
mod inspect;
mod list;
mod merge;
mod options;
mod output;
mod predict;
mod program;
mod rows;
mod settings;
mod shell;
mod terminal;
mod threads;
mod train;
mod verify;
mod weights;

pub use program::main;
