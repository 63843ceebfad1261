//! The real binary, driven as a user drives it.
//!
//! `train` and `predict`: the way from photos to answers. `output`: who gets to read what. `weights`: known, missing,
//! refused and fetched. `cache`: features that were computed once. `evaluate`: numbers
//! on new photos. `shards`: features of many machines.
//! `numbers`: what few photos and copies make of them. `shapes`: the network as a table, the flatten head,
//! and everything that does not fit. `cam`: pictures of
//! what speaks for an answer. `bad_input`: the table of everything that can be wrong. `hostile`: files that strangers made.
//! `layouts`: folders and commands as people have them. `outputs`: where nothing is written. `formats`: files of other
//! kinds. `tables`: tables and lists of other programs. `startup`: no folder, no memory. `faults`: kills, two at once,
//! closed streams. `export`: files for other programs, replayed. `newcomer`: the first minutes. `walkthrough`: from a page to
//! predictions. `settings`: choices that are not typed. `shell`: completions and manual pages. `library`: the programs in
//! `examples/`. `interrupt`: Ctrl-C at every stage.
//!
//! Random weights at 32 pixels stand in for the real ones: what is tested is the program, not the classifier.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod cache;
mod cam;
mod doctor;
mod evaluate;
mod export;
mod faults;
mod formats;
mod head;
mod hostile;
mod interrupt;
mod layouts;
mod library;
mod newcomer;
mod numbers;
mod output;
mod outputs;
mod predict;
mod settings;
mod setup;
mod shapes;
mod shards;
mod shell;
mod startup;
mod tables;
mod tars;
mod train;
mod trust;
mod walkthrough;
mod weights;
