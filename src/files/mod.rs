//! Reading with the path in the error, and writing whole or not at all.
//!
//! Promise: a reader of any file this program writes sees the old content or the new, never a part. That is why the
//! plain `std::fs` writers are banned elsewhere (`clippy.toml`). Users' photos are only ever opened for reading.

mod atomic;
mod error;
pub(crate) mod escaped;
mod folder;
mod hash;
mod identity;
mod leftovers;
mod mounts;
mod nearest;
mod node;
mod open;
mod pattern;
mod places;
mod read;
mod tar;
mod text;

pub(crate) use atomic::{Batch, check_writable, remove_stale, scratch, write};
pub(crate) use error::FileError;
pub(crate) use escaped::shell_word;
pub(crate) use folder::{NewFolder, new_folder};
pub(crate) use hash::ContentHash;
pub(crate) use identity::{Identity, Kind, fingerprint, is_at};
pub(crate) use leftovers::{WalkRoot, is_left_behind, is_leftover};
pub(crate) use mounts::network_file_system;
pub(crate) use nearest::{LONGEST_NAME, nearest};
pub(crate) use node::node_folder;
pub(crate) use open::open;
pub(crate) use pattern::{is_pattern, matching};
pub(crate) use places::{cache_folder, make_folder, names, remove, rename};
pub(crate) use read::{Mapped, head, is_file, read, read_within, size};
pub(crate) use tar::{is_tar, tar};
pub(crate) use text::Text;

#[cfg(test)]
mod tests;
