//! Kinds of picture that are not read here, each with a command that makes one that is: a scan, a raw photo or a page
//! among the photos is somebody's photo, and passing it over in silence would leave it without an answer.

use std::path::Path;

/// A kind of picture that is not read.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// What its users call it, with an article where it takes one.
    pub name: &'static str,
    /// What converts a `FILE` of this kind.
    pub command: &'static str,
    /// Endings of names, in lower case and without the first dot, that promise it.
    endings: &'static [&'static str],
    /// Bytes at a place near the start that prove it.
    signatures: &'static [(usize, &'static [u8])],
}

const MAGICK: &str = "magick FILE -auto-orient FILE.png";

/// Levels without a scale of their own: whoever converts says which of them are black and white.
pub(super) const SCALE: &str = "gdal_translate -ot UInt16 -scale LOW HIGH 0 65535 FILE FILE.png";

/// Known by its structure too, where it is a TIFF.
pub(super) static RAW: Kind = Kind {
    name: "camera raw",
    command: "darktable-cli FILE FILE.jpg",
    endings: &[
        "3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "fff", "iiq", "kdc", "mef", "mos", "mrw", "nef", "nrw",
        "orf", "pef", "raf", "rw2", "rwl", "sr2", "srf", "srw", "x3f",
    ],
    signatures: &[
        (0, b"FUJIFILMCCD-RAW"),
        (0, b"IIU\0"),
        (0, b"IIRO"),
        (0, b"IIRS"),
        (0, b"MMOR"),
        (0, b"\0MRM"),
        (0, b"FOVb"),
        (6, b"HEAPCCDR"),
    ],
};

pub(super) static VIDEO: Kind = Kind {
    name: "a video",
    command: "ffmpeg -i FILE -vf fps=1 FILE-%04d.jpg",
    endings: &["3gp", "avi", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "webm", "wmv"],
    signatures: &[
        (0, b"\x1a\x45\xdf\xa3"),
        (8, b"AVI LIST"),
        (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
        (0, b"FLV\x01"),
        (0, b"\0\0\x01\xba"),
        (0, b"\0\0\x01\xb3"),
        (4, b"moov"),
        (4, b"mdat"),
        (4, b"wide"),
    ],
};

pub(super) static SVG: Kind =
    Kind { name: "SVG", command: "rsvg-convert -w 1024 FILE -o FILE.png", endings: &["svg", "svgz"], signatures: &[] };

/// Those that are known by a signature alone.
static OTHERS: [Kind; 22] = [
    kind("DICOM", "dcmj2pnm --write-png FILE FILE.png", &["dcm", "dicom"], &[(128, b"DICM")]),
    kind(
        "NIfTI",
        "med2image -i FILE -d SLICES",
        &["nii", "nii.gz"],
        &[(344, b"n+1\0"), (344, b"ni1\0"), (4, b"n+2\0"), (4, b"ni2\0")],
    ),
    kind("NRRD", "unu save -f png -i FILE -o FILE.png", &["nrrd"], &[(0, b"NRRD000")]),
    kind("FITS", SCALE, &["fits"], &[(0, b"SIMPLE  =")]),
    kind("JPEG XL", "djxl FILE FILE.png", &["jxl"], &[(0, b"\xff\x0a"), (0, b"\0\0\0\x0cJXL ")]),
    kind(
        "JPEG 2000",
        "opj_decompress -i FILE -o FILE.png",
        &["jp2", "j2k", "jpx", "j2c"],
        &[(0, b"\0\0\0\x0cjP  "), (0, b"\xff\x4f\xff\x51")],
    ),
    kind("a Photoshop document", "magick 'FILE[0]' FILE.png", &["psd", "psb"], &[(0, b"8BPS")]),
    kind("a GIMP document", "magick FILE -background none -flatten FILE.png", &["xcf"], &[(0, b"gimp xcf")]),
    kind("PDF", "pdftoppm -r 150 -png FILE FILE", &["pdf"], &[(0, b"%PDF")]),
    kind("PostScript", "magick -density 150 FILE FILE.png", &["ps", "eps"], &[(0, b"%!PS"), (0, b"\xc5\xd0\xd3\xc6")]),
    kind("DjVu", "ddjvu -format=tiff FILE FILE.tif", &["djvu"], &[(0, b"AT&TFORM")]),
    kind("OpenEXR", "magick FILE -auto-level FILE.png", &["exr"], &[(0, b"\x76\x2f\x31\x01")]),
    kind("Radiance HDR", "magick FILE -auto-level FILE.png", &[], &[(0, b"#?RADIANCE"), (0, b"#?RGBE")]),
    kind("an icon (ICO)", MAGICK, &["ico"], &[(0, b"\0\0\x01\0")]),
    kind("QOI", MAGICK, &["qoi"], &[(0, b"qoif")]),
    kind("TGA", MAGICK, &["tga"], &[]),
    kind("BPG", "bpgdec -o FILE.png FILE", &["bpg"], &[(0, b"BPG\xfb")]),
    kind("FLIF", "flif -d FILE FILE.png", &["flif"], &[(0, b"FLIF")]),
    kind("a DirectDraw surface", MAGICK, &["dds"], &[(0, b"DDS ")]),
    kind("farbfeld", MAGICK, &[], &[(0, b"farbfeld")]),
    kind("a Windows metafile", MAGICK, &["wmf"], &[(0, b"\xd7\xcd\xc6\x9a")]),
    kind("a microscope's CZI", "bfconvert FILE FILE.png", &["czi"], &[(0, b"ZISRAWFILE")]),
];

const fn kind(
    name: &'static str,
    command: &'static str,
    endings: &'static [&'static str],
    signatures: &'static [(usize, &'static [u8])],
) -> Kind {
    Kind { name, command, endings, signatures }
}

impl Kind {
    /// The kind whose signature these first bytes of a file have.
    pub(super) fn from_head(head: &[u8]) -> Option<&'static Self> {
        let fits = |(place, signature): &(usize, &[u8])| head.get(*place..).is_some_and(|at| at.starts_with(signature));
        Self::all().find(|kind| kind.signatures.iter().any(fits))
    }

    /// The kind that a name promises.
    pub(super) fn named(path: &Path) -> Option<&'static Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let ends = |ending: &&'static str| name.strip_suffix(ending).is_some_and(|stem| stem.ends_with('.'));
        Self::all().find(|kind| kind.endings.iter().any(ends))
    }

    fn all() -> impl Iterator<Item = &'static Self> {
        [&RAW, &VIDEO, &SVG].into_iter().chain(&OTHERS)
    }
}
