// How C++ answers Rust: null for success, else a message that the caller frees with rb_free. No exception crosses.

#pragma once

#include <c10/util/Exception.h>
#include <cstring>
#include <exception>

namespace rb {

inline char* guarded(const auto& work) noexcept {
  try {
    work();
    return nullptr;
  } catch (const c10::Error& error) {
    return strdup(error.what_without_backtrace());
  } catch (const std::exception& error) {
    return strdup(error.what());
  } catch (...) {
    return strdup("unknown C++ exception");
  }
}

}  // namespace rb
