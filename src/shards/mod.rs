//! Files of feature rows, and the check that several of them are complete and consistent.
//!
//! The forward passes of many photos divide among machines: each takes every N-th photo of one list, a [`Shard`]. Classes,
//! splits and positions are those of the whole list, so what is in a file does not depend on which photos are in it. A file
//! says in its [`Manifest`] of which list and which shard it is and what computed it, and holds as tensors the rows, where in
//! the list each stands, what the photos' audits need, and the photos that could not be read with their reasons.
//!
//! [`Whole::open`] promises: N shards of one list are there, made in the same way and undamaged, and each photo of the list
//! is in them exactly once, as a row or as unreadable. What it gives is in the order of the list, whatever N is.

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
