// SPDX-License-Identifier: Apache-2.0
// How a command ends that cannot do its work: one value with cause and way out, thrown to main() and shown there once.
#pragma once

#include "cli/exit_codes.hpp"

#include <exception>
#include <string>
#include <vector>

namespace kiln::cli {

struct Failure {
  ExitCode code = ExitCode::internal;
  /// What went wrong, one sentence without a full stop.
  std::string message;
  /// What to do about it, one line each; may be empty.
  std::vector<std::string> advice{};
  /// The server's error type (x-amzn-ErrorType), empty where no server was involved.
  std::string type{};
  /// The server's request id, empty where there is none.
  std::string request_id{};
};

/// Carries a Failure from any depth of a command to main().
class CommandFailure : public std::exception {
 public:
  explicit CommandFailure(Failure failure) : failure_(std::move(failure)) {}
  const Failure& failure() const noexcept { return failure_; }
  const char* what() const noexcept override { return failure_.message.c_str(); }

 private:
  Failure failure_;
};

/// The failure for people: cause first, then the way out, each advice on a line of its own. Ends with a newline.
/// `colour` puts the cause in red.
std::string render_text(const Failure& failure, bool colour);

/// The failure for scripts: one line of JSON, `{"Error":{"ExitCode","Kind","Message","Advice","Type"?,"RequestId"?}}`.
std::string render_json(const Failure& failure);

}  // namespace kiln::cli
