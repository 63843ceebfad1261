//! Files of a few directories and no pixels, of both byte orders and both sizes.

use super::*;

/// The entries of a directory: tag and numbers of 32 bits.
type Entries<'a> = &'a [(u16, &'a [u32])];

/// A file with these pages and what hangs at the first; no pixels.
fn file(is_little: bool, is_big: bool, pages: &[Entries<'_>], subs: &[Entries<'_>]) -> Vec<u8> {
    let number = |bytes: usize, number: u64| {
        let (little, big) = (number.to_le_bytes(), number.to_be_bytes());
        if is_little { little[..bytes].to_vec() } else { big[8 - bytes..].to_vec() }
    };
    let offset = if is_big { 8 } else { 4 };
    let size = |entries: usize| if is_big { 8 + 20 * entries + 8 } else { 2 + 12 * entries + 4 };
    let header = 2 * offset;
    // Longer values follow behind everything; the first page has one entry more where something hangs at it.
    let entries_of = |page: usize| pages[page].len() + usize::from(page == 0 && !subs.is_empty());
    let pages_end = header + (0..pages.len()).map(|page| size(entries_of(page))).sum::<usize>();
    let mut sub_places = Vec::new();
    let mut values_at = pages_end;
    for sub in subs {
        sub_places.push(values_at as u32);
        values_at += size(sub.len());
    }
    let mut bytes = if is_little { b"II".to_vec() } else { b"MM".to_vec() };
    bytes.extend(number(2, if is_big { 43 } else { 42 }));
    if is_big {
        bytes.extend([number(2, 8), number(2, 0)].concat());
    }
    bytes.extend(number(offset, header as u64));
    let mut values = Vec::new();
    let all: Vec<Vec<(u16, Vec<u32>)>> = pages
        .iter()
        .chain(subs)
        .enumerate()
        .map(|(index, entries)| {
            let mut all: Vec<_> = entries.iter().map(|(tag, numbers)| (*tag, numbers.to_vec())).collect();
            if index == 0 && !subs.is_empty() {
                all.push((SUB_IFDS, sub_places.clone()));
            }
            all
        })
        .collect();
    for (index, entries) in all.iter().enumerate() {
        bytes.extend(number(if is_big { 8 } else { 2 }, entries.len() as u64));
        for (tag, numbers) in entries {
            bytes.extend([number(2, (*tag).into()), number(2, 4), number(offset, numbers.len() as u64)].concat());
            let own: Vec<u8> = numbers.iter().flat_map(|value| number(4, (*value).into())).collect();
            if own.len() <= offset {
                bytes.extend([&own[..], &vec![0; offset - own.len()]].concat());
            } else {
                bytes.extend(number(offset, (values_at + values.len()) as u64));
                values.extend(own);
            }
        }
        let has_next = index + 1 < pages.len();
        let end = bytes.len() + offset;
        bytes.extend(number(offset, if has_next { end as u64 } else { 0 }));
    }
    assert_eq!(bytes.len(), values_at);
    [bytes, values].concat()
}

fn kinds() -> impl Iterator<Item = (bool, bool)> {
    [(true, false), (false, false), (true, true), (false, true)].into_iter()
}

#[test]
fn tags_are_found_in_either_byte_order_and_a_cut_file_has_none() {
    for (is_little, is_big) in kinds() {
        let of = |page: Entries<'_>| file(is_little, is_big, &[page], &[]);
        let bytes = of(&[(256, &[7]), (PLANAR_CONFIGURATION, &[2]), (TILE_WIDTH, &[16]), (EXTRA_SAMPLES, &[1, 0, 0])]);
        assert!(is_premultiplied(&bytes));
        assert!(photo_within(&bytes).unwrap_err().to_string().contains("tiles of their own"));
        assert!(photo_within(&of(&[(PLANAR_CONFIGURATION, &[2])])).is_ok());
        assert!(!is_premultiplied(&of(&[(EXTRA_SAMPLES, &[2])])));
        for length in 0..bytes.len() {
            assert_eq!(pages(&bytes[..length]), 1);
            let _ = photo_within(&bytes[..length]);
        }
        assert!(!is_premultiplied(&bytes[..bytes.len() - 12]));
    }
    assert_eq!(first_number(b"II+\0\x08\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 256), None);
    assert_eq!(first_number(b"II*\0\xff\xff\xff\xff", 256), None);
}

const THUMBNAIL: Entries<'_> = &[(NEW_SUBFILE_TYPE, &[1]), (IMAGE_WIDTH, &[160]), (IMAGE_LENGTH, &[120])];
const PHOTO: Entries<'_> = &[(NEW_SUBFILE_TYPE, &[0]), (IMAGE_WIDTH, &[4000]), (IMAGE_LENGTH, &[3000])];
const MOSAIC: Entries<'_> = &[(IMAGE_WIDTH, &[4000]), (IMAGE_LENGTH, &[3000]), (PHOTOMETRIC, &[32_803])];
const LINEAR: Entries<'_> = &[(IMAGE_WIDTH, &[4000]), (IMAGE_LENGTH, &[3000]), (PHOTOMETRIC, &[34_892])];

#[test]
fn camera_raw_is_named_wherever_the_sensors_numbers_are() {
    for (is_little, is_big) in kinds() {
        let raw: [(&[Entries<'_>], &[Entries<'_>]); 6] = [
            // NEF and ARW; with a preview beside; PEF; a phone's DNG; DNG by its version alone, and without thumbnail.
            (&[THUMBNAIL], &[MOSAIC]),
            (&[THUMBNAIL], &[PHOTO, MOSAIC]),
            (&[MOSAIC, THUMBNAIL], &[]),
            (&[THUMBNAIL], &[LINEAR]),
            (&[&[(DNG_VERSION, &[0x0104_0000])]], &[PHOTO]),
            (&[LINEAR], &[]),
        ];
        for (pages, subs) in raw {
            let error = photo_within(&file(is_little, is_big, pages, subs)).unwrap_err();
            assert_eq!(error, DecodeError::OtherKind(&kind::RAW));
        }
    }
    for header in [b"II*\0\x10\0\0\0CR\x02\0".as_slice(), b"II*\0\x10\0\0\0IIII"] {
        assert_eq!(photo_within(header).unwrap_err(), DecodeError::OtherKind(&kind::RAW));
    }
}

#[test]
fn pages_are_counted_without_reduced_copies_and_a_reduced_first_one_gives_way_to_the_photo() {
    let sides = |bytes: &[u8]| [IMAGE_WIDTH, IMAGE_LENGTH].map(|tag| first_number(bytes, tag).unwrap());
    for (is_little, is_big) in kinds() {
        let cases: [(&[Entries<'_>], &[Entries<'_>], usize, u64); 6] = [
            (&[PHOTO], &[], 1, 4000),
            (&[PHOTO, PHOTO, PHOTO], &[], 3, 4000),
            // A pyramid below the photo, and one behind it.
            (&[PHOTO], &[THUMBNAIL, THUMBNAIL], 1, 4000),
            (&[PHOTO, THUMBNAIL, THUMBNAIL], &[], 1, 4000),
            (&[THUMBNAIL, PHOTO], &[], 1, 4000),
            (&[THUMBNAIL], &[PHOTO], 1, 4000),
        ];
        for (given, subs, count, width) in cases {
            let bytes = file(is_little, is_big, given, subs);
            assert_eq!(pages(&bytes), count);
            let photo = photo_within(&bytes).unwrap();
            assert_eq!(sides(&photo)[0], width);
            let is_first = given[0] == PHOTO;
            assert_eq!(matches!(photo, Cow::Borrowed(_)), is_first, "a photo in front is not copied");
        }
        // Marked as reduced, of nothing.
        let alone = file(is_little, is_big, &[THUMBNAIL], &[]);
        assert_eq!((pages(&alone), sides(&photo_within(&alone).unwrap())), (1, [160, 120]));
    }
}

#[test]
fn directories_in_a_circle_or_over_each_other_end() {
    let mut circle = file(true, false, &[PHOTO, PHOTO], &[]);
    let last = circle.len() - 4;
    circle[last..].copy_from_slice(&8_u32.to_le_bytes());
    assert_eq!(pages(&circle), 2);
    // Each of very many directories begins two bytes behind the last, and is as long as the file.
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend(vec![0xff; 1 << 20]);
    let started = std::time::Instant::now();
    let _ = (pages(&bytes), photo_within(&bytes));
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn numbers_of_any_size_have_no_black_and_white_and_the_message_says_how_to_choose() {
    let cases: [(Entries<'_>, &str); 4] = [
        (&[(BITS_PER_SAMPLE, &[32])], "32 bits a sample"),
        (&[(BITS_PER_SAMPLE, &[32, 32, 32]), (SAMPLE_FORMAT, &[3, 3, 3])], "floating-point samples"),
        (&[(BITS_PER_SAMPLE, &[16]), (SAMPLE_FORMAT, &[2])], "signed samples"),
        (&[(BITS_PER_SAMPLE, &[64])], "64 bits a sample"),
    ];
    for (page, what) in cases {
        let said = photo_within(&file(true, false, &[page], &[])).unwrap_err().to_string();
        assert!(said.contains(what) && said.contains("gdal_translate"), "{said}");
    }
}

#[test]
fn colours_are_what_they_were_before_alpha() {
    let mut samples = vec![64, 0, 128, 128, 9, 9, 9, 0, 200, 1, 0, 100, 3, 2, 1, 255];
    divide_by_alpha(ColorType::Rgba8, &mut samples);
    assert_eq!(samples, [127, 0, 255, 128, 9, 9, 9, 0, 255, 2, 0, 100, 3, 2, 1, 255]);
    let mut samples: Vec<u8> = [0x4000_u16, 0x8000].iter().flat_map(|sample| sample.to_ne_bytes()).collect();
    divide_by_alpha(ColorType::La16, &mut samples);
    assert_eq!(u16::from_ne_bytes([samples[0], samples[1]]) >> 8, 127);
    let mut samples = vec![1, 2, 3];
    divide_by_alpha(ColorType::Rgb8, &mut samples);
    assert_eq!(samples, [1, 2, 3]);
}
