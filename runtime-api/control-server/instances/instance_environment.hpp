// SPDX-License-Identifier: Apache-2.0
// The environment of an instance (developer guide, "Defined runtime environment variables"), from its function.
#pragma once

#include <string>
#include <vector>

#include "runtime-api/control-server/catalog/account.hpp"
#include "runtime-api/control-server/catalog/function_configuration.hpp"

namespace kiln {

struct InstancePlace {
  std::string task_root;    ///< where the code is, as the instance sees it
  std::string runtime_dir;  ///< where its bootstrap is
  std::string log_stream;
  std::string opt = "/opt";  ///< where the layers are
};

/// "KEY=VALUE" for everything but the way to the Runtime API. The function's own variables cannot replace the reserved ones.
std::vector<std::string> instance_environment(const FunctionConfiguration& function, const AccountSettings& account,
                                              const InstancePlace& place);

/// Whether its instances are told that they start from a snapshot. Functions have no published versions so far, so SnapStart
/// of "PublishedVersions" is taken to mean the function as it is.
bool starts_from_snapshot(const FunctionConfiguration& function);

/// Whether an interpreter that has started before it was known whose it would be can be this function's. Its variables may ask
/// for one that starts in another way.
bool may_be_forked(const FunctionConfiguration& function);

}  // namespace kiln
