// SPDX-License-Identifier: Apache-2.0
// `module.function` of a function's handler setting.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kiln {

struct HandlerName {
  std::string module;  ///< "index", "dir/mod"
  std::string symbol;  ///< "handler"
};

/// Splits at the last dot; nothing where there is none, or nothing on one side of it.
std::optional<HandlerName> parse_handler_name(std::string_view text);

/// The shared object of `module`: `<task root>/<module>.so`, or, where that is missing and the module has dots, the path
/// with its dots as folders, as in Python. Existence is not promised. An absolute module stays as it is.
std::string module_path(std::string_view task_root, const std::string& module);

}  // namespace kiln
