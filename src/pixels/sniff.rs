//! What a file is, by its first bytes: names lie, content does not.
//!
//! Three kinds of answer: a format that is decoded here, an image of a format that is not (worth a word to the user,
//! whose photo it is), and anything else.

use std::fmt;
use std::path::Path;

use super::kind::{self, Kind};

/// The formats that are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JPEG: baseline and progressive, grey, colour, CMYK.
    Jpeg,
    /// PNG, and the still image of an animated one.
    Png,
    /// GIF, its first frame.
    Gif,
    /// WebP: lossy, lossless, and the first frame of an animated one.
    WebP,
    /// TIFF, its first page.
    Tiff,
    /// Windows bitmap.
    Bmp,
    /// Portable bitmap, graymap, pixmap or any map.
    Pnm,
    /// HEIF with HEVC inside, its primary image.
    Heic,
    /// HEIF with AV1 inside, its primary image.
    Avif,
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Gif => "GIF",
            Self::WebP => "WebP",
            Self::Tiff => "TIFF",
            Self::Bmp => "BMP",
            Self::Pnm => "PNM",
            Self::Heic => "HEIC",
            Self::Avif => "AVIF",
        })
    }
}

/// What content turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Decoded here.
    Known(Format),
    /// A picture of a kind that is not read.
    OtherImage(&'static Kind),
    /// No image, with an article.
    Other(&'static str),
}

/// How many bytes of a file [`sniff`] and [`looks_like_image`] look at: the last signature ends behind 344.
pub(crate) const HEAD: usize = 512;

/// What content of an unknown kind is called.
const UNKNOWN: &str = "data of an unknown kind";
const GZIP: &str = "a gzip archive";

/// File name extensions that promise an image, whatever is inside.
const EXTENSIONS: [&str; 21] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "apng", "gif", "webp", "tif", "tiff", "bmp", "dib", "pbm", "pgm", "ppm",
    "pnm", "pam", "heic", "heif", "hif", "avif",
];

/// Signatures at the very start of a file; the first that fits counts.
const SIGNATURES: [(&[u8], Content); 15] = [
    (b"\xff\xd8\xff", Content::Known(Format::Jpeg)),
    (b"\x89PNG\r\n\x1a\n", Content::Known(Format::Png)),
    (b"GIF87a", Content::Known(Format::Gif)),
    (b"GIF89a", Content::Known(Format::Gif)),
    (b"II*\0", Content::Known(Format::Tiff)),
    (b"MM\0*", Content::Known(Format::Tiff)),
    (b"II+\0", Content::Known(Format::Tiff)),
    (b"MM\0+", Content::Known(Format::Tiff)),
    (b"version https://git-lfs", Content::Other("a Git LFS pointer")),
    (b"PK\x03\x04", Content::Other("a ZIP archive or office document")),
    (b"\x1f\x8b", Content::Other(GZIP)),
    (b"\x7fELF", Content::Other("a program")),
    (b"\0\x05\x16\x07", Content::Other("a macOS metadata file")),
    (b"SQLite format 3", Content::Other("a database")),
    (b"#!", Content::Other("a text file")),
];

/// The format of a file that begins with `head` ([`HEAD`] bytes suffice), or `None` if it is none that is decoded here.
pub(crate) fn sniff(head: &[u8]) -> Option<Format> {
    match content(head) {
        Content::Known(format) => Some(format),
        Content::OtherImage(_) | Content::Other(_) => None,
    }
}

/// Whether a file is, or claims to be, an image: by its content, or by its name where the content says otherwise.
///
/// A zero-byte `x.jpg` and an HTML page named so count: they are worth an error, unlike a `notes.txt`.
pub(crate) fn looks_like_image(path: &Path, head: &[u8]) -> bool {
    let named_so = path
        .extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension)));
    named_so || Kind::named(path).is_some() || !matches!(content(head), Content::Other(_))
}

