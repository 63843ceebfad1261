//! Files of other kinds among the photos: each is reported with a remedy or counted, and none is skipped silently.

use resnet_binary::{Levels, Model};

use crate::setup::{Dir, TRAIN, photo, run};

/// A file with the signature of DICOM.
fn dicom() -> Vec<u8> {
    [&[0; 128], b"DICM".as_slice(), &[2, 0, 0, 0]].concat()
}

/// A directory of a classic TIFF: entries of (tag, type, value), and the offset of the next directory.
fn directory(entries: &[(u16, u16, u32)], next: u32) -> Vec<u8> {
    let mut bytes = (entries.len() as u16).to_le_bytes().to_vec();
    for (tag, kind, value) in entries {
        bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        bytes.extend([1_u32.to_le_bytes(), value.to_le_bytes()].concat());
    }
    [bytes, next.to_le_bytes().to_vec()].concat()
}

/// The entries of an uncompressed grey image of `side`×`side` pixels whose data begins at `pixels_at`.
fn grey(side: u32, pixels_at: u32) -> Vec<(u16, u16, u32)> {
    vec![
        (256, 4, side),
        (257, 4, side),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, pixels_at),
        (277, 3, 1),
        (278, 4, side),
        (279, 4, side * side),
    ]
}

/// A black thumbnail of 40×40 pixels in the first directory and, as its `SubIFD`, a bright image of 80×80 pixels with this
/// photometric interpretation.
fn with_thumbnail(photometric: u32) -> Vec<u8> {
    let mut bytes = [b"II*\0\0\0\0\0".as_slice(), &[0; 1600], &[220; 6400]].concat();
    let mut main = grey(80, 1608);
    main[4].2 = photometric;
    let main_at = bytes.len() as u32;
    bytes.extend(directory(&main, 0));
    let first_at = bytes.len() as u32;
    let mut first = vec![(254, 4, 1)];
    first.extend(grey(40, 8));
    first.push((330, 4, main_at));
    bytes.extend(directory(&first, 0));
    bytes[4..8].copy_from_slice(&first_at.to_le_bytes());
    bytes
}

#[test]
fn images_of_unsupported_kinds_are_rows_with_a_remedy_and_other_files_are_counted() {
    let dir = Dir::with_photos(4);
    dir.model();
    dir.file("mixed/a.dcm", &dicom());
    dir.file("mixed/no-ending", &dicom());
    dir.file("mixed/b.nef", &with_thumbnail(32_803));
    dir.file("mixed/c.psd", b"8BPS\0\x01");
    dir.file("mixed/d.svg", b"<?xml version=\"1.0\"?><svg></svg>");
    dir.file("mixed/e.pdf", b"%PDF-1.7");
    dir.file("mixed/f.mp4", b"\0\0\0\x18ftypisom\0\0\0\0");
    dir.file("mixed/g.nii.gz", b"\x1f\x8b\x08\0");
    dir.photo("mixed/h.ppm", 30);
    for name in ["notes.txt", "Makefile", "table.csv", "archive.zip"] {
        dir.file(&format!("mixed/{name}"), b"PK\x03\x04");
    }
    let said = run(dir.command().args(["predict", "mixed"]));
    assert_eq!(said.code, Some(3), "{}", said.err);
    assert!(said.err.contains("4 files are not photos"), "{}", said.err);
    let rows = [
        ("a.dcm", "DICOM is not supported: convert it, for example with `dcmj2pnm"),
        ("no-ending", "DICOM is not supported"),
        ("b.nef", "camera raw is not supported: convert it, for example with `darktable-cli"),
        ("c.psd", "a Photoshop document is not supported"),
        ("d.svg", "SVG is not supported"),
        ("e.pdf", "PDF is not supported"),
        ("f.mp4", "a video is not supported"),
        ("g.nii.gz", "NIfTI is not supported"),
    ];
    for (name, reason) in rows {
        let row = said.out.lines().find(|row| row.contains(name)).unwrap_or_default();
        assert!(row.starts_with("unreadable") && row.contains(reason), "{name}: {row}");
    }
    assert_eq!(said.out.lines().count(), 9, "{}", said.out);
    // Files of these kinds alone still give rows; without any photo or such file, `predict` fails.
    let said = run(dir.command().args(["predict", "mixed/a.dcm", "mixed/notes.txt"]));
    assert_eq!((said.code, said.out.lines().count()), (Some(3), 2), "{}", said.err);
    dir.file("papers/notes.txt", b"nothing");
    let said = run(dir.command().args(["predict", "papers"]));
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("1 file is not a photo"), "{}", said.err);
}

