//! What libtorch says about itself, the switches of its GPU arithmetic, which tch has calls for in part, and an operator
//! that tch calls wrongly.

use std::ffi::{CStr, c_char, c_int};
use std::ptr;

use tch::{Device, Kind, TchError, Tensor};
use torch_sys::C_tensor;

use super::message::{checked, owned, returned};

unsafe extern "C" {
    fn rb_compiled_version() -> *const c_char;
    fn rb_config(out: *mut *mut c_char) -> *mut c_char;
    fn rb_choose_arithmetic(exact: c_int) -> *mut c_char;
    fn rb_product_relu(
        out: *mut *mut C_tensor,
        bias: *const C_tensor,
        rows: *const C_tensor,
        weight: *const C_tensor,
    ) -> *mut c_char;
    #[cfg(test)]
    fn rb_arithmetic(out: *mut c_int) -> *mut c_char;
}

/// The version whose headers this program was compiled with, such as `2.11.0`.
pub(crate) fn compiled_version() -> String {
    // SAFETY: it is a C string of the program's own, there for ever.
    unsafe { CStr::from_ptr(rb_compiled_version()) }.to_string_lossy().into_owned()
}

/// The running library's description of its build: lines and `NAME=value` pairs.
pub(crate) fn config() -> Result<String, TchError> {
    let mut out = ptr::null_mut();
    // SAFETY: the call writes one pointer to `out`, and without a message it is a C string that is ours to free.
    unsafe {
        checked(rb_config(&raw mut out))?;
        Ok(owned(out))
    }
}

/// Sets how the GPUs of this process compute: never in TF32, with sums of 32 bits; and `exact`ly the same way each time,
/// or with whatever algorithm cuDNN finds the fastest in a trial.
pub(crate) fn choose_arithmetic(exact: bool) -> Result<(), TchError> {
    // SAFETY: the call takes a number and keeps nothing.
    checked(unsafe { rb_choose_arithmetic(c_int::from(exact)) })
}

/// `relu(bias + rows · weight)`, `[N, I] · [I, O]` → `[N, O]`, in one pass where cuBLAS has it.
pub(crate) fn product_relu(bias: &Tensor, rows: &Tensor, weight: &Tensor) -> Result<Tensor, TchError> {
    let [bias, rows, weight] = [bias, rows, weight].map(Tensor::as_ptr);
    // SAFETY: the three tensors outlive the call, which only reads them.
    returned(|out| unsafe { rb_product_relu(out, bias, rows, weight) })
}

/// Numbers of a tensor on any device, in row-major order.
pub(crate) fn to_vec(tensor: &Tensor) -> Result<Vec<f32>, TchError> {
    let tensor = tensor.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    let count = tensor.numel();
    let mut values = vec![0.0; count];
    tensor.f_copy_data(&mut values, count)?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorch_names_the_version_that_it_was_compiled_for() {
        let version = compiled_version();
        assert!(config().unwrap().contains(&format!("TORCH_VERSION={version}")), "{version}");
    }

    #[test]
    fn tf32_is_off_either_way_and_trials_only_where_speed_is_wanted() {
        let arithmetic = |exact| {
            choose_arithmetic(exact).unwrap();
            let mut bits = -1;
            // SAFETY: the call writes one number to `bits`.
            checked(unsafe { rb_arithmetic(&raw mut bits) }).unwrap();
            bits
        };
        assert_eq!([arithmetic(false), arithmetic(true)], [4, 8]);
    }
}
