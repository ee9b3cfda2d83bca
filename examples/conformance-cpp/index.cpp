// SPDX-License-Identifier: Apache-2.0
// The test handler of `kiln conformance runtime` (docs/conformance.md): does what its event says.
#include <kiln/function.hpp>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

using nlohmann::json;

namespace {

json told(const kiln::Context& context) {
  const auto optional = [](std::string_view text) { return text.empty() ? json() : json(text); };
  return {{"request_id", context.request_id()},
          {"function_arn", context.invoked_function_arn()},
          {"remaining_ms", context.remaining_time().count()},
          {"trace_id", optional(context.trace_id())},
          {"client_context", optional(context.client_context())},
          {"cognito_identity", optional(context.cognito_identity())},
          {"tenant_id", optional(context.tenant_id())},
          {"function_name", context.function_name()},
          {"function_version", context.function_version()},
          {"memory_mb", context.memory_limit_in_mb()},
          {"log_group", context.log_group_name()}};
}

/// Loaded before the first event is asked for: what is thrown here is an init error.
const bool loaded = [] {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before the function has threads
  if (std::getenv("CONFORMANCE_FAIL_INIT") != nullptr) throw std::runtime_error("asked to fail while it is loaded");
  return true;
}();

}  // namespace

json handler(const json& event, kiln::Context& context) {
  if (!event.is_object() || !event.contains("conformance")) return event;
  const std::string behaviour = event["conformance"];
  if (behaviour == "offers")
    return {"context", "big", "sleep", "exit", "init-failure", "stream", "stream-error", "concurrency"};
  if (behaviour == "echo") return event.at("value");
  if (behaviour == "error") throw std::runtime_error(event.at("message").get<std::string>());
  if (behaviour == "context") return told(context);
  if (behaviour == "big") return std::string(event.at("size").get<std::size_t>(), 'x');
  if (behaviour == "sleep") {
    std::this_thread::sleep_for(std::chrono::milliseconds(event.at("ms").get<int>()));
    return event["ms"];
  }
  if (behaviour == "exit") std::_Exit(event.at("code").get<int>());
  throw std::invalid_argument("no such behaviour: " + behaviour);
}
KILN_HANDLER(handler)

// --stream-handler index.streaming: a handler in C++ either streams or it does not.
void streaming(const json& event, kiln::ResponseStream& out, kiln::Context& context) {
  if (!event.is_object() || event.value("conformance", "") != "stream") {
    out.content_type("application/json");
    out.write(handler(event, context).dump());
    return;
  }
  const std::chrono::milliseconds pause(event.value("pause_ms", 0));
  bool first = true;
  for (const std::string chunk : event.at("chunks")) {
    if (!std::exchange(first, false)) std::this_thread::sleep_for(pause);
    if (!chunk.empty()) out.write(chunk);
  }
  if (event.contains("fail")) throw std::runtime_error(event["fail"].get<std::string>());
}
KILN_HANDLER(streaming)
