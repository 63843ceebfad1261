//! What the goldens of `src/pixels/tests/files.rs` do not have: headers that ask for too much, and what stands beside the pixels.

use std::time::Duration;

use super::super::{check_limits, decode, pages};
use super::*;
use crate::files;

fn golden(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pixels").join(name);
    files::read(&path, 1 << 20).unwrap()
}

/// Where a box of this name begins to say something.
fn place(bytes: &[u8], name: &[u8]) -> usize {
    bytes.windows(4).position(|window| window == name).unwrap() + 4
}

fn refused(bytes: &[u8]) -> String {
    decode(bytes, &Limits::default()).map(|image| (image.width, image.height)).unwrap_err().to_string()
}

#[test]
fn images_beside_the_first_are_counted_and_tiles_are_none() {
    for (name, count) in [("heic_several.heic", 2), ("heic_grid.heic", 1), ("heic_alpha.heic", 1)] {
        assert_eq!(pages(&golden(name)), count, "{name}");
    }
}

#[test]
fn what_is_not_read_is_named() {
    let changed = |name: &str, from: &[u8; 4], to: &[u8; 4]| {
        let mut bytes = golden(name);
        let at = place(&bytes, from);
        bytes[at - 4..at].copy_from_slice(to);
        refused(&bytes)
    };
    let said = changed("heic_420.heic", b"hvc1", b"av01");
    assert!(said.starts_with("the AVIF image is damaged: some of its data is lost"), "{said}");
    let said = changed("heic_420.heic", b"hvc1", b"vvc1");
    assert!(said.starts_with("a HEIC image of the type `vvc1` is not supported: convert it"), "{said}");
    let said = changed("heic_grid.heic", b"hvc1", b"grid");
    assert!(said.starts_with("a HEIC image of tiles that are not plain pictures is not"), "{said}");
    let said = changed("heic_420.heic", b"meta", b"moov");
    assert!(said.starts_with("a HEIC image sequence without a still image is not"), "{said}");
    assert!(changed("heic_420.heic", b"hvcC", b"free").ends_with("damaged: its decoder is not set up"));
    assert!(changed("heic_420.heic", b"ispe", b"free").ends_with("damaged: its size is not stated"));
}

#[test]
fn a_size_that_is_not_that_of_the_picture_is_damage_and_costs_nothing() {
    let with_size = |name: &str, width: u32, height: u32| {
        let mut bytes = golden(name);
        let at = place(&bytes, b"ispe") + 4;
        bytes[at..at + 8].copy_from_slice(&[width.to_be_bytes(), height.to_be_bytes()].concat());
        bytes
    };
    let cases = [
        ("heic_420.heic", 200, "it is smaller than it says"),
        ("heic_grid.heic", 60, "its tiles do not cover it"),
        ("heic_grid.heic", 0, "its tiles do not cover it"),
        ("heic_420.heic", 0, "its size is 0 x 29 pixels"),
    ];
    for (name, width, reason) in cases {
        let said = refused(&with_size(name, width, 29));
        assert_eq!(said, format!("the HEIC image is damaged: {reason}"));
    }
    let said = refused(&with_size("heic_grid.heic", 1 << 31, 1 << 31));
    assert!(said.starts_with("the image declares 2147483648 x 2147483648 pixels"), "{said}");
    let wide = with_size("heic_420.heic", 1 << 16, 1 << 16);
    let limits = Limits { max_pixels: u64::MAX, ..Limits::default() };
    let error = DecodeError::TooMuchMemory { format: Format::Heic, limit: limits.max_memory };
    assert_eq!(check_limits(&wide, &limits), Err(error.clone()));
    assert_eq!(decode(&wide, &limits).unwrap_err(), error);
}

