//! A folder, a CSV or tar archives → labelled samples, in the order of their paths, with their split where the data has one.
//!
//! ```text
//! DIR/CLASS/**                    one folder a class, as deep as one likes
//! DIR/{train,val[,test]}/CLASS/** the same, already split; other words for a split too ([`Split::parse`])
//! DIR/CLASS/{train,val[,test]}/** the same, split within each class
//! DIR/ONE/…                       any of these in a folder that has nothing beside it, which is said
//! FILE.csv                        columns path, label and perhaps split
//! FILE.tar                        members in WebDataset's layout, or one folder a class; several by a pattern or a folder
//! ```
//!
//! Folders that can be read in two ways are an error with both, which [`ClassesFrom`] decides. Names that differ in case,
//! blanks, Unicode form or as 1 and 1.0 do are one class, which is said.
//!
//! [`open()`] promises: the same files give the same samples in the same order on every file system; one class map for
//! all splits; nothing is left out without being counted ([`Ignored`]) or named ([`Unreadable`]). It opens files
//! for reading only, and of a photo no more than the first bytes: what counts as an image is the caller's predicate.
//! [`fixes`] lays corrections of labels over them, and [`split`] divides what has no split yet.

mod archive;
mod classes;
mod error;
pub mod fixes;
mod folder;
mod layout;
mod listing;
mod open;
mod row_problem;
mod sample;
pub mod split;
pub mod subset;
mod table;
mod tars;

pub use classes::{ClassMap, Found};
pub use error::DatasetError;
pub use layout::{Ambiguity, ClassesFrom};
pub use open::{HEAD, IsImage, ReadOptions, open, open_for};
pub use row_problem::RowProblem;
pub use sample::{Dataset, Ignored, Label, Sample, Unreadable};
pub use split::Split;
pub use tars::{InTar, photos_in};

#[cfg(test)]
mod tests;
