// SPDX-License-Identifier: Apache-2.0
// The launchers of a server and the rule which of them a function gets. Data-plane thread only.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "runtime-api/control-server/launchers/command_launcher.hpp"
#include "runtime-api/control-server/launchers/image_source.hpp"
#include "runtime-api/control-server/launchers/isolation.hpp"
#include "runtime-api/control-server/launchers/launcher.hpp"
#include "runtime-api/control-server/launchers/orphan_guard.hpp"
#include "runtime-api/server/async/event_loop.hpp"

namespace kiln {

/// Of the standard library what many functions use, and what that takes longest to load.
std::vector<std::string> default_preimports();

/// Containers of images.
struct ContainerOptions {
  ImageSource* images = nullptr;  ///< must outlive the launchers; null: there are no images, and so no containers
  std::string runtime;            ///< runc, or a path; empty: whichever is there
  std::filesystem::path monitor;  ///< the program container-monitor
  std::filesystem::path folder;   ///< of what runs, this server's alone
};

struct LauncherOptions {
  std::string isolation = "auto";                    ///< "auto", or the level that every instance has
  std::filesystem::path init;                        ///< the program sandbox-init
  std::size_t ready_sandboxes = 4;                   ///< made ahead of time, of each kind
  std::chrono::milliseconds snapshot_idle{600'000};  ///< how long one is kept of a function that has no instance
  bool freezes = false;                              ///< instances are to be frozen while they idle
  std::filesystem::path zygotes;                     ///< the folder of the zygotes, one for a runtime; empty for none
  std::vector<std::string> preimports = default_preimports();  ///< what those of Python load ahead of time
  /// Instead of these, for functions that name the set.
  std::map<std::string, std::vector<std::string>> preimport_sets;
  std::filesystem::path command;             ///< the operator's, which starts instances; empty: there is none
  std::string command_listen = "127.0.0.1";  ///< the IPv4 address of the Runtime APIs of what it starts
  ContainerOptions containers;
  std::filesystem::path command_records;  ///< a folder for what it is owed; outlives the server
};

/// What a server does about isolation, decided once at its start.
struct IsolationDecision {
  std::string asked;                      ///< "auto" or a level
  Isolation level = Isolation::process;   ///< of functions that ask for none
  IsolationReport machine;                ///< empty where neither a sandbox nor the strongest was asked for
  std::optional<CommandOptions> command;  ///< where there is one
  std::optional<std::filesystem::path> container_runtime;  ///< where there are images, too
  /// For the log: which and why, what it does without.
  std::string explanation() const;
};

/// Probes the machine, asks the command, and decides. Forks, so before there are threads. Throws std::runtime_error, with the reason and the
/// way out, where a level was asked for and cannot be had.
IsolationDecision decide_isolation(const LauncherOptions& options);

class Launchers final : public LauncherChoice {
 public:
  Launchers(EventLoop& loop, const OrphanGuard& guard, const LauncherOptions& options,
            const IsolationDecision& decision);
  ~Launchers() override;
  Launchers(const Launchers&) = delete;
  Launchers& operator=(const Launchers&) = delete;

  /// What was asked for is never replaced by something weaker, nor is the server's own level.
  std::variant<Launcher*, LaunchError> choose(const std::string& isolation) const override;

  /// Makes nothing ahead of time any more; what is being made or stopped is finished when settled().
  void stop();
  bool settled() const;
  /// How long what has been killed may take to end, at most.
  std::chrono::milliseconds end_limit() const;

 private:
  struct Parts;
  std::string why_not(Isolation level) const;

  const IsolationDecision decision_;
  ImageSource* const images_;  // null where there are none
  std::unique_ptr<Parts> parts_;
};

}  // namespace kiln
