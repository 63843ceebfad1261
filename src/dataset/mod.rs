//! A folder, a CSV or tar archives → labelled samples, sorted by path, with their split if the data has one.
//!
//! ```text
//! DIR/CLASS/**                    one folder per class, of any depth
//! DIR/{train,val[,test]}/CLASS/** the same, already split; other names of splits are listed at [`Split::parse`]
//! DIR/CLASS/{train,val[,test]}/** the same, split within each class
//! DIR/ONE/…                       any of these in a folder that is alone on its level, which is reported
//! FILE.csv                        columns path, label and optionally split
//! FILE.tar                        members in WebDataset's layout, or one folder per class; or several of them
//! ```
//!
//! Folders that can be read in two ways are an error that lists both; [`ClassesFrom`] selects one. Names that differ
//! only in case, whitespace, Unicode form or as 1 and 1.0 do are one class, which is reported.
//!
//! [`open()`] guarantees: the same files give the same samples in the same order on every file system; all splits have
//! one class map; everything left out is counted ([`Ignored`]) or listed ([`Unreadable`]). Files are opened for reading
//! only, and only the first bytes of a photo are read: the caller's predicate decides what is an image. [`fixes`]
//! applies label corrections to the samples, and [`split`] divides those without a split.

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