#[test]
fn a_class_without_readable_files_is_reported_with_the_reason() {
    let dir = Dir::with_photos(4);
    for number in 0..3 {
        dir.file(&format!("scans/ill/{number}.dcm"), &dicom());
        dir.photo(&format!("scans/well/{number}.ppm"), 100 + number);
    }
    for command in ["train", "extract"] {
        let said = run(dir.command().args([&[command, "--data", "scans"], &TRAIN[3..]].concat()));
        assert_eq!(said.code, Some(1), "{command}: {}", said.err);
        assert!(said.err.contains("no image of class `ill` could be read"), "{command}: {}", said.err);
        assert!(said.err.contains("`scans/ill/0.dcm`: DICOM is not supported"), "{command}: {}", said.err);
    }
    // Where only some files of a class are unreadable, they are reported and left out.
    dir.file("imgs/dark/scan.dcm", &dicom());
    let said = run(dir.command().args(TRAIN).arg("--json"));
    assert_eq!(said.code, Some(3), "{}", said.err);
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert!(report["unreadable"][0]["reason"].as_str().unwrap().starts_with("DICOM is not supported"), "{report}");
    let said = run(dir.command().args(["evaluate", "--data", "imgs"]));
    assert_eq!(said.code, Some(3), "{}", said.err);
    assert!(said.err.contains("scan.dcm`: DICOM is not supported"), "{}", said.err);
}

#[test]
fn a_raw_photo_is_never_read_from_its_thumbnail_and_of_other_tiffs_the_largest_image_is_read() {
    let dir = Dir::with_photos(4);
    dir.model();
    dir.file("phone.dng", &with_thumbnail(34_892));
    dir.file("camera.tif", &with_thumbnail(32_803));
    dir.file("thumbnail-first.tif", &with_thumbnail(1));
    let said = run(dir.command().args(["predict", "phone.dng", "camera.tif"]));
    assert_eq!(said.code, Some(3), "{}", said.out);
    assert_eq!(said.out.matches("camera raw is not supported").count(), 2, "{}", said.out);
    // The answer is that of the bright image by itself.
    let bright = [b"II*\0".as_slice(), &6408_u32.to_le_bytes(), &[220; 6400], &directory(&grey(80, 8), 0)].concat();
    dir.file("bright.tif", &bright);
    let said = run(dir.command().args(["predict", "thumbnail-first.tif", "bright.tif", "--json", "--cache", "off"]));
    assert_eq!(said.code, Some(0), "{}", said.out);
    let answers: Vec<serde_json::Value> = said.out.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    assert_eq!(answers[0]["logit"], answers[1]["logit"], "{}", said.out);
    assert_eq!(answers[0]["label"], "light", "{}", said.out);
}

#[test]
fn a_video_of_many_gigabytes_is_reported_without_being_read() {
    let dir = Dir::with_photos(4);
    dir.model();
    let path = dir.file("film.mov", b"\0\0\0\x14ftypqt  \0\0\0\0qt  ");
    // A sparse file: nothing is written.
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(40 << 30).unwrap();
    let started = std::time::Instant::now();
    let said = run(dir.command().args(["predict", "film.mov"]));
    assert_eq!(said.code, Some(3), "{}", said.err);
    assert!(said.out.contains("a video is not supported"), "{}", said.out);
    assert!(started.elapsed().as_secs() < 60);
    // A photo is still read as usual.
    dir.file("a.ppm", &photo(9));
    assert_eq!(run(dir.command().args(["predict", "a.ppm"])).code, Some(0));
}

