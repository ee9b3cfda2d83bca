// SPDX-License-Identifier: Apache-2.0
// What the server and an operator's launch command say to each other: one JSON object each way, as CNI plug-ins have it.
// docs/launchers.md is the contract; here are its words and their reading. No I/O.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "runtime-api/control-server/launchers/launcher.hpp"

namespace kiln {

/// The contract's name, in each request and each answer.
inline constexpr std::string_view launch_version = "kiln/launch/v1";

/// The longest answer that is read, in bytes.
inline constexpr std::size_t max_launch_answer = 65'536;

/// What a command says of itself.
struct CommandDescription {
  std::string name;         ///< for logs
  bool host_paths = false;  ///< its instances see the host's files under the host's paths
};

/// What it has started.
struct CommandStart {
  std::string handle;  ///< its own name for it, given back to it; empty where it needs none
  int pid = 0;         ///< on this host, whose end is the instance's end; 0 for none
  bool wait = false;   ///< `wait` tells that it has ended
};

/// How an instance has ended.
struct CommandEnd {
  ExitStatus status;  ///< as of one that exited with 0 where the command does not know
  long peak_memory_kib = 0;
};

enum class StopReason {
  shutdown,      ///< it is not needed any more, or the server ends
  kill,          ///< it has overrun a limit
  ended,         ///< it has ended by itself
  start_failed,  ///< `start` came to nothing; something may run all the same
  orphaned,      ///< the server that had it started was killed
};

/// What an order is about.
struct CommandSubject {
  std::string instance_id;
  std::string function_name;
  std::string handle;
};

std::string describe_request();
/// `spec.environment` complete, with the way to the Runtime API, which is at `address`.
std::string start_request(const InstanceSpec& spec, const InstancePaths& inside, std::string_view address);
std::string wait_request(const CommandSubject& subject);
std::string stop_request(const CommandSubject& subject, StopReason reason, std::chrono::milliseconds grace,
                         std::chrono::milliseconds limit);

/// What a request was about; empty where it is none.
CommandSubject read_subject(std::string_view request);

/// The error that an answer tells of, where it does.
std::optional<LaunchError> told_error(std::string_view answer);

/// Each: the answer's meaning, or what is wrong with it.
std::variant<CommandDescription, std::string> read_description(std::string_view answer);
std::variant<CommandStart, std::string> read_start(std::string_view answer);
std::variant<CommandEnd, std::string> read_end(std::string_view answer);

}  // namespace kiln
