// libtorch's own operators that tch has no call for: convolutions with ReLU, or with sum and ReLU, done in one pass over
// memory by oneDNN, in floats or in bytes, and the reordering of their weights. They are looked up by name in the
// dispatcher, so nothing here depends on libtorch's internals, only on the operators' schemas, which the unit tests of
// onednn.rs and quantized.rs call.

#include "message.h"

#include <ATen/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

namespace {

using rb::guarded;

at::Tensor call(const char* name, const char* overload, torch::jit::Stack stack) {
  c10::Dispatcher::singleton().findSchemaOrThrow(name, overload).callBoxed(&stack);
  return stack.at(0).toTensor();
}

std::vector<int64_t> twice(int64_t value) { return {value, value}; }

const c10::List<std::optional<at::Scalar>> no_scalars;

}  // namespace

// As `Parts` in quantized.rs.
struct QuantizedConvolution {
  const at::Tensor *weight, *scales, *zeros, *bias;
  double input_step;
  int64_t stride, padding;
  double output_step;
  int64_t output_zero;
};

extern "C" {

void rb_free(char* message) { std::free(message); }

// weight [O, I, K, K] -> opaque weight for inputs of shape [batch, I, side, side]
char* rb_reorder_weight(at::Tensor** out, const at::Tensor* weight, int64_t padding, int64_t stride, const int64_t* input) {
  return guarded([&] {
    std::vector<int64_t> shape(input, input + 4);
    *out = new at::Tensor(call("mkldnn::_reorder_convolution_weight", "",
                               {*weight, twice(padding), twice(stride), twice(1), int64_t{1}, shape}));
  });
}

// relu(conv(input)) or conv(input)
char* rb_convolution(at::Tensor** out, const at::Tensor* input, const at::Tensor* weight, const at::Tensor* bias,
                     int64_t padding, int64_t stride, int relu) {
  return guarded([&] {
    *out = new at::Tensor(call("mkldnn::_convolution_pointwise", "",
                               {*input, *weight, *bias, twice(padding), twice(stride), twice(1), int64_t{1},
                                relu ? "relu" : "none", no_scalars, std::optional<std::string>("")}));
  });
}

// sum = relu(sum + conv(input)), in place
char* rb_convolution_sum_relu(const at::Tensor* sum, const at::Tensor* input, const at::Tensor* weight,
                              const at::Tensor* bias, int64_t padding, int64_t stride) {
  return guarded([&] {
    call("mkldnn::_convolution_pointwise_", "binary",
         {*sum, *input, *weight, *bias, twice(padding), twice(stride), twice(1), int64_t{1}, "add",
          std::optional<at::Scalar>(1.0), std::optional<std::string>("relu"), no_scalars,
          std::optional<std::string>("")});
  });
}

// weight [O, I, K, K] of signed bytes, and the step [O] of each channel -> opaque weight
char* rb_pack_quantized(at::Tensor** out, const at::Tensor* weight, const at::Tensor* scales, double input_step,
                        int64_t padding, int64_t stride, const int64_t* input) {
  return guarded([&] {
    std::vector<int64_t> shape(input, input + 4);
    *out = new at::Tensor(call("onednn::qconv_prepack", "",
                               {*weight, *scales, input_step, int64_t{0}, twice(stride), twice(padding), twice(1),
                                int64_t{1}, shape}));
  });
}

// relu(conv(input)) or conv(input), bytes to bytes
char* rb_quantized(at::Tensor** out, const at::Tensor* input, const QuantizedConvolution* by, int relu) {
  return guarded([&] {
    *out = new at::Tensor(call("onednn::qconv2d_pointwise", "",
                               {*input, by->input_step, int64_t{0}, *by->weight, *by->scales, *by->zeros, *by->bias,
                                twice(by->stride), twice(by->padding), twice(1), int64_t{1}, by->output_step,
                                by->output_zero, at::kByte, relu ? "relu" : "none", no_scalars,
                                std::optional<std::string>("")}));
  });
}

// sum = relu(sum + conv(input)), in place; the bytes of sum get the steps of the output
char* rb_quantized_sum_relu(const at::Tensor* sum, double sum_step, int64_t sum_zero, const at::Tensor* input,
                            const QuantizedConvolution* by) {
  return guarded([&] {
    call("onednn::qconv2d_pointwise", "binary",
         {*input, by->input_step, int64_t{0}, *by->weight, *by->scales, *by->zeros, *sum, *by->bias, twice(by->stride),
          twice(by->padding), twice(1), int64_t{1}, by->output_step, by->output_zero, at::kByte, sum_step, sum_zero,
          "sum", std::optional<at::Scalar>(1.0), std::optional<std::string>("relu"), no_scalars,
          std::optional<std::string>("")});
  });
}
}
