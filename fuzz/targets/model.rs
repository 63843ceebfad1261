//! A model file, and the description in one: a model whose numbers are all finite, or an error with a remedy.
#![no_main]

use libfuzzer_sys::fuzz_target;
use resnet_binary::Model;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    // The description alone, in a file that is right otherwise: the fuzzer would hardly guess the length before it.
    let Ok(facts) = std::str::from_utf8(bytes) else { return };
    let escaped = facts.replace('\\', "\\\\").replace('"', "\\\"").replace(char::is_control, " ");
    let mut header = format!(
        "{{\"__metadata__\":{{\"resnet_binary\":\"{escaped}\"}},\
         \"head.bias\":{{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}},\
         \"head.weight\":{{\"dtype\":\"F32\",\"shape\":[1,2048],\"data_offsets\":[4,8196]}}}}"
    );
    header.extend(std::iter::repeat_n(' ', header.len().wrapping_neg() % 8));
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend([0; 8196]);
    check(&file);
});

fn check(bytes: &[u8]) {
    match Model::parse(bytes, "m") {
        Ok(model) => {
            assert_eq!(model.head.weight.len(), 2048);
            assert!(model.head.weight.iter().all(|weight| weight.is_finite()) && model.head.bias.is_finite());
            assert!((0.0..=1.0).contains(&model.facts.threshold));
            assert!(model.facts.classes.contains(&model.facts.positive));
        }
        Err(error) => assert!(error.hint().is_some()),
    }
}
