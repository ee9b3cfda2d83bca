// SPDX-License-Identifier: Apache-2.0
// The reference control server as one call.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace kiln {

/// Modules that zygotes of Python load beside some of the standard library.
struct Preimports {
  std::vector<std::string> modules;                      ///< for functions that name no set
  std::map<std::string, std::vector<std::string>> sets;  ///< instead of those, for functions that name this one
};

struct ServeOptions {
  std::string data;                                  ///< catalog, code, logs; made where missing
  std::string listen = "127.0.0.1:9080";             ///< HOST:PORT of the public API; port 0 takes a free one
  std::string operations_listen = "127.0.0.1:9081";  ///< HOST:PORT of health and metrics
  std::filesystem::path libexec;                     ///< the folder with the bootstraps, one folder a runtime
  std::string version;                               ///< of this build, for the metrics
  std::chrono::milliseconds freeze_after{0};         ///< instances in sandboxes that idle so long are frozen; 0: never
  std::size_t ready_sandboxes = 4;                   ///< made ahead of time, of each kind
  std::chrono::milliseconds snapshot_idle{600'000};  ///< a function's snapshot goes once it has had no instance so long
  bool zygote = true;                    ///< instances in sandboxes are forked where their runtime allows it
  Preimports preimports;                 ///< what the zygotes of Python load
  std::string isolation = "auto";        ///< of instances: auto (the strongest that works), process, sandbox, command
  std::filesystem::path launch_command;  ///< what starts instances of isolation `command`; empty: nothing
  std::string launch_listen = "127.0.0.1";  ///< the IPv4 address of the Runtime APIs of these
  std::string
      oci_images;  ///< a folder in the OCI layout, or containers-storage:, of isolation `oci`; empty: there are none
  std::string oci_runtime;             ///< what makes containers of them: a path or a name; empty: runc or crun
  std::string log_level = "info";      ///< trace, debug, info, warn, error
  std::filesystem::path opt = "/opt";  ///< `extensions/` in it holds the external extensions
  std::string availability_zone_id = "use1-az1";   ///< what the metadata endpoint of an instance tells
  std::chrono::milliseconds init_timeout{10'000};  ///< how long the init phase of an instance may take
  std::chrono::seconds drain_timeout{30};          ///< how long calls under way may take once a stop was asked for
};

/// Serves until SIGTERM or SIGINT, then drains. Prints `ready http://… operations http://…` on stdout once it serves; logs
/// go to stderr. Returns 0. Throws std::exception where it cannot start, with a message that names the cause.
int serve(const ServeOptions& options);

}  // namespace kiln