#[test]
fn a_picture_has_its_memory_and_all_of_its_data_or_is_none() {
    let bytes = golden("heic_65x64.heic");
    let file = parse(&bytes, Format::Heic).unwrap();
    let (config, data) =
        (file.hevc_config(file.primary_id).unwrap().unwrap(), file.item_data(file.primary_id).unwrap());
    let limits = Limits::default();
    let with = |size, memory| {
        let budget = picture::Budget { size, memory, limit: limits.max_memory };
        picture::decode(config, &data, budget, &Deadline::new(&limits)).map(|frame| frame.widths[0])
    };
    assert_eq!(with((65, 64), 1 << 20), Ok(66));
    assert_eq!(
        with((65, 64), 1 << 10),
        Err(DecodeError::TooMuchMemory { format: Format::Heic, limit: limits.max_memory })
    );
    // Half of its data.
    let half = [&data[..data.len() / 2], &[]].concat();
    let budget = picture::Budget { size: (65, 64), memory: 1 << 20, limit: limits.max_memory };
    let error = picture::decode(config, &half, budget, &Deadline::new(&limits)).map(drop).unwrap_err();
    assert_eq!(error, damaged(Format::Heic, "some of its data is lost: it ends before the last block"));
}

#[test]
fn lists_of_any_length_are_not_looked_through() {
    let mut bytes = golden("heic_420.heic");
    // Another list of the images, which would be the one that counts.
    let (meta, list) = (place(&bytes, b"meta"), place(&bytes, b"iinf"));
    let more = vec![0; MAX_LISTS];
    let box_of = |content: &[u8]| [&(content.len() as u32 + 8).to_be_bytes(), b"iinf", content].concat();
    let length = u32::from_be_bytes(bytes[meta - 8..meta - 4].try_into().unwrap()) + more.len() as u32 + 8;
    bytes[meta - 8..meta - 4].copy_from_slice(&length.to_be_bytes());
    bytes.splice(list - 8..list - 8, box_of(&more));
    assert!(refused(&bytes).starts_with("a HEIC image in one file with too many others is not"), "{}", refused(&bytes));
}

#[test]
fn a_byte_that_is_another_never_makes_the_decoder_panic() {
    let avif = ["avif_420_8bits_full.avif", "avif_444_10bits_limited.avif", "avif_grid_420.avif"];
    for name in ["heic_420.heic", "heic_grid.heic", "heic_crop.heic", "heic_several.heic"].into_iter().chain(avif) {
        let bytes = golden(name);
        let head = place(&bytes, b"mdat") + 40;
        for at in 0..head {
            for pattern in [0x01, 0x80, 0xff] {
                let mut other = bytes.clone();
                other[at] ^= pattern;
                let limits = Limits { max_pixels: 1 << 20, max_time: Duration::from_secs(5), ..Limits::default() };
                let answer = decode(&other, &limits);
                assert!(!matches!(answer, Err(DecodeError::Panicked { .. })), "{name} at {at}: {answer:?}");
                let _ = (pages(&other), exif(&other));
            }
        }
    }
}

#[test]
fn a_crop_is_that_of_the_standard_or_damage() {
    assert_eq!(aperture(64, (31, 1), (5, 2), f64::floor), Some((19, 31)));
    assert_eq!(aperture(64, (31, 1), (0, 1), f64::floor), Some((16, 31)));
    assert_eq!(aperture(64, (45, 2), (-3, 1), f64::round), Some((18, 23)));
    assert_eq!(aperture(64, (63, 1), (0, 1), f64::round), Some((1, 63)));
    assert_eq!(aperture(1, (1, 1), (0, 1), f64::round), Some((0, 1)));
    let outside = [((1, 0), (0, 1)), ((1, 1), (1, 0)), ((0, 1), (0, 1)), ((65, 1), (0, 1)), ((9, 1), (40, 1))];
    for (length, offset) in outside {
        assert!(aperture(64, length, offset, f64::floor).is_none(), "{length:?} {offset:?}");
    }
}

#[test]
fn a_grid_of_one_avif_tile_is_cut_to_its_canvas() {
    let tile = Frame {
        widths: [6, 3, 3],
        heights: [4, 2, 2],
        planes: [(0..24).collect(), (0..6).collect(), (6..12).collect()],
        bit_depth: [8; 2],
        chroma_format: 1,
        full_range: true,
        matrix_coeffs: 1,
    };
    let mut whole = av1::canvas(&tile, (5, 3));
    av1::place(&mut whole, &tile, (0, 0), (5, 3)).unwrap();
    assert_eq!((whole.widths, whole.heights), ([5, 3, 3], [3, 2, 2]));
    assert_eq!(whole.planes[0], [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16]);
    assert_eq!(whole.planes[1], tile.planes[1]);
}
