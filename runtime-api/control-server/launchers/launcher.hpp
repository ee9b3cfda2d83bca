// SPDX-License-Identifier: Apache-2.0
// How an instance comes to be. A launcher turns a specification into a running process with a way to reach its Runtime
// API; what the process then does is the instance's affair.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime-api/control-server/launchers/descriptor.hpp"
#include "runtime-api/protocol/deadline.hpp"
#include "runtime-api/server/async/completion.hpp"
#include "runtime-api/server/async/outgoing_connection.hpp"
#include "runtime-api/server/async/task.hpp"

namespace kiln {

/// An external extension: a process beside the runtime.
struct ExtensionSpec {
  std::string name;                  ///< its file's name
  std::filesystem::path executable;  ///< started in `/`, without arguments
};

/// Whatever a launcher keeps of a function from one instance to the next. Data-plane thread only.
class KeptByLauncher {
 public:
  virtual ~KeptByLauncher() = default;
  /// How many instances are as good as there, for they have only to be told which they are.
  virtual std::size_t ready() const = 0;
};

/// For a function that wants its module loaded once rather than in each instance: of one version of its code and configuration,
/// and gone with it.
struct Preload {
  std::shared_ptr<KeptByLauncher> kept;  ///< the launcher's own affair
  /// Opens a stream in the function's log for what is written while its module is loaded, and returns what takes it.
  std::function<std::function<void(std::string_view)>()> open_log;
  bool refusal_told = false;  ///< why it cannot be had stands in the log
};

/// Of `runtime` ("python3.11"), with the modules of `set`; an empty one is the server's own.
inline std::string zygote_name(std::string_view runtime, std::string_view set) {
  return std::string(runtime) + (set.empty() ? "" : "+") + std::string(set);
}

/// Everything a launcher needs to know; a plain value.
struct InstanceSpec {
  std::string instance_id;
  std::string function_name;
  std::string runtime;                   ///< as the function names it: "python3.11", "provided"
  std::string image;                     ///< the container image the function asks for; empty: none in particular
  std::filesystem::path executable;      ///< the bootstrap
  std::vector<std::string> arguments;    ///< argv[1] and on
  std::vector<std::string> environment;  ///< "KEY=VALUE", complete but for the way to the Runtime API
  std::filesystem::path task_root;       ///< the function's unpacked code; the working directory
  /// The zygote that it may be forked from (zygote_name()); empty where it is to be executed.
  std::string zygote;
  std::shared_ptr<Preload> preload;    ///< null where the function wants none, or cannot have it
  std::filesystem::path runtime_root;  ///< the folder of the bootstrap, where that is not the function's own
  std::filesystem::path layers_root;   ///< what is to be at /opt, where it exists
  int memory_mb = 0;
  int tmp_mb = 0;          ///< what /tmp may hold
  int timeout_s = 0;       ///< of an invocation
  Deadline init_deadline;  ///< when its runtime must have asked for an event; a start that takes longer is in vain
  /// A bootstrap of ours inherits this many connected sockets, one for each invocation it may run at once. Every instance
  /// has a listener besides: for any other runtime, for extensions, and for the metadata endpoint.
  std::size_t channels = 0;
  /// A runtime that may write framed log messages gets a pipe for them. Ours write each message as one event without.
  bool takes_frames = false;
  std::vector<ExtensionSpec> extensions;           ///< started in this order, in front of the runtime
  std::vector<std::string> extension_environment;  ///< of each of them; complete but for the way to the Runtime API
};

/// Where an instance finds its folders, as it sees them.
struct InstancePaths {
  std::string task_root;
  std::string runtime_root;
  std::string layers_root;
};

/// How a process ended.
struct ExitStatus {
  int code = 0;    ///< exit status, where it exited
  int signal = 0;  ///< the signal, where one ended it; 0 otherwise
  bool out_of_memory = false;

  /// As the platform words it: "exit status 3", "signal: killed"; empty for exit status 0.
  std::string describe() const;
};

/// An external extension as its launcher sees it. Data-plane thread only. Destroying it kills what is left.
class LaunchedExtension {
 public:
  virtual ~LaunchedExtension() = default;

