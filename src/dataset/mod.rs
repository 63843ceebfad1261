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
pub(crate) mod fixes;
mod folder;
mod layout;
mod listing;
mod open;
mod row_problem;
mod sample;
pub(crate) mod split;
pub(crate) mod subset;
mod table;
mod tars;

pub(crate) use classes::{ClassMap, Found};
pub(crate) use error::DatasetError;
pub use layout::ClassesFrom;
pub use open::ReadOptions;
pub(crate) use open::{HEAD, IsImage, open, open_for};
pub(crate) use row_problem::RowProblem;
pub use sample::Unreadable;
pub(crate) use sample::{Dataset, Ignored, Label, Sample};
pub use split::Split;
pub(crate) use tars::photos_in;

#[cfg(test)]
mod tests;
