#![no_main]

libfuzzer_sys::fuzz_target!(|pickle: &[u8]| readers::targets::pickle(pickle));