/// The kind of picture that a file is of, where it is one that is not read.
pub(crate) fn other_kind(head: &[u8]) -> Option<&'static Kind> {
    match content(head) {
        Content::OtherImage(kind) => Some(kind),
        Content::Known(_) | Content::Other(_) => None,
    }
}

/// The kind that a name promises, for content that says nothing: old scans begin with no signature, packed ones with
/// that of the archive.
pub(super) fn promised_kind(path: &Path, found: &str) -> Option<&'static Kind> {
    if [UNKNOWN, GZIP].contains(&found) { Kind::named(path) } else { None }
}

/// What content that begins with `head` is, in words for people: `JPEG`, `a text file`.
pub(crate) fn describe(head: &[u8]) -> String {
    match content(head) {
        Content::Known(format) => format.to_string(),
        Content::OtherImage(kind) => kind.name.to_owned(),
        Content::Other(name) => name.to_owned(),
    }
}

/// The best description of content that begins with `head`.
pub(super) fn content(head: &[u8]) -> Content {
    let head = head.get(..HEAD).unwrap_or(head);
    if let Some((_, content)) = SIGNATURES.iter().find(|(signature, _)| head.starts_with(signature)) {
        return *content;
    }
    match head {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Content::Known(Format::WebP),
        [b'P', b'1'..=b'7', b' ' | b'\t' | b'\r' | b'\n' | b'#', ..] => Content::Known(Format::Pnm),
        [a, b, c, d, b'f', b't', b'y', b'p', brands @ ..] => {
            let size = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
            Content::from_brands(brands.get(..size.saturating_sub(8)).unwrap_or(brands))
        }
        [b'B', b'M', ..] if is_bitmap(head) => Content::Known(Format::Bmp),
        _ => Kind::from_head(head).map_or_else(|| Content::from_text(head), Content::OtherImage),
    }
}

impl Content {
    /// ISO base media files hold photos or films, as their major brand says; the general one of photos leaves it to the
    /// compatible brands behind it.
    fn from_brands(brands: &[u8]) -> Self {
        let has = |wanted: &[u8; 4]| brands.as_chunks().0.contains(wanted);
        match brands.get(..4) {
            Some(b"avif" | b"avis") => Self::Known(Format::Avif),
            Some(b"mif1" | b"msf1") if has(b"avif") || has(b"avis") => Self::Known(Format::Avif),
            Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevm" | b"hevs" | b"hevx" | b"mif1" | b"msf1") => {
                Self::Known(Format::Heic)
            }
            Some(b"crx ") => Self::OtherImage(&kind::RAW),
            Some(b"M4A " | b"M4B ") => Self::Other("a sound file"),
            _ => Self::OtherImage(&kind::VIDEO),
        }
    }

    fn from_text(head: &[u8]) -> Self {
        let is_text = |byte: &u8| *byte >= 0x20 || matches!(*byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
        if head.is_empty() || !head.iter().all(is_text) {
            return Self::Other(UNKNOWN);
        }
        let text = String::from_utf8_lossy(head).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
        if text.starts_with("<!doctype html") || text.starts_with("<html") || text.starts_with("<head") {
            Self::Other("an HTML page")
        } else if text.starts_with("<svg") || text.starts_with('<') && text.contains("<svg") {
            Self::OtherImage(&kind::SVG)
        } else if text.starts_with('<') {
            Self::Other("an XML or HTML document")
        } else if text.starts_with(['{', '[']) {
            Self::Other("a JSON document")
        } else if std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true) {
            // The head may end within a letter.
            Self::Other("a text file")
        } else {
            Self::Other(UNKNOWN)
        }
    }
}

/// Two letters prove little; the size of the header that follows must be one that Windows or OS/2 ever wrote.
fn is_bitmap(head: &[u8]) -> bool {
    match head.get(14..18).and_then(|bytes| bytes.try_into().ok()) {
        Some(bytes) => matches!(u32::from_le_bytes(bytes), 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124),
        None => true,
    }
}
