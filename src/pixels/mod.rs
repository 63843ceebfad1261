//! From the bytes of an image file to the `[3, 224, 224]` input of the network: one way for training, prediction and
//! everything after.
//!
//! bytes → [`decode`](fn@decode) (sniffed by content, upright, RGB, within [`Limits`]) → [`Preprocess::apply`] (short
//! side to 256, centre crop 224) → [`Preprocess::normalise`] (`ImageNet` mean and standard deviation).
//!
//! Promise: every level of a [`Crop`] is that of torchvision's evaluation transform on a Pillow image, of JPEGs too; no
//! content of a file makes this room panic, print, or allocate or take longer than [`Limits`] allow; and a file that is
//! damaged or cut off is an error, never a half-grey photo, as far as anybody can tell from the file (`jpeg` says how far).

mod chunks;
mod convert;
mod deadline;
mod decode;
mod error;
mod facts;
mod gif;
mod heif;
mod jpeg;
mod kind;
mod levels;
mod orientation;
mod pages;
mod png;
mod preprocess;
mod resize;
mod sniff;
mod tiff;
mod webp;

pub use decode::Limits;
pub(crate) use decode::{
    Rgb, check_limits, decode, is_sixteen_bit, may_be_sixteen_bit, sample_levels, silence_decoder_panics,
};
pub use error::DecodeError;
pub(crate) use facts::{PhotoFacts, Thumbnail};
pub(crate) use kind::Kind;
pub use levels::Levels;
pub(crate) use pages::pages;
pub use preprocess::Crop;
pub use preprocess::Preprocess;
pub(crate) use sniff::{Format, HEAD, describe, looks_like_image, other_kind, sniff};

#[cfg(test)]
mod tests;
