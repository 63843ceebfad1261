//! What the fuzz targets do with their bytes; a finding is a panic.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Seek, Write};
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::dataset::{self, ReadOptions, Split};
use crate::decision::{Decision, Review, ThresholdRule};
use crate::pixels::{self, DecodeError, Levels, Limits, PhotoFacts, Preprocess, pages, silence_decoder_panics};
use crate::progress::Silent;
use crate::weights::{WeightsSource, parse};

thread_local! {
    /// One file for all inputs; best in memory, where TMPDIR says.
    static TABLE: RefCell<NamedTempFile> = RefCell::new(NamedTempFile::new().expect("a temporary file"));
}

/// Magic number, protocol version, system information of `torch.save`.
const BEFORE_PICKLE: &[u8] = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";

/// Bytes of an image file → crop, and what the file tells besides: an answer of the right size, or a reason with a remedy.
pub fn decode(bytes: &[u8]) {
    // A decoder's own panic is caught and becomes the file's error; without this the fuzzer's hook would abort first.
    silence_decoder_panics();
    let limits =
        Limits { max_pixels: 1 << 18, max_memory: 1 << 24, max_time: Duration::from_secs(5), ..Limits::default() };
    assert!(pages(bytes) >= 1);
    let levels = Some(Levels { low: 1, high: 4095 });
    let preprocess = Preprocess { levels, ..Preprocess::with_image_size(32) };
    match preprocess.load_with_facts(bytes, &limits) {
        Ok((crop, facts)) => {
            assert_eq!(crop.rgb.len(), 32 * 32 * 3);
            assert_eq!(PhotoFacts::from_bytes(&facts.to_bytes()).as_ref(), Some(&facts));
        }
        // Not what a user is meant to see, so a finding all the same.
        Err(error @ DecodeError::Panicked { .. }) => panic!("{error}"),
        Err(error) => assert!(error.hint().is_some() && !error.to_string().is_empty()),
    }
}

/// A weights file of any form: arrays whose bytes fill their shapes, or an error with a remedy.
pub fn weights(bytes: &[u8]) {
    match parse(bytes, "w") {
        Ok(arrays) => {
            for (_, array) in arrays.iter() {
                let numbers: usize = array.shape().iter().product();
                assert_eq!(array.bytes().len(), numbers * array.dtype().size());
                array.is_finite();
            }
        }
        Err(error) => assert!(error.hint().is_some()),
    }
}

/// The header of a safetensors file, with the length that it has and 64 bytes of numbers behind it.
pub fn safetensors(header: &[u8]) {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(0..64);
    if let Ok(arrays) = parse(&file, "w") {
        let bytes: usize = arrays.iter().map(|(_, array)| array.bytes().len()).sum();
        assert!(bytes <= 64);
    }
}

/// A pickle where `torch.save` puts the state dict: in the form of before PyTorch 1.6, behind its three small pickles.
pub fn pickle(pickle: &[u8]) {
    let file = [BEFORE_PICKLE, pickle].concat();
    if let Ok(arrays) = parse(&file, "w") {
        for (_, array) in arrays.iter() {
            assert!(array.bytes().len() <= 1 << 30);
        }
    }
}

/// A CSV of photos: labelled samples of at least two classes, or an error.
pub fn table(bytes: &[u8]) {
    TABLE.with_borrow_mut(|table| {
        rewrite(table.as_file_mut(), bytes).expect("a disk that is not full");
        if let Ok(found) =
            dataset::open(table.path(), &ReadOptions::default(), None, &pixels::looks_like_image, &Silent)
        {
            assert_eq!(found.classes.names().len(), 2);
            assert!(found.samples.iter().all(|sample| sample.class < 2));
            assert!(found.samples.is_sorted_by_key(|sample| sample.path.as_os_str().as_encoded_bytes()));
        }
    });
}

/// What a command line says about thresholds, ranges, weights and splits: what was understood, written out and read again
/// is the same.
pub fn expressions(text: &str) {
    if let Ok(rule) = text.parse::<ThresholdRule>() {
        assert_eq!(rule.to_string().parse::<ThresholdRule>().ok(), Some(rule));
    }
    if let Ok(review) = text.parse::<Review>() {
        assert_eq!(review.to_string().parse::<Review>().ok(), Some(review));
        assert!(Decision::new(review.low(), Some(review)).is_ok());
    }
    if let Ok(source) = text.parse::<WeightsSource>() {
        assert_eq!(source.to_string().parse::<WeightsSource>().ok(), Some(source));
    }
    let _ = Split::parse(text);
}

fn rewrite(file: &mut File, bytes: &[u8]) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(bytes)
}
