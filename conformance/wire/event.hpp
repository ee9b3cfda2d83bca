// SPDX-License-Identifier: Apache-2.0
// What the kit, as the platform, answers to a poll.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "conformance/wire/message.hpp"

namespace kiln::conformance {

/// A random UUID (version 4), lower case.
std::string new_uuid();

struct Event {
  std::string payload;
  std::string id = new_uuid();
  std::chrono::milliseconds time_left{30'000};
  std::string function_arn = "arn:aws:lambda:us-east-1:123456789012:function:conformance";
  /// Further fields, after those that every event has.
  Fields more{};

  /// The fields of the answer to the poll, without those that frame the body.
  Fields fields() const;
  /// The answer to the poll with Content-Length.
  std::string answer() const;
};

/// An event for the test handler that asks for `behaviour`; `arguments` is the inside of a JSON object, or empty.
Event ask(std::string_view behaviour, std::string_view arguments = {});

/// The platform's answer to a post it accepts.
std::string accepted();
/// An answer as a Runtime API refuses: JSON with errorMessage and errorType.
std::string refused(int status, std::string_view type);

/// Where the answer to the event `id` is posted.
std::string response_target(std::string_view id);
std::string error_target(std::string_view id);

}  // namespace kiln::conformance
