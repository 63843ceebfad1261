//! Tensors as they lie in a file: name, shape, dtype, bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use half::{bf16, f16};

use crate::files::Mapped;

/// The number formats that weights files use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum Dtype {
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl Dtype {
    /// Bytes of one number.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// Whether weights can be of this format.
    pub(crate) fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::BF16)
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self:?}")
    }
}

/// One tensor, contiguous and little-endian.
#[derive(Debug, Clone)]
pub(crate) struct Array {
    shape: Vec<usize>,
    dtype: Dtype,
    bytes: Bytes,
}

/// The numbers of an array.
#[derive(Debug, Clone)]
pub(super) enum Bytes {
    /// Its own.
    Owned(Vec<u8>),
    /// A part of a mapped file.
    Mapped(Arc<Mapped>, Range<usize>),
}

impl Bytes {
    fn get(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Mapped(file, range) => file.bytes().get(range.clone()).unwrap_or_default(),
        }
    }
}

impl Array {
    /// Takes over the bytes if they fill the shape exactly.
    pub(crate) fn new(shape: Vec<usize>, dtype: Dtype, bytes: Vec<u8>) -> Option<Self> {
        Self::from_bytes(shape, dtype, Bytes::Owned(bytes))
    }

    /// As [`Array::new`], for bytes that may lie in a mapped file.
    pub(super) fn from_bytes(shape: Vec<usize>, dtype: Dtype, bytes: Bytes) -> Option<Self> {
        let numbers = shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size))?;
        (numbers.checked_mul(dtype.size())? == bytes.get().len()).then_some(Self { shape, dtype, bytes })
    }

    /// An array of f32.
    #[cfg(test)]
    pub(crate) fn from_f32(shape: Vec<usize>, values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { shape, dtype: Dtype::F32, bytes: Bytes::Owned(bytes) }
    }

    /// Outermost first.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Format of the numbers.
    pub(crate) fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Little-endian, row-major.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get()
    }

    /// All numbers as f32, row-major; half precision widens exactly, integers stay empty.
    pub(crate) fn to_f32(&self) -> Cow<'_, [f32]> {
        let bytes = self.bytes();
        Cow::Owned(match self.dtype {
            Dtype::F32 => bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect(),
            Dtype::F64 => bytes.as_chunks().0.iter().map(|chunk| f64::from_le_bytes(*chunk) as f32).collect(),
            Dtype::F16 => bytes.as_chunks().0.iter().map(|chunk| f16::from_le_bytes(*chunk).to_f32()).collect(),
            Dtype::BF16 => bytes.as_chunks().0.iter().map(|chunk| bf16::from_le_bytes(*chunk).to_f32()).collect(),
            Dtype::I64 | Dtype::I32 | Dtype::I16 | Dtype::I8 | Dtype::U8 | Dtype::Bool => Vec::new(),
        })
    }
}

impl Array {
    /// Whether none of the numbers is infinite or not a number.
    pub(crate) fn is_finite(&self) -> bool {
        match self.dtype {
            // Without a copy, for this is what nearly all files hold.
            Dtype::F32 => self.bytes().as_chunks().0.iter().all(|&chunk| f32::from_le_bytes(chunk).is_finite()),
            _ => self.to_f32().iter().all(|value| value.is_finite()),
        }
    }
}

/// All tensors of a file, sorted by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct NamedArrays(BTreeMap<String, Array>);

impl NamedArrays {
    /// Adds one; the later of two with the same name stays.
    pub(crate) fn insert(&mut self, name: String, array: Array) {
        self.0.insert(name, array);
    }

    /// The tensor of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&Array> {
        self.0.get(name)
    }

    /// Sorted by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Array)> + Clone {
        self.0.iter().map(|(name, array)| (name.as_str(), array))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_float_format_widens_to_the_same_numbers() {
        let numbers = [1.5_f32, -0.25, 1024.0];
        let array = |dtype, bytes: Vec<u8>| Array::new(vec![3], dtype, bytes).unwrap();
        let all = [
            array(Dtype::F32, numbers.iter().flat_map(|x| x.to_le_bytes()).collect()),
            array(Dtype::F64, numbers.iter().flat_map(|x| f64::from(*x).to_le_bytes()).collect()),
            array(Dtype::F16, numbers.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect()),
            array(Dtype::BF16, numbers.iter().flat_map(|x| bf16::from_f32(*x).to_le_bytes()).collect()),
        ];
        for array in all {
            assert_eq!(*array.to_f32(), numbers, "{}", array.dtype());
        }
    }

    #[test]
    fn bytes_that_do_not_fill_the_shape_are_refused() {
        assert!(Array::new(vec![2, 2], Dtype::F32, vec![0; 15]).is_none());
        assert!(Array::new(vec![usize::MAX, 2], Dtype::F32, vec![]).is_none());
        assert!(Array::new(vec![], Dtype::I64, vec![0; 8]).is_some());
    }
}
