//! What a command line says about weights, devices and arithmetic: what was understood is understood again when written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use resnet_binary::backbone::PrecisionChoice;
use resnet_binary::backbone::device::DeviceChoice;
use resnet_binary::dataset::Split;
use resnet_binary::weights::WeightsSource;

fuzz_target!(|text: &str| {
    if let Ok(source) = text.parse::<WeightsSource>() {
        assert_eq!(source.to_string().parse::<WeightsSource>().ok(), Some(source));
    }
    if let Ok(device) = text.parse::<DeviceChoice>() {
        assert_eq!(device.to_string().parse::<DeviceChoice>().ok(), Some(device));
    }
    if let Ok(precision) = text.parse::<PrecisionChoice>() {
        assert_eq!(precision.to_string().parse::<PrecisionChoice>().ok(), Some(precision));
    }
    let _ = Split::parse(text);
});
