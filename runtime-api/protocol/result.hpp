// SPDX-License-Identifier: Apache-2.0
// What became of an invocation. A function error is data and travels as a value.
#pragma once

#include <string>
#include <variant>

namespace kiln {

/// The handler's answer.
struct Success {
  std::string content_type = "application/json";
  std::string body;
};

/// The function's failure: raised by the handler, or found by the platform (exit, timeout, …).
struct FunctionError {
  std::string type;  ///< see error_types.hpp; a class name for handler errors
  std::string body;  ///< JSON exactly as the invoker is to see it
  std::string content_type = "application/json";
  /// One-line JSON for the X-Ray header; empty where there is none.
  std::string xray_cause = {};
};

using InvocationResult = std::variant<Success, FunctionError>;

}  // namespace kiln
