//! All that the compiler cannot check, behind functions that it can: the one place where `unsafe` is allowed.
//!
//! [`onednn`] calls three operators of libtorch that tch has no call for; [`mapping`] maps a file into memory;
//! `jpeg` decodes a part of a JPEG with libjpeg-turbo (feature `turbo`). Each
//! `unsafe` block says what makes it sound. Nothing here knows what an image or a network is.

#![expect(unsafe_code, reason = "this is the one module for it")]

#[cfg(feature = "turbo")]
pub(crate) mod jpeg;
pub(crate) mod mapping;
pub(crate) mod onednn;
