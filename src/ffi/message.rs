//! How C++ answers: see `message.h`.

use std::ffi::{CStr, c_char};
use std::ptr;

use tch::{TchError, Tensor};
use torch_sys::C_tensor;

unsafe extern "C" {
    fn rb_free(message: *mut c_char);
}

/// The tensor that a call leaves at `out`.
pub(super) fn returned(call: impl FnOnce(*mut *mut C_tensor) -> *mut c_char) -> Result<Tensor, TchError> {
    let mut out = ptr::null_mut();
    checked(call(&raw mut out))?;
    // SAFETY: without a message the call has put a new tensor there, which is ours to free.
    Ok(unsafe { Tensor::from_ptr(out) })
}

/// The message of a call as an error.
pub(super) fn checked(message: *mut c_char) -> Result<(), TchError> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: a message is a C string that was allocated for us.
    Err(TchError::Torch(unsafe { owned(message) }))
}

/// A C string of the other side's as one of ours.
///
/// # Safety
/// It must be a C string that `rb_free` frees, and not be used afterwards.
pub(super) unsafe fn owned(text: *mut c_char) -> String {
    // SAFETY: the caller's promise.
    unsafe {
        let copy = CStr::from_ptr(text).to_string_lossy().into_owned();
        rb_free(text);
        copy
    }
}
