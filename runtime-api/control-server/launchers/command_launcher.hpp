// SPDX-License-Identifier: Apache-2.0
// The launcher that leaves it to an executable of the operator's: how any scheduler plugs in (docs/launchers.md). The server
// makes the instance's Runtime API and its log pipe, asks for a start, hears of the end, and asks for a stop: exactly one
// for each start. Data-plane thread only.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "runtime-api/control-server/launchers/command_call.hpp"
#include "runtime-api/control-server/launchers/command_protocol.hpp"
#include "runtime-api/control-server/launchers/command_records.hpp"
#include "runtime-api/control-server/launchers/launcher.hpp"

namespace kiln {

/// How long `stop` may take beyond the grace it is to give.
inline constexpr std::chrono::seconds launch_stop_limit{20};
/// How long `describe` may take.
inline constexpr std::chrono::seconds launch_describe_limit{10};

struct CommandOptions {
  std::filesystem::path command;     ///< absolute
  std::string listen = "127.0.0.1";  ///< the IPv4 address at which instances find their Runtime APIs
  CommandDescription description;
  std::filesystem::path records;  ///< the folder of what is owed a stop; empty: that is forgotten with the server
  std::chrono::milliseconds stop_limit = launch_stop_limit;
};

/// Asks a command what it is: whether it is there, works, and speaks this contract. Blocks, forks and has threads meanwhile,
/// none afterwards. Throws std::runtime_error with the reason.
CommandDescription describe_command(const std::filesystem::path& command);

class CommandLauncher final : public Launcher {
 public:
  /// `thread` as of ProcessLauncher. What an earlier server has left running is stopped.
  CommandLauncher(EventLoop& loop, WorkerPool& thread, const OrphanGuard& guard, CommandOptions options);

  std::string_view name() const override { return "command"; }
  InstancePaths paths(const InstanceSpec& spec) const override;
  Task<LaunchResult> start(InstanceSpec spec) override;

  /// Starts under way are given up, and there are no new ones.
  void stop();
  /// Whether no instance is left that was not stopped, and no run of the command.
  bool settled() const { return open_ == 0; }
  /// How long the stops under way may take yet, at most.
  std::chrono::milliseconds end_limit() const;

 private:
  class Commanded;
  class CommandedInstance;
  class Starting;

  const CommandOptions options_;
  const std::vector<std::string> environment_;
  const CommandContext context_;
  const CommandRecords records_;
  std::set<CommandCall*> starting_;
  std::size_t open_ = 0;  // of Commanded
  bool stopping_ = false;
};

}  // namespace kiln
