// SPDX-License-Identifier: Apache-2.0
// Whole HTTP messages as values, for the parts of the server that need no streaming. No I/O here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kiln::http {

using Field = std::pair<std::string, std::string>;

/// A request read to its end.
struct ApiRequest {
  std::string method;  ///< upper case as sent: "GET", "POST", …
  std::string path;    ///< percent-encoded as sent, without the query
  std::string query;   ///< as sent, without the question mark
  std::vector<Field> fields;
  std::string body;

  /// The first field of that name, compared without regard to case; nothing where there is none.
  std::optional<std::string_view> field(std::string_view name) const;
};

struct ApiResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<Field> fields;  ///< beside Content-Type and Content-Length, which the connection writes
  std::string body;
};

/// Whether two field names are the same, without regard to ASCII case.
bool same_name(std::string_view a, std::string_view b);
/// Percent-decodes a path segment or query part; nothing where an escape is malformed.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
/// Query parameters in order, decoded; malformed escapes are left as they are.
std::vector<Field> parse_query(std::string_view query);

}  // namespace kiln::http
