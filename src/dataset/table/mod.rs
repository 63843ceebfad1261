//! A CSV of paths and labels, and perhaps splits → labelled paths.
//!
//! [`sheet`] reads it as other programs write it, [`columns`] finds out which column is what, and [`paths`] where the files
//! are. A path may lead anywhere, `../` and absolute ones too: the list is the user's own and its files are only ever read.
//! A listed file that is missing or no image stays in the list, for whoever reads it will say so; if all are missing the
//! folder is wrong.

mod columns;
mod names;
mod paths;
mod rows;
mod sheet;

pub(super) use paths::without_dots;
pub(super) use rows::{list, read, wrong_row};
