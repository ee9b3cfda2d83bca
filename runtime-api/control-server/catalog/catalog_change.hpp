// SPDX-License-Identifier: Apache-2.0
// What a write to the catalog means for those who run functions. Plain values, handed from a worker to the data plane.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "runtime-api/control-server/catalog/function_configuration.hpp"
#include "runtime-api/control-server/catalog/trigger_table.hpp"

namespace kiln {

/// A function as the data plane runs it.
struct DeployedFunction {
  std::shared_ptr<const FunctionConfiguration> configuration;
  std::filesystem::path task_root;  ///< its unpacked, read-only code; empty where it is gone from the code store
};

/// What the data plane must apply. Changes may reach it out of order from two threads: one whose sequence is lower than
/// the last applied to the same function (triggers_sequence: to the triggers) is dropped.
struct CatalogChange {
  std::uint64_t sequence = 0;
  std::optional<DeployedFunction> upserted;
  std::string deleted;                           ///< name of a removed function; empty where none was
  std::shared_ptr<const TriggerTable> triggers;  ///< the whole new table; null where triggers did not change
  std::uint64_t triggers_sequence = 0;
};

}  // namespace kiln
