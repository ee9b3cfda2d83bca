// SPDX-License-Identifier: Apache-2.0
// Python functions: CPython inside the bootstrap, behaving as the official Python runtime client does.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bootstrap/runtime.hpp"
#include "runtimes/python/json_encoder.hpp"
#include "runtimes/python/native_module.hpp"
#include "runtimes/python/objects.hpp"
#include "runtimes/python/search_path.hpp"

namespace kiln::python {

/// At most one in a process, used from one thread. Between its calls the GIL is free, so that the function's own threads
/// go on while the bootstrap waits for an event. Never destroys what it holds of Python: the process ends without
/// finalising it.
class PythonRuntime final : public Runtime {
 public:
  /// `program` becomes sys.argv[0].
  explicit PythonRuntime(std::string program) : program_(std::move(program)) {}

  /// Starts the interpreter without any function, as far as start-up goes without knowing one. load() does it where it
  /// has not been done. Afterwards the GIL is free. Throws std::runtime_error where Python cannot be started.
  void start();

  /// start(), and more: loads `modules`, of the standard search path, and runs a function of its own. Everything it has
  /// then, forks have as well; load() in a fork makes it the function's own. Throws std::runtime_error that names the
  /// module which cannot be loaded.
  void warm(const std::vector<std::string>& modules);

  /// In a fork of a process that is warm: goes all the way that load() and an invocation will go, so that the pages they write
  /// are this process's own by then; and back. Throws std::runtime_error.
  void rehearse();

  // Of a function's snapshot, after load() and before_snapshot().

  /// Makes what is there now what forks share. Throws nothing: what cannot be had, forks do without.
  void stand_for_forks();
  /// In a fork: as rehearse(), with the function's handler in place.
  void rehearse_loaded();
  /// Later there: the variables of `names` are in the function's environment what they are in the process's.
  void take_over(const std::vector<std::string>& names);

  /// Around a fork of a process in which Python has been started, and by nothing else: the same thread in all three.
  void before_fork() override;
  void after_fork(ForkSide side) override;

  std::optional<FunctionError> load(const FunctionEnvironment& environment) override;
  InvocationResult invoke(const Invocation& invocation, ResponseSink& response) override;
  std::optional<FunctionError> before_snapshot() override { return run_hooks("before_snapshot"); }
  std::optional<FunctionError> after_restore() override { return run_hooks("after_restore"); }
  void shutdown() override;

 private:
  /// Held while Python runs.
  class Gil {
   public:
    explicit Gil(PyThreadState*& state) : state_(state) { PyEval_RestoreThread(state_); }
    ~Gil() { state_ = PyEval_SaveThread(); }
    Gil(const Gil&) = delete;
    Gil& operator=(const Gil&) = delete;

   private:
    PyThreadState*& state_;
  };

  void adopt();
  void prepare(const LogSettings& logs, JsonEncoder::NonAscii non_ascii);
  void go_through_the_motions();
  static void extend_search_path(const FunctionSearchPath& path);
  py::object begin(const Invocation& invocation);
  py::object event_of(const Invocation& invocation, std::string& failure) const;
  InvocationResult run(const Invocation& invocation, ResponseSink& response);
  InvocationResult answer(py::object result, ResponseSink& response, const std::string& request_id);
  std::optional<FunctionError> run_hooks(const char* which);
  py::object settle(const py::object& awaitable, std::optional<FunctionError>& failed, const std::string& request_id);

  std::string program_;
  /// What the platform's Python modules have been set to; nothing before they are loaded.
  struct Settings {
    LogSettings logs;
    JsonEncoder::NonAscii non_ascii = JsonEncoder::NonAscii::escape;
    bool operator==(const Settings&) const = default;
  };
  std::optional<Settings> settings_;
  PyThreadState* idle_state_ = nullptr;  ///< this thread's, while it does not hold the GIL
  JsonEncoder encoder_{JsonEncoder::NonAscii::escape};
  // Leaked on purpose, so plain pointers: their owner is the process.
  PyObject* handler_ = nullptr;
  PyObject* begin_ = nullptr;         ///< embedded/context.py
  PyObject* await_ = nullptr;         ///< embedded/awaiting.py; null until a handler turns out to be asynchronous
  PyObject* function_arn_ = nullptr;  ///< of the last invocation, for the next has the same, as a rule
};

}  // namespace kiln::python
