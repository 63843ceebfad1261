//! The form that `torch.save` wrote before PyTorch 1.6: pickles and raw storages one after the other.
//!
//! Magic number, protocol version, system information, the object, the list of storage keys; then for each key, in that
//! order, the count of its numbers (i64) and the numbers.

use std::collections::HashMap;

use super::damaged;
use super::pickle::{Pickle, Value};
use super::rebuild::{self, StorageName};
use crate::weights::{Dtype, NamedArrays, WeightsError};

/// `0x1950a86a20f9469cfc6c`, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// Reads the state dict of a legacy file.
pub(super) fn parse(bytes: &[u8], file: &str) -> Result<NamedArrays, WeightsError> {
    let mut rest = bytes;
    let mut next = || {
        let pickle = Pickle::read(rest, file)?;
        rest = rest.get(pickle.length..).unwrap_or_default();
        Ok::<_, WeightsError>(pickle)
    };
    let magic = next()?;
    if !matches!(magic.get(magic.root()), Value::Long(number) if *number == MAGIC) {
        let found = "it is a pickle, but `torch.save` did not write it".to_owned();
        return Err(WeightsError::NoStateDict { file: file.to_owned(), found });
    }
    let (_protocol, _system) = (next()?, next()?);
    let object = next()?;
    let keys = next()?;
    let keys = keys.items(keys.root()).unwrap_or_default().iter().filter_map(|&key| keys.text(key).map(str::to_owned));
    let storages = split(rest, keys.collect(), &object.storages(), file)?;
    let storage = |name: &StorageName| {
        let content = storages.get(&name.key);
        content.copied().ok_or_else(|| damaged(file, format!("its storage `{}` is missing", name.key)))
    };
    rebuild::tensors(&object, &storage, file)
}

/// Cuts the tail of the file into its storages.
fn split<'a>(
    mut rest: &'a [u8],
    keys: Vec<String>,
    names: &HashMap<String, Dtype>,
    file: &str,
) -> Result<HashMap<String, &'a [u8]>, WeightsError> {
    let mut storages = HashMap::new();
    for key in keys {
        let cut = |what: &str| damaged(file, format!("it ends inside storage `{key}`, {what}"));
        let (count, after) = rest.split_first_chunk::<8>().ok_or_else(|| cut("before its length"))?;
        let count = usize::try_from(i64::from_le_bytes(*count)).map_err(|_| cut("whose length is negative"))?;
        let size = names.get(&key).map(|dtype| dtype.size()).ok_or_else(|| cut("which nothing refers to"))?;
        let length = count.checked_mul(size).filter(|&length| length <= after.len());
        let (content, after) =
            after.split_at(length.ok_or_else(|| cut(&format!("which should have {count} numbers")))?);
        storages.insert(key, content);
        rest = after;
    }
    Ok(storages)
}

impl Pickle {
    /// All storages that the pickle names, by key.
    fn storages(&self) -> HashMap<String, Dtype> {
        let name = |value: &Value| if let Value::Storage(id) = value { rebuild::storage_name(self, *id) } else { None };
        self.values().filter_map(name).map(|StorageName { key, dtype }| (key, dtype)).collect()
    }
}
