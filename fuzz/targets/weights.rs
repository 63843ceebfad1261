//! A weights file of any form: arrays whose bytes fill their shapes, or an error with a remedy.
#![no_main]

use libfuzzer_sys::fuzz_target;
use readers::weights::parse;

fuzz_target!(|bytes: &[u8]| {
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
});
