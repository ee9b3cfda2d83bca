// SPDX-License-Identifier: Apache-2.0
#include "conformance/wire/event.hpp"

#include <array>
#include <random>

#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/json_text.hpp"
#include "runtime-api/protocol/routes.hpp"

namespace kiln::conformance {

std::string new_uuid() {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::random_device random;
  std::string text;
  for (int at = 0; at < 36; ++at) {
    if (at == 8 || at == 13 || at == 18 || at == 23) {
      text += '-';
    } else if (at == 14) {
      text += '4';
    } else {
      const unsigned bits = random() & 15U;
      text += digits[at == 19 ? (8U | (bits & 3U)) : bits];
    }
  }
  return text;
}

Fields Event::fields() const {
  using namespace std::chrono;
  const auto deadline = duration_cast<milliseconds>(system_clock::now().time_since_epoch()) + time_left;
  Fields all{{"Content-Type", "application/json"},
             {std::string(headers::request_id), id},
             {std::string(headers::deadline_ms), std::to_string(deadline.count())},
             {std::string(headers::function_arn), function_arn}};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::string Event::answer() const { return with_body("HTTP/1.1 200 OK", fields(), payload); }

Event ask(std::string_view behaviour, std::string_view arguments) {
  std::string payload = "{\"conformance\":\"";
  payload.append(behaviour).append("\"");
  if (!arguments.empty()) payload.append(",").append(arguments);
  Event event;
  event.payload = payload + "}";
  return event;
}

std::string accepted() {
  return with_body("HTTP/1.1 202 Accepted", {{"Content-Type", "application/json"}}, "{\"status\":\"OK\"}\n");
}

std::string refused(int status, std::string_view type) {
  return with_body("HTTP/1.1 " + std::to_string(status) + " Refused", {{"Content-Type", "application/json"}},
                   api_error_body("refused by kiln conformance", type));
}

std::string response_target(std::string_view id) {
  return std::string(routes::invocation_prefix).append(id).append(routes::response_suffix);
}

std::string error_target(std::string_view id) {
  return std::string(routes::invocation_prefix).append(id).append(routes::error_suffix);
}

}  // namespace kiln::conformance
