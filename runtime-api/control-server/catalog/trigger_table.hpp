// SPDX-License-Identifier: Apache-2.0
// Which function a method and path belong to. A value built from all triggers and then only read; no I/O.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime-api/control-server/catalog/function_configuration.hpp"

namespace kiln {

struct TriggerMatch {
  const HttpTrigger* trigger = nullptr;                              ///< lives as long as the table
  std::vector<std::pair<std::string, std::string>> path_parameters;  ///< decoded, in path order
};

/// Threads: const after construction, so any number may read at once.
class TriggerTable {
 public:
  TriggerTable() = default;
  explicit TriggerTable(std::vector<HttpTrigger> triggers);
  TriggerTable(const TriggerTable&) = delete;
  TriggerTable& operator=(const TriggerTable&) = delete;
  TriggerTable(TriggerTable&&) = default;
  TriggerTable& operator=(TriggerTable&&) = default;

  /// The most specific trigger for a request: segment by segment a literal beats `{name}`, which beats `{name+}`; on
  /// the same path the method itself beats ANY. `path` is percent-encoded as sent, without the query.
  std::optional<TriggerMatch> find(std::string_view method, std::string_view path) const;

  std::size_t size() const { return triggers_.size(); }

 private:
  struct Template {
    std::vector<std::string> segments;
    std::size_t trigger;
  };
  std::vector<HttpTrigger> triggers_;
  std::unordered_map<std::string, std::size_t> literals_;  ///< "METHOD /path"
  std::vector<Template> templates_;                        ///< most specific first
};

/// Why `path` cannot be a trigger's path, or nothing where it can.
std::optional<std::string> trigger_path_problem(std::string_view path);

/// The path with every parameter's name taken out: two triggers of the same shape and method are in conflict.
std::string trigger_path_shape(std::string_view path);

}  // namespace kiln
