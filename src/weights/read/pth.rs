//! The zip form of `torch.save`, PyTorch 1.6 and later: `NAME/data.pkl` and one `NAME/data/KEY` for each storage.

use std::collections::HashMap;
use std::io::{Cursor, Read};

use zip::{CompressionMethod, ZipArchive};

use super::pickle::Pickle;
use super::rebuild::{self, StorageName};
use super::{SIZE_LIMIT, damaged};
use crate::weights::{NamedArrays, WeightsError};

/// Reads the state dict of a zip archive.
pub(super) fn parse(bytes: &[u8], file: &str) -> Result<NamedArrays, WeightsError> {
    let broken = |error: zip::result::ZipError| damaged(file, format!("its zip archive: {error}"));
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    let names: Vec<String> = (0..archive.len())
        .map(|index| archive.by_index(index).and_then(|entry| Ok(entry.name()?.into_owned())))
        .collect::<Result<_, _>>()
        .map_err(broken)?;
    let no_state_dict = |found: &str| WeightsError::NoStateDict { file: file.to_owned(), found: found.to_owned() };
    if names.iter().any(|name| name.contains("/code/")) {
        return Err(no_state_dict("it is a TorchScript archive, a program with its weights"));
    }
    let Some(main) = names.iter().find(|name| *name == "data.pkl" || name.ends_with("/data.pkl")) else {
        return Err(no_state_dict("it is a zip archive without `data.pkl`, so PyTorch did not write it"));
    };
    let folder = main.trim_end_matches("data.pkl").to_owned();
    let mut entries = HashMap::new();
    let mut total = 0_u64;
    for name in names.iter().filter(|name| name.starts_with(&folder)) {
        let mut entry = archive.by_name(name).map_err(broken)?;
        total = total.saturating_add(entry.size());
        // PyTorch stores without compression, so the sizes are bounded by the file's own.
        if entry.compression() != CompressionMethod::Stored || total > SIZE_LIMIT {
            return Err(damaged(file, format!("`{name}` is compressed or too large; PyTorch stores it as it is")));
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(|error| damaged(file, format!("`{name}`: {error}")))?;
        entries.insert(name.trim_start_matches(&folder).to_owned(), content);
    }
    if entries.get("byteorder").is_some_and(|order| order.as_slice() != b"little") {
        return Err(no_state_dict("it was written on a big-endian machine"));
    }
    let main = entries.get("data.pkl").map(Vec::as_slice).unwrap_or_default();
    let pickle = Pickle::read(main, file)?;
    let storage = |name: &StorageName| {
        let content = entries.get(&format!("data/{}", name.key));
        content.map(Vec::as_slice).ok_or_else(|| damaged(file, format!("its storage `{}` is missing", name.key)))
    };
    rebuild::tensors(&pickle, &storage, file)
}
