// SPDX-License-Identifier: Apache-2.0
// The C++ runtime's `bootstrap`.
#include "bootstrap/runtime.hpp"
#include "runtimes/cpp/cpp_runtime.hpp"

int main() {
  kiln::CppRuntime runtime;
  return kiln::run_bootstrap(runtime);
}
