//! Pixels against Pillow and torchvision, whose answers `scripts/golden/pixels.py` keeps in `golden/pixels/`, and
//! against unusual, damaged and hostile files, which must be answered and never bring the program down.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::files::{self, ContentHash};
use crate::pixels::{
    Crop, DecodeError, Limits, Preprocess, Rgb, check_limits, decode, looks_like_image, silence_decoder_panics, sniff,
};

fn golden(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pixels").join(name)).unwrap()
}

/// The golden cases, of which there must be as many as the script made.
fn cases() -> Vec<Value> {
    let golden: Value = serde_json::from_slice(&golden("golden.json")).unwrap();
    let cases = golden["cases"].as_array().unwrap().clone();
    assert!(cases.len() > 90, "only {} golden cases", cases.len());
    cases
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_else(|| panic!("{case} lacks `{key}`"))
}

fn number(case: &Value, key: &str) -> u32 {
    case[key].as_u64().and_then(|value| value.try_into().ok()).unwrap_or_else(|| panic!("{case} lacks `{key}`"))
}

fn image(name: &str) -> Rgb {
    decode(&golden(name), &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn distance(ours: &[u8], theirs: &[u8]) -> u8 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(ours, theirs)| ours.abs_diff(*theirs)).max().unwrap_or(0)
}

fn preprocess(case: &Value) -> Option<Preprocess> {
    case.get("resize").map(|_| Preprocess {
        resize: number(case, "resize"),
        crop: number(case, "crop"),
        ..Preprocess::default()
    })
}

#[test]
fn every_format_colour_type_and_orientation_decodes_as_in_pillow() {
    for case in cases() {
        let name = text(&case, "file");
        let ours = image(name);
        assert_eq!((ours.width, ours.height), (number(&case, "width"), number(&case, "height")), "{name}");
        assert_eq!(ContentHash::new(&ours.data).to_string(), text(&case, "pixels_sha256"), "{name}");
    }
}

#[test]
fn crops_are_those_of_torchvision_to_the_level() {
    let mut compared = 0;
    for case in cases() {
        let Some(preprocess) = preprocess(&case) else { continue };
        let name = text(&case, "file");
        let crop = preprocess.load(&golden(name), &Limits::default()).unwrap();
        assert_eq!(crop.size, preprocess.crop);
        let apart = distance(&crop.rgb, &image(text(&case, "crop_file")).data);
        assert_eq!(apart, 0, "{name} at {}-{}", preprocess.resize, preprocess.crop);
        compared += 1;
    }
    assert!(compared >= 28, "only {compared} crops compared");
}

#[test]
fn normalised_numbers_are_those_of_torchvision_bit_for_bit() {
    for case in cases() {
        let Some(preprocess) = preprocess(&case) else { continue };
        let theirs = Crop { size: preprocess.crop, rgb: image(text(&case, "crop_file")).data };
        let mut numbers = vec![f32::NAN; theirs.rgb.len()];
        preprocess.normalise(&theirs, &mut numbers);
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        assert_eq!(ContentHash::new(&bytes).to_string(), text(&case, "normalised_sha256"), "{}", text(&case, "file"));
    }
}

#[test]
fn a_file_cut_off_anywhere_is_an_error_and_never_half_an_image() {
    for case in cases() {
        let name = text(&case, "file");
        let (bytes, whole) = (golden(name), image(name));
        for length in (0..bytes.len()).step_by((bytes.len() / 50).max(1)) {
            let Ok(cut) = decode(&bytes[..length], &Limits::default()) else {
                continue;
            };
            // Only what stands behind the pixels may be missing: an end marker, or the orientation.
            assert!(pixels_of(&cut) == pixels_of(&whole), "{name} cut at {length} is another image");
        }
    }
}

/// The JPEGs among the cases, and where the data of the first scan of each begins.
fn jpegs() -> Vec<(String, Vec<u8>, usize)> {
    let names = cases().into_iter().map(|case| text(&case, "file").to_owned());
    let jpegs = names.filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "jpg"));
    let with_data = jpegs.map(|name| {
        let bytes = golden(&name);
        let mut at = 2;
        loop {
            let is_scan = bytes[at + 1] == 0xda;
            at += 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
            if is_scan {
                return (name, bytes, at);
            }
        }
    });
    with_data.collect()
}

