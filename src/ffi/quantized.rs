//! Convolutions of bytes by signed bytes, with ReLU or with a sum and ReLU, in one pass over memory by oneDNN.
//!
//! Products are summed in 32-bit integers, so a sum has one value in whatever order it is taken. They are libtorch's own
//! operators, which its compiler for Python uses and tch has no call for; `onednn.cpp` looks them up by name. A processor
//! without VNNI would add pairs of products in 16 bits, where they overflow: whoever calls this asks first.

use std::ffi::{c_char, c_int};

use tch::{Kind, TchError, Tensor};
use torch_sys::C_tensor;

use super::message::{checked, returned};

unsafe extern "C" {
    fn rb_pack_quantized(
        out: *mut *mut C_tensor,
        weight: *const C_tensor,
        scales: *const C_tensor,
        input_step: f64,
        padding: i64,
        stride: i64,
        input: *const i64,
    ) -> *mut c_char;
    fn rb_quantized(out: *mut *mut C_tensor, input: *const C_tensor, by: *const Parts, relu: c_int) -> *mut c_char;
    fn rb_quantized_sum_relu(
        sum: *const C_tensor,
        sum_step: f64,
        sum_zero: i64,
        input: *const C_tensor,
        by: *const Parts,
    ) -> *mut c_char;
}

/// As `QuantizedConvolution` in `onednn.cpp`.
#[repr(C)]
struct Parts {
    weight: *const C_tensor,
    scales: *const C_tensor,
    zeros: *const C_tensor,
    bias: *const C_tensor,
    input_step: f64,
    stride: i64,
    padding: i64,
    output_step: f64,
    output_zero: i64,
}

/// What the bytes of a map stand for: `(byte − zero) · step`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Levels {
    pub(crate) step: f64,
    /// The byte of 0.
    pub(crate) zero: i64,
}

/// A convolution from bytes to bytes, each output channel with a step of its own for the weights.
#[derive(Debug)]
pub(crate) struct Convolution {
    /// In the layout that oneDNN computes with.
    weight: Tensor,
    /// `[O]`, what a weight of 1 stands for.
    scales: Tensor,
    /// `[O]`, all 0: weights are symmetric.
    zeros: Tensor,
    /// `[O]`
    bias: Tensor,
    stride: i64,
    padding: i64,
    /// Of the input, whose 0 is the byte 0.
    input_step: f64,
    output: Levels,
}

impl Convolution {
    /// Rounds a weight `[O, I, K, K]` of 32-bit floats to 255 levels a channel and arranges it for inputs of the shape
    /// `[B, I, H, W]`, bytes that stand for `byte · input_step`; other shapes give the same function, perhaps more slowly.
    pub(crate) fn new(
        weight: &Tensor,
        bias: &Tensor,
        [stride, padding]: [i64; 2],
        input: [i64; 4],
        input_step: f64,
        output: Levels,
    ) -> Result<Self, TchError> {
        let largest = weight.f_abs()?.f_amax([1i64, 2, 3].as_slice(), false)?;
        // A channel of zeros has a step all the same.
        let scales = largest.f_div_scalar(127.0)?.f_clamp_min(1e-12)?;
        let bytes = weight.f_div(&scales.f_view([-1, 1, 1, 1])?)?.f_round()?.f_to_kind(Kind::Int8)?;
        // SAFETY: both tensors outlive the call, which only reads them, and `input` has the four numbers that are read.
        let packed = returned(|out| unsafe {
            rb_pack_quantized(out, bytes.as_ptr(), scales.as_ptr(), input_step, padding, stride, input.as_ptr())
        })?;
        let zeros = scales.f_zeros_like()?.f_to_kind(Kind::Int)?;
        let bias = bias.shallow_clone();
        Ok(Self { weight: packed, scales, zeros, bias, stride, padding, input_step, output })
    }

    /// Another handle on the same weights.
    pub(crate) fn share(&self) -> Self {
        let [weight, scales, zeros, bias] =
            [&self.weight, &self.scales, &self.zeros, &self.bias].map(Tensor::shallow_clone);
        Self { weight, scales, zeros, bias, ..*self }
    }

    /// What the bytes of the result stand for.
    pub(crate) fn output(&self) -> Levels {
        self.output
    }

    /// `[B, I, H, W]` → `[B, O, H/stride, W/stride]`, bytes, and ReLU if wanted. The input lies channels last.
    pub(crate) fn apply(&self, input: &Tensor, relu: bool) -> Result<Tensor, TchError> {
        let by = self.parts();
        // SAFETY: the input and the tensors that `by` points to outlive the call, which only reads them.
        returned(|out| unsafe { rb_quantized(out, input.as_ptr(), &raw const by, c_int::from(relu)) })
    }

