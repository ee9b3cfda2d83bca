// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/instances/router.hpp"

#include <algorithm>

namespace kiln {

std::shared_ptr<FunctionPool> Router::find(std::string_view name) const {
  const auto found = pools_.find(name);
  return found == pools_.end() ? nullptr : found->second.pool;
}

void Router::retire(std::shared_ptr<FunctionPool> pool) {
  std::erase_if(retired_, [](const auto& old) { return old->empty(); });
  pool->retire();
  if (!pool->empty()) retired_.push_back(std::move(pool));
}

void Router::apply(const CatalogChange& change) {
  if (change.triggers && change.sequence >= triggers_sequence_) {
    triggers_ = change.triggers;
    triggers_sequence_ = change.sequence;
  }
  if (!change.deleted.empty()) {
    Entry& entry = pools_[change.deleted];
    if (change.sequence < entry.sequence) return;
    entry.sequence = change.sequence;
    if (entry.pool) retire(std::exchange(entry.pool, nullptr));
  }
  if (!change.upserted) return;
  Entry& entry = pools_[change.upserted->configuration->name];
  if (change.sequence < entry.sequence) return;
  entry.sequence = change.sequence;
  if (entry.pool) {
    entry.pool->update(*change.upserted);
  } else {
    entry.pool = std::make_shared<FunctionPool>(context_, *change.upserted);
    entry.pool->keep_ready();
  }
}

void Router::retire_all() {
  for (auto& [name, entry] : pools_) {
    if (entry.pool) retire(std::exchange(entry.pool, nullptr));
  }
}

void Router::kill_all() {
  for (const auto& pool : retired_) pool->kill_all();
}

bool Router::drained() const {
  return std::all_of(retired_.begin(), retired_.end(), [](const auto& pool) { return pool->empty(); });
}

void Router::update_gauges() const {
  for (const auto& [name, entry] : pools_) {
    if (entry.pool) entry.pool->update_gauges();
  }
}

std::vector<std::string> Router::code_in_use() const {
  std::vector<std::string> hashes;
  for (const auto& [name, entry] : pools_) {
    if (entry.pool) entry.pool->collect_code_in_use(hashes);
  }
  for (const auto& pool : retired_) pool->collect_code_in_use(hashes);
  return hashes;
}

}  // namespace kiln
