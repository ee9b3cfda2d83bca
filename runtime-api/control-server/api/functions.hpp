// SPDX-License-Identifier: Apache-2.0
// Management of functions and triggers: from a request read to its end to an answer, synchronously.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "runtime-api/control-server/catalog/account.hpp"
#include "runtime-api/control-server/catalog/catalog.hpp"
#include "runtime-api/control-server/catalog/catalog_change.hpp"
#include "runtime-api/control-server/catalog/code_store.hpp"
#include "runtime-api/control-server/catalog/trigger_table.hpp"
#include "runtime-api/server/http/message.hpp"

namespace kiln {

/// What this build can run, without the aliases of "provided".
struct RuntimeList {
  std::vector<std::string> names;           ///< sorted: "cpp", "provided", "python3.11"
  std::vector<std::string> preimport_sets;  ///< of modules that a Python may have loaded; sorted
};

struct ManagementAnswer {
  http::ApiResponse response;
  std::optional<CatalogChange> change;
};

/// Threads: handle() may run on several threads at once; it blocks on the disk.
class ManagementApi {
 public:
  /// Refers to both stores, which must outlive it.
  ManagementApi(Catalog& catalog, CodeStore& code, RuntimeList runtimes, AccountSettings account);

  /// Whether a path belongs to this API: every dated path of the service (/2015-03-31/…) but the invocations, and of
  /// /kiln/v1 the triggers, runtimes and functions/{name}/code. `path` is percent-encoded as sent, without the query.
  static bool owns(std::string_view path);

  /// Answers one request. Callers' mistakes become answers; failures of the platform are exceptions. The request id
  /// header is the connection's to write.
  ManagementAnswer handle(const http::ApiRequest& request);

  /// Everything there is, for the start of the data plane: one change a function, and one with the triggers.
  std::vector<CatalogChange> everything() const;

  /// Removes code that neither the catalog nor `still_running` (SHA-256 hex) refers to; returns how many objects.
  std::size_t collect_code(const std::set<std::string>& still_running);

 private:
  struct Call;
  struct Found;
  struct Route;
  struct Routes;

  ManagementAnswer create(const Call& call);
  ManagementAnswer list(const Call& call);
  ManagementAnswer get(const Call& call);
  ManagementAnswer get_configuration(const Call& call);
  ManagementAnswer update_configuration(const Call& call);
  ManagementAnswer update_code(const Call& call);
  ManagementAnswer remove(const Call& call);
  ManagementAnswer account_settings(const Call& call);
  ManagementAnswer get_runtimes(const Call& call);
  ManagementAnswer get_code(const Call& call);
  ManagementAnswer put_trigger(const Call& call);
  ManagementAnswer list_triggers(const Call& call);
  ManagementAnswer delete_trigger(const Call& call);

  /// The function a call names, by its name and qualifier.
  Result<Found> find(const Call& call) const;
  CatalogChange upserted(FunctionWrite write) const;
  void add_triggers(CatalogChange& change) const;

  Catalog& catalog_;
  CodeStore& code_;
  RuntimeList runtimes_;
  AccountSettings account_;
  /// Held shared from storing code to the row that refers to it, exclusively while unreferenced code is removed.
  std::shared_mutex code_lock_;
};

}  // namespace kiln
