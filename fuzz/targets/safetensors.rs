#![no_main]

libfuzzer_sys::fuzz_target!(|header: &[u8]| readers::targets::safetensors(header));