    /// `relu(sum + convolution(input))`, written over `sum`, which has the shape of the result and levels of its own.
    pub(crate) fn add_to_and_relu(&self, sum: Tensor, levels: Levels, input: &Tensor) -> Result<Tensor, TchError> {
        let by = self.parts();
        // SAFETY: all tensors outlive the call; it writes to `sum`, which is ours alone to give.
        checked(unsafe {
            rb_quantized_sum_relu(sum.as_ptr(), levels.step, levels.zero, input.as_ptr(), &raw const by)
        })?;
        Ok(sum)
    }

    fn parts(&self) -> Parts {
        let [weight, scales, zeros, bias] = [&self.weight, &self.scales, &self.zeros, &self.bias].map(Tensor::as_ptr);
        let Levels { step: output_step, zero: output_zero } = self.output;
        let Self { stride, padding, input_step, .. } = *self;
        Parts { weight, scales, zeros, bias, input_step, stride, padding, output_step, output_zero }
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    /// Bytes up to 127, whose sums in pairs no processor overflows on.
    fn bytes(shape: [i64; 4]) -> Tensor {
        let channels_last = Tensor::randint(128, [shape[0], shape[2], shape[3], shape[1]], (Kind::Uint8, Device::Cpu));
        channels_last.permute([0, 3, 1, 2])
    }

    /// Weights that are 127 levels of a step of their own in each channel, `[O, I, K, K]`.
    fn weight(shape: [i64; 4]) -> Tensor {
        let levels = Tensor::randint_low(-127, 128, shape, (Kind::Float, Device::Cpu));
        let _ = levels.narrow(1, 0, 1).narrow(2, 0, 1).narrow(3, 0, 1).fill_(127.0);
        levels * (Tensor::arange(shape[0], (Kind::Float, Device::Cpu)) + 1).view([-1, 1, 1, 1]) * 1e-4
    }

    /// The bytes of some numbers.
    fn rounded(numbers: &Tensor, Levels { step, zero }: Levels) -> Tensor {
        ((numbers / step).round() + zero).clamp(0, 255)
    }

    fn distance(left: &Tensor, right: &Tensor) -> f64 {
        f64::try_from((left.to_kind(Kind::Float) - right).abs().max()).unwrap()
    }

    #[test]
    fn a_convolution_of_bytes_is_that_of_what_they_stand_for() {
        for (kernel, stride) in [(3, 2), (1, 1)] {
            let (input, weight) = (bytes([2, 16, 10, 10]), weight([32, 16, kernel, kernel]));
            let bias = Tensor::rand([32], (Kind::Float, Device::Cpu)) - 0.5;
            let (padding, step) = (kernel / 2, 0.01);
            let numbers = input.to_kind(Kind::Float) * step;
            let plain = numbers.conv2d(&weight, Some(&bias), [stride; 2], [padding; 2], [1, 1], 1);
            let new = |output| {
                Convolution::new(&weight, &bias, [stride, padding], [4, 16, 10, 10], step, output).unwrap().share()
            };
            let behind_relu = new(Levels { step: 0.004, zero: 0 });
            let signed = new(Levels { step: 0.006, zero: 121 });
            // Half a level may be rounded either way.
            let of_relu = rounded(&plain.relu(), behind_relu.output());
            assert!(distance(&behind_relu.apply(&input, true).unwrap(), &of_relu) <= 1.0);
            let shortcut = signed.apply(&input, false).unwrap();
            assert!(distance(&shortcut, &rounded(&plain, signed.output())) <= 1.0);
            let plain_sum = ((shortcut.to_kind(Kind::Float) - 121) * 0.006 + plain).relu();
            let sum = behind_relu.add_to_and_relu(shortcut, signed.output(), &input).unwrap();
            assert!(distance(&sum, &rounded(&plain_sum, behind_relu.output())) <= 1.0);
            assert_eq!(sum.kind(), Kind::Uint8);
        }
    }

    #[test]
    fn a_channel_of_zeros_gives_its_bias() {
        let (weight, bias) = (Tensor::zeros([1, 4, 1, 1], (Kind::Float, Device::Cpu)), Tensor::from_slice(&[0.5f32]));
        let levels = Levels { step: 0.01, zero: 0 };
        let convolution = Convolution::new(&weight, &bias, [1, 0], [4, 4, 2, 2], 1.0, levels).unwrap();
        let given = convolution.apply(&bytes([1, 4, 2, 2]), true).unwrap();
        assert!(distance(&given, &Tensor::from(50.0f32)) < 1e-6);
    }

    #[test]
    fn what_libtorch_refuses_is_an_error() {
        let (weight, bias) = (weight([8, 16, 1, 1]), Tensor::zeros([8], (Kind::Float, Device::Cpu)));
        let levels = Levels { step: 1.0, zero: 0 };
        let convolution = Convolution::new(&weight, &bias, [1, 0], [4, 16, 2, 2], 1.0, levels).unwrap();
        assert!(convolution.apply(&bytes([1, 4, 2, 2]), true).is_err());
        let floats = Tensor::zeros([1, 16, 2, 2], (Kind::Float, Device::Cpu));
        assert!(convolution.apply(&floats, true).is_err());
    }
}
