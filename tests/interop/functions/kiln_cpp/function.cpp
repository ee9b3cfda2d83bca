// SPDX-License-Identifier: Apache-2.0
// The function under test in C++, with kiln's own runtime.
#include <unistd.h>
#include <kiln/function.hpp>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using nlohmann::json;

json describe(const kiln::Context& context) {
  const std::string client = std::string(context.client_context());
  return {{"request_id", context.request_id()},
          {"arn", context.invoked_function_arn()},
          {"name", context.function_name()},
          {"remaining_ms", context.remaining_time().count()},
          {"trace_id", context.trace_id()},
          {"client", client.empty() ? json() : json::parse(client).value("/custom/key"_json_pointer, json())}};
}

json run(const std::string& command, const json& event, const kiln::Context& context) {
  static unsigned served = 0;
  ++served;
  if (command == "context") return describe(context);
  if (command == "fail") throw std::invalid_argument("failed on purpose");
  if (command == "crash") std::abort();
  if (command == "exit") _exit(7);
  if (command == "exit_later") {
    std::thread([] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      _exit(7);
    }).detach();
    return {{"pid", getpid()}};
  }
  if (command == "hang") std::this_thread::sleep_for(std::chrono::minutes(10));
  if (command == "pause") {
    std::this_thread::sleep_for(std::chrono::milliseconds(event.at("ms")));
    return {{"tag", event.value("tag", json())}, {"pid", getpid()}, {"served", served}};
  }
  return event;
}

json handler(const json& event, kiln::Context& context) {
  if (!event.is_object() || !event.contains("command")) return event;
  return run(event.at("command"), event, context);
}

/// Loaded before the first poll: what goes wrong here goes wrong in init.
const int in_init = [] {
  const char* init = std::getenv("INTEROP_INIT");
  if (init != nullptr && std::string(init) == "exit") _exit(3);
  if (init != nullptr && std::string(init) == "fail") throw std::runtime_error("failed on purpose in init");
  return 0;
}();

}  // namespace

KILN_HANDLER(handler)
