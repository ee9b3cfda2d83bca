// SPDX-License-Identifier: Apache-2.0
#include "runtimes/cpp/handler_name.hpp"

#include <unistd.h>

#include <algorithm>

namespace kiln {

std::optional<HandlerName> parse_handler_name(std::string_view text) {
  const auto dot = text.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == text.size()) return std::nullopt;
  return HandlerName{std::string(text.substr(0, dot)), std::string(text.substr(dot + 1))};
}

std::string module_path(std::string_view task_root, const std::string& module) {
  const std::string folder = module.starts_with('/') ? std::string() : std::string(task_root) + '/';
  std::string literal = folder + module + ".so";
  if (module.find('.') == std::string::npos || ::access(literal.c_str(), F_OK) == 0) return literal;
  std::string nested = module;
  std::replace(nested.begin(), nested.end(), '.', '/');
  nested = folder + nested + ".so";
  return ::access(nested.c_str(), F_OK) == 0 ? nested : literal;
}

}  // namespace kiln
