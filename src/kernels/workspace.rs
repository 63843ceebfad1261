//! Memory of the kernels: cache-aligned buffers, and the scratch space of a thread.

use std::cell::RefCell;

/// The size of a cache line in bytes.
const LINE: usize = 64;

/// A buffer that begins at a cache line.
#[derive(Default)]
pub(super) struct Aligned {
    /// Zeros that `Vec` gets from the system without writing them, with extra space for the alignment.
    numbers: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// A buffer of `len` zeros.
    pub(super) fn zeros(len: usize) -> Self {
        let numbers = vec![0.0; len + LINE / size_of::<f32>()];
        let start = numbers.as_ptr().align_offset(LINE).min(numbers.len() - len);
        Self { numbers, start, len }
    }

    /// A copy of `values`.
    pub(super) fn from_slice(values: &[f32]) -> Self {
        let mut aligned = Self::zeros(values.len());
        aligned.copy_from_slice(values);
        aligned
    }

    /// The first `len` values with arbitrary content; reallocates if there are fewer.
    pub(super) fn at_least(&mut self, len: usize) -> &mut [f32] {
        if self.len < len {
            *self = Self::zeros(len);
        }
        &mut self[..len]
    }
}

impl std::fmt::Debug for Aligned {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{} numbers", self.len)
    }
}

impl std::ops::Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.numbers[self.start..][..self.len]
    }
}

impl std::ops::DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.numbers[self.start..][..self.len]
    }
}

/// The scratch space of one thread. It grows to the size that the largest layer needs and is kept.
#[derive(Default)]
pub(super) struct Workspace {
    /// Gathered rows of the input, or the transformed tiles `V` of Winograd.
    pub(super) rows: Aligned,
    /// The products `M` of Winograd.
    pub(super) products: Aligned,
    /// A pixel of zeros for positions outside the map, and one for results that are discarded.
    pub(super) outside: Aligned,
}

impl Workspace {
    /// Calls `work` with the workspace of this thread.
    pub(super) fn with<T>(work: impl FnOnce(&mut Self) -> T) -> T {
        thread_local!(static WORKSPACE: RefCell<Workspace> = RefCell::default());
        WORKSPACE.with_borrow_mut(work)
    }
}
