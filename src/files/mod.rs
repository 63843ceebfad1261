//! Reading with the path in the error, and writing whole or not at all.
//!
//! Promise: a reader of any file this program writes sees the old content or the new, never a part. That is why the
//! plain `std::fs` writers are banned elsewhere (`clippy.toml`). Users' photos are only ever opened for reading.

mod atomic;
mod error;
pub mod escaped;
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

pub use atomic::{Batch, check_writable, remove_stale, scratch, write};
pub use error::FileError;
pub use escaped::shell_word;
pub use folder::{NewFolder, new_folder};
pub use hash::ContentHash;
pub use identity::{Identity, Kind, fingerprint, is_at};
pub use leftovers::{WalkRoot, is_left_behind, is_leftover};
pub use mounts::network_file_system;
pub use nearest::{LONGEST_NAME, nearest};
pub use node::node_folder;
pub use open::open;
pub use pattern::{is_pattern, matching};
pub use places::{cache_folder, make_folder, names, remove, rename};
pub use read::{Mapped, head, is_file, read, read_within, size};
pub use tar::{Tar, is_tar, tar};
pub use text::Text;

#[cfg(test)]
mod tests;
