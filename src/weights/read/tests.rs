use std::path::PathBuf;

use super::*;
use crate::files;

fn golden(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", "weights", name].iter().collect()
}

#[test]
fn every_form_that_pytorch_writes_gives_the_numbers_that_python_sees() {
    let expected: serde_json::Value =
        serde_json::from_slice(&files::read(&golden("expected.json"), 1 << 20).unwrap()).unwrap();
    let expected = expected["tensors"].as_object().unwrap();
    assert_eq!(expected.len(), 8);
    for file in ["state.zip.pth", "state.legacy.pth", "state.safetensors", "checkpoint.pth"] {
        let arrays = read(&golden(file)).unwrap();
        assert_eq!(arrays.len(), expected.len(), "{file}");
        for (name, tensor) in expected {
            let array = arrays.get(name).unwrap();
            let shape: Vec<usize> = serde_json::from_value(tensor["shape"].clone()).unwrap();
            assert_eq!(array.shape(), shape, "{file} {name}");
            let values: Vec<f32> = serde_json::from_value(tensor["values"].clone()).unwrap();
            match array.dtype() {
                Dtype::I64 => assert_eq!(array.bytes(), (values[0] as i64).to_le_bytes(), "{file} {name}"),
                _ => assert_eq!(*array.to_f32(), values, "{file} {name}"),
            }
        }
    }
}

#[test]
fn a_pickle_that_wants_to_run_code_is_refused_and_named() {
    for file in ["evil.zip.pth", "evil.legacy.pth"] {
        let error = read(&golden(file)).unwrap_err();
        assert!(matches!(&error, WeightsError::Refused { name, .. } if name.ends_with(".system")), "{error}");
    }
    let error = read(&golden("evil.pkl")).unwrap_err();
    assert!(error.to_string().contains("system"), "{error}");
}

#[test]
fn files_without_a_state_dict_are_told_apart() {
    let cases = [
        ("module.pth", "torch.nn.modules.linear.Linear"),
        ("module.legacy.pth", "torch.nn.modules.linear.Linear"),
        ("torchscript.pt", "TorchScript"),
    ];
    for (file, expected) in cases {
        let error = read(&golden(file)).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.hint().unwrap().contains("state_dict()"));
    }
    let message = |bytes: &[u8]| parse(bytes, "w").unwrap_err().to_string();
    assert!(message(b"").contains("empty"));
    assert!(message(b"<!DOCTYPE html>").contains("HTML"));
    assert!(message(b"version https://git-lfs").contains("Git LFS"));
    assert!(message(b"\x89PNG....").contains("neither"));
}

#[test]
fn no_cut_and_no_flipped_bit_makes_a_reader_panic() {
    let mut errors = 0;
    for file in ["state.zip.pth", "state.legacy.pth", "state.safetensors"] {
        let bytes = files::read(&golden(file), 1 << 20).unwrap();
        for length in 0..bytes.len() {
            errors += usize::from(parse(&bytes[..length], "w").is_err());
        }
        for position in 0..bytes.len() {
            for bit in [0x01, 0x80, 0xff] {
                let mut flipped = bytes.clone();
                flipped[position] ^= bit;
                let _ = parse(&flipped, "w");
            }
        }
    }
    assert!(errors > 3000, "{errors}");
}

#[test]
fn sizes_that_a_file_only_states_are_not_believed() {
    // A tensor of 2^40 numbers that all share one: torch would call it an expanded view.
    let pickle = |shape: &[u8]| {
        let mut bytes =
            b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n"
                .to_vec();
        bytes.extend(b"X\x01\0\0\x000X\x03\0\0\0cpuK\x01tQK\0");
        bytes.extend(shape);
        bytes.extend(b"\x89}tRs.");
        bytes
    };
    let huge = pickle(b"(\x8a\x06\0\0\0\0\0\x01t(K\0t");
    let content = [0; 4];
    let read = |bytes: &[u8]| {
        let pickle = pickle::Pickle::read(bytes, "w")?;
        rebuild::tensors(&pickle, &|_| Ok(&content), "w")
    };
    let error = read(&huge).unwrap_err().to_string();
    assert!(error.contains("too large"), "{error}");
    assert_eq!(read(&pickle(b"(K\x01t(K\x01t")).unwrap().len(), 1);
}

#[test]
fn a_small_file_cannot_ask_for_much_memory_or_time() {
    let read = |bytes: &[u8], storage: &[u8]| {
        let pickle = pickle::Pickle::read(bytes, "w")?;
        rebuild::tensors(&pickle, &|_| Ok(storage), "w")
    };
    // One storage of 1 MB, under ten thousand names.
    let mut bytes =
        b"\x80\x02}(X\x01\0\0\0actorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nByteStorage\n\
        X\x01\0\0\x000X\x03\0\0\0cpuJ\0\0\x10\0tQK\0(J\0\0\x10\0t(K\x01t\x89}tRq\x01"
            .to_vec();
    for name in 0..10_000_u32 {
        bytes.extend([b"X\x04\0\0\0", &name.to_le_bytes().map(|byte| byte & 0x7f)[..], b"h\x01"].concat());
    }
    bytes.extend(b"u.");
    let error = read(&bytes, &vec![0; 1 << 20]).unwrap_err().to_string();
    assert!(error.contains("its tensors are too large"), "{error}");
    // Marks and mentions are counted as values are.
    for endless in [&b"("[..], b"N0", b"h\x01"] {
        let bytes = [b"\x80\x02Nq\x01", &endless.repeat(6_000_000)[..], b"."].concat();
        let error = read(&bytes, &[]).unwrap_err().to_string();
        assert!(error.contains("too many steps"), "{error}");
    }
    // 200,000 storages without a number in them.
    let keys = 200_000_u32;
    let mut file = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02](".to_vec();
    let key = |number: u32| [b"X\x07\0\0\0", format!("{number:07}").as_bytes()].concat();
    for number in 0..keys {
        file.extend([b"(X\x07\0\0\0storagectorch\nFloatStorage\n", &key(number)[..], b"NNtQ"].concat());
    }
    file.extend(b"e.\x80\x02](");
    file.extend((0..keys).flat_map(key));
    file.extend(b"e.");
    file.extend(vec![0; keys as usize * 8]);
    let error = parse(&file, "w").unwrap_err().to_string();
    assert!(error.contains("no dict of tensors"), "{error}");
}

#[test]
fn headers_that_are_overlong_or_endlessly_deep_are_refused_at_once() {
    for length in [u64::MAX, u64::MAX - 7, 1 << 63, 100_000_001, 100_000_000, 65, 9] {
        assert!(parse(&[&length.to_le_bytes()[..], b"{}", &[b' '; 40]].concat(), "w").is_err(), "{length}");
    }
    let deep = vec![b'['; 1_000_000];
    assert!(parse(&[&(deep.len() as u64).to_le_bytes()[..], &deep].concat(), "w").is_err());
}
