// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "conformance/finding.hpp"
#include "conformance/server/cases.hpp"

namespace kiln::conformance {

using nlohmann::json;

Message Running::answer() {
  runtime.poll();
  return call.answer();
}

const FunctionUnderTest& ServerBench::function() {
  if (!function_) {
    function_ = platform_.prepare(setting_);
    if (stand_ins_ != nullptr) stand_ins_->dismiss_waiting();
  }
  return *function_;
}

Call ServerBench::call(std::string_view body, Fields fields) {
  const auto& url = function().invoke_url;
  if (url.empty()) throw NotOffered{"no URL to invoke the function by (--invoke)"};
  return {url, body, std::move(fields), patience_};
}

Call ServerBench::call_streaming(std::string_view body) {
  const auto& url = function().stream_url;
  if (url.empty()) throw NotOffered{"no URL to invoke the function by for a streamed answer (--invoke-stream)"};
  return {url, body, {}, patience_};
}

bool ServerBench::another_instance(std::chrono::milliseconds span) {
  if (stand_ins_ == nullptr) throw NotOffered{"the instance's process is not in the kit's hand"};
  for (const Deadline deadline = Deadline::after(span); !deadline.passed();) {
    auto reported = stand_ins_->next(std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining()));
    if (!reported) return false;
    // One that was started for a call of the case before may come late.
    const auto& marked = function();
    const auto found = reported->environment().find(marked.mark_name);
    if (!marked.mark_name.empty() && (found == reported->environment().end() || found->second != marked.mark)) continue;
    instance_ = std::make_unique<StandIn>(*std::move(reported));
    return true;
  }
  return false;
}

StandIn& ServerBench::next_instance() {
  instance_.reset();
  expect(another_instance(patience_), "a start of the bootstrap",
         "none within " + std::to_string(patience_.count()) + " ms");
  return *instance_;
}

void ServerBench::await_start(Call& call) {
  if (stand_ins_ == nullptr || instance_) return;
  const Deadline deadline = Deadline::after(patience_);
  while (!another_instance(std::chrono::milliseconds(100)) && !deadline.passed()) {
    if (call.pending(std::chrono::milliseconds(0))) continue;
    const Message answer = call.answer();
    throw Finding{"a start of the bootstrap for the call",
                  "an answer at once: " + std::to_string(answer.status()) + " " + shown(answer.body)};
  }
}

StandIn& ServerBench::instance() { return instance_ ? *instance_ : next_instance(); }

RuntimePeer ServerBench::runtime() {
  const auto& given = function().runtime_api;
  if (stand_ins_ == nullptr) return RuntimePeer(given, patience_);
  return RuntimePeer(instance().runtime_api(), patience_);
}

Running ServerBench::running(std::string_view body, Fields fields) {
  Call invocation = call(body, std::move(fields));
  await_start(invocation);
  RuntimePeer peer = runtime();
  Message event = peer.next();
  std::string id = event_id(event);
  return {std::move(invocation), std::move(peer), std::move(event), std::move(id)};
}

ServerBench::Started ServerBench::started() {
  if (stand_ins_ == nullptr) throw NotOffered{"a server that runs already has no runtime that has not polled yet"};
  Call invocation = call();
  await_start(invocation);
  return {std::move(invocation), runtime()};
}

RuntimePeer ServerBench::any_runtime() {
  if (stand_ins_ != nullptr && !first_call_) first_call_ = std::make_unique<Call>(call());
  return runtime();
}

// --- words -----------------------------------------------------------------------------------------------------------

void expect_status(const Message& answer, int status, std::string_view to) {
  expect(answer.status() == status, "status " + std::to_string(status) + " for " + std::string(to),
         std::to_string(answer.status()) + " " + shown(answer.body));
}

void expect_accepted(const Message& answer, std::string_view what) { expect_status(answer, 202, what); }

void expect_refused(const Message& answer, int status, std::string_view type, std::string_view what) {
  expect_status(answer, status, what);
  const auto body = json::parse(answer.body, nullptr, false);
  const bool good =
      body.is_object() && body.value("errorType", json()) == type && body.value("errorMessage", json()).is_string();
  expect(good, "JSON with errorMessage, and errorType " + std::string(type), shown(answer.body));
}

void expect_result(const Message& answer, std::string_view body) {
  expect_status(answer, 200, "the invocation");
  expect_text("the invoker gets", body, answer.body);
}

std::string expect_function_error(const Message& answer, std::string_view type) {
  const auto body = json::parse(answer.body, nullptr, false);
  const bool good = body.is_object() && body.value("errorType", json()) == type;
  expect(good, "the invoker gets JSON with errorType " + std::string(type),
         std::to_string(answer.status()) + " " + shown(answer.body));
  const auto message = body.value("errorMessage", json());
  return message.is_string() ? message.get<std::string>() : std::string();
}

}  // namespace kiln::conformance
