// SPDX-License-Identifier: Apache-2.0
// POST /extension/init/error: a registered extension that has not asked for an event cannot work. The instance ends.
#include "runtime-api/server/routes/extension_caller.hpp"

namespace kiln::runtime_routes {

Task<void> extension_init_error(RuntimeCall call) {
  return report_extension_error(call, ExtensionRegistry::Report::init_error);
}

}  // namespace kiln::runtime_routes
