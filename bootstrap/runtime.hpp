// SPDX-License-Identifier: Apache-2.0
// What a language runtime must provide to be driven by the bootstrap loop.
#pragma once

#include <optional>
#include <string>

#include "bootstrap/response_sink.hpp"
#include "runtime-api/protocol/invocation.hpp"
#include "runtime-api/protocol/result.hpp"

namespace kiln {

/// What an instance's environment says about its function; read in one place (bootstrap/environment.cpp).
struct FunctionEnvironment {
  std::string handler;        ///< _HANDLER, e.g. "index.handler"
  std::string task_root;      ///< LAMBDA_TASK_ROOT; default /var/task
  std::string runtime_dir;    ///< LAMBDA_RUNTIME_DIR; default /var/runtime
  std::string function_name;  ///< AWS_LAMBDA_FUNCTION_NAME
  std::string function_version;
  std::string memory_mb;  ///< AWS_LAMBDA_FUNCTION_MEMORY_SIZE, text as given
  std::string log_group;
  std::string log_stream;
  std::string log_format;     ///< AWS_LAMBDA_LOG_FORMAT: "Text" or "JSON"; default "Text"
  std::string log_level;      ///< AWS_LAMBDA_LOG_LEVEL; empty where unset
  std::string execution_env;  ///< AWS_EXECUTION_ENV
  bool snap_start = false;    ///< AWS_LAMBDA_INITIALIZATION_TYPE is snap-start
};

/// How a runtime runs several invocations at once (AWS_LAMBDA_MAX_CONCURRENCY).
enum class Concurrency {
  threads,    ///< load is called once; invoke by several threads at the same time
  processes,  ///< processes are made before load is called; each loads for itself, and has one thread
};

/// Who one is after a fork.
enum class ForkSide { parent, child };

/// One language runtime. Called in the order load, the snapshot's hooks where there is one, invoke any number of times,
/// shutdown; from one thread, but for invoke where concurrency() says otherwise.
class Runtime {
 public:
  virtual ~Runtime() = default;

  /// Loads the handler (init phase). Returns nothing on success, else the error to post to /runtime/init/error; the
  /// bootstrap then exits with ExitCode::init_failed. Must not throw.
  virtual std::optional<FunctionError> load(const FunctionEnvironment& environment) = 0;

  /// Runs the handler with one event. A handler's failure is a FunctionError. Where `response` has been opened, the
  /// answer is what was written to it, and the result says whether it ended well (a Success without a body) or in an
  /// error. Must not throw; may end the process only where the user's code asked for it (sys.exit, std::exit).
  virtual InvocationResult invoke(const Invocation& invocation, ResponseSink& response) = 0;

  /// Before and after each fork() that the bootstrap does, on the same thread: a language whose interpreter already runs has
  /// to know of it.
  virtual void before_fork() {}
  virtual void after_fork(ForkSide) {}

  virtual Concurrency concurrency() const { return Concurrency::processes; }

  /// Where a snapshot is taken of the loaded function: what the function has to do before, and after each restore. Returns
  /// nothing on success, else the error to post; the bootstrap then exits. Must not throw.
  virtual std::optional<FunctionError> before_snapshot() { return std::nullopt; }
  virtual std::optional<FunctionError> after_restore() { return std::nullopt; }

  /// Before the process ends in an orderly way (SIGTERM): flush what the language runtime has buffered.
  virtual void shutdown() {}
};

/// Reads the environment, connects to the Runtime API, runs init → loop → shutdown with `runtime`: once, or, where the
/// platform wants several invocations at once, in so many threads or processes. Returns the process's exit code
/// (bootstrap/exit_codes.hpp). The caller passes it to exit without further work.
int run_bootstrap(Runtime& runtime);

}  // namespace kiln
