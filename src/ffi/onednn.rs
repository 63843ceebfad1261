//! Convolutions that oneDNN fuses with what follows them: with ReLU, or with a sum and ReLU, in one pass over memory.
//!
//! libtorch has them as operators (its compiler for Python uses them) and tch has no call for them. `onednn.cpp` looks
//! them up by name in libtorch's dispatcher; a libtorch without them gives an error here, not a crash.

use std::ffi::{c_char, c_int};

use tch::{TchError, Tensor};
use torch_sys::C_tensor;

use super::message::{checked, returned};

unsafe extern "C" {
    fn rb_reorder_weight(
        out: *mut *mut C_tensor,
        weight: *const C_tensor,
        padding: i64,
        stride: i64,
        input: *const i64,
    ) -> *mut c_char;
    fn rb_convolution(
        out: *mut *mut C_tensor,
        input: *const C_tensor,
        weight: *const C_tensor,
        bias: *const C_tensor,
        padding: i64,
        stride: i64,
        relu: c_int,
    ) -> *mut c_char;
    fn rb_convolution_sum_relu(
        sum: *const C_tensor,
        input: *const C_tensor,
        weight: *const C_tensor,
        bias: *const C_tensor,
        padding: i64,
        stride: i64,
    ) -> *mut c_char;
}

/// A convolution's weight in the layout that oneDNN computes with, and the bias `[O]`.
#[derive(Debug)]
pub(crate) struct Convolution {
    weight: Tensor,
    bias: Tensor,
    stride: i64,
    padding: i64,
}

impl Convolution {
    /// Takes a weight `[O, I, K, K]` and arranges it for inputs of the shape `[B, I, H, W]`; inputs of other heights,
    /// widths and batches give the same function, perhaps more slowly.
    pub(crate) fn new(
        weight: &Tensor,
        bias: &Tensor,
        stride: i64,
        padding: i64,
        input: [i64; 4],
    ) -> Result<Self, TchError> {
        // SAFETY: the tensor outlives the call, which only reads it, and `input` has the four numbers that are read.
        let weight =
            returned(|out| unsafe { rb_reorder_weight(out, weight.as_ptr(), padding, stride, input.as_ptr()) })?;
        Ok(Self { weight, bias: bias.shallow_clone(), stride, padding })
    }

    /// Another handle on the same weights.
    pub(crate) fn share(&self) -> Self {
        Self { weight: self.weight.shallow_clone(), bias: self.bias.shallow_clone(), ..*self }
    }

    /// `[B, I, H, W]` → `[B, O, H/stride, W/stride]`, and ReLU if wanted. The input lies channels last.
    pub(crate) fn apply(&self, input: &Tensor, relu: bool) -> Result<Tensor, TchError> {
        let [input, weight, bias] = [input, &self.weight, &self.bias].map(Tensor::as_ptr);
        // SAFETY: the three tensors outlive the call, which only reads them.
        returned(|out| unsafe {
            rb_convolution(out, input, weight, bias, self.padding, self.stride, c_int::from(relu))
        })
    }

    /// `relu(sum + convolution(input))`, written over `sum`, which has the shape of the result.
    pub(crate) fn add_to_and_relu(&self, sum: Tensor, input: &Tensor) -> Result<Tensor, TchError> {
        let [input, weight, bias] = [input, &self.weight, &self.bias].map(Tensor::as_ptr);
        // SAFETY: all four tensors outlive the call; it writes to `sum`, which is ours alone to give.
        checked(unsafe { rb_convolution_sum_relu(sum.as_ptr(), input, weight, bias, self.padding, self.stride) })?;
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    fn random(shape: [i64; 4]) -> Tensor {
        let channels_last = Tensor::rand([shape[0], shape[2], shape[3], shape[1]], (Kind::Float, Device::Cpu));
        (channels_last - 0.5).permute([0, 3, 1, 2])
    }

    fn distance(left: &Tensor, right: &Tensor) -> f64 {
        f64::try_from((left - right).abs().max()).unwrap()
    }

    #[test]
    fn the_fused_operators_compute_what_the_plain_ones_do() {
        let (input, sum) = (random([2, 8, 10, 10]), random([2, 16, 5, 5]));
        let (weight, bias) = (random([16, 8, 3, 3]).contiguous(), Tensor::rand([16], (Kind::Float, Device::Cpu)));
        let convolution = Convolution::new(&weight, &bias, 2, 1, [2, 8, 10, 10]).unwrap();
        let plain = input.conv2d(&weight, Some(&bias), [2, 2], [1, 1], [1, 1], 1);
        assert!(distance(&convolution.apply(&input, false).unwrap(), &plain) < 1e-5);
        assert!(distance(&convolution.apply(&input, true).unwrap(), &plain.relu()) < 1e-5);
        let expected = (&sum + &plain).relu();
        assert!(distance(&convolution.share().add_to_and_relu(sum, &input).unwrap(), &expected) < 1e-5);
        let (wider, expected) =
            (random([1, 8, 14, 12]), |input: &Tensor| input.conv2d(&weight, Some(&bias), [2, 2], [1, 1], [1, 1], 1));
        assert!(distance(&convolution.apply(&wider, false).unwrap(), &expected(&wider)) < 1e-5);
    }

    #[test]
    fn a_shape_that_does_not_fit_is_an_error_and_no_crash() {
        let (weight, bias) = (random([16, 8, 3, 3]).contiguous(), Tensor::rand([16], (Kind::Float, Device::Cpu)));
        let convolution = Convolution::new(&weight, &bias, 1, 1, [2, 8, 10, 10]).unwrap();
        assert!(convolution.apply(&random([1, 7, 10, 10]), true).is_err());
    }
}
