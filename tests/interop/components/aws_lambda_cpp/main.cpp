// SPDX-License-Identifier: Apache-2.0
// The function under test in C++, with the official client.
#include <aws/lambda-runtime/runtime.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>

using aws::lambda_runtime::invocation_request;
using aws::lambda_runtime::invocation_response;
using nlohmann::json;

namespace {

unsigned served = 0;

void sleep(const json& event) { std::this_thread::sleep_for(std::chrono::milliseconds(event.at("ms"))); }

json describe(const invocation_request& request) {
  const char* name = std::getenv("AWS_LAMBDA_FUNCTION_NAME");
  const json client = request.client_context.empty() ? json::object() : json::parse(request.client_context);
  return {{"request_id", request.request_id},    {"arn", request.function_arn},
          {"name", name != nullptr ? name : ""}, {"remaining_ms", request.get_time_remaining().count()},
          {"trace_id", request.xray_trace_id},   {"client", client.value("/custom/key"_json_pointer, json())}};
}

json command(const invocation_request& request, const json& event) {
  const std::string asked = event.at("command");
  if (asked == "context") return describe(request);
  if (asked == "fail") throw std::runtime_error("failed on purpose");
  if (asked == "crash") std::abort();
  if (asked == "exit") _exit(7);
  if (asked == "exit_later") {
    std::thread([] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      _exit(7);
    }).detach();
    return {{"pid", getpid()}};
  }
  if (asked == "hang") std::this_thread::sleep_for(std::chrono::minutes(10));
  if (asked == "pause") {
    sleep(event);
    return {{"tag", event.value("tag", json())}, {"pid", getpid()}, {"served", served}};
  }
  return event;
}

/// What kiln conformance asks of a handler (docs/conformance.md).
json conform(const invocation_request& request, const json& event) {
  const std::string asked = event.at("conformance");
  if (asked == "offers") return {"context", "big", "sleep", "exit"};
  if (asked == "echo") return event.at("value");
  if (asked == "error") throw std::runtime_error(event.at("message"));
  if (asked == "big") return std::string(event.at("size").get<std::size_t>(), 'x');
  if (asked == "exit") _exit(event.at("code"));
  if (asked == "sleep") {
    sleep(event);
    return event.at("ms");
  }
  if (asked == "context") {
    const json told = describe(request);
    return {{"request_id", told["request_id"]},
            {"function_arn", told["arn"]},
            {"remaining_ms", told["remaining_ms"]},
            {"trace_id", told["trace_id"]},
            {"client_context", request.client_context.empty() ? json() : json::parse(request.client_context)},
            {"tenant_id", request.tenant_id}};
  }
  throw std::runtime_error("no such behaviour: " + asked);
}

// The client neither reads JSON nor catches what a handler throws.
invocation_response handler(const invocation_request& request) {
  ++served;
  try {
    const json event = json::parse(request.payload);
    const bool object = event.is_object();
    const json result = object && event.contains("conformance") ? conform(request, event)
                        : object && event.contains("command")   ? command(request, event)
                                                                : event;
    return invocation_response::success(result.dump(), "application/json");
  } catch (const std::exception& failed) {
    return invocation_response::failure(failed.what(), "InteropError", "");
  }
}

}  // namespace

int main() {
  const char* init = std::getenv("INTEROP_INIT");
  if (init != nullptr && std::string(init) == "exit") _exit(3);
  aws::lambda_runtime::run_handler(handler);
}
