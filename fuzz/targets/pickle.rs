//! A pickle where `torch.save` puts the state dict: in the form of before PyTorch 1.6, behind its three small pickles.
#![no_main]

use libfuzzer_sys::fuzz_target;
use readers::weights::parse;

/// Magic number, protocol version, system information.
const BEFORE: &[u8] = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";

fuzz_target!(|pickle: &[u8]| {
    let file = [BEFORE, pickle].concat();
    if let Ok(arrays) = parse(&file, "w") {
        for (_, array) in arrays.iter() {
            assert!(array.bytes().len() <= 1 << 30);
        }
    }
});