fn is_lost(bytes: &[u8]) -> bool {
    match decode(bytes, &Limits::default()) {
        Ok(_) => false,
        Err(DecodeError::Truncated { .. } | DecodeError::Damaged { .. }) => true,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_jpeg_cut_anywhere_and_given_an_end_marker_is_cut_off_all_the_same() {
    let mut cuts = 0;
    for (name, bytes, data) in jpegs() {
        let whole = image(&name);
        for percent in 0..100 {
            let length = data + (bytes.len() - 2 - data) * percent / 100;
            let mut cut = bytes[..length].to_vec();
            while cut.last() == Some(&0xff) {
                cut.pop();
            }
            cut.extend(b"\xff\xd9");
            // Only what stands behind the last block may go.
            let same = || decode(&cut, &Limits::default()).unwrap() == whole;
            assert!(is_lost(&cut) || same(), "{name} cut at {percent} % is another image");
            cuts += usize::from(is_lost(&cut));
        }
    }
    assert!(cuts > 1000, "only {cuts} cuts were noticed");
}

#[test]
fn a_progressive_jpeg_without_its_last_scans_is_cut_off() {
    let bytes = golden("jpeg_progressive.jpg");
    let scans: Vec<usize> = (0..bytes.len() - 1).filter(|at| bytes[*at..].starts_with(b"\xff\xda")).collect();
    assert!(scans.len() >= 6, "{} scans", scans.len());
    for scan in scans {
        let cut = [&bytes[..scan], b"\xff\xd9"].concat();
        assert!(matches!(decode(&cut, &Limits::default()), Err(DecodeError::Truncated { .. })), "{scan}");
        // A scan in the middle is lost, and the next one adds bits to what is not there.
        let after = bytes.iter().enumerate().skip(scan + 2).find(|(at, _)| bytes[*at..].starts_with(b"\xff\xda"));
        if let Some((after, _)) = after {
            assert!(is_lost(&[&bytes[..scan], &bytes[after..]].concat()), "without the scan at {scan}");
        }
    }
}

#[test]
fn a_jpeg_without_its_end_marker_is_read_if_every_block_is_there() {
    for (name, bytes, _) in jpegs() {
        let Some(without) = bytes.strip_suffix(b"\xff\xd9") else { continue };
        assert_eq!(decode(without, &Limits::default()).unwrap(), image(&name), "{name}");
    }
}

#[test]
fn a_part_of_a_jpeg_that_was_zeroed_or_lost_is_damage() {
    let photo = image::RgbImage::from_fn(320, 240, |x, y| {
        let noise = (x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca6b)) >> 28;
        let blue = if (x / 34 + y / 46) % 2 == 0 { 40 } else { 200 };
        image::Rgb([(x / 2 + noise) as u8, (y / 2 + x / 5 + noise) as u8, blue])
    });
    let mut bytes = Vec::new();
    photo.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Jpeg).unwrap();
    assert!(!is_lost(&bytes));
    let (first, last) = (bytes.len() / 5, bytes.len() - 600);
    for at in (first..last).step_by((last - first) / 40) {
        let zeroed = [&bytes[..at], &[0; 500], &bytes[at + 500..]].concat();
        let to_the_end = [&bytes[..at], &vec![0; bytes.len() - at - 2], b"\xff\xd9"].concat();
        let lost = [&bytes[..at], &bytes[at + 500..]].concat();
        let twice = [&bytes[..at], &bytes[at - 500..]].concat();
        for (how, damaged) in [("zeroed", zeroed), ("zeroed to the end", to_the_end), ("lost", lost), ("twice", twice)]
        {
            assert!(is_lost(&damaged), "{how} at {at} of {}", bytes.len());
        }
    }
}

#[test]
fn a_part_of_a_heic_that_was_zeroed_or_lost_is_damage() {
    let bytes = golden("heic_65x64.heic");
    let data = bytes.windows(4).position(|name| name == b"mdat").unwrap() + 16;
    // Twice at the very end is only more behind it.
    for at in data..bytes.len() - 128 {
        let zeroed = [&bytes[..at], &[0; 64], &bytes[at + 64..]].concat();
        let lost = [&bytes[..at], &bytes[at + 64..]].concat();
        let twice = [&bytes[..at + 64], &bytes[at..]].concat();
        for (how, damaged) in [("zeroed", zeroed), ("lost", lost), ("twice", twice)] {
            assert!(is_lost(&damaged), "{how} at {at} of {}", bytes.len());
        }
    }
}

