// SPDX-License-Identifier: Apache-2.0
// From a function's name, or a trigger's path, to the pool of its instances. Data-plane thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime-api/control-server/catalog/catalog_change.hpp"
#include "runtime-api/control-server/catalog/trigger_table.hpp"
#include "runtime-api/control-server/instances/function_pool.hpp"

namespace kiln {

class Router {
 public:
  explicit Router(FunctionPool::Context context) : context_(context) {}
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  /// The pool of a function; null where there is none of that name. The reference is for the time of one call.
  std::shared_ptr<FunctionPool> find(std::string_view name) const;
  const TriggerTable& triggers() const { return *triggers_; }

  /// Takes over what the catalog says. Changes that come late, behind a newer one, are dropped.
  void apply(const CatalogChange& change);

  /// No more calls: every pool is retired. `drained()` then tells when nothing is left.
  void retire_all();
  void kill_all();
  bool drained() const;

  /// Sets the gauges of all instances; pools that are retired no longer have any.
  void update_gauges() const;
  std::vector<std::string> code_in_use() const;
  std::size_t functions() const { return pools_.size(); }

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  struct Entry {
    std::shared_ptr<FunctionPool> pool;  // null once deleted; kept for its sequence
    std::uint64_t sequence = 0;
  };

  void retire(std::shared_ptr<FunctionPool> pool);

  FunctionPool::Context context_;
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> pools_;
  std::vector<std::shared_ptr<FunctionPool>> retired_;  // until they are empty
  std::shared_ptr<const TriggerTable> triggers_ = std::make_shared<const TriggerTable>();
  std::uint64_t triggers_sequence_ = 0;
};

}  // namespace kiln
