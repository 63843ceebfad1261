//! Pictures that travel inside the page.

use std::fmt;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;

/// Pictures of more bytes are left out: a page of two hundred must still open on a phone.
pub(crate) const MAX_BYTES: usize = 128 << 10;

/// A JPEG, small: 224 pixels a side are plenty, and nothing above [`MAX_BYTES`] is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    /// The whole file.
    pub bytes: Vec<u8>,
}

impl Picture {
    /// Whether it is small enough to be shown.
    pub(super) fn fits(&self) -> bool {
        !self.bytes.is_empty() && self.bytes.len() <= MAX_BYTES
    }
}

/// As a `data:` address (RFC 2397).
impl fmt::Display for Picture {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "data:image/jpeg;base64,{}", Base64Display::new(&self.bytes, &STANDARD))
    }
}
