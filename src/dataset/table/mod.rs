//! A CSV of paths, labels and optionally splits → labelled paths.
//!
//! [`sheet`] parses the file, [`columns`] finds the role of each column, and [`paths`] finds the files. A path may lead
//! anywhere, also by `../` or as an absolute path: the list is the user's own and files are only read. A listed file
//! that is missing or not an image stays in the list, and reading it later reports the reason; if all files are
//! missing, the folder is wrong, which is an error.

mod columns;
mod names;
mod paths;
mod rows;
mod sheet;

pub(super) use paths::without_dots;
pub(super) use rows::{list, read, wrong_row};
