//! From the values of a pickle to named arrays: finds the state dict and gathers each tensor from its storage.

use super::pickle::{Id, Pickle, Value};
use super::{SIZE_LIMIT, damaged};
use crate::weights::{Array, Dtype, NamedArrays, WeightsError};

/// One storage that a pickle names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StorageName {
    pub(super) key: String,
    pub(super) dtype: Dtype,
}

/// Keys under which checkpoints keep the state dict.
const WRAPPERS: [&str; 4] = ["state_dict", "model", "model_state_dict", "module"];

/// All tensors of the state dict, with the bytes that `storage` finds for a name.
pub(super) fn tensors<'a>(
    pickle: &Pickle,
    storage: &dyn Fn(&StorageName) -> Result<&'a [u8], WeightsError>,
    file: &str,
) -> Result<NamedArrays, WeightsError> {
    let mut arrays = NamedArrays::default();
    // Any number of tensors may share a storage, and each becomes a copy.
    let mut total = 0_usize;
    for (key, value) in state_dict(pickle, file)? {
        let (Some(name), Value::Tensor(arguments)) = (pickle.text(key), pickle.get(value)) else {
            continue;
        };
        // What DataParallel puts in front of every name.
        let name = name.strip_prefix("module.").unwrap_or(name);
        let view =
            View::read(pickle, *arguments).ok_or_else(|| damaged(file, format!("{name} is not a plain tensor")))?;
        total = total.saturating_add(view.length().unwrap_or(usize::MAX));
        if total as u64 > SIZE_LIMIT {
            return Err(damaged(file, format!("with {name} of shape {:?} its tensors are too large", view.shape)));
        }
        let bytes = storage(&view.storage)?;
        let array = view.gather(bytes).ok_or_else(|| {
            damaged(
                file,
                format!("{name} of shape {:?} reaches beyond its storage of {} bytes", view.shape, bytes.len()),
            )
        })?;
        arrays.insert(name.to_owned(), array);
    }
    Ok(arrays)
}

/// The pairs of the innermost dict that holds tensors.
fn state_dict(pickle: &Pickle, file: &str) -> Result<Vec<(Id, Id)>, WeightsError> {
    let mut at = pickle.root();
    for _ in 0..=WRAPPERS.len() {
        let Value::Dict(pairs) = pickle.get(at) else { break };
        if pairs.iter().any(|(_, value)| matches!(pickle.get(*value), Value::Tensor(_))) {
            return Ok(pairs.clone());
        }
        let is_wrapper = |key: &Id| pickle.text(*key).is_some_and(|key| WRAPPERS.contains(&key));
        match pairs.iter().find(|(key, _)| is_wrapper(key)) {
            Some((_, inner)) => at = *inner,
            None => break,
        }
    }
    let found = "no dict of tensors was found in it".to_owned();
    Err(WeightsError::NoStateDict { file: file.to_owned(), found })
}

/// A tensor: part of a storage, walked with strides.
struct View {
    storage: StorageName,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl View {
    /// From `(storage, offset, shape, strides, …)`, the arguments of `_rebuild_tensor_v2`.
    fn read(pickle: &Pickle, arguments: Id) -> Option<Self> {
        let [storage, offset, shape, strides, ..] = pickle.items(arguments)? else {
            return None;
        };
        let Value::Storage(name) = pickle.get(*storage) else {
            return None;
        };
        let sizes = |id: &Id| pickle.items(*id)?.iter().map(|&item| pickle.size(item)).collect::<Option<Vec<_>>>();
        let (shape, strides) = (sizes(shape)?, sizes(strides)?);
        let view = Self { storage: storage_name(pickle, *name)?, offset: pickle.size(*offset)?, shape, strides };
        (view.shape.len() == view.strides.len()).then_some(view)
    }

    /// How many bytes its numbers take, if that is a number at all.
    fn length(&self) -> Option<usize> {
        let count = self.shape.iter().try_fold(1_usize, |product, &side| product.checked_mul(side))?;
        count.checked_mul(self.storage.dtype.size())
    }

    /// Copies the numbers out, row-major; `None` if any lies outside the storage.
    fn gather(&self, bytes: &[u8]) -> Option<Array> {
        let size = self.storage.dtype.size();
        let length = self.length()?;
        if self.is_contiguous() {
            let start = self.offset.checked_mul(size)?;
            let part = bytes.get(start..start.checked_add(length)?)?;
            return Array::new(self.shape.clone(), self.storage.dtype, part.to_vec());
        }
        let mut gathered = Vec::with_capacity(length);
        for index in 0..length / size {
            let mut rest = index;
            let mut at = self.offset;
            for (&side, &stride) in self.shape.iter().zip(&self.strides).rev() {
                at = at.checked_add((rest % side).checked_mul(stride)?)?;
                rest /= side;
            }
            let start = at.checked_mul(size)?;
            gathered.extend(bytes.get(start..start.checked_add(size)?)?);
        }
        Array::new(self.shape.clone(), self.storage.dtype, gathered)
    }

    fn is_contiguous(&self) -> bool {
        let mut expected = 1_usize;
        self.shape.iter().zip(&self.strides).rev().all(|(&side, &stride)| {
            let fits = side == 1 || stride == expected;
            expected = expected.saturating_mul(side);
            fits
        })
    }
}

/// From `('storage', class, key, location, count, …)`, as PyTorch names a storage.
pub(super) fn storage_name(pickle: &Pickle, persistent: Id) -> Option<StorageName> {
    let [kind, class, key, ..] = pickle.items(persistent)? else {
        return None;
    };
    if pickle.text(*kind) != Some("storage") {
        return None;
    }
    let Value::Global(class) = pickle.get(*class) else {
        return None;
    };
    Some(StorageName { key: pickle.text(*key)?.to_owned(), dtype: dtype(class)? })
}

fn dtype(storage_class: &str) -> Option<Dtype> {
    Some(match storage_class {
        "torch.DoubleStorage" => Dtype::F64,
        "torch.FloatStorage" => Dtype::F32,
        "torch.HalfStorage" => Dtype::F16,
        "torch.BFloat16Storage" => Dtype::BF16,
        "torch.LongStorage" => Dtype::I64,
        "torch.IntStorage" => Dtype::I32,
        "torch.ShortStorage" => Dtype::I16,
        "torch.CharStorage" => Dtype::I8,
        "torch.ByteStorage" | "torch.storage.UntypedStorage" => Dtype::U8,
        "torch.BoolStorage" => Dtype::Bool,
        _ => return None,
    })
}
