// SPDX-License-Identifier: Apache-2.0
// The function under test in C++, with the official client. It has no JSON, so commands are looked for as text.
#include <aws/lambda-runtime/runtime.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

using aws::lambda_runtime::invocation_request;
using aws::lambda_runtime::invocation_response;

namespace {

unsigned served = 0;

/// The text of the member `name` of a JSON object: of a string without its quotes, else up to the next comma or brace.
std::string member(const std::string& json, const std::string& name) {
  const std::string key = "\"" + name + "\"";
  std::size_t at = json.find(key);
  if (at == std::string::npos) return {};
  at = json.find_first_not_of(": ", at + key.size());
  if (json[at] != '"') return json.substr(at, json.find_first_of(",}", at) - at);
  return json.substr(at + 1, json.find('"', at + 1) - at - 1);
}

invocation_response answer(const std::string& json) { return invocation_response::success(json, "application/json"); }

std::string pid() { return "\"pid\":" + std::to_string(getpid()); }

std::string describe(const invocation_request& request) {
  const char* name = std::getenv("AWS_LAMBDA_FUNCTION_NAME");
  return R"({"request_id":")" + request.request_id + R"(","arn":")" + request.function_arn + R"(","name":")" +
         (name != nullptr ? name : "") + R"(","remaining_ms":)" + std::to_string(request.get_time_remaining().count()) +
         R"(,"trace_id":")" + request.xray_trace_id + R"(","client":")" + member(request.client_context, "key") + "\"}";
}

invocation_response handler(const invocation_request& request) {
  ++served;
  const std::string command = request.payload.compare(0, 1, "{") == 0 ? member(request.payload, "command") : "";
  if (command == "context") return answer(describe(request));
  if (command == "fail") return invocation_response::failure("failed on purpose", "InteropError", "");
  if (command == "crash") std::abort();
  if (command == "exit") _exit(7);
  if (command == "exit_later") {
    std::thread([] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      _exit(7);
    }).detach();
    return answer("{" + pid() + "}");
  }
  if (command == "hang") std::this_thread::sleep_for(std::chrono::minutes(10));
  if (command == "pause") {
    std::this_thread::sleep_for(std::chrono::milliseconds(std::stol(member(request.payload, "ms"))));
    return answer(R"({"tag":")" + member(request.payload, "tag") + "\"," + pid() +
                  ",\"served\":" + std::to_string(served) + "}");
  }
  return answer(request.payload);
}

}  // namespace

int main() {
  const char* init = std::getenv("INTEROP_INIT");
  if (init != nullptr && std::string(init) == "exit") _exit(3);
  aws::lambda_runtime::run_handler(handler);
}
