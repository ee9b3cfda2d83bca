// SPDX-License-Identifier: Apache-2.0
// The functions and triggers this server knows, durable in SQLite: what has been answered survives a power cut.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/control-server/catalog/account.hpp"
#include "runtime-api/control-server/catalog/function_configuration.hpp"
#include "runtime-api/control-server/catalog/service_error.hpp"

namespace kiln {

class Database;

/// The database file cannot be opened, is damaged, or was written by a newer kiln. Names the file; nothing is deleted.
struct CatalogUnusable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What a write did, with its place in the order of all writes of this process: whoever applies changes elsewhere
/// drops one that is older than what it has already applied.
struct FunctionWrite {
  FunctionConfiguration function;
  std::uint64_t sequence = 0;
};

struct TriggerWrite {
  HttpTrigger trigger;
  std::uint64_t sequence = 0;
};

struct FunctionRemoval {
  std::uint64_t sequence = 0;
};

/// 412 for a RevisionId that is not the stored one.
ServiceError revision_mismatch();

/// Threads: every member may be called from any thread; calls take turns. Each blocks on the disk, so never on the
/// data plane's thread. Failures of the disk or of SQLite are exceptions (std::runtime_error).
class Catalog {
 public:
  /// Opens or creates `file` and brings its schema up to date. Throws CatalogUnusable.
  Catalog(const std::filesystem::path& file, AccountSettings account);
  ~Catalog();
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  /// Stores a new function. 409 ResourceConflictException where the name and version exist.
  Result<FunctionWrite> create(FunctionConfiguration function);

  std::optional<FunctionConfiguration> find(std::string_view name, std::string_view version = "$LATEST") const;

  /// Reads, changes and stores one function in one transaction. `change` may refuse by returning an error; it is
  /// called under the catalog's lock and must not call back. 412 where `revision_id` is given and is not the stored one,
  /// 404 where there is no such function.
  Result<FunctionWrite> update(std::string_view name, std::optional<std::string_view> revision_id,
                               const std::function<std::optional<ServiceError>(FunctionConfiguration&)>& change);

  /// Removes the function with all its versions and triggers; 404 where there is none.
  Result<FunctionRemoval> remove(std::string_view name);

  struct FunctionPage {
    std::vector<FunctionConfiguration> functions;
    std::string marker;  ///< to be given as `after` for the next page; empty on the last page
  };
  /// $LATEST of each function in name order, those after `after`, at most `limit`.
  FunctionPage list(std::string_view after, std::size_t limit) const;
  std::vector<FunctionConfiguration> all() const;

  /// Binds. The same binding again returns the one that exists; 409 where its method and path belong to another
  /// function, 404 where the function does not exist. `trigger.id` is chosen here.
  Result<TriggerWrite> bind(HttpTrigger trigger);
  /// Returns the removed trigger; 404 where there is none.
  Result<TriggerWrite> unbind(std::string_view id);
  /// In path order; of one function where a name is given.
  std::vector<HttpTrigger> triggers(std::string_view function_name = {}) const;

  struct TriggerSnapshot {
    std::vector<HttpTrigger> triggers;
    std::uint64_t sequence = 0;  ///< of the last write these contain
  };
  TriggerSnapshot trigger_snapshot() const;

  /// SHA-256 (hex) of every code package that a function refers to.
  std::set<std::string> code_in_use() const;

  struct Usage {
    std::uint64_t functions = 0;
    std::uint64_t code_bytes = 0;
  };
  Usage usage() const;

 private:
  AccountSettings account_;
  mutable std::mutex mutex_;
  std::unique_ptr<Database> database_;
  std::uint64_t sequence_ = 0;
};

}  // namespace kiln
