//! Weights files to named arrays, by content: safetensors, and torchvision's `.pth` in its zip and its legacy form.

mod legacy;
mod pickle;
mod pth;
mod rebuild;

use std::path::Path;
use std::sync::Arc;

use safetensors::SafeTensors;

use super::array::Bytes;
use super::{Array, Dtype, NamedArrays, WeightsError};
use crate::files::Mapped;

/// ResNet-152 in f64 is half of this; anything larger is not a weights file for this program.
pub(crate) const SIZE_LIMIT: u64 = 1 << 30;

/// Reads all tensors of a weights file.
///
/// # Errors
/// [`WeightsError`] saying what the file is instead, or where it is damaged.
pub(crate) fn read(path: &Path) -> Result<NamedArrays, WeightsError> {
    let file = Arc::new(Mapped::open(path, SIZE_LIMIT)?);
    let bytes = file.bytes();
    let within = |part: &[u8]| {
        let start = part.as_ptr().addr() - bytes.as_ptr().addr();
        Bytes::Mapped(Arc::clone(&file), start..start + part.len())
    };
    parse_keeping(bytes, &path.display().to_string(), &within)
}

/// Reads all tensors from bytes; `file` is their name in messages.
pub(crate) fn parse(bytes: &[u8], file: &str) -> Result<NamedArrays, WeightsError> {
    parse_keeping(bytes, file, &|part| Bytes::Owned(part.to_vec()))
}

/// As [`parse`]; `keep` says how the numbers of a safetensors file are held on to.
fn parse_keeping(bytes: &[u8], file: &str, keep: &dyn Fn(&[u8]) -> Bytes) -> Result<NamedArrays, WeightsError> {
    match bytes {
        [] => Err(not_weights(file, "it is empty")),
        [b'P', b'K', 3, 4, ..] => pth::parse(bytes, file),
        // A pickle of protocol 2: torch.save before 1.6.
        [0x80, 2, ..] => legacy::parse(bytes, file),
        [b'<', ..] => Err(not_weights(file, "it is an HTML page, perhaps an error of the download")),
        [b'v', b'e', b'r', b's', b'i', b'o', b'n', b' ', ..] => {
            Err(not_weights(file, "it is a Git LFS pointer, the file itself was not fetched"))
        }
        // An 8-byte length, then JSON.
        [_, _, _, _, _, _, _, _, b'{', ..] => safetensors(bytes, file, keep),
        _ => Err(not_weights(file, "it is neither safetensors nor a PyTorch file")),
    }
}

fn not_weights(file: &str, found: &str) -> WeightsError {
    WeightsError::NotWeights { file: file.to_owned(), found: found.to_owned() }
}

fn damaged(file: &str, reason: impl Into<String>) -> WeightsError {
    WeightsError::Damaged { file: file.to_owned(), reason: reason.into() }
}

fn safetensors(bytes: &[u8], file: &str, keep: &dyn Fn(&[u8]) -> Bytes) -> Result<NamedArrays, WeightsError> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| damaged(file, error.to_string()))?;
    let mut arrays = NamedArrays::default();
    for (name, view) in tensors.iter() {
        let dtype = match view.dtype() {
            safetensors::Dtype::F64 => Dtype::F64,
            safetensors::Dtype::F32 => Dtype::F32,
            safetensors::Dtype::F16 => Dtype::F16,
            safetensors::Dtype::BF16 => Dtype::BF16,
            safetensors::Dtype::I64 => Dtype::I64,
            safetensors::Dtype::I32 => Dtype::I32,
            safetensors::Dtype::I16 => Dtype::I16,
            safetensors::Dtype::I8 => Dtype::I8,
            safetensors::Dtype::U8 => Dtype::U8,
            safetensors::Dtype::BOOL => Dtype::Bool,
            other => return Err(damaged(file, format!("{name} has the unknown dtype {other:?}"))),
        };
        let array = Array::from_bytes(view.shape().to_vec(), dtype, keep(view.data()));
        let array = array.ok_or_else(|| damaged(file, format!("the bytes of {name} do not fill its shape")))?;
        arrays.insert(name.to_owned(), array);
    }
    Ok(arrays)
}

#[cfg(test)]
mod tests;
