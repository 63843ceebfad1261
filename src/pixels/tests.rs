mod files;

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::orientation::Orientation;
use super::resize::{Geometry, Span};
use super::*;

/// torchvision's `_compute_resized_output_size` and `center_crop`, word for word, in Python's floating point.
fn reference(width: u32, height: u32, resize: u32, crop: u32) -> Geometry {
    let (short, long) = if width <= height { (width, height) } else { (height, width) };
    let new_long = (f64::from(resize) * f64::from(long) / f64::from(short)).trunc();
    let (resized_width, resized_height) =
        if width <= height { (f64::from(resize), new_long) } else { (new_long, f64::from(resize)) };
    let span = |side: f64| {
        if side < f64::from(crop) {
            let padding = ((f64::from(crop) - side) / 2.0).floor();
            Span { start: 0, length: integer(side) as u32, padding: integer(padding) as u32 }
        } else {
            let start = ((side - f64::from(crop)) / 2.0).round_ties_even();
            Span { start: integer(start), length: crop, padding: 0 }
        }
    };
    Geometry {
        resized: (integer(resized_width), integer(resized_height)),
        window: (span(resized_width), span(resized_height)),
        crop,
        reversed: (false, false),
    }
}

#[expect(clippy::cast_sign_loss, reason = "sizes are positive")]
fn integer(value: f64) -> u64 {
    value as u64
}

/// Bilinear with Pillow's widened filter, straight from its definition, in f64 and without rounding between the passes.
fn exact(image: &Rgb, resize: u32, crop: u32, column: u32, row: u32) -> [f64; 3] {
    let geometry = Geometry::new(image.width, image.height, resize, crop);
    let weights = |span: Span, resized: u64, side: u32, at: u32| -> Vec<(u32, f64)> {
        let scale = f64::from(side) / resized as f64;
        let widened = scale.max(1.0);
        let centre = (span.start as f64 + f64::from(at - span.padding) + 0.5) * scale;
        let weight = |x: u32| (x, (1.0 - ((f64::from(x) + 0.5 - centre) / widened).abs()).max(0.0));
        let weights: Vec<_> = (0..side).map(weight).filter(|(_, weight)| *weight > 0.0).collect();
        let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
        weights.into_iter().map(|(x, weight)| (x, weight / sum)).collect()
    };
    let columns = weights(geometry.window.0, geometry.resized.0, image.width, column);
    let rows = weights(geometry.window.1, geometry.resized.1, image.height, row);
    let mut sum = [0.0; 3];
    for (y, down) in &rows {
        for (x, right) in &columns {
            let pixel = (*y as usize * image.width as usize + *x as usize) * 3;
            for (channel, sum) in sum.iter_mut().enumerate() {
                *sum += down * right * f64::from(image.data[pixel + channel]);
            }
        }
    }
    sum
}

fn noise(width: u32, height: u32) -> Rgb {
    let mut state = 1_u32;
    let data = (0..width * height * 3)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if state >> 31 == 0 { 0 } else { 255 }
        })
        .collect();
    Rgb { width, height, data }
}

