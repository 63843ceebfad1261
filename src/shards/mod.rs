//! Files of feature rows, and the check that a set of them is complete and consistent.
//!
//! Feature extraction can be divided among machines: each takes every N-th photo of one list, a [`Shard`]. Classes,
//! splits and positions are those of the whole list, so their encoding does not depend on the shard. The [`Manifest`]
//! of a file names its list, its shard and what computed it; the tensors hold the rows, their positions in the list,
//! the facts that the audits need, and the photos that could not be read with the reasons.
//!
//! [`Whole::open`] guarantees that all N shards of one list are present, made in the same way and undamaged, and that
//! each photo is in them exactly once, as a row or as unreadable. The order is that of the list, whatever N is.

mod columns;
mod error;
mod find;
mod manifest;
mod part;
mod shard;
mod whole;
mod write;

pub(crate) use columns::{Entry, RowEntry, UnreadableEntry, path_bytes, path_of};
pub(crate) use error::ShardError;
pub(crate) use find::find;
pub use manifest::RowType;
pub(crate) use manifest::{KIND, List, Manifest, Setup, VERSION};
pub(crate) use part::Part;
pub use shard::Shard;
pub(crate) use whole::{Whole, WholeError};
pub(crate) use write::{Contents, write};

#[cfg(test)]
mod tests;
