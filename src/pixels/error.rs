//! Why bytes did not become pixels, in words for whoever owns the photo.
//!
//! No path is named here: the caller knows it and puts it in front.

use std::path::Path;
use std::time::Duration;

use super::kind::{Kind, SCALE};
use super::{Format, sniff};

/// Why a file could not be turned into pixels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The file has no content.
    #[error("the file is empty")]
    Empty,
    /// The content is something else than an image.
    #[error("it is {found}, not an image")]
    NotAnImage {
        /// What the content looks like, with its article, such as `an HTML page`.
        found: &'static str,
    },
    /// A picture of a kind that is not read.
    #[error("{} is not supported: convert it, for example with `{}`", .0.name, .0.command)]
    OtherKind(&'static Kind),
    /// An image with a feature of its format that is not read.
    #[error("{what} is not supported: convert it, for example with `magick FILE -auto-orient FILE.png`")]
    Unsupported {
        /// The feature, such as `an arithmetic-coded JPEG`.
        what: String,
    },
    /// An image whose levels are numbers of any size, so that none of them is black or white by definition.
    #[error("{what} is not supported: say which numbers are black and white, for example with `{scale}`", scale = SCALE)]
    NoScale {
        /// Which numbers, such as `an image of floating-point samples`.
        what: String,
    },
    /// The file ends before the image does.
    #[error("the {format} image is cut off: the file ends before the last pixel")]
    Truncated {
        /// The format by its content.
        format: Format,
    },
    /// The content contradicts itself or its format.
    #[error("the {format} image is damaged: {reason}")]
    Damaged {
        /// The format by its content.
        format: Format,
        /// The decoder's reason.
        reason: String,
    },
    /// More pixels than [`Limits::max_pixels`](super::Limits::max_pixels), as its header declares them.
    #[error("the image declares {width} x {height} pixels, the limit is {limit} pixels")]
    TooLarge {
        /// Declared width in pixels.
        width: u32,
        /// Declared height in pixels.
        height: u32,
        /// The limit in pixels.
        limit: u64,
    },
    /// The file is longer than [`Limits::max_file_bytes`](super::Limits::max_file_bytes).
    #[error("the file has {bytes} bytes, the limit is {limit}")]
    TooManyBytes {
        /// Length of the file.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Decoding would take more than [`Limits::max_memory`](super::Limits::max_memory).
    #[error("decoding the {format} image would take more than the limit of {limit} bytes of memory")]
    TooMuchMemory {
        /// The format by its content.
        format: Format,
        /// The limit in bytes.
        limit: u64,
    },
    /// Decoding was stopped after [`Limits::max_time`](super::Limits::max_time).
    #[error("decoding the {format} image took longer than the limit of {} s", limit.as_secs_f64())]
    TooSlow {
        /// The format by its content.
        format: Format,
        /// The limit.
        limit: Duration,
    },
    /// A decoder panicked on this file: a bug there that this file can show.
    #[error("the {format} decoder panicked: {message}")]
    Panicked {
        /// The format by its content.
        format: Format,
        /// The panic's message.
        message: String,
    },
    /// An image that was not made by this module.
    #[error("an image of {width} x {height} pixels needs three levels for each, but {levels} are there")]
    NotRgb {
        /// Declared width in pixels.
        width: u32,
        /// Declared height in pixels.
        height: u32,
        /// How many levels it holds.
        levels: usize,
    },
    /// The preprocessing itself cannot be carried out; no image is to blame.
    #[error("the preprocessing is invalid: {reason}")]
    InvalidPreprocess {
        /// The number and what is allowed.
        reason: String,
    },
}

impl DecodeError {
    /// The same error of a file with this name, which counts where the content says nothing.
    #[must_use]
    pub(crate) fn of_file(self, path: &Path) -> Self {
        match self {
            Self::NotAnImage { found } => {
                sniff::promised_kind(path, found).map_or(Self::NotAnImage { found }, Self::OtherKind)
            }
            other => other,
        }
    }

    /// What the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Empty | Self::Truncated { .. } => "copy or download the file again",
            Self::NotAnImage { found } if found.contains("Git LFS") => {
                "fetch the photos themselves with `git lfs pull`"
            }
            Self::NotAnImage { found } if found.contains("HTML") => {
                "the download probably failed: open the file in a browser to see what the server said"
            }
            Self::NotAnImage { .. } => "remove the file from the folder, or replace it by the photo it stands for",
            Self::OtherKind(_) | Self::Unsupported { .. } | Self::NoScale { .. } => {
                "convert it to JPEG or PNG with the command in the message, for all photos in the same way"
            }
            Self::Damaged { .. } => {
                "get an undamaged copy; if other programs show the photo as it should be, save it again from there"
            }
            Self::TooLarge { .. } | Self::TooMuchMemory { .. } => {
                "scale the image down, for example with `magick FILE -resize 4000x4000 FILE.jpg`, or raise \
                 `--max-megapixels`"
            }
            Self::TooManyBytes { .. } => {
                "scale the image down, save it in a compressed format, or raise `--max-file-size`"
            }
            Self::TooSlow { .. } => "save the image again from another program, or raise `--max-seconds`",
            Self::Panicked { .. } => "save the image again from another program, and report the file as a bug",
            Self::NotRgb { .. } | Self::InvalidPreprocess { .. } => return None,
        };
        Some(hint.to_owned())
    }
}