/// Grey photos of 40×40 pixels in two shades, each with its own texture; levels are multiplied by `times`, and `largest` is
/// white.
fn scans(dir: &Dir, name: &str, times: u16, largest: u16) {
    for (class, shade, step) in [("dark", 30_u16, 7), ("light", 200, 9)] {
        for number in 0..4 {
            let levels = (0..1600_u16).map(|at| (shade + number + at * (step + 4 * number) % 50) * times);
            let header = format!("P5 40 40 {largest}\n").into_bytes();
            let samples: Vec<u8> = if largest > 255 {
                levels.flat_map(u16::to_be_bytes).collect()
            } else {
                levels.map(|level| level as u8).collect()
            };
            dir.file(&format!("{name}/{class}/{number}.pgm"), &[header, samples].concat());
        }
    }
}

#[test]
fn twelve_bit_scans_are_reported_as_nearly_black_and_levels_correct_them() {
    let dir = Dir::new();
    scans(&dir, "eight", 1, 255);
    scans(&dir, "twelve", 16, 65_535);
    scans(&dir, "sixteen", 257, 65_535);
    let train = |data: &str, more: &[&str]| {
        run(dir.command().args([&["train", "--json", "--data", data], &TRAIN[3..], more].concat()))
    };
    // Without levels there is a warning, whether the features are computed or cached.
    for _ in 0..2 {
        let said = train("twelve", &["--output", "dark.safetensors"]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(said.err.contains("8 of 8 photos with 16 bits a channel are nearly black"), "{}", said.err);
        assert!(said.err.contains("from 480 to 4032, and 65535 is white"), "{}", said.err);
        assert!(said.err.contains("`--levels auto`, or `--levels 0,4095`"), "{}", said.err);
        let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(report["noticed"]["sixteen_bit"], 8);
        assert_eq!(report["noticed"]["levels"], serde_json::json!([480, 4032]));
        assert!(report["levels"].is_null());
    }
    assert!(!train("sixteen", &[]).err.contains("16 bits"));
    assert!(!train("eight", &[]).err.contains("16 bits"));
    let said = run(dir.command().args(["predict", "--model", "dark.safetensors", "twelve"]));
    assert!(said.err.contains("train again with `--levels auto`"), "{}", said.err);
    let said = run(dir.command().args(["evaluate", "--model", "dark.safetensors", "--data", "twelve"]));
    assert!(said.err.contains("train again with `--levels auto`"), "{}", said.err);

    // With the levels they were made with, their features equal those of the 8-bit photos exactly.
    let features = |data: &str, more: &[&str]| {
        let arguments = [&["extract", "--data", data], &TRAIN[3..], &["--output", "f"], more].concat();
        let said = run(dir.command().args(arguments));
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(!said.err.contains("nearly"), "{}", said.err);
        let bytes = std::fs::read(dir.path("f")).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        tensors.tensor("features").unwrap().data().to_vec()
    };
    let eight = features("eight", &[]);
    assert_eq!(features("twelve", &["--levels", "0,4080"]), eight);
    assert_eq!(features("sixteen", &["--levels", "0,65535"]), eight);
    // Levels have no effect on 8-bit photos.
    assert_eq!(features("eight", &["--levels", "0,4080"]), eight);
    assert_eq!(features("eight", &["--levels", "auto"]), eight);
}

#[test]
fn levels_are_chosen_once_kept_in_the_model_and_used_by_every_command() {
    let dir = Dir::new();
    scans(&dir, "twelve", 16, 65_535);
    scans(&dir, "sixteen", 257, 65_535);
    let arguments = [&["train", "--json", "--data", "twelve"], &TRAIN[3..], &["--levels", "auto"]].concat();
    let said = run(dir.command().args(&arguments));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("480 is black and 4032 is white, by 8 photos"), "{}", said.err);
    assert!(!said.err.contains("nearly black"), "{}", said.err);
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["levels"], serde_json::json!({ "low": 480, "high": 4032 }));
    let model = Model::read(&dir.path("model.safetensors")).unwrap();
    assert_eq!(model.facts.preprocess.levels, Some(Levels { low: 480, high: 4032 }));
    // A photo alone gets the same answer as among all others, without a message about levels.
    let all = run(dir.command().args(["predict", "twelve"]));
    let alone = run(dir.command().args(["predict", "twelve/light/2.pgm", "--cache", "off"]));
    assert_eq!((alone.code, alone.err.contains("16 bits")), (Some(0), false), "{}", alone.err);
    assert!(all.out.contains(alone.out.trim_end()), "{}{}", all.out, alone.out);
    // Values far outside the levels are clipped, with a warning.
    let said = run(dir.command().args(["predict", "sixteen"]));
    assert!(said.err.contains("8 of 8 photos with 16 bits a channel are clipped"), "{}", said.err);
    let said = run(dir.command().args(["evaluate", "--data", "twelve"]));
    assert_eq!((said.code, said.err.contains("16 bits")), (Some(0), false), "{}", said.err);
    for wrong in ["", "4095", "5,5", "auto,1", "0,70000"] {
        let said = run(dir.command().args(["train", "--data", "twelve", "--levels", wrong]));
        assert_eq!(said.code, Some(2), "{wrong}: {}", said.err);
    }
}

