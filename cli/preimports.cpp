// SPDX-License-Identifier: Apache-2.0
#include "cli/preimports.hpp"

#include <algorithm>
#include <vector>

namespace kiln::cli {
namespace {

constexpr std::size_t longest_set_name = 32;

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_set_name(std::string_view name) {
  return !name.empty() && name.size() <= longest_set_name && is_alphanumeric(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; });
}

/// Letters that are not ASCII may be in one, and Python knows which.
bool is_module_name(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.back() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return is_alphanumeric(c) || c == '_' || c == '.' || static_cast<unsigned char>(c) >= 0x80;
         });
}

}  // namespace

std::string add_preimport(std::string_view value, Preimports& to) {
  std::string_view set;
  const std::size_t equals = value.find('=');
  if (equals != std::string_view::npos) {
    set = value.substr(0, equals);
    value.remove_prefix(equals + 1);
    if (!is_set_name(set)) {
      return "'" + std::string(set) + "' is no name of a set: letters, digits, - and _, at most " +
             std::to_string(longest_set_name);
    }
  }
  std::vector<std::string> modules;
  for (;;) {
    const std::size_t comma = value.find(',');
    const std::string_view module = value.substr(0, comma);
    if (!is_module_name(module)) return "'" + std::string(module) + "' is no name of a module";
    modules.emplace_back(module);
    if (comma == std::string_view::npos) break;
    value.remove_prefix(comma + 1);
  }
  std::vector<std::string>& all = equals == std::string_view::npos ? to.modules : to.sets[std::string(set)];
  all.insert(all.end(), modules.begin(), modules.end());
  return {};
}

}  // namespace kiln::cli
