// SPDX-License-Identifier: Apache-2.0
// HTTP triggers as people write and read them.
#pragma once

#include "cli/api_client.hpp"

#include <string>
#include <string_view>

namespace kiln::cli {

struct HttpRoute {
  /// Upper case, or "ANY".
  std::string method;
  std::string path;
};

/// `method` in any case and `path`. Throws CommandFailure (usage) where the method is no word or the path does not begin
/// with a slash.
HttpRoute make_route(std::string_view method, std::string_view path);

/// Reads "METHOD /path", or "/path" for any method. Fails as make_route.
HttpRoute parse_route(std::string_view text);

/// The body that binds `route` to `function` (PUT /kiln/v1/triggers).
Json trigger_body(const std::string& function, const HttpRoute& route);

/// `trigger` as the server describes it, for people: "GET /hello".
std::string trigger_text(const Json& trigger);

/// The curl line that calls `trigger` on the server at `endpoint`.
std::string trigger_curl(const Json& trigger, const Endpoint& endpoint);

/// A member of an answer that should be a string; empty where it is not.
std::string text_of(const Json& object, const char* member);

/// A member of an answer that should be a number; 0 where it is not.
std::int64_t number_of(const Json& object, const char* member);

}  // namespace kiln::cli