proptest! {
    #[test]
    fn the_geometry_is_torchvisions_for_every_size(
        width in 1_u32..=5000, height in 1_u32..=5000, resize in 1_u32..=600, crop in 1_u32..=600,
    ) {
        prop_assert_eq!(Geometry::new(width, height, resize, crop), reference(width, height, resize, crop));
        prop_assert_eq!(Geometry::new(width, height, 256, 224), reference(width, height, 256, 224));
    }

    #[test]
    fn every_level_is_near_the_exact_one(
        width in 1_u32..=90, height in 1_u32..=90, resize in 1_u32..=40, crop in 1_u32..=40,
    ) {
        let image = noise(width, height);
        let crops = Preprocess { resize, crop, ..Preprocess::default() }.apply(&image).unwrap();
        prop_assert_eq!(crops.rgb.len() as u64, u64::from(crop) * u64::from(crop) * 3);
        let geometry = Geometry::new(width, height, resize, crop);
        let (columns, rows) = geometry.window;
        for (column, row) in [(0, 0), (columns.length / 2, rows.length / 2), (columns.length - 1, rows.length - 1)] {
            let (column, row) = (column + columns.padding, row + rows.padding);
            let exact = exact(&image, resize, crop, column, row);
            let pixel = (row * crop + column) as usize * 3;
            for (channel, exact) in exact.into_iter().enumerate() {
                // Two roundings to 8 bits, as in Pillow.
                let apart = (f64::from(crops.rgb[pixel + channel]) - exact).abs();
                prop_assert!(apart < 1.01, "{}x{} -> {} at ({}, {}): {}", width, height, resize, column, row, apart);
            }
        }
    }

    #[test]
    fn turning_the_crop_gives_the_crop_of_the_turned_image(
        width in 1_u32..=70, height in 1_u32..=70, resize in 1_u32..=40, crop in 1_u32..=40, exif in 1_u8..=8,
    ) {
        let orientation = Orientation::from_exif(exif).unwrap();
        let preprocess = Preprocess { resize, crop, ..Preprocess::default() };
        let image = noise(width, height);
        let turned_after = preprocess.crop_of(&image, orientation).unwrap();
        let turned_before = preprocess.apply(&orientation::upright(image, orientation)).unwrap();
        prop_assert_eq!(turned_after, turned_before);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(head in 0_usize..8, tail in prop::collection::vec(any::<u8>(), 0..200)) {
        const HEADS: [&[u8]; 8] = [
            b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"GIF89a", b"RIFF\x20\0\0\0WEBPVP8 ", b"II*\0",
            b"BM", b"P6 ",
        ];
        let bytes = [HEADS[head], &tail].concat();
        let limits = Limits { max_pixels: 1 << 20, ..Limits::default() };
        let panicked = matches!(decode(&bytes, &limits), Err(DecodeError::Panicked { .. }));
        prop_assert!(!panicked);
    }
}

#[test]
fn extreme_aspects_cost_no_more_than_their_crop() {
    for (width, height) in [(1, 65_535), (65_535, 1), (2, 30_000), (1, 1)] {
        let crop = Preprocess::default().apply(&noise(width, height)).unwrap();
        assert_eq!(crop.rgb.len(), 224 * 224 * 3);
    }
}

#[test]
fn what_is_larger_than_the_image_is_padded_with_black() {
    let image = Rgb { width: 2, height: 2, data: vec![200; 12] };
    let crop = Preprocess { resize: 2, crop: 5, ..Preprocess::default() }.apply(&image).unwrap();
    let grey: Vec<u8> = crop.rgb.iter().step_by(3).copied().collect();
    // torchvision puts the odd pixel of padding after the image.
    assert_eq!(grey[..5], [0; 5]);
    assert_eq!(grey[5..10], [0, 200, 200, 0, 0]);
    assert_eq!(grey[20..], [0; 5]);
}

#[test]
fn an_image_that_lacks_pixels_is_an_error() {
    let image = Rgb { width: 20, height: 20, data: vec![0; 20] };
    assert!(Preprocess::default().apply(&image).is_err());
    let image = Rgb { width: 0, height: 0, data: Vec::new() };
    assert!(Preprocess::default().apply(&image).is_err());
}

#[test]
fn the_image_size_scales_both_numbers() {
    assert_eq!(Preprocess::with_image_size(224), Preprocess::default());
    for (size, resize) in [(448, 512), (299, 342), (160, 183), (1, 1)] {
        let preprocess = Preprocess::with_image_size(size);
        assert_eq!((preprocess.crop, preprocess.resize), (size, resize));
    }
    assert!(Preprocess::with_image_size(0).check().is_err());
    assert!(Preprocess::with_image_size(u32::MAX).check().is_err());
}

#[test]
fn settings_survive_json_and_their_id_tells_them_apart() {
    let default = Preprocess::default();
    let json = serde_json::to_string(&default).unwrap();
    assert_eq!(serde_json::from_str::<Preprocess>(&json).unwrap(), default);
    let numbers = "-resize256-crop224-bilinear-mean0.485,0.456,0.406-std0.229,0.224,0.225";
    assert!(default.id().ends_with(numbers) && default.id().starts_with("pixels3-"), "{}", default.id());
    assert_ne!(Preprocess::with_image_size(225).id(), default.id());
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let wrong = [
        Preprocess { std: [0.0, 1.0, 1.0], ..Preprocess::default() },
        Preprocess { mean: [f32::NAN; 3], ..Preprocess::default() },
        Preprocess { crop: 0, ..Preprocess::default() },
        Preprocess { resize: 1 << 20, ..Preprocess::default() },
    ];
    for preprocess in wrong {
        assert!(matches!(preprocess.check(), Err(DecodeError::InvalidPreprocess { .. })), "{preprocess:?}");
    }
}

#[test]
fn content_is_named_for_what_it_is() {
    let refused = |bytes: &[u8]| decode(bytes, &Limits::default()).unwrap_err().to_string();
    let cases: [(&[u8], &str); 7] = [
        (b"", "the file is empty"),
        (b"<!DOCTYPE html><html>", "it is an HTML page, not an image"),
        (b"\n  <HTML>", "it is an HTML page, not an image"),
        (b"{\"error\": 404}", "it is a JSON document, not an image"),
        (b"hello", "it is a text file, not an image"),
        (b"version https://git-lfs.github.com/spec/v1", "it is a Git LFS pointer, not an image"),
        (b"\0\0\0\0\0\0", "it is data of an unknown kind, not an image"),
    ];
    for (bytes, message) in cases {
        assert_eq!(refused(bytes), message);
    }
}

/// Bytes at a place, and nothing before them.
fn at(place: usize, signature: &[u8]) -> Vec<u8> {
    [&vec![0; place], signature, &[0; 64]].concat()
}

#[test]
fn pictures_that_are_not_read_are_named_with_a_command_that_converts_them() {
    let svg = b"<?xml version=\"1.0\"?>\n<!-- drawn -->\n<svg xmlns=\"http://www.w3.org/2000/svg\">".to_vec();
    let brands = |brands: &str| [b"\0\0\0\x1cftyp", brands.as_bytes(), &[0; 32]].concat();
    let cases = [
        (at(128, b"DICM"), "DICOM", "dcmj2pnm"),
        (at(344, b"n+1\0"), "NIfTI", "med2image"),
        (at(4, b"n+2\0\r\n\x1a\n"), "NIfTI", "med2image"),
        (brands("crx \0\0\0\x01crx isom"), "camera raw", "darktable-cli"),
        (b"FUJIFILMCCD-RAW 0201".to_vec(), "camera raw", "darktable-cli"),
        (b"II\x1a\0\0\0HEAPCCDR".to_vec(), "camera raw", "darktable-cli"),
        (b"IIU\0\x18\0\0\0".to_vec(), "camera raw", "darktable-cli"),
        (b"IIRO\x08\0\0\0".to_vec(), "camera raw", "darktable-cli"),
        (b"8BPS\0\x01".to_vec(), "a Photoshop document", "magick"),
        (svg, "SVG", "rsvg-convert"),
        (b"%PDF-1.7".to_vec(), "PDF", "pdftoppm"),
        (brands("isom\0\0\x02\0isomavc1"), "a video", "ffmpeg"),
        (brands("qt  \0\0\0\0qt  "), "a video", "ffmpeg"),
        (b"RIFF\0\0\0\0AVI LIST".to_vec(), "a video", "ffmpeg"),
        (b"\0\0\0\x0cjP  \r\n\x87\n".to_vec(), "JPEG 2000", "opj_decompress"),
        (b"\xff\x0a\xfa".to_vec(), "JPEG XL", "djxl"),
    ];
    for (bytes, name, command) in cases {
        let said = decode(&bytes, &Limits::default()).unwrap_err().to_string();
        assert!(said.starts_with(&format!("{name} is not supported: ")) && said.contains(command), "{name}: {said}");
        assert!(looks_like_image(Path::new("no-name"), &bytes), "{name}");
    }
}

#[test]
fn a_name_says_what_content_does_not() {
    let said = |name: &str, bytes: &[u8]| {
        let error = decode(bytes, &Limits::default()).unwrap_err();
        error.of_file(Path::new(name)).to_string()
    };
    let cases: [(&str, &[u8], &str); 6] = [
        ("old.DCM", b"\x08\0\x05\0\x0a\0", "DICOM is not supported"),
        ("head.nii.gz", b"\x1f\x8b\x08", "NIfTI is not supported"),
        ("photo.tga", b"\0\0\x02\0\0", "TGA is not supported"),
        ("a.x3f", b"\x01\x02", "camera raw is not supported"),
        ("photo.dcm", b"<html>", "it is an HTML page"),
        ("photo.jpg", b"\x1f\x8b\x08", "it is a gzip archive"),
    ];
    for (name, bytes, expected) in cases {
        assert!(said(name, bytes).starts_with(expected), "{name}: {}", said(name, bytes));
        assert!(looks_like_image(Path::new(name), bytes), "{name}");
    }
}

#[test]
fn a_name_or_a_content_makes_an_image() {
    assert!(looks_like_image(Path::new("a/photo.JPG"), b""));
    assert!(looks_like_image(Path::new("photo.jpg"), b"<html>"));
    assert!(looks_like_image(Path::new("photo"), b"\xff\xd8\xff\xe0"));
    assert!(looks_like_image(Path::new("photo.dat"), b"\0\0\0\x18ftypheic"));
    assert!(!looks_like_image(Path::new("notes.txt"), b"hello"));
    assert!(!looks_like_image(Path::new("song.m4a"), b"\0\0\0\x18ftypM4A "));
    assert!(!looks_like_image(Path::new("letter.docx"), b"PK\x03\x04"));
    assert!(!looks_like_image(Path::new("nii.gz"), b"\x1f\x8b\x08"));
    assert!(!looks_like_image(Path::new("empty"), b""));
    assert_eq!(sniff(b"BMW is a car, and this is text"), None);
    assert_eq!(sniff(b"RIFF\0\0\0\0WEBPVP8 "), Some(Format::WebP));
    for brands in [b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0mif1heic", b"hevc\0\0\0\0msf1hevc"] {
        assert_eq!(sniff(&[b"\0\0\0\x18ftyp", brands.as_slice()].concat()), Some(Format::Heic));
    }
    for brands in [b"avif\0\0\0\0mif1avif", b"mif1\0\0\0\0miafavif"] {
        assert_eq!(sniff(&[b"\0\0\0\x18ftyp", brands.as_slice()].concat()), Some(Format::Avif));
    }
}

#[test]
fn a_panic_inside_a_decoder_is_an_error_of_its_file() {
    silence_decoder_panics();
    let answer = super::decode::guarded(Format::Gif, || -> Result<(), DecodeError> { panic!("index out of bounds") });
    let error = answer.unwrap_err();
    assert_eq!(error.to_string(), "the GIF decoder panicked: index out of bounds");
    assert!(error.hint().is_some());
}

#[test]
fn each_limit_is_kept() {
    let bitmap = b"P5 300 200 255\n".to_vec();
    let with = |limits: Limits| decode(&bitmap, &limits).unwrap_err();
    let limits = Limits::default();
    assert!(matches!(with(Limits { max_pixels: 59_999, ..limits }), DecodeError::TooLarge { .. }));
    assert!(matches!(with(Limits { max_memory: 59_999, ..limits }), DecodeError::TooMuchMemory { .. }));
    assert!(matches!(with(Limits { max_file_bytes: 3, ..limits }), DecodeError::TooManyBytes { bytes: 15, limit: 3 }));
    assert!(matches!(with(limits), DecodeError::Truncated { .. }));
    // By the header alone, whatever is wrong behind it.
    let check = |limits| check_limits(&bitmap, &limits);
    assert!(matches!(check(Limits { max_pixels: 59_999, ..limits }), Err(DecodeError::TooLarge { .. })));
    assert!(matches!(check(Limits { max_memory: 59_999, ..limits }), Err(DecodeError::TooMuchMemory { .. })));
    assert!(matches!(check(Limits { max_file_bytes: 3, ..limits }), Err(DecodeError::TooManyBytes { .. })));
    assert_eq!(check(Limits { max_time: Duration::ZERO, ..limits }), Ok(()));
}

#[test]
fn a_blanked_crop_keeps_its_edges_and_no_more() {
    let preprocess = Preprocess::default();
    let whole = Crop { size: 9, rgb: (0..9 * 9 * 3_u32).map(|level| level as u8).collect() };
    let mut crop = whole.clone();
    preprocess.blank_middle(&mut crop, 2);
    for (index, (given, before)) in crop.rgb.chunks(3).zip(whole.rgb.chunks(3)).enumerate() {
        let is_inside = [index / 9, index % 9].iter().all(|place| (2..7).contains(place));
        assert_eq!(given, if is_inside { &[124, 116, 104][..] } else { before }, "{index}");
    }
    for border in [5, 9, u32::MAX] {
        let mut crop = whole.clone();
        preprocess.blank_middle(&mut crop, border);
        assert_eq!(crop, whole);
    }
    let mut crop = whole.clone();
    preprocess.blank_middle(&mut crop, 0);
    let mut input = vec![9.0; 3 * 9 * 9];
    preprocess.normalise(&crop, &mut input);
    assert!(input.iter().all(|number| number.abs() < 0.01));
}
