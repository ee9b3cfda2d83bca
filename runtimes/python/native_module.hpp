// SPDX-License-Identifier: Apache-2.0
// What the runtime's Python part (embedded/*.py) needs of its C++ part: the module `_kiln_native`.
#pragma once

#include <optional>
#include <string>

#include "runtimes/python/json_encoder.hpp"
#include "runtimes/python/objects.hpp"

namespace kiln::python {

/// How the instance is to log.
struct LogSettings {
  bool json = false;                    ///< AWS_LAMBDA_LOG_FORMAT is JSON
  std::string level;                    ///< AWS_LAMBDA_LOG_LEVEL as `logging` names it; empty: logging's own default
  std::optional<int> telemetry_log_fd;  ///< where framed records go instead of stdout

  bool operator==(const LogSettings&) const = default;
};

/// Puts `_kiln_native` into sys.modules: the settings, `to_json(value, ascii=False)` and `parse_json(text)`, which
/// raises ValueError. Values become text as answers do, by `non_ascii`. Throws py::error_already_set. With the GIL held.
void install_native_module(const LogSettings& logs, JsonEncoder::NonAscii non_ascii);

}  // namespace kiln::python
