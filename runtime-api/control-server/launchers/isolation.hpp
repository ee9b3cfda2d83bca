// SPDX-License-Identifier: Apache-2.0
// The levels of isolation, and what this machine allows of what the stronger ones need.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kiln {

/// Weakest first; how strong `command` is, nobody but its operator knows.
enum class Isolation { process, sandbox, oci, command };
std::string_view to_string(Isolation level);
/// Nothing for "auto" and for what is no level.
std::optional<Isolation> isolation_from(std::string_view name);

/// Something that isolation is made of.
struct IsolationFeature {
  std::string name;
  bool works = false;
  bool needed = false;    ///< without it there is no sandbox; without another it is weaker
  std::string detail;     ///< what was found, or why it does not work
  std::string way_out{};  ///< how to allow it, where it does not work
};

struct IsolationReport {
  std::vector<IsolationFeature> features;

  bool sandbox() const;
  bool works(std::string_view feature) const;
  /// Why there is no sandbox, with the way out; empty where there is.
  std::string why_no_sandbox() const;
  /// What a sandbox here does without, a sentence each.
  std::vector<std::string> weaknesses() const;
};

namespace isolation_features {
inline constexpr std::string_view user_namespace = "user namespace";
inline constexpr std::string_view cgroup_namespace = "control-group namespace";
inline constexpr std::string_view cgroups = "control groups";
inline constexpr std::string_view landlock = "Landlock";
}  // namespace isolation_features

/// Tries each thing in a process of its own, which is thrown away; takes some ten milliseconds. Forks, so before the
/// process has threads. `init` is the program sandbox-init.
IsolationReport probe_isolation(const std::filesystem::path& init);

}  // namespace kiln
