// Copies that run beside the computation of a GPU, and marks in its queue. Written against c10's interface for devices of
// any kind, whose implementation libtorch_cuda registers when it is loaded: nothing here needs CUDA's headers, and a
// build without CUDA links and runs.

#include "message.h"

#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

extern "C" {

// A second queue of the GPU, for copies.
char* rb_lane(c10::Stream** out, int64_t gpu) {
  return rb::guarded([&] {
    const c10::Device device(c10::kCUDA, static_cast<c10::DeviceIndex>(gpu));
    *out = new c10::Stream(c10::impl::VirtualGuardImpl(c10::kCUDA).getStreamFromGlobalPool(device));
  });
}

void rb_lane_free(c10::Stream* lane) { delete lane; }

// Bytes of this shape, not yet written, in memory that the GPU reads and writes by itself. libtorch keeps such memory and
// gives it out again once the copies that use it are done.
char* rb_pinned_bytes(at::Tensor** out, const int64_t* shape, int64_t axes) {
  return rb::guarded([&] {
    const auto options = at::TensorOptions().dtype(at::kByte).pinned_memory(true);
    *out = new at::Tensor(at::empty(c10::IntArrayRef(shape, static_cast<size_t>(axes)), options));
  });
}

// Begins to copy pinned memory to the GPU; what is queued on the GPU from now on waits for it, this thread does not.
char* rb_upload(at::Tensor** out, const c10::Stream* lane, const at::Tensor* pinned) {
  return rb::guarded([&] {
    const c10::Stream compute = c10::impl::VirtualGuardImpl(c10::kCUDA).getStream(lane->device());
    c10::Event copied(c10::kCUDA);
    at::Tensor there;
    {
      const c10::StreamGuard on_lane(*lane);
      there = pinned->to(lane->device(), pinned->scalar_type(), /*non_blocking=*/true);
      copied.record(*lane);
    }
    copied.block(compute);
    // Its memory belongs to the lane: it must not be given out again before the computation has read it.
    there.record_stream(compute);
    *out = new at::Tensor(std::move(there));
  });
}

// Begins to copy a result to pinned memory; it is there when a mark that is set afterwards is reached.
char* rb_download(at::Tensor** out, const at::Tensor* there) {
  return rb::guarded([&] {
    auto here = at::empty(there->sizes(), there->options().device(at::kCPU).pinned_memory(true));
    here.copy_(*there, /*non_blocking=*/true);
    *out = new at::Tensor(std::move(here));
  });
}

// Sets a mark behind all that is queued on the GPU.
char* rb_mark(c10::Event** out, int64_t gpu) {
  return rb::guarded([&] {
    const c10::Device device(c10::kCUDA, static_cast<c10::DeviceIndex>(gpu));
    // Unlike libtorch's default, this kind knows its time.
    auto mark = std::make_unique<c10::Event>(c10::kCUDA, c10::EventFlag::BACKEND_DEFAULT);
    mark->record(c10::impl::VirtualGuardImpl(c10::kCUDA).getStream(device));
    *out = mark.release();
  });
}

char* rb_mark_reached(int* out, const c10::Event* mark) {
  return rb::guarded([&] { *out = mark->query() ? 1 : 0; });
}

// Milliseconds on the GPU from one mark to another, both reached.
char* rb_mark_between(double* out, const c10::Event* from, const c10::Event* to) {
  return rb::guarded([&] { *out = from->elapsedTime(*to); });
}

void rb_mark_free(c10::Event* mark) { delete mark; }
}
