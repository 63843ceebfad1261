//! The header of a safetensors file, with the length that it has and 64 bytes of numbers behind it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use readers::weights::parse;

fuzz_target!(|header: &[u8]| {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(0..64);
    if let Ok(arrays) = parse(&file, "w") {
        let bytes: usize = arrays.iter().map(|(_, array)| array.bytes().len()).sum();
        assert!(bytes <= 64);
    }
});
