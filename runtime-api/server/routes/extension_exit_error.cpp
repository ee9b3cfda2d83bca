// SPDX-License-Identifier: Apache-2.0
// POST /extension/exit/error: an extension has to end. The instance ends with it.
#include "runtime-api/server/routes/extension_caller.hpp"

namespace kiln::runtime_routes {

Task<void> extension_exit_error(RuntimeCall call) {
  return report_extension_error(call, ExtensionRegistry::Report::exit_error);
}

}  // namespace kiln::runtime_routes
