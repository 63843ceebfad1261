// What libtorch says about itself, the switches of its GPU arithmetic, and an operator that tch calls wrongly. All of it
// lies in libtorch_cpu, so a build without CUDA links and runs.

#include "message.h"

#include <ATen/Context.h>
#include <ATen/Version.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_addmm_activation.h>
#include <torch/headeronly/version.h>

extern "C" {

// The version of the headers that this file was compiled with.
const char* rb_compiled_version() { return TORCH_VERSION; }

// The running library's own description of its build.
char* rb_config(char** out) {
  return rb::guarded([&] { *out = strdup(at::show_config().c_str()); });
}

// exact: cuDNN takes the same algorithm every time; else it tries some and takes the fastest. Sums are 32-bit floats and
// never TF32, whichever it is.
char* rb_choose_arithmetic(int exact) {
  return rb::guarded([&] {
    auto& context = at::globalContext();
    context.setAllowTF32CuDNN(false);
    context.setAllowTF32CuBLAS(false);
    context.setAllowBF16ReductionCuBLAS(/*allow_reduced_precision=*/false);
    context.setAllowFP16ReductionCuBLAS(/*allow_reduced_precision=*/false);
    context.setBenchmarkCuDNN(exact == 0);
    context.setDeterministicCuDNN(exact != 0);
  });
}

// 1 if TF32 may be used by cuDNN, 2 by cuBLAS, 4 if cuDNN tries algorithms, 8 if it takes the same every time.
char* rb_arithmetic(int* out) {
  return rb::guarded([&] {
    const auto& context = at::globalContext();
    *out = (context.allowTF32CuDNN(at::Float32Op::CONV) ? 1 : 0) | (context.allowTF32CuBLAS() ? 2 : 0) |
           (context.benchmarkCuDNN() ? 4 : 0) | (context.deterministicCuDNN() ? 8 : 0);
  });
}

// relu(bias + rows · weight) in one pass where cuBLAS has it. tch 0.24 passes `use_gelu` in the place of beta, so its call
// drops the bias.
char* rb_product_relu(at::Tensor** out, const at::Tensor* bias, const at::Tensor* rows, const at::Tensor* weight) {
  return rb::guarded([&] {
    *out = new at::Tensor(at::_addmm_activation(*bias, *rows, *weight, /*beta=*/1, /*alpha=*/1, /*use_gelu=*/false));
  });
}
}