  virtual const std::string& name() const = 0;
  /// To its process group, which is its own: the runtime is told to end before its extensions are.
  virtual void signal(int signal_number) = 0;
  /// Completes once, when its process has ended and has been reaped. To be awaited once.
  virtual Completion<ExitStatus>& exited() = 0;
  /// Read end of stdout and stderr, non-blocking and close-on-exec; handed over once.
  virtual int take_log() = 0;
};

/// A running instance as its launcher sees it. Data-plane thread only. Destroying it kills what is left.
class LaunchedInstance {
 public:
  virtual ~LaunchedInstance() = default;

  /// The runtime's process id on this host, to be told; 0 where the launcher has none.
  virtual int pid() const = 0;
  /// When the program was executed: the end of the launch and the beginning of the init phase.
  virtual Deadline::Clock::time_point executed_at() const = 0;
  /// To the process group of the runtime, which it thaws.
  virtual void signal(int signal_number) = 0;
  /// Stops all its processes where they are, until thaw(). False where that cannot be had. Some 0.1 ms each.
  virtual bool freeze() { return false; }
  virtual void thaw() {}
  /// Completes once, when the first process has ended and has been reaped. To be awaited once.
  virtual Completion<ExitStatus>& exited() = 0;
  /// Peak resident memory in KiB so far, or of all its life once it has ended; 0 where it cannot be told.
  virtual long peak_memory_kib() const = 0;
  /// Whether that is of all its processes, rather than of the first.
  virtual bool measures_all() const { return false; }
  /// Whether it is a connection and nothing else: its end is that of its only channel, which any client may have.
  virtual bool is_its_connection() const { return false; }
  /// The limits it has run into since this was asked last, a sentence each, for its log.
  virtual std::vector<std::string> limits_reached() { return {}; }
  /// The external extensions, handed over once; none where the launcher starts none.
  virtual std::vector<std::unique_ptr<LaunchedExtension>> take_extensions() { return {}; }
  /// Read end of the pipe for framed log messages (_LAMBDA_TELEMETRY_LOG_FD), likewise; -1 where there is none.
  virtual int take_frames() { return -1; }

  /// The way to listeners of its processes on 127.0.0.1, as these see it; may be used after it has ended.
  virtual MakeSocket loopback() const { return make_tcp_socket; }

  // Descriptors, non-blocking and close-on-exec, each handed over once; -1 where there is none.
  virtual int take_log() = 0;                           ///< read end of stdout and stderr
  virtual std::vector<Descriptor> take_channels() = 0;  ///< our ends of the inherited sockets; owned
  virtual int take_listener() = 0;                      ///< a listening socket for the instance's Runtime API
};

/// Why there is no instance: a platform failure that the invoker sees as a function error of this type.
struct LaunchError {
  std::string type;
  std::string message;
  bool sandbox_ended = false;  ///< before anything ran in it: another one may do
};

using LaunchResult = std::variant<std::unique_ptr<LaunchedInstance>, LaunchError>;

class Launcher {
 public:
  virtual ~Launcher() = default;
  /// "process", "sandbox", …
  virtual std::string_view name() const = 0;
  /// Whether it keeps snapshots of functions that are to be loaded once; empty where it does, else why not, to follow
  /// "instances".
  virtual std::string why_no_preload() const { return "are made by a launcher that cannot fork them"; }
  /// Where the instance will find what `spec` names.
  virtual InstancePaths paths(const InstanceSpec& spec) const = 0;
  /// Data-plane thread; forks elsewhere. Returns once the program has been executed, or could not be.
  virtual Task<LaunchResult> start(InstanceSpec spec) = 0;
};

/// Which launcher a function gets.
class LauncherChoice {
 public:
  virtual ~LauncherChoice() = default;
  /// The launcher for a function that asks for `isolation` (empty or "auto": for none in particular), or why it gets none.
  virtual std::variant<Launcher*, LaunchError> choose(const std::string& isolation) const = 0;
};

/// For a server that has but one.
class OnlyLauncher final : public LauncherChoice {
 public:
  /// `launcher` must outlive it.
  explicit OnlyLauncher(Launcher& launcher) : launcher_(launcher) {}
  std::variant<Launcher*, LaunchError> choose(const std::string&) const override { return &launcher_; }

 private:
  Launcher& launcher_;
};

}  // namespace kiln