#[test]
fn validation_photos_do_not_influence_the_levels() {
    let dir = Dir::new();
    scans(&dir, "data/train", 16, 65_535);
    scans(&dir, "data/val", 200, 65_535);
    let arguments = [&["train", "--data", "data"], &TRAIN[3..], &["--levels", "auto"]].concat();
    let said = run(dir.command().args(arguments));
    assert!(said.err.contains("480 is black and 4032 is white, by 8 photos"), "{}", said.err);
}

#[test]
fn files_with_several_pages_are_reported_once_per_run() {
    let dir = Dir::with_photos(4);
    dir.model();
    // A TIFF of three identical pages, and a GIF of two one-pixel frames.
    let mut tiff = [b"II*\0".as_slice(), &1608_u32.to_le_bytes(), &[90; 1600]].concat();
    for page in 0..3 {
        let length = directory(&grey(40, 8), 0).len() as u32;
        let next = if page < 2 { tiff.len() as u32 + length } else { 0 };
        tiff.extend(directory(&grey(40, 8), next));
    }
    let frame = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0";
    let gif = [b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff".as_slice(), frame, frame, b"\x3b"].concat();
    dir.file("many/a.tif", &tiff);
    dir.file("many/b.gif", &gif);
    dir.photo("many/c.ppm", 9);
    // First computed, then from the cache.
    for _ in 0..2 {
        let said = run(dir.command().args(["predict", "many", "--json"]));
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
        assert_eq!(said.err.matches("2 files have several pages or frames").count(), 1, "{}", said.err);
        let pages: Vec<_> =
            said.out.lines().map(|row| serde_json::from_str::<serde_json::Value>(row).unwrap()).collect();
        assert_eq!(pages[0]["pages"], 3);
        assert_eq!(pages[1]["pages"], 2);
        assert!(pages[2].get("pages").is_none());
    }
    dir.file("imgs/dark/many.tif", &tiff);
    let said = run(dir.command().args(TRAIN).arg("--json"));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("1 file has several pages or frames: only its first is looked at"), "{}", said.err);
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["noticed"]["multi_page"], 1);
}

#[test]
fn heic_and_avif_are_read_and_truncated_ones_are_refused() {
    let dir = Dir::with_photos(4);
    dir.model();
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pixels");
    let whole = std::fs::read(golden.join("heic_grid.heic")).unwrap();
    let avif = std::fs::read(golden.join("avif_grid_444.avif")).unwrap();
    dir.file("phone/IMG_0001.HEIC", &whole);
    dir.file("phone/web.avif", &avif);
    let said = run(dir.command().args(["predict", "phone"]));
    assert_eq!((said.code, said.out.lines().count()), (Some(0), 2), "{}{}", said.out, said.err);
    assert!(!said.out.contains("unreadable"), "{}", said.out);
    dir.file("phone/IMG_0002.HEIC", &whole[..whole.len() / 2]);
    dir.file("phone/half.avif", &avif[..avif.len() / 2]);
    let said = run(dir.command().args(["predict", "phone"]));
    assert_eq!((said.code, said.out.lines().count()), (Some(3), 4), "{}{}", said.out, said.err);
    for (name, reason) in [
        ("IMG_0002.HEIC", "the HEIC image is cut off: the file ends before the last pixel"),
        ("half.avif", "the AVIF image is cut off: the file ends before the last pixel"),
    ] {
        let row = said.out.lines().find(|row| row.contains(name)).unwrap_or_default();
        assert!(row.starts_with("unreadable") && row.contains(reason), "{name}: {row}");
    }
}
