//! Calls that the compiler cannot check, behind functions that it can: the place for `unsafe` but for the arithmetic of
//! [`crate::kernels`].
//!
//! [`onednn`] and [`quantized`] call operators of libtorch that tch has no call for, in floats and in bytes; [`libtorch`]
//! asks it about itself, sets the switches of its GPU arithmetic and calls an operator that tch calls wrongly; [`stream`]
//! copies beside a GPU's computation; [`driver`] asks NVIDIA's driver about its cards; [`mapping`] maps a file into memory; [`system`] asks
//! who the user is and what room a disk has; [`Allocator`] makes the
//! end of memory an error; [`exit_without_destructors`] ends the process, and a look at the current folder begins it. Each `unsafe` block says
//! what makes it sound. Nothing here knows what an image or a network is.

#![expect(unsafe_code, reason = "this is the module for calls into other libraries and the system")]

pub(crate) mod driver;
pub(crate) mod libtorch;
pub(crate) mod mapping;
mod memory;
mod message;
pub(crate) mod onednn;
mod process;
pub(crate) mod quantized;
pub(crate) mod stream;
#[cfg(unix)]
pub(crate) mod system;

pub use memory::Allocator;
pub(crate) use memory::end_clearly_without_memory;
pub(crate) use process::exit_without_destructors;
