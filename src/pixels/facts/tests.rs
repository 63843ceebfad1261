//! Against Pillow, whose answers `scripts/golden/facts.py` keeps in `golden/facts/`, and against hostile bytes.

use proptest::prelude::*;
use serde_json::Value;

use super::super::{Limits, Preprocess};
use super::*;
use crate::files;

fn golden(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/facts").join(name);
    files::read(&path, 1 << 20).unwrap()
}

fn facts(bytes: &[u8]) -> PhotoFacts {
    let whole = Preprocess { resize: 64, crop: 64, ..Preprocess::default() };
    whole.load_with_facts(bytes, &Limits::default()).unwrap().1
}

fn some() -> PhotoFacts {
    facts(&golden("make_and_model.jpg"))
}

#[test]
fn facts_are_those_that_pillow_and_libjpeg_wrote() {
    let golden_cases: Value = serde_json::from_slice(&golden("golden.json")).unwrap();
    let cases = golden_cases["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 21);
    for case in cases {
        let name = case["file"].as_str().unwrap();
        let found = facts(&golden(name));
        assert_eq!(found.jpeg_quality.map(u64::from), case["quality"].as_u64(), "{name}");
        assert_eq!(found.camera.as_deref(), case["camera"].as_str(), "{name}");
        assert_eq!((found.width, found.height, found.bytes), (64, 64, golden(name).len() as u64), "{name}");
        for (found, expected) in [(found.brightness, &case["brightness"]), (found.contrast, &case["contrast"])] {
            // Decoders of JPEG differ by a level here and there.
            assert!((f64::from(found) - expected.as_f64().unwrap()).abs() < 0.002, "{name}: {found} {expected}");
        }
        let expected = case["thumbnail"].as_str().unwrap();
        let expected = (0..Thumbnail::LEVELS).map(|at| u8::from_str_radix(&expected[2 * at..2 * at + 2], 16).unwrap());
        let apart = found.thumbnail.levels().iter().zip(expected).map(|(level, other)| level.abs_diff(other)).max();
        assert!(apart <= Some(2), "{name} is {apart:?} levels from Pillow");
    }
}

#[test]
fn the_size_is_that_of_the_photo_as_it_is_seen() {
    for number in 1..=8 {
        let path = format!("{}/tests/golden/pixels/orientation{number}.jpg", env!("CARGO_MANIFEST_DIR"));
        let bytes = files::read(path.as_ref(), 1 << 20).unwrap();
        let upright = super::super::decode(&bytes, &Limits::default()).unwrap();
        let found = facts(&bytes);
        assert_eq!((found.width, found.height), (upright.width, upright.height), "orientation {number}");
    }
}

#[test]
fn what_was_stored_comes_back_and_other_layouts_do_not() {
    let unknown = PhotoFacts { camera: None, jpeg_quality: None, format: Format::Pnm, ..some() };
    let deep = PhotoFacts { levels: Some([7, 4095]), ..some() };
    for facts in [some(), unknown, deep] {
        let bytes = facts.to_bytes();
        assert_eq!(PhotoFacts::from_bytes(&bytes), Some(facts));
        assert_eq!(PhotoFacts::from_bytes(&bytes[..bytes.len() - 1]), None);
        assert_eq!(PhotoFacts::from_bytes(&[&bytes[..], &[0]].concat()), None);
        let other_layout = [&[LAYOUT + 1], &bytes[1..]].concat();
        assert_eq!(PhotoFacts::from_bytes(&other_layout), None);
    }
}

#[test]
fn a_camera_of_any_length_is_cut_and_what_is_no_text_is_left_out() {
    let exif = |text: &[u8]| {
        let tag = [0x10, 0x01, 2, 0];
        let length = (text.len() as u32).to_le_bytes();
        let head = b"\xff\xe1\xff\xffExif\0\0II*\0\x08\0\0\0\x01\0";
        let bytes =
            [b"\xff\xd8", &head[..], &tag, &length, &26_u32.to_le_bytes(), &[0; 4], text, &vec![0; 65_600]].concat();
        camera::read(&bytes, Format::Jpeg)
    };
    assert_eq!(exif(&[b'x'; 5000]), Some("x".repeat(MAX_CAMERA_BYTES)));
    assert_eq!(exif(b"  a\x07b \xc3\xa9\0hidden"), Some("ab".to_owned()));
    assert_eq!(exif(b"     \0"), None);
}

#[test]
fn thumbnails_of_pictures_smaller_than_themselves_repeat_pixels() {
    let thumbnail = Thumbnail::shrink(&[10, 20, 30, 40], 2);
    let levels = thumbnail.levels();
    assert_eq!((levels[0], levels[31], levels[32 * 31], levels[1023]), (10, 20, 30, 40));
    assert_eq!(Thumbnail::shrink(&[], 0).levels(), &[0; Thumbnail::LEVELS]);
    assert_eq!(Thumbnail::new(&[0; 3]), None);
}

proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(
        head in 0_usize..6, tail in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..2000, byte: u8,
    ) {
        const HEADS: [(&[u8], Format); 6] = [
            (b"\xff\xd8\xff\xdb\0\x43\0", Format::Jpeg),
            (b"\xff\xd8\xff\xe1\0\x40Exif\0\0MM\0*\0\0\0\x08", Format::Jpeg),
            (b"\x89PNG\r\n\x1a\n\0\0\0\x20eXIfII*\0", Format::Png),
            (b"RIFF\x20\0\0\0WEBPEXIF\x20\0\0\0II*\0\x08\0\0\0", Format::WebP),
            (b"II*\0\x08\0\0\0\x02\0\x0f\x01\x02\0", Format::Tiff),
            (b"", Format::Jpeg),
        ];
        let (start, format) = HEADS[head];
        let bytes = [start, &tail].concat();
        let camera = camera::read(&bytes, format);
        prop_assert!(camera.is_none_or(|camera| !camera.is_empty() && camera.len() <= MAX_CAMERA_BYTES));
        prop_assert!(quality::estimate(&bytes, format).is_none_or(|quality| (1..=100).contains(&quality)));
        let _ = PhotoFacts::from_bytes(&bytes);
        let mut damaged = golden("big.jpg");
        let place = at % damaged.len();
        damaged[place] = byte;
        let _ = (camera::read(&damaged, Format::Jpeg), quality::estimate(&damaged, Format::Jpeg));
    }

    #[test]
    fn brightness_and_contrast_stay_in_range(luma in prop::collection::vec(any::<u8>(), 1..300)) {
        let (brightness, contrast) = moments(&luma);
        prop_assert!((0.0..=1.0).contains(&brightness) && (0.0..=0.5).contains(&contrast));
    }
}
