// SPDX-License-Identifier: Apache-2.0
// One management request on its way through ManagementApi; private to its .cpp files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/control-server/api/functions.hpp"

namespace kiln {

struct ManagementApi::Call {
  const http::ApiRequest& request;
  std::string parameter;  ///< the path's one parameter, decoded: a function's name or a trigger's id
  std::vector<http::Field> queries;

  /// A query parameter, empty where it is not there.
  std::string query(std::string_view name) const;
};

/// A function, and the qualifier it was asked for by.
struct ManagementApi::Found {
  FunctionConfiguration function;
  std::string qualifier;
};

/// One line of the API: `pattern` has {} for its one parameter.
struct ManagementApi::Route {
  std::string_view method;
  std::string_view pattern;
  ManagementAnswer (ManagementApi::*operation)(const Call&);
};

/// Every runtime a function may name.
std::vector<std::string> runtimes_with_aliases(const RuntimeList& runtimes);

/// Whether a path belongs to this server's own API and can never reach a trigger.
bool is_reserved_path(std::string_view path);

}  // namespace kiln
