// SPDX-License-Identifier: Apache-2.0
// How the server kit gets hold of an instance: the platform under test starts `kiln conformance bootstrap ADDRESS` as if it
// were a runtime; that stand-in tells the kit where its Runtime API is, and lives as long as the kit lets it.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "conformance/process/child.hpp"
#include "conformance/wire/socket.hpp"

namespace kiln::conformance {

/// The kit's end of a stand-in: one instance of the platform under test. Ended when this goes.
class StandIn {
 public:
  StandIn(Socket socket, std::string runtime_api, Environment environment)
      : socket_(std::move(socket)), runtime_api_(std::move(runtime_api)), environment_(std::move(environment)) {}
  ~StandIn();
  StandIn(StandIn&&) = default;
  StandIn& operator=(StandIn&&) = delete;

  /// AWS_LAMBDA_RUNTIME_API, as the platform gave it.
  const std::string& runtime_api() const { return runtime_api_; }
  const Environment& environment() const { return environment_; }

  /// Lets the process end with `code`.
  void exit(int code);
  /// Lets the process send itself `signal`.
  void raise(int signal);
  /// Whether the process has ended within `patience`.
  bool gone(std::chrono::milliseconds patience);

 private:
  void command(const std::string& line);

  Socket socket_;
  std::string runtime_api_;
  Environment environment_;
  std::string said_;
};

/// Where stand-ins report. One thread.
class StandInListener {
 public:
  /// Throws CannotRun.
  explicit StandInListener(const std::string& address) : listener_(address) {}
  const std::string& address() const { return listener_.address(); }

  /// The next stand-in that reports within `patience`.
  std::optional<StandIn> next(std::chrono::milliseconds patience);
  /// Lets those end that have reported and nobody wants.
  void dismiss_waiting();

 private:
  Listener listener_;
};

/// What `kiln conformance bootstrap` does: reports to the kit at `address`, then waits to be told how to end. Returns the
/// exit status. Throws CannotRun where there is no kit, or no AWS_LAMBDA_RUNTIME_API.
int run_stand_in(const std::string& address);

}  // namespace kiln::conformance
