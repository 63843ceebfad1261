//! Bytes of an image file → crop, and what the file tells besides: an answer of the right size, or a reason with a remedy.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use readers::pixels::{DecodeError, Levels, Limits, PhotoFacts, Preprocess, pages, silence_decoder_panics};

fuzz_target!(|bytes: &[u8]| {
    // A decoder's own panic is caught and becomes the file's error; without this the fuzzer's hook would abort first.
    silence_decoder_panics();
    let limits = Limits {
        max_pixels: 1 << 18,
        max_memory: 1 << 24,
        max_time: Duration::from_secs(5),
        ..Limits::default()
    };
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
});
