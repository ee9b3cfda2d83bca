// SPDX-License-Identifier: Apache-2.0
// The C++ runtime: a function is a shared object with one exported handler (kiln/function.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bootstrap/runtime.hpp"
#include "kiln/function.h"
#include "runtimes/cpp/function_log.hpp"

namespace kiln {

/// Loads the function on the calling thread, and runs it on the threads that call invoke. The shared object is never unloaded: it may have started
/// threads.
class CppRuntime final : public Runtime {
 public:
  std::optional<FunctionError> load(const FunctionEnvironment& environment) override;
  InvocationResult invoke(const Invocation& invocation, ResponseSink& response) override;
  Concurrency concurrency() const override { return Concurrency::threads; }
  void shutdown() override;

 private:
  std::optional<FunctionError> find_handler(const std::string& path, const std::string& module,
                                            const std::string& symbol);
  FunctionError function_error(std::string_view type, std::string_view message, std::string_view request_id) const;

  FunctionEnvironment environment_;
  LogFormat log_format_ = LogFormat::text;
  int memory_limit_mb_ = 0;
  kiln_handler handler_ = nullptr;
};

}  // namespace kiln
