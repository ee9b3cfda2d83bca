// SPDX-License-Identifier: Apache-2.0
#include "bench/cold_calls.hpp"

#include <stdexcept>

#include "bench/context.hpp"
#include "bench/statistics.hpp"

namespace kiln::bench {

ColdCalls::ColdCalls(KilnServer& server, std::string function)
    : server_(server),
      function_(std::move(function)),
      request_(KilnServer::invoke_request(function_, small_payload())),
      invoker_(server.port()) {}

double ColdCalls::time_one() {
  server_.wait_for_no_instance(function_);
  const auto start = Clock::now();
  const auto answer = invoker_.call(request_);
  const double milliseconds = microseconds_since(start) / 1000;
  if (answer.status != 200 || !field_of(answer.head, "x-amz-function-error").empty()) {
    throw std::runtime_error(function_ + ": " + std::string(answer.body));
  }
  if (field_of(answer.head, "server-timing").find("launch") == std::string_view::npos) {
    throw std::runtime_error(function_ + ": a call that was to be cold found an instance");
  }
  return milliseconds;
}

}  // namespace kiln::bench
