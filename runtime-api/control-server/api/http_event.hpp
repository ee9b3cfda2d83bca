// SPDX-License-Identifier: Apache-2.0
// Between HTTP and a function behind an HTTP trigger: the event (payload format 2.0) and the answer. Pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime-api/protocol/result.hpp"
#include "runtime-api/server/http/message.hpp"

namespace kiln {

/// What the event says beside the request itself.
struct HttpEventContext {
  std::string request_id;
  std::string api_id;       ///< the trigger's id
  std::string route_key;    ///< "GET /users/{id}"; "$default" as a function URL has it
  std::string source_ip;    ///< of the peer
  std::string domain_name;  ///< empty: taken from the Host header
  std::string account_id = "anonymous";
  std::string protocol = "HTTP/1.1";
  std::string trace_id;         ///< of this call, for x-amzn-trace-id; empty: whatever the request has
  std::string scheme = "http";  ///< for x-forwarded-proto, where the request has none
  std::string port;             ///< for x-forwarded-port, where the request has none
  std::chrono::system_clock::time_point time;
  std::vector<std::pair<std::string, std::string>> path_parameters;
};

/// The event as compact JSON.
std::string http_event(const http::ApiRequest& request, const HttpEventContext& context);

/// What the client gets: an object with statusCode is taken as an HTTP answer, any other JSON is the body of a 200, and
/// what the runtime posted as something else than JSON is passed on as it is. A function error, or a result that is no
/// HTTP answer (bad status, header or base64), becomes the real service's 502.
http::ApiResponse http_answer(const InvocationResult& result);
/// The head of an answer from the prelude of a body (http_prelude.hpp); nothing where it can be none.
std::optional<http::ApiResponse> http_answer_head(std::string_view prelude);
/// What a client gets where the function has given no HTTP answer.
http::ApiResponse bad_gateway();

/// Whether a body of this content type goes into an event as text; the others go as base64.
bool is_text_content(std::string_view content_type);

}  // namespace kiln
