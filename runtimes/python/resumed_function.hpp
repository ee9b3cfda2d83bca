// SPDX-License-Identifier: Apache-2.0
// A function that has been loaded in another process, of which this one is a fork: the bootstrap runs it like any other, but
// that to load it is to take it up again.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bootstrap/runtime.hpp"
#include "runtimes/python/python_runtime.hpp"

namespace kiln::python {

class ResumedFunction final : public Runtime {
 public:
  /// `loaded` must outlive it. `changed`: the variables of the environment that are not what they were when it was loaded.
  ResumedFunction(PythonRuntime& loaded, std::vector<std::string> changed)
      : loaded_(loaded), changed_(std::move(changed)) {}

  std::optional<FunctionError> load(const FunctionEnvironment&) override {
    loaded_.take_over(changed_);
    return loaded_.after_restore();
  }
  InvocationResult invoke(const Invocation& invocation, ResponseSink& response) override {
    return loaded_.invoke(invocation, response);
  }
  void before_fork() override { loaded_.before_fork(); }
  void after_fork(ForkSide side) override { loaded_.after_fork(side); }
  Concurrency concurrency() const override { return loaded_.concurrency(); }
  void shutdown() override { loaded_.shutdown(); }

 private:
  PythonRuntime& loaded_;
  const std::vector<std::string> changed_;
};

}  // namespace kiln::python