#[test]
fn a_part_of_an_avif_that_was_zeroed_or_lost_is_mostly_damage() {
    let bytes = golden("avif_grid_444.avif");
    let data = bytes.windows(4).position(|name| name == b"mdat").unwrap() + 4;
    let (mut tried, mut lost) = (0, 0);
    for at in (data..bytes.len() - 32).step_by(7) {
        let zeroed = [&bytes[..at], &[0; 32], &bytes[at + 32..]].concat();
        let gone = [&bytes[..at], &bytes[at + 32..]].concat();
        assert!(is_lost(&gone), "without 32 bytes at {at} of {}", bytes.len());
        tried += 1;
        lost += usize::from(is_lost(&zeroed));
    }
    assert!(lost * 10 >= tried * 9, "{lost} of {tried} were noticed");
}

#[test]
fn a_jpeg_within_a_tiff_is_read_whole_or_not_at_all() {
    let jpeg = golden("jpeg_rgb.jpg");
    let tiff = |jpeg: &[u8]| {
        let (width, height, values) = (24, 18, 10 + 9 * 12 + 4);
        let entries: [(u16, u16, u32, u32); 9] = [
            (256, 4, 1, width),
            (257, 4, 1, height),
            (258, 3, 3, values),
            (259, 3, 1, 7),
            (262, 3, 1, 2),
            (273, 4, 1, values + 6),
            (277, 3, 1, 3),
            (278, 4, 1, height),
            (279, 4, 1, u32::try_from(jpeg.len()).unwrap()),
        ];
        let mut bytes = b"II*\0\x08\0\0\0\x09\0".to_vec();
        for (tag, kind, count, value) in entries {
            bytes.extend(
                [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat(),
            );
        }
        bytes.extend(b"\0\0\0\0\x08\0\x08\0\x08\0");
        bytes.extend(jpeg);
        bytes
    };
    let whole = decode(&tiff(&jpeg), &Limits::default()).unwrap();
    assert_eq!((whole.width, whole.height), (24, 18));
    let half = jpeg.len() / 2;
    for damaged in [[&jpeg[..half], b"\xff\xd9"].concat(), [&jpeg[..half], &jpeg[half + 40..]].concat()] {
        assert!(is_lost(&damaged) && is_lost(&tiff(&damaged)));
    }
}

fn pixels_of(image: &Rgb) -> Vec<[u8; 3]> {
    let mut pixels = image.data.as_chunks::<3>().0.to_vec();
    pixels.sort_unstable();
    pixels
}

#[test]
fn unusual_and_hostile_files_get_an_answer_and_never_a_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/odd_images");
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    let files = files_below(&folder);
    assert!(files.len() >= 500, "only {} files", files.len());
    let (mut read, mut refused) = (0, 0);
    for path in &files {
        let bytes = fs::read(path).unwrap();
        assert!(looks_like_image(path, &bytes), "{} would be passed over", path.display());
        match Preprocess::default().load(&bytes, &Limits::default()) {
            Ok(crop) => {
                assert_eq!(crop.rgb.len(), 224 * 224 * 3);
                read += 1;
            }
            Err(error) => {
                assert!(!matches!(error, DecodeError::Panicked { .. }), "{}: {error}", path.display());
                assert!(error.hint().is_some(), "{}: `{error}` has no hint", path.display());
                refused += 1;
            }
        }
    }
    println!("{read} of {} odd images read, {refused} refused with a reason", files.len());
    assert!(read >= 470, "only {read} read");
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[test]
fn the_headers_of_every_format_tell_what_decoding_would_refuse() {
    for case in cases() {
        let (name, bytes) = (text(&case, "file"), golden(text(&case, "file")));
        let seen = || u64::from(number(&case, "width")) * u64::from(number(&case, "height"));
        let pixels = case.get("stored").map_or_else(seen, |_| number(&case, "stored").into());
        let with = |max_pixels| Limits { max_pixels, ..Limits::default() };
        assert_eq!(check_limits(&bytes, &with(pixels)), Ok(()), "{name}");
        let refused = check_limits(&bytes, &with(pixels - 1)).unwrap_err();
        assert_eq!(decode(&bytes, &with(pixels - 1)).unwrap_err(), refused, "{name}");
        let none = Limits { max_memory: 1, ..Limits::default() };
        assert_eq!(check_limits(&bytes, &none).unwrap_err(), decode(&bytes, &none).unwrap_err(), "{name}");
    }
}

#[test]
fn a_bomb_is_refused_by_what_its_header_declares() {
    // A grey PNG of 60 000 x 60 000 pixels in 57 bytes; no pixel is needed to refuse it.
    let mut bomb = golden("png_grey8_transparent.png");
    bomb.splice(16..24, [0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let crc = crc32(&bomb[12..29]);
    bomb.splice(29..33, crc.to_be_bytes());
    let error = decode(&bomb, &Limits::default()).unwrap_err();
    assert!(matches!(error, DecodeError::TooLarge { width: 60_000, height: 60_000, .. }), "{error}");
}

#[test]
fn a_palette_that_ends_within_a_colour_is_damage_and_no_panic() {
    let whole = golden("png_palette8_transparent.png");
    let start = whole.windows(4).position(|name| name == b"PLTE").unwrap();
    let length = u32::from_be_bytes(whole[start - 4..start].try_into().unwrap()) as usize;
    for cut in [1, 2, length - 1, length - 2] {
        let mut bytes = whole[..start - 4].to_vec();
        bytes.extend(u32::try_from(length - cut).unwrap().to_be_bytes());
        bytes.extend(&whole[start..start + 4 + length - cut]);
        bytes.extend(crc32(&whole[start..start + 4 + length - cut]).to_be_bytes());
        bytes.extend(&whole[start + 8 + length..]);
        let error = decode(&bytes, &Limits::default()).unwrap_err();
        assert!(error.to_string().contains("not a multiple of 3"), "{error}");
    }
}

/// CRC-32 as PNG defines it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[test]
fn every_format_is_stopped_on_its_way_when_its_time_is_up() {
    use image::ImageFormat::{Bmp, Gif, Jpeg, Png, Pnm, Tiff, WebP};
    // Noise in the lower bits, so that no format packs it to nothing.
    let photo = image::RgbImage::from_fn(3000, 2000, |x, y| {
        let noise = (x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca6b)) >> 27;
        image::Rgb([(x / 12) as u8 ^ noise as u8, (y / 8) as u8, noise as u8])
    });
    let (mut bytes, mut formats) = (Vec::new(), 0);
    for format in [Bmp, Gif, Jpeg, Png, Pnm, Tiff, WebP] {
        bytes.clear();
        photo.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        let decode_within = |max_time| {
            let started = Instant::now();
            (decode(&bytes, &Limits { max_time, ..Limits::default() }), started.elapsed())
        };
        let times = (0..5).map(|_| {
            let (whole, time) = decode_within(Duration::from_mins(1));
            assert!(whole.is_ok(), "{format:?}");
            time
        });
        // The fastest, for on a busy machine one may take long, and the next be over before a tenth of that.
        let time = times.min().unwrap();
        let (stopped, stopped_after) = decode_within(time / 10);
        assert!(matches!(stopped, Err(DecodeError::TooSlow { .. })), "{format:?}: {stopped:?}");
        println!("{format:?}: {time:?} in all, stopped after {stopped_after:?}");
        formats += 1;
    }
    assert_eq!(formats, 7);
    for case in cases() {
        let none = Limits { max_time: Duration::ZERO, ..Limits::default() };
        let answer = decode(&golden(text(&case, "file")), &none);
        assert!(matches!(answer, Err(DecodeError::TooSlow { .. })), "{}: {answer:?}", text(&case, "file"));
    }
}

/// Every file below FOLDER as `train` and `predict` decode it, for `scripts/check/odd_images`: `OUTPUT/0.ppm`, `1.ppm`, …
/// and a line of JSON for each file in the order of the paths: its format by content, and where the pixels are or why
/// there are none.
#[test]
#[ignore = "decodes the files of a folder for another program"]
fn decodes_every_file_of_a_folder() {
    let [folder, output] = ["FOLDER", "OUTPUT"].map(|name| PathBuf::from(std::env::var(name).unwrap()));
    silence_decoder_panics();
    let walk = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
    for (number, entry) in walk.filter(|entry| entry.file_type().is_file()).enumerate() {
        let (path, pixels) = (entry.path(), output.join(format!("{number}.ppm")));
        let bytes = fs::read(path).unwrap();
        let format = sniff(&bytes).map(|format| format.to_string());
        let line = match decode(&bytes, &Limits::default()) {
            Ok(image) => {
                let header = format!("P6 {} {} 255\n", image.width, image.height);
                files::write(&pixels, |file| file.write_all(&[header.as_bytes(), &image.data].concat())).unwrap();
                json!({ "path": path, "format": format, "pixels": pixels })
            }
            Err(error) => json!({ "path": path, "format": format, "error": error.to_string() }),
        };
        println!("{line}");
    }
}
