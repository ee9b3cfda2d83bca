// SPDX-License-Identifier: Apache-2.0
// Every case of the server kit, one file a group. A case plays the runtime of a fresh instance, and its invokers.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/case.hpp"
#include "conformance/server/hand_over.hpp"
#include "conformance/server/peer.hpp"
#include "conformance/server/platform.hpp"

namespace kiln::conformance {

/// An invocation that a runtime has been given.
struct Running {
  Call call;
  RuntimePeer runtime;
  Message event;
  std::string id;

  /// What the invoker gets once the runtime has answered. The runtime polls first: a platform may hold the invocation open
  /// until it does.
  Message answer();
};

/// What a case gets: a function nobody has called yet. One thread.
class ServerBench {
 public:
  /// `stand_ins` is null where the platform has none. References must outlive it.
  ServerBench(Platform& platform, StandInListener* stand_ins, std::chrono::milliseconds patience)
      : platform_(platform), stand_ins_(stand_ins), patience_(patience) {}

  /// Asks for another function than the plain one; before anything else.
  void use(const Setting& setting) { setting_ = setting; }

  Call call(std::string_view body = "{}", Fields fields = {});
  /// NotOffered where streamed answers cannot be had.
  Call call_streaming(std::string_view body = "{}");

  /// The instance under test, once the platform has started it. NotOffered where its process cannot be had.
  StandIn& instance();
  /// Waits until the platform starts one for `call`. A Finding at once where the call is answered instead.
  void await_start(Call& call);
  /// Waits for another in its place.
  StandIn& next_instance();
  /// The same, where one need not come: false.
  bool another_instance(std::chrono::milliseconds span);
  /// A new connection to its Runtime API.
  RuntimePeer runtime();

  /// A call, a runtime, and the event it was given.
  Running running(std::string_view body = "{}", Fields fields = {});
  /// A runtime that has not polled yet; `call` is the one that made the platform start it.
  struct Started {
    Call call;
    RuntimePeer runtime;
  };
  Started started();
  /// A runtime in whatever state.
  RuntimePeer any_runtime();

  std::chrono::milliseconds patience() const { return patience_; }
  std::chrono::seconds timeout() { return function().timeout; }

 private:
  const FunctionUnderTest& function();

  Platform& platform_;
  StandInListener* stand_ins_;
  std::chrono::milliseconds patience_;
  Setting setting_;
  std::optional<FunctionUnderTest> function_;
  std::unique_ptr<StandIn> instance_;
  std::unique_ptr<Call> first_call_;
};

// The words of the cases.
void expect_status(const Message& answer, int status, std::string_view to);
/// 202 as every accepted post is answered.
void expect_accepted(const Message& answer, std::string_view what = "a post");
/// `status`, and JSON with this errorType and an errorMessage.
void expect_refused(const Message& answer, int status, std::string_view type, std::string_view what);
/// What an invoker gets of a response: 200 and these bytes.
void expect_result(const Message& answer, std::string_view body);
/// What an invoker gets of a failure that the platform found: JSON with this errorType; its errorMessage.
std::string expect_function_error(const Message& answer, std::string_view type);

struct ServerCase {
  CaseInfo info;
  void (*run)(ServerBench&);
};

using ServerCases = std::vector<ServerCase>;

ServerCases route_cases();
ServerCases event_delivery_cases();
ServerCases result_cases();
ServerCases failure_cases();
ServerCases state_cases();
ServerCases http_cases();
ServerCases invoker_cases();
ServerCases lifecycle_cases();
ServerCases streaming_cases();
ServerCases parallel_cases();

/// All of them.
ServerCases server_cases();

}  // namespace kiln::conformance
