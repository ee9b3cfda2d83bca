// SPDX-License-Identifier: Apache-2.0
// The interpreter as a zygote has it: started ahead of time, the runtime of each fork.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime-api/control-server/launchers/sandbox/zygote_process.hpp"
#include "runtimes/python/python_runtime.hpp"

namespace kiln::python {

/// `runtime` must outlive it. One thread.
class PythonZygote final : public sandbox::WarmRuntime {
 public:
  explicit PythonZygote(PythonRuntime& runtime) : runtime_(runtime) {}

  void warm(const std::vector<std::string>& modules) override;
  void before_fork() override { runtime_.before_fork(); }
  void after_fork() override { runtime_.after_fork(ForkSide::parent); }
  void forked() override;
  void rehearse() override { runtime_.rehearse(); }
  int run(const sandbox::Program& program) override;
  bool load(const sandbox::Program& program) override;
  void wake() override { runtime_.rehearse_loaded(); }
  int resume(const sandbox::Program& program) override;

 private:
  void start_on_pipes();

  PythonRuntime& runtime_;
  std::map<std::string, std::string> loaded_with_;  // the variables that a function was loaded with
};

}  // namespace kiln::python
